"""Any attribute as a key, against a slow matcher over the stored JSON, on both databases."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.dicom.resource import Resource
from app.errors import InvalidQuery
from app.index import tag_values, verify
from app.index.scope import ARCHIVE, Scope
from app.index.search import search
from app.query import qido
from app.query.ast import Level
from app.viewer import OWNER, Viewer
from tests.index.entries import clear, collect, entry, inbox, upsert

Json = dict[str, Any]
LEVELS = {"study": Level.STUDY, "series": Level.SERIES, "instance": Level.INSTANCE}
PAGES = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))

TEXTS = ("ABC", "abc", "A*C", "A%C", "A_C", " pad ", "Äb", "A\u0308b", "x" * 256, "x" * 300 + "y", "x" * 300)
NAMES = (
    {"Alphabetic": "Doe^John"},
    {"Alphabetic": "DOE^JOHN^^"},
    {"Alphabetic": "Müller^Jo", "Ideographic": "山田^太郎"},
    {"Ideographic": "山田"},
)
NUMBERS = (0, 1, 120, 120.5, -3, "NaN", "0.12345678901234567890", 0.699999988079071)
DATES = ("19970424", "1997.04.24", "20200101", "notadate", "20200102")
TIMES = ("10", "1015", "101530.5", "xx")
MOMENTS = ("2020", "202001", "20200101103000", "20200101103000.5+0100", "20191231233000-0100", "junk")


@dataclass(frozen=True)
class Key:
    """An attribute in the corpus: its name in a query, its path in JSON by creator, and its VR."""

    name: str
    steps: tuple[str, ...]
    vr: str


KEYS = (
    Key("StationName", ("00081010",), "SH"),
    Key("ImageComments", ("00204000",), "LT"),
    Key("KVP", ("00180060",), "DS"),
    Key("00181316", ("00181316",), "DS"),
    Key("OperatorsName", ("00081070",), "PN"),
    Key("AcquisitionDate", ("00080022",), "DA"),
    Key("AcquisitionTime", ("00080032",), "TM"),
    Key("AcquisitionDateTime", ("0008002A",), "DT"),
    Key("FrameOfReferenceUID", ("00200052",), "UI"),
    Key("Modality", ("00080060",), "CS"),
    Key("AnatomicRegionSequence.CodeValue", ("00082218", "00080100"), "SH"),
    Key("00082218.00080104", ("00082218", "00080104"), "LO"),
    Key("00082218.00082220.CodeValue", ("00082218", "00082220", "00080100"), "SH"),
    Key("AnatomicRegionSequence.00082220.CodeMeaning", ("00082218", "00082220", "00080104"), "LO"),
    Key("00090002[GEMS]", ("0009", "02", "GEMS"), "SH"),
    Key("00090003[a.b, c]", ("0009", "03", "a.b, c"), "DS"),
)
STORED: dict[str, Sequence[Any]] = {
    "SH": TEXTS,
    "LO": TEXTS,
    "LT": TEXTS,
    "CS": ("CT", "MR", "ct"),
    "DS": NUMBERS,
    "PN": NAMES,
    "DA": DATES,
    "TM": TIMES,
    "DT": MOMENTS,
    "UI": ("1.2", "1.3", "1.30"),
}
ASKED: dict[str, Sequence[str]] = {
    "SH": ("ABC", "A*", "*C", "A?C", "a*c", "?*", "x*", "x*y", "*xy", "x" * 256, "ABC\\abc", "Äb"),
    "LT": ("ABC", "A*", "x*", "x*y", "*y", "ABC\\abc", "x" * 300),
    "CS": ("CT", "C*", "CT\\MR"),
    "DS": ("120", "120.0", "1.2e2", "0-120", "-3", "-5-1", "100-", "1,120.5", "0.12345678901234567890"),
    "PN": ("doe^john", "Doe*", "=山田*", "*Jo*", "Müller^*", "=*太郎", "d?e^*"),
    "DA": ("19970424", "20200101-", "-20200101", "19970424-20200101"),
    "TM": ("10", "1015-", "-1010", "101530.5"),
    "DT": ("2020", "20200101", "20191231-20200101", "202001-", "-2019", "20200101093000.5", "20191231-0100"),
    "UI": ("1.2", "1.3,1.30", "9"),
}
ASKED |= {"LO": ASKED["SH"]}


def _data_set(keys: Sequence[Key], values: Mapping[str, Sequence[Any]], block: int) -> Json:
    made: Json = {}
    for key in keys:
        element = {"vr": key.vr, "Value": list(values[key.name])}
        if key.steps[0] == "0009":
            place = f"{block + len([each for each in made if each.startswith('000900')]):02X}"
            made[f"000900{place}"] = {"vr": "LO", "Value": [key.steps[2]]}
            made[f"0009{place}{key.steps[1]}"] = element
        elif len(key.steps) > 1:
            _nest(made, key, values[key.name])
        else:
            made[key.steps[0]] = element
    return made


def _nest(made: Json, key: Key, values: Sequence[Any]) -> None:
    """Each value in an item of its own; the items of one sequence hold the values of several keys."""
    for place, value in enumerate(values):
        inside = made
        for step in key.steps[:-1]:
            items = inside.setdefault(step, {"vr": "SQ", "Value": []})["Value"]
            items += [{} for _ in range(place + 1 - len(items))]
            inside = items[place]
        inside[key.steps[-1]] = {"vr": key.vr, "Value": [value]}


@st.composite
def data_sets(draw: st.DrawFn) -> Json:
    keys = draw(st.lists(st.sampled_from(KEYS), max_size=6, unique=True))
    values = {
        key.name: draw(st.lists(st.sampled_from([*STORED[key.vr], None]), min_size=1, max_size=3))
        for key in keys
    }
    # Every made-up entry is a CT unless it says otherwise.
    ct = {"00080060": {"vr": "CS", "Value": ["CT"]}}
    return ct | _data_set(keys, values, draw(st.sampled_from((0x10, 0x20))))


@dataclass(frozen=True)
class Stored:
    """One instance in the archive: in which collection and unit, where, and what it says."""

    collection: str
    address: tuple[str, str, str]
    json: Json


@st.composite
def archives(draw: st.DrawFn) -> list[Stored]:
    """A few studies; two collections may share addresses, with other content."""
    places = st.tuples(
        st.sampled_from(("inbox", "inbox", "other")), st.integers(1, 2), st.integers(1, 2), st.integers(1, 4)
    )
    chosen = draw(st.lists(places, max_size=10, unique=True))
    return [
        Stored(name, (f"1.{study}", f"1.{study}.{series}", f"1.{study}.{series}.{number}"), draw(data_sets()))
        for name, study, series, number in chosen
    ]


@dataclass(frozen=True)
class Asked:
    level: str
    keys: tuple[tuple[Key, str], ...]
    collection: str | None
    unit: str | None


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    nested = [key for key in KEYS if key.steps[0] == "00082218"]
    keys = draw(
        st.lists(st.sampled_from(KEYS), min_size=1, max_size=2, unique=True)
        | st.lists(st.sampled_from(nested), min_size=2, max_size=3, unique=True)
    )
    level = draw(st.sampled_from(tuple(LEVELS)))
    # From series level on Modality has its column, whose row is made from the first instance.
    keys = [key for key in keys if key.name != "Modality" or level == "study"]
    asked = tuple((key, draw(st.sampled_from(ASKED[key.vr]))) for key in keys)
    where = st.sampled_from((None, None, "inbox", "other"))
    return Asked(level, asked, draw(where), draw(where))


def answer(archive: Sequence[Stored], asked: Asked) -> set[tuple[str, ...]]:
    """Addresses with, for each key, an instance that carries it; of several, the first stored counts."""
    seen: dict[tuple[str, str, str], Json] = {}
    for each in archive:
        if asked.collection in (None, each.collection) and asked.unit in (None, each.collection):
            seen.setdefault(each.address, each.json)
    depth = LEVELS[asked.level]
    found = {address[:depth] for address in seen}
    nested = [each for each in asked.keys if each[0].steps[0] == "00082218"]
    for together in [*([each] for each in asked.keys if each not in nested), nested]:
        found &= {address[:depth] for address, json in seen.items() if _carries(json, together)}
    return found


def _carries(json: Json, together: Sequence[tuple[Key, str]]) -> bool:
    """Keys of one sequence are matched in one item of it, and so on below."""
    deeper = {key.steps[0] for key, _ in together if len(key.steps) > 1 and key.steps[0] != "0009"}
    for step in deeper:
        inside = [
            (replace(key, steps=key.steps[1:]), value) for key, value in together if key.steps[0] == step
        ]
        if not any(_carries(item, inside) for item in json.get(step, {}).get("Value", ())):
            return False
    own = [each for each in together if each[0].steps[0] not in deeper]
    return all(
        any(_value_matches(key, held, value) for held in _values(json, key) if held is not None)
        for key, value in own
    )


def _values(json: Json, key: Key) -> Iterator[Any]:
    if key.steps[0] == "0009":
        for tag, element in json.items():
            if tag.startswith("000900") and element["Value"] == [key.steps[2]]:
                yield from json.get(f"0009{tag[6:]}{key.steps[1]}", {}).get("Value", ())
    else:
        yield from json.get(key.steps[0], {}).get("Value", ())


def _value_matches(key: Key, own: Any, value: str) -> bool:
    if key.vr == "PN":
        groups = [_fold(own.get(group, "")) for group in ("Alphabetic", "Ideographic", "Phonetic")]
        asked = [_fold(group) for group in value.split("=")]
        if len(asked) == 1:
            return any(_name_like(group, asked[0]) for group in groups)
        return all(not each or _name_like(group, each) for group, each in zip(groups, asked, strict=False))
    if key.vr == "DS":
        return any(_in_numbers(own, part) for part in value.split(","))
    if key.vr in ("DA", "TM", "DT"):
        first = {"DA": _day, "TM": _clock, "DT": _moment}[key.vr](own)
        return bool(first) and _in_times(first[0], value, key.vr)
    if key.vr == "UI":
        return own in value.split(",")
    parts = value.split("\\") if key.vr != "LT" else [value]
    return any(_like(unicodedata.normalize("NFC", own).strip(" "), part) for part in parts)


def _like(own: str, pattern: str) -> bool:
    forms = {"*": ".*", "?": "."}
    return bool(own) and bool(
        re.fullmatch("".join(forms.get(each, re.escape(each)) for each in pattern), own, re.DOTALL)
    )


def _fold(group: str) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", group).casefold())
    return folded.rstrip("^")


def _name_like(group: str, pattern: str) -> bool:
    return _like(group, pattern) or (pattern.endswith("^*") and _like(group, pattern[:-2]))


def _in_numbers(own: Any, asked: str) -> bool:
    number = float(own)
    if number != number:
        return False
    match = re.fullmatch(r"(-?[0-9.e]+)(-([0-9.]*))?", asked)
    assert match
    low = float(match[1])
    if match[2] is None:
        return number == low
    return low <= number <= (float(match[3]) if match[3] else float("inf"))


Span = tuple[str, str]


def _day(text: str) -> Span | None:
    bare = text.replace(".", "")
    return (bare, bare) if re.fullmatch(r"\d{8}", bare) else None


def _clock(text: str) -> Span | None:
    if not re.fullmatch(r"\d\d(\d\d(\d\d(\.\d+)?)?)?", text):
        return None
    return text + "000000.000000"[len(text) :], text + "235959.999999"[len(text) :]


#: Worked out by hand: the first and last moment of each, in UTC.
_MOMENTS = {
    "2020": ("20200101000000.000000", "20201231235959.999999"),
    "2019": ("20190101000000.000000", "20191231235959.999999"),
    "202001": ("20200101000000.000000", "20200131235959.999999"),
    "20200101": ("20200101000000.000000", "20200101235959.999999"),
    "20191231": ("20191231000000.000000", "20191231235959.999999"),
    "20191231-0100": ("20191231010000.000000", "20200101005959.999999"),
    "20200101103000": ("20200101103000.000000", "20200101103000.999999"),
    "20200101103000.5+0100": ("20200101093000.500000", "20200101093000.599999"),
    "20200101093000.5": ("20200101093000.500000", "20200101093000.599999"),
    "20191231233000-0100": ("20200101003000.000000", "20200101003000.999999"),
}


def _moment(text: str) -> Span | None:
    return _MOMENTS.get(text)


def _in_times(own: str, value: str, vr: str) -> bool:
    spans = {"DA": _day, "TM": _clock, "DT": _moment}[vr]
    if span := spans(value):
        return span[0] <= own <= span[1]
    low, high = (spans(end) for end in value.split("-"))
    return (not low or own >= low[0]) and (not high or own <= high[1])


def _raw(asked: Asked) -> bytes:
    return "&".join(f"{quote(key.name)}={quote(value, safe='')}" for key, value in asked.keys).encode()


async def _store(
    database: Any, archive: Sequence[Stored], step: int
) -> tuple[dict[str, int], dict[str, int]]:
    """Store in batches of `step`; the ids of the collections and of their units."""

    def work(connection: Any) -> tuple[dict[str, int], dict[str, int]]:
        clear(connection)
        other, (unit,) = collect(connection, "other")
        ids, units = {"inbox": inbox(connection), "other": other}, {"inbox": 1, "other": unit}
        for place in range(0, len(archive), step):
            for name, row in ids.items():
                batch = [
                    entry(*each.address, name, **{f"x{tag}": element for tag, element in each.json.items()})
                    for each in archive[place : place + step]
                    if each.collection == name
                ]
                upsert(connection, row, batch)
        return ids, units

    return await database.write(work)


async def _find(database: Any, asked: Asked, ids: Any, units: Any, **more: Any) -> set[tuple[str, ...]]:
    query = qido.parse(LEVELS[asked.level], Resource(), qido.read(_raw(asked)))
    scope = Scope(ids[asked.collection]) if asked.collection else ARCHIVE
    viewer = Viewer("someone", units=frozenset({units[asked.unit]})) if asked.unit else OWNER
    page = await database.scan(lambda connection: search(connection, query, scope, viewer))
    qido.render(query, page, "http://archive")
    found = [(row.resource.study, row.resource.series, row.resource.instance) for row in page.rows]
    addresses = [tuple(uid for uid in address if uid) for address in found]
    assert len(addresses) == len(set(addresses))
    return set(addresses)


def _in_order(archive: Sequence[Stored], step: int) -> list[Stored]:
    """As they are stored: in each batch the inbox's first."""
    return [
        each
        for place in range(0, len(archive), step)
        for name in ("inbox", "other")
        for each in archive[place : place + step]
        if each.collection == name
    ]


