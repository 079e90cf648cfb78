"""Searches against the oracle, on both databases."""

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database import Database
from app.dicom.attributes import find
from app.dicom.resource import Resource
from app.index import asked as forms
from app.index import compiler
from app.index import search as module
from app.index.scope import ARCHIVE, Scope
from app.index.search import search
from app.query import qido
from app.query.ast import Level
from app.viewer import OWNER, STRANGER, Viewer
from tests.index import archives, oracle
from tests.index.archives import DATES, IDS, MODALITIES, NAMES, TEXTS, TIMES
from tests.index.oracle import INSTANCE, SERIES, STUDY, Asked, SeriesRow

LEVELS = {STUDY: Level.STUDY, SERIES: Level.SERIES, INSTANCE: Level.INSTANCE}
PAGES = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def _wild(values: tuple[str, ...]) -> st.SearchStrategy[str]:
    """A value, or one with a part of it replaced by a wildcard."""
    plain = st.sampled_from(values)
    cut = st.tuples(
        plain, st.integers(0, 6), st.integers(0, 6), st.sampled_from(("*", "?", "**", "*?", "^*"))
    )
    wild = cut.map(
        lambda made: made[0][: made[1]] + made[3] + made[0][max(made[1], len(made[0]) - made[2]) :]
    )
    return st.one_of(plain, wild, st.sampled_from(("", "*")))


def _ranges(values: tuple[str, ...], meant: Callable[[str], object]) -> st.SearchStrategy[str]:
    one = st.sampled_from([value for value in values if meant(value)])
    return st.one_of(
        one, st.just(""), one.map("{}-".format), one.map("-{}".format), st.tuples(one, one).map("-".join)
    )


def _lists(values: tuple[str, ...]) -> st.SearchStrategy[str]:
    some = st.lists(st.sampled_from(values), min_size=1, max_size=3)
    return st.tuples(some, st.sampled_from((",", "\\", " , "))).map(lambda made: made[1].join(made[0]))


STUDY_KEYS = {
    "StudyInstanceUID": _lists(("1.1", "1.2", "1.3")),
    "StudyDate": _ranges(DATES, oracle._date),
    "StudyTime": _ranges(TIMES, oracle._time),
    "PatientName": _wild(NAMES).map(lambda name: name.swapcase() if len(name) % 2 else name),
    "ReferringPhysicianName": _wild(NAMES),
    "PatientID": _wild(TEXTS),
    "AccessionNumber": _wild(TEXTS),
    "StudyDescription": _wild(TEXTS),
    "PatientBirthDate": _ranges(DATES, oracle._date),
    "ModalitiesInStudy": st.one_of(_lists(("CT", "MR", "C*", "?R")), st.sampled_from(("CT", "", "*"))),
}
SERIES_KEYS = STUDY_KEYS | {
    "SeriesInstanceUID": _lists(("1.1.1", "1.2.2", "9")),
    "Modality": _wild(MODALITIES),
    "SeriesNumber": st.sampled_from(("1", "10", "-1", "+2", "99999999999", "")),
    "SeriesDescription": _wild(TEXTS),
    "SeriesDate": _ranges(DATES, oracle._date),
    "PerformedProcedureStepStartTime": _ranges(TIMES, oracle._time),
    "RequestAttributesSequence.ScheduledProcedureStepID": _wild(IDS),
    "RequestAttributesSequence.RequestedProcedureID": _wild(IDS),
}
INSTANCE_KEYS = SERIES_KEYS | {
    "SOPInstanceUID": _lists(("1.1.1.1", "1.2.1.20", "1.1.2.2")),
    "SOPClassUID": _lists(("1.2.840.1", "1.2.840.2")),
    "InstanceNumber": st.sampled_from(("1", "2", "20")),
    "Rows": st.sampled_from(("64", "512")),
}
KEYS = {STUDY: STUDY_KEYS, SERIES: SERIES_KEYS, INSTANCE: INSTANCE_KEYS}
#: Parents that a search of the level may stand below.
PARENTS: dict[str, tuple[tuple[str | None, str | None], ...]] = {
    STUDY: ((None, None),),
    SERIES: ((None, None), ("1.1", None), ("1.2", None)),
    INSTANCE: ((None, None), ("1.1", None), ("1.1", "1.1.1"), ("1.2", "1.1.1"), ("1.2", "1.2.2")),
}
SEERS = st.sampled_from((None, frozenset({1}), frozenset({2, 3}), frozenset({1, 2, 3, 4}), frozenset[int]()))


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    """A search with few keys, so that it finds something now and then."""
    level = draw(st.sampled_from((STUDY, SERIES, INSTANCE)))
    names = draw(st.lists(st.sampled_from(sorted(KEYS[level])), max_size=3, unique=True))
    if "StudyDate" in names and draw(st.booleans()):
        names = list(dict.fromkeys([*names, "StudyTime"]))
    return Asked(
        level,
        draw(st.sampled_from(PARENTS[level])),
        {name: draw(KEYS[level][name]) for name in names},
        draw(st.booleans()),
        draw(st.sampled_from((None, None, 1, 2))),
        draw(SEERS),
    )