@PAGES
@given(
    archive=archives(),
    asked=st.lists(questions(), min_size=4, max_size=8),
    most=st.sampled_from((1, 2, 64)),
    step=st.sampled_from((1, 3, 20)),
)
async def test_finds_what_the_matcher_finds(
    database: Any, archive: list[Stored], asked: list[Asked], most: int, step: int
) -> None:
    with patch.object(tag_values, "MOST", most), patch("app.index.tag_writer.MOST", most):
        ids, units = await _store(database, archive, step)
    for each in asked:
        assert await _find(database, each, ids, units) == answer(_in_order(archive, step), each), each


@pytest.mark.parametrize("asked", ["KVP=120", "AcquisitionTime=1015-"])
@pytest.mark.parametrize("level", ["study", "series"])
async def test_of_an_instance_in_two_collections_the_earlier_one_counts(
    database: Any, level: str, asked: str
) -> None:
    """Although its series was first in the other, which alone carries the value."""
    name, value = asked.split("=")
    key = next(key for key in KEYS if key.name == name)

    def stored(collection: str, instance: str, kvp: int, time: str) -> Stored:
        json = {"00180060": {"vr": "DS", "Value": [kvp]}, "00080032": {"vr": "TM", "Value": [time]}}
        return Stored(collection, ("1.2", "1.2.3", instance), json)

    archive = [
        stored("inbox", "1.2.3.1", 100, "10"),
        stored("other", "1.2.3.2", 100, "10"),
        stored("inbox", "1.2.3.2", 120, "1016"),
    ]
    ids, units = await _store(database, archive, 1)
    for collection, found in (
        (None, set()),
        ("inbox", {("1.2", "1.2.3")[: LEVELS[level]]}),
        ("other", set()),
    ):
        each = Asked(level, ((key, value),), collection, None)
        assert answer(archive, each) == found
        assert await _find(database, each, ids, units) == found


REQUESTED, SCHEDULED, REASON = "00401001", "00400009", "00401002"


@pytest.mark.parametrize("level", list(LEVELS))
async def test_keys_of_one_sequence_are_matched_in_one_item(database: Any, level: str) -> None:
    """With and without keys that have columns of their own (PS3.4 C.2.2.2.6)."""

    def request(requested: str, scheduled: str, reason: str) -> Json:
        texts = ((REQUESTED, "SH", requested), (SCHEDULED, "SH", scheduled), (REASON, "LO", reason))
        return {key: {"vr": vr, "Value": [text]} for key, vr, text in texts}

    items = [request("R1", "S1", "pain"), request("R2", "S2", "fall")]
    archive = [Stored("inbox", ("1", "1.1", "1.1.1"), {"00400275": {"vr": "SQ", "Value": items}})]
    ids, units = await _store(database, archive, 1)

    async def finds(**asked: str) -> bool:
        keys = tuple(
            (Key(f"RequestAttributesSequence.{keyword}", (), ""), value) for keyword, value in asked.items()
        )
        return bool(await _find(database, Asked(level, keys, None, None), ids, units))

    reason = "ReasonForTheRequestedProcedure"
    assert await finds(ScheduledProcedureStepID="S1", RequestedProcedureID="R1")
    assert not await finds(ScheduledProcedureStepID="S1", RequestedProcedureID="R2")
    assert await finds(ScheduledProcedureStepID="S2", **{reason: "fa*"})
    assert not await finds(ScheduledProcedureStepID="S1", **{reason: "fa*"})
    assert not await finds(ScheduledProcedureStepID="S1", RequestedProcedureID="R2", **{reason: "pain"})
    assert await finds(ScheduledProcedureStepID="S1", **{reason: "*"})