def _raw(asked: Asked, spelling: int, **options: object) -> bytes:
    """The query string, keys spelt by keyword or by tag, values encoded by one convention or the other."""
    encode = (quote_plus, quote)[spelling % 2]
    named = {_spelt(key, spelling // 2): value for key, value in asked.keys.items()}
    pairs = named | {"fuzzymatching": str(asked.fuzzy).lower()} | options
    return "&".join(f"{key}={encode(str(value))}" for key, value in pairs.items()).encode()


def _spelt(keyword: str, form: int) -> str:
    attribute = find(keyword)
    assert attribute
    return (keyword, attribute.key, attribute.key.lower())[form % 3]


def _who(asked: Asked) -> tuple[Scope, Viewer]:
    viewer = OWNER if asked.units is None else Viewer("someone", units=asked.units)
    return Scope(asked.collection), viewer


async def _pages(
    database: Database, asked: Asked, spelling: int = 0, **options: object
) -> tuple[Any, qido.Page]:
    query = qido.parse(
        LEVELS[asked.level], Resource(*asked.address), qido.read(_raw(asked, spelling, **options))
    )
    page = await database.scan(lambda connection: search(connection, query, *_who(asked)))
    return qido.render(query, page, "http://archive/dicom-web"), page


def _addresses(results: Any, level: str) -> list[tuple[str, ...]]:
    keys = ("0020000D", "0020000E", "00080018")[: LEVELS[level]]
    return [tuple(result[key]["Value"][0] for key in keys) for result in results]


@PAGES
@given(
    archive=archives.archives(),
    asked=st.lists(questions(), min_size=4, max_size=8),
    spelling=st.integers(0, 5),
    many=st.sampled_from((1, 3, compiler.MANY)),
)
async def test_finds_what_the_oracle_finds(
    database: Database, archive: list[SeriesRow], asked: list[Asked], spelling: int, many: int
) -> None:
    await database.write(lambda connection: archives.put(connection, archive))
    with patch.object(compiler, "MANY", many):
        for each in asked:
            results, page = await _pages(database, each, spelling)
            assert _addresses(results, each.level) == oracle.answer(archive, each)
            assert page.remaining == 0


@PAGES
@given(archive=archives.archives(), asked=st.lists(questions(), min_size=2, max_size=4))
async def test_kept_statements_find_what_fresh_ones_find(
    database: Database, archive: list[SeriesRow], asked: list[Asked]
) -> None:
    await database.write(lambda connection: archives.put(connection, archive))
    for each in asked:
        kept = await _pages(database, each, limit=2)
        with patch.object(module, "MOST_VALUES", -1):
            assert await _pages(database, each, limit=2) == kept


async def test_a_search_of_another_value_takes_the_kept_statements(database: Database) -> None:
    await _stored(database, ONE)
    await _pages(database, Asked(STUDY, (None, None), {"PatientID": "4"}), limit=5)
    made = module._kept.cache_info().misses
    found = [
        await _pages(database, Asked(STUDY, (None, None), {"PatientID": value}), limit=limit)
        for value, limit in (("4", 7), ("5", 8))
    ]
    assert [len(results) for results, _ in found] == [1, 0]
    assert module._kept.cache_info().misses == made


async def test_a_search_of_many_values_keeps_no_statement(database: Database) -> None:
    await _stored(database, ONE)
    kept = module._kept.cache_info().currsize
    uids = ",".join(f"1.{number}" for number in range(100))
    results, _ = await _pages(database, Asked(STUDY, (None, None), {"StudyInstanceUID": uids}))
    assert len(results) == 1
    assert module._kept.cache_info().currsize <= kept + 1  # the counts are of a form of their own


async def test_what_series_keep_is_returned_of_a_study_in_the_order_of_storing(database: Database) -> None:
    first, second = _series(1, 1), _series(1, 2)
    first = replace(first, series={**first.series, "Modality": "CT"})
    second = replace(second, series={**second.series, "Modality": "MR", "StationName": "S2"})
    await _stored(database, first, second)
    (study,), _ = await _pages(database, Asked(STUDY, (None, None)), includefield="Modality,StationName")
    assert study["00080060"]["Value"] == ["CT"]
    assert study["00081010"]["Value"] == ["S2"]


@PAGES
@given(
    archive=archives.archives(), asked=questions(), size=st.integers(1, 3), deep=st.sampled_from((1, 1000))
)
async def test_pages_join_to_the_whole(
    database: Database, archive: list[SeriesRow], asked: Asked, size: int, deep: int
) -> None:
    await database.write(lambda connection: archives.put(connection, archive))
    whole = oracle.answer(archive, asked)
    joined: list[tuple[str, ...]] = []
    with patch.object(forms, "DEEP", deep):
        for offset in range(0, len(whole) + size, size):
            results, page = await _pages(database, asked, limit=size, offset=offset)
            assert page.remaining == max(0, len(whole) - offset - size)
            joined += _addresses(results, asked.level)
    assert joined == whole


@PAGES
@given(archive=archives.archives(), units=SEERS, collection=st.sampled_from((None, 1, 2)))
async def test_counts_what_the_viewer_sees(
    database: Database, archive: list[SeriesRow], units: frozenset[int] | None, collection: int | None
) -> None:
    await database.write(lambda connection: archives.put(connection, archive))
    for level in LEVELS:
        asked = Asked(level, (None, None), {}, False, collection, units)
        results, _ = await _pages(database, asked)
        for result in results:
            study = result["0020000D"]["Value"][0]
            modalities, series, instances = oracle.counts(archive, asked, study)
            assert result["00080061"] == {"vr": "CS", "Value": modalities}
            assert result["00201206"]["Value"] == [series]
            assert result["00201208"]["Value"] == [instances]
            if level != STUDY:
                below = Asked(INSTANCE, (study, result["0020000E"]["Value"][0]), {}, False, collection, units)
                assert result["00201209"]["Value"] == [len(oracle.answer(archive, below))]


ONE = SeriesRow(
    1,
    1,
    True,
    {
        "StudyInstanceUID": "1.1",
        "StudyDate": "1997.04.24",
        "PatientName": "Yamada^Tarou=山田^太郎",
        "PatientID": " 4 ",
        "PatientAge": "040Y",
    },
    {"SeriesInstanceUID": "1.1.1", "Modality": "CT", "SeriesNumber": 7, "StationName": "ST"},
    ({"SOPInstanceUID": "1.1.1.1", "SOPClassUID": "1.2", "Rows": 64, "ImageType": ["ORIGINAL", "PRIMARY"]},),
    ({"ScheduledProcedureStepID": "S1"},),
)


async def _stored(database: Database, *archive: SeriesRow) -> None:
    await database.write(lambda connection: archives.put(connection, archive))


async def test_a_page_is_at_most_two_statements_and_a_third_for_modalities_in_study(
    database: Database, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    await _stored(database, *(_series(study, number) for study in range(5) for number in range(3)))
    for level, address, expected in (
        (STUDY, (None, None), 2),
        (SERIES, (None, None), 2),
        (SERIES, ("1.1", None), 1),
        (INSTANCE, (None, None), 2),
        (INSTANCE, ("1.1", "1.1.1"), 1),
    ):
        with statements() as sent:
            await _pages(database, Asked(level, address), limit=10)
        assert len(sent) == expected, sent
        with statements() as sent:
            await _pages(database, Asked(level, address, {"ModalitiesInStudy": "CT"}), limit=0)
        assert len(sent) <= 3, sent


def _series(study: int, number: int) -> SeriesRow:
    instances = ({"SOPInstanceUID": f"1.{study}.{number}.1", "SOPClassUID": "1.2"},)
    own = {"SeriesInstanceUID": f"1.{study}.{number}", "Modality": "CT"}
    return SeriesRow(1, 1, True, {"StudyInstanceUID": f"1.{study}"}, own, instances)


async def test_a_stranger_finds_nothing_and_reads_no_count(database: Database) -> None:
    await _stored(database, ONE)
    for level in Level:
        query = qido.parse(level, Resource(), [])
        page = await database.scan(
            lambda connection, query=query: search(connection, query, ARCHIVE, STRANGER)
        )
        assert page == qido.Page([], 0)


async def test_default_attributes_of_a_study(database: Database) -> None:
    await _stored(database, ONE)
    (study,), _ = await _pages(database, Asked(STUDY, (None, None)))
    assert study == {
        "00080020": {"vr": "DA", "Value": ["1997.04.24"]},
        "00080030": {"vr": "TM"},
        "00080050": {"vr": "SH"},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00080061": {"vr": "CS", "Value": ["CT"]},
        "00080090": {"vr": "PN"},
        "00081030": {"vr": "LO"},
        "00081190": {"vr": "UR", "Value": ["http://archive/dicom-web/studies/1.1"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]},
        "00100020": {"vr": "LO", "Value": [" 4 "]},
        "00100030": {"vr": "DA"},
        "00100040": {"vr": "CS"},
        "0020000D": {"vr": "UI", "Value": ["1.1"]},
        "00200010": {"vr": "SH"},
        "00201206": {"vr": "IS", "Value": [1]},
        "00201208": {"vr": "IS", "Value": [1]},
    }
    assert list(study) == sorted(study)


async def test_default_attributes_of_a_series(database: Database) -> None:
    await _stored(database, ONE)
    (series,), _ = await _pages(database, Asked(SERIES, ("1.1", None)))
    assert series == {
        "00080021": {"vr": "DA"},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "0008103E": {"vr": "LO"},
        "00081190": {"vr": "UR", "Value": ["http://archive/dicom-web/studies/1.1/series/1.1.1"]},
        "0020000D": {"vr": "UI", "Value": ["1.1"]},
        "0020000E": {"vr": "UI", "Value": ["1.1.1"]},
        "00200011": {"vr": "IS", "Value": [7]},
        "00201209": {"vr": "IS", "Value": [1]},
        "00400244": {"vr": "DA"},
        "00400245": {"vr": "TM"},
        "00400275": {"vr": "SQ", "Value": [{"00400009": {"vr": "SH", "Value": ["S1"]}}]},
    }


async def test_default_attributes_of_an_instance(database: Database) -> None:
    await _stored(database, ONE)
    (instance,), _ = await _pages(database, Asked(INSTANCE, ("1.1", "1.1.1")))
    address = "http://archive/dicom-web/studies/1.1/series/1.1.1/instances/1.1.1.1"
    assert instance == {
        "00080016": {"vr": "UI", "Value": ["1.2"]},
        "00080018": {"vr": "UI", "Value": ["1.1.1.1"]},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00081190": {"vr": "UR", "Value": [address]},
        "0020000D": {"vr": "UI", "Value": ["1.1"]},
        "0020000E": {"vr": "UI", "Value": ["1.1.1"]},
        "00200013": {"vr": "IS"},
        "00280008": {"vr": "IS"},
        "00280010": {"vr": "US", "Value": [64]},
        "00280011": {"vr": "US"},
        "00280100": {"vr": "US"},
    }


async def test_relational_results_carry_the_levels_above(database: Database) -> None:
    await _stored(database, ONE)
    (series,), _ = await _pages(database, Asked(SERIES, (None, None)))
    (instance,), _ = await _pages(database, Asked(INSTANCE, (None, None)))
    (below_study,), _ = await _pages(database, Asked(INSTANCE, ("1.1", None)))
    (study,), _ = await _pages(database, Asked(STUDY, (None, None)))
    assert {"00100010", "00080061", "00201208"} <= set(series)
    assert (set(study) | set(series)) - {"00080056"} <= set(instance)
    assert {"00080060", "00201209"} <= set(below_study)
    assert "00100010" not in below_study


async def test_matched_and_included_attributes_are_returned(database: Database) -> None:
    await _stored(database, ONE)
    (series,), _ = await _pages(
        database,
        Asked(SERIES, ("1.1", None), {"PatientID": "4"}),
        includefield="StationName,00101010,PatientSex",
    )
    assert series["00100020"]["Value"] == [" 4 "]
    assert series["00081010"]["Value"] == ["ST"]
    assert series["00101010"]["Value"] == ["040Y"]
    assert series["00100040"] == {"vr": "CS"}
    (instance,), _ = await _pages(
        database, Asked(INSTANCE, ("1.1", "1.1.1")), includefield="ImageType,AvailableTransferSyntaxUID"
    )
    assert instance["00080008"]["Value"] == ["ORIGINAL", "PRIMARY"]
    assert instance["00083002"]["Value"] == ["1.2.840.10008.1.2.1"]


async def test_include_all_returns_what_the_level_keeps(database: Database) -> None:
    await _stored(database, ONE)
    (study,), _ = await _pages(database, Asked(STUDY, (None, None)), includefield="all")
    (series,), _ = await _pages(database, Asked(SERIES, ("1.1", None)), includefield="all")
    (instance,), _ = await _pages(database, Asked(INSTANCE, ("1.1", "1.1.1")), includefield="all")
    assert study["00101010"] == {"vr": "AS", "Value": ["040Y"]}
    assert series["00081010"]["Value"] == ["ST"]
    assert "00101010" not in series
    assert {"00080008", "00101010", "00081010", "00081190"} <= set(instance)
    assert all(list(each) == sorted(each) for each in (study, series, instance))


async def test_the_wrong_parent_has_no_children(database: Database) -> None:
    await _stored(database, ONE)
    for address in (("1.2", None), ("1.2", "1.1.1"), ("1.1", "1.2")):
        results, page = await _pages(database, Asked(INSTANCE, address))
        assert results == []
        assert page.remaining == 0


async def test_both_request_keys_match_one_item(database: Database) -> None:
    items = ({"ScheduledProcedureStepID": "S1", "RequestedProcedureID": "R1"}, {"RequestedProcedureID": "R2"})
    await _stored(database, SeriesRow(1, 1, True, ONE.study, ONE.series, ONE.instances, items))
    step, procedure = (
        f"RequestAttributesSequence.{name}" for name in ("ScheduledProcedureStepID", "RequestedProcedureID")
    )
    assert len((await _pages(database, Asked(SERIES, (None, None), {step: "S1", procedure: "R1"})))[0]) == 1
    assert (await _pages(database, Asked(SERIES, (None, None), {step: "S1", procedure: "R2"})))[0] == []


def _each_value(keyword: str, values: tuple[str, ...]) -> list[SeriesRow]:
    return [
        SeriesRow(
            1,
            1,
            True,
            {"StudyInstanceUID": f"1.{place}", keyword: value},
            {"SeriesInstanceUID": f"2.{place}"},
        )
        for place, value in enumerate(values)
    ]


def _all_wild(values: tuple[str, ...]) -> list[str]:
    """Each value, and each with any one character or ending replaced by a wildcard."""
    cuts = [(value, place) for value in values for place in range(len(value) + 1)]
    ends = [value[:place] + wild for value, place in cuts for wild in ("*", "^*", "?")]
    middles = [value[:place] + wild + value[place + 1 :] for value, place in cuts for wild in ("*", "?")]
    return list(dict.fromkeys([*values, *ends, *middles]))


async def test_every_value_against_every_pattern(database: Database) -> None:
    for keyword, values in (("PatientID", TEXTS), ("PatientName", NAMES[:8])):
        archive = _each_value(keyword, values)
        await _stored(database, *archive)
        for pattern in _all_wild(values):
            asked = Asked(STUDY, (None, None), {keyword: pattern})
            assert _addresses((await _pages(database, asked))[0], STUDY) == oracle.answer(archive, asked), (
                pattern
            )


@PAGES
@given(
    archive=archives.archives(),
    key=st.sampled_from(("PatientName", "PatientID", "StudyDescription")),
    data=st.data(),
    most=st.sampled_from((0, 1, 2)),
    near=st.sampled_from((0, 1, 3, 100)),
    size=st.integers(1, 2),
    deep=st.sampled_from((1, 1000)),
    counted=st.sampled_from((1, 2, 1000)),
)
async def test_pages_of_a_pattern_that_many_studies_match(
    database: Database,
    archive: list[SeriesRow],
    key: str,
    data: Any,
    most: int,
    near: int,
    size: int,
    deep: int,
    counted: int,
) -> None:
    """Looked for among the newest, among all that were listed, or put in order."""
    await database.write(lambda connection: archives.put(connection, archive))
    more = data.draw(st.sampled_from(({}, {"StudyDate": "19000101-"}, {"ModalitiesInStudy": "CT"})))
    units = data.draw(SEERS)
    asked = Asked(STUDY, (None, None), {key: data.draw(STUDY_KEYS[key]), **more}, False, None, units)
    whole = oracle.answer(archive, asked)
    with (
        patch.object(forms, "DEEP", deep),
        patch.multiple(compiler, MOST_FOUND=most, NEAR=near, MOST_REMAINING=counted),
        patch.object(module, "MOST_REMAINING", counted),
    ):
        for offset in range(len(whole) + 1):
            results, page = await _pages(database, asked, limit=size, offset=offset)
            assert _addresses(results, STUDY) == whole[offset : offset + size]
            assert page.remaining == min(counted, max(0, len(whole) - offset - size))


@pytest.mark.parametrize("deep", [1, 1000])
@pytest.mark.parametrize("keys", [{}, {"PatientID": "A*"}, {"PatientID": "A3"}, {"ModalitiesInStudy": "CT"}])
async def test_pages_far_down(database: Database, keys: dict[str, str], deep: int) -> None:
    """What follows is counted on from the last row, or known beforehand: however the rows are found."""
    archive = _each_value("PatientID", tuple(f"A{number % 4}" for number in range(20)))
    archive = [replace(each, series={**each.series, "Modality": "CT"}) for each in archive]
    await _stored(database, *archive)
    asked = Asked(STUDY, (None, None), keys)
    whole = oracle.answer(archive, asked)
    assert len(whole) > 4
    with patch.object(forms, "DEEP", deep):
        for offset, limit in itertools.product(range(len(whole) + 1), (0, 2)):
            results, page = await _pages(database, asked, limit=limit, offset=offset)
            assert _addresses(results, STUDY) == whole[offset : offset + limit]
            assert page.remaining == max(0, len(whole) - offset - limit)


async def test_every_moment_against_every_range(database: Database) -> None:
    dates, times = ("20200101", "20200102", "20200103", ""), ("0900", "101530.5", "2359", "")
    moments = [(date, time) for date in dates for time in times]
    archive = [
        SeriesRow(
            1,
            1,
            True,
            {"StudyInstanceUID": f"1.{place}", "StudyDate": date, "StudyTime": time},
            {"SeriesInstanceUID": f"2.{place}"},
        )
        for place, (date, time) in enumerate(moments)
    ]
    await _stored(database, *archive)
    days = ("", "20200101", "20200101-20200103", "20200102-", "-20200102", "20200103-20200101")
    for date in days:
        for time in ("", "10", "0900-1015", "1015-", "-101529", "1016-09"):
            asked = Asked(STUDY, (None, None), {"StudyDate": date, "StudyTime": time})
            found = _addresses((await _pages(database, asked))[0], STUDY)
            assert found == oracle.answer(archive, asked), (date, time)


async def test_series_without_a_number_come_last(database: Database) -> None:
    numbers = (None, 2, -1, 10, None)
    archive = [
        SeriesRow(
            1, 1, True, {"StudyInstanceUID": "1"}, {"SeriesInstanceUID": f"1.{place}", "SeriesNumber": number}
        )
        for place, number in enumerate(numbers)
    ]
    await _stored(database, *archive)
    results, _ = await _pages(database, Asked(SERIES, ("1", None)))
    assert [uid for _, uid in _addresses(results, SERIES)] == ["1.2", "1.1", "1.3", "1.0", "1.4"]


async def test_a_study_in_two_collections_is_one_with_the_series_of_both(database: Database) -> None:
    first = SeriesRow(1, 1, True, {"StudyInstanceUID": "1", "PatientID": "A"}, {"SeriesInstanceUID": "1.1"})
    second = SeriesRow(2, 3, True, {"StudyInstanceUID": "1", "PatientID": "B"}, {"SeriesInstanceUID": "1.2"})
    await _stored(database, first, second)
    (study,), _ = await _pages(database, Asked(STUDY, (None, None)))
    assert (study["00100020"]["Value"], study["00201206"]["Value"]) == (["A"], [2])
    assert (await _pages(database, Asked(STUDY, (None, None), {"PatientID": "B"})))[0] == []
    (study,), _ = await _pages(database, Asked(STUDY, (None, None), {"PatientID": "B"}, units=frozenset({3})))
    assert study["00201206"]["Value"] == [1]