@pytest.mark.parametrize("level", list(LEVELS))
async def test_what_is_too_much_to_look_into_is_refused(database: Any, level: str) -> None:
    archive = [
        Stored("inbox", ("1", "1.1", f"1.1.{number}"), {"00180060": {"vr": "DS", "Value": [number]}})
        for number in range(70)
    ]
    ids, units = await _store(database, archive, 70)
    asked = Asked(level, ((KEYS[2], "69"),), None, None)
    assert await _find(database, asked, ids, units) == {("1", "1.1", "1.1.69")[: LEVELS[level]]}
    with (
        patch.object(verify, "MOST", 69),
        pytest.raises(InvalidQuery, match="Narrow it with one of these keys"),
    ):
        await _find(database, asked, ids, units)


async def test_names_are_narrowed_down_before_they_are_compared(database: Any) -> None:
    """However many there are, those that cannot match are no trouble; which sound alike nobody can tell."""
    names = [*({"Alphabetic": f"Other^{number}"} for number in range(8)), *NAMES, {"Phonetic": "y" * 300}]
    archive = [
        Stored("inbox", ("1", f"1.{place}", f"1.{place}.1"), {"00081070": {"vr": "PN", "Value": [name]}})
        for place, name in enumerate(names)
    ]
    ids, units = await _store(database, archive, 100)
    key = next(key for key in KEYS if key.vr == "PN")
    with patch.object(verify, "MOST", 4):
        for value in (*ASKED["PN"], "other^1", "=*^太郎", "müller*=山田*", "==*y", "100%*"):
            asked = Asked("series", ((key, value),), None, None)
            assert await _find(database, asked, ids, units) == answer(archive, asked), value
        for value in ("other*", "doe^john&fuzzymatching=true"):
            query = qido.parse(Level.SERIES, Resource(), qido.read(f"OperatorsName={value}".encode()))
            with pytest.raises(InvalidQuery, match="different names of OperatorsName"):
                await database.scan(lambda c, query=query: search(c, query, ARCHIVE, OWNER))


async def test_names_that_the_viewer_does_not_see_are_not_too_many(database: Any) -> None:
    archive = [
        Stored(
            "inbox",
            ("1", f"1.{n}", f"1.{n}.1"),
            {"00081070": {"vr": "PN", "Value": [{"Alphabetic": f"A^{n}"}]}},
        )
        for n in range(8)
    ]
    archive.append(
        Stored("other", ("2", "2.1", "2.1.1"), {"00081070": {"vr": "PN", "Value": [{"Alphabetic": "A^own"}]}})
    )
    ids, units = await _store(database, archive, 100)
    key = next(key for key in KEYS if key.vr == "PN")
    stranger = Viewer("stranger")
    query = qido.parse(Level.SERIES, Resource(), qido.read(b"OperatorsName=a*"))
    with patch.object(verify, "MOST", 4):
        for asked in (
            Asked("series", ((key, "a*"),), None, "other"),
            Asked("series", ((key, "a*"),), "other", None),
        ):
            assert await _find(database, asked, ids, units) == {("2", "2.1")}
        page = await database.scan(lambda connection: search(connection, query, ARCHIVE, stranger))
        assert list(page.rows) == []
        with pytest.raises(InvalidQuery, match="different names"):
            await database.scan(lambda connection: search(connection, query, ARCHIVE, OWNER))


async def test_an_instance_without_anything_new_writes_nothing(database: Any, statements: Any) -> None:
    json = {"00180060": {"vr": "DS", "Value": [120]}}
    await _store(database, [Stored("inbox", ("1", "1.1", "1.1.1"), json)], 1)
    again = entry("1", "1.1", "1.1.2", **{f"x{key}": element for key, element in json.items()})
    with statements() as seen:
        await database.write(lambda connection: upsert(connection, inbox(connection), [again]))
    assert [each for each in seen if "tag_" in each and not each.startswith("SELECT")] == []
    assert len([each for each in seen if "tag_" in each]) == 1
