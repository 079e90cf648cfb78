"""`readingroom check` finds what was broken by hand, and nothing where nothing is."""

import re
from collections.abc import AsyncIterator
from inspect import getsource
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from app.errors import StoreUnavailable
from app.index import derived
from app.index.derived import Finding
from app.index.tables import (
    INSTANCE,
    REQUEST_ATTRIBUTES,
    SERIES,
    SERIES_ROLLUP,
    SERIES_TAG_VALUE,
    STUDY,
    STUDY_ROLLUP,
)
from app.services import object_checks
from app.services.checks import ADVICE
from app.settings import Settings
from tests.house import House, house
from tests.keeping import answers, change, fill, found, kinds, long_ago, objects, stray


@pytest.fixture
async def opened(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """An archive with a little of everything."""
    async with house(Settings(data=tmp_path / "data", database=database_url)) as made:
        await fill(made)
        yield made


async def test_a_whole_archive_has_nothing_wrong(opened: House) -> None:
    assert await found(opened.archive, deep=True) == []
    assert list((opened.archive.settings.data / "temp").iterdir()) == []  # its lists are gone


async def test_it_goes_over_any_store(tmp_path: Path, sqlite_url: str) -> None:
    chosen = Settings(data=tmp_path / "data", database=sqlite_url, store="memory:")
    async with house(chosen) as opened:
        await fill(opened)
        assert await found(opened.archive, deep=True) == []
        old = await stray(opened.archive, long_ago())
        await opened.archive.store.delete((await objects(opened.archive))[-1])
        assert set(await kinds(opened.archive)) == {"missing object", "unreferenced object"}
        assert old in await objects(opened.archive)


async def test_a_missing_object_is_named(opened: House) -> None:
    key = (await objects(opened.archive))[0]
    await opened.archive.store.delete(key)
    wrong = await found(opened.archive)
    assert {each.kind for each in wrong} == {"missing object"}
    assert key in wrong[0].where
    assert not wrong[0].repaired


async def test_an_object_of_another_size_is_named(opened: House) -> None:
    key = (await objects(opened.archive))[0]
    path = opened.archive.store.local_path(key)
    assert path
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"x")
    assert set(await kinds(opened.archive)) == {"wrong size"}


async def test_changed_bytes_are_found_by_reading_them_alone(opened: House) -> None:
    key = (await objects(opened.archive))[0]
    path = opened.archive.store.local_path(key)
    assert path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    assert await found(opened.archive) == []
    assert set(await kinds(opened.archive, deep=True)) == {"wrong digest"}


async def test_a_crc_that_is_not_that_of_the_bytes_is_found(opened: House) -> None:
    await change(opened.archive, lambda c: c.execute(update(INSTANCE).values(crc32=INSTANCE.c.crc32 + 1)))
    assert set(await kinds(opened.archive, deep=True)) == {"wrong digest"}


async def test_objects_without_a_row_are_named_once_they_are_old(opened: House) -> None:
    await stray(opened.archive)
    assert await found(opened.archive) == []
    old = await stray(opened.archive, long_ago())
    assert [(each.kind, each.where) for each in await found(opened.archive)] == [
        ("unreferenced object", f"object {old}")
    ]
    assert await kinds(opened.archive, repair=True) == ["unreferenced object"]
    assert old in await objects(opened.archive)  # only sweep deletes


async def test_a_key_that_is_none_is_no_crash(opened: House) -> None:
    await change(opened.archive, lambda c: c.execute(update(INSTANCE).values(object_key="../etc/passwd")))
    assert set(await kinds(opened.archive)) == {"invalid key"}


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("series count", update(SERIES).values(number_of_series_related_instances=77)),
        ("series count", update(SERIES).values(size=SERIES.c.size + 1)),
        ("series attributes", update(SERIES).values(modality="XX")),
        ("series attributes", update(SERIES).values(attributes=b"{}")),
        (
            "series attributes",
            insert(REQUEST_ATTRIBUTES).from_select(
                ["series_row", "scheduled_procedure_step_id", "requested_procedure_id"],
                select(SERIES.c.id, SERIES.c.modality, SERIES.c.modality),
            ),
        ),
        ("study attributes", update(STUDY).values(patient_id="somebody else")),
        ("study attributes", update(STUDY).values(attributes=b"{}")),
        ("tag values", delete(SERIES_TAG_VALUE)),
        ("roll-ups", update(SERIES_ROLLUP).values(series=SERIES_ROLLUP.c.series + 1)),
        ("roll-ups", delete(STUDY_ROLLUP)),
    ],
)
async def test_what_follows_from_instances_is_told_anew(opened: House, kind: str, statement: object) -> None:
    before = await answers(opened.browser)
    await change(opened.archive, lambda c: c.execute(statement))
    assert set(await kinds(opened.archive)) == {kind}
    repaired = await found(opened.archive, repair=True)
    assert repaired
    assert all(each.repaired for each in repaired)
    assert await found(opened.archive) == []
    assert await answers(opened.browser) == before


async def test_values_of_no_instance_are_taken_out(opened: House) -> None:
    rows = "INSERT INTO series_tag_value (value_id, series_id) SELECT v.id, s.id FROM tag_value v, series s "
    only_new = (
        "WHERE NOT EXISTS (SELECT 1 FROM series_tag_value h WHERE h.value_id = v.id AND h.series_id = s.id)"
    )
    await change(opened.archive, lambda c: c.exec_driver_sql(rows + only_new))
    wrong = await found(opened.archive, repair=True)
    assert {each.kind for each in wrong} == {"tag values"}
    assert "of no instance" in wrong[0].said
    assert await found(opened.archive) == []


async def test_what_has_nothing_in_it_is_said_and_stays(opened: House) -> None:
    row = await change(
        opened.archive,
        lambda c: c.scalar(select(SERIES.c.id).where(SERIES.c.series_instance_uid == "1.2.9.1")),
    )
    await change(opened.archive, lambda c: c.execute(delete(INSTANCE).where(INSTANCE.c.series_row == row)))
    assert set(await kinds(opened.archive, repair=True)) >= {"empty series"}
    kept = await change(opened.archive, lambda c: c.scalar(select(SERIES.c.id).where(SERIES.c.id == row)))
    assert kept == row


async def test_a_series_in_another_studys_row_is_named(opened: House) -> None:
    other = select(STUDY.c.id).where(STUDY.c.study_instance_uid == "1.2.9").scalar_subquery()
    moved = update(SERIES).where(SERIES.c.series_instance_uid == "1.2.3.5").values(study_row=other)
    await change(opened.archive, lambda c: c.execute(moved))
    assert "misplaced series" in await kinds(opened.archive)


async def test_nothing_is_said_of_a_patient(opened: House) -> None:
    for table in (SERIES, STUDY):
        await change(opened.archive, lambda c, of=table: c.execute(update(of).values(attributes=b"{}")))
    await change(opened.archive, lambda c: c.execute(delete(SERIES_TAG_VALUE)))
    said = " ".join(each.where + each.said for each in await found(opened.archive))
    assert said
    assert not any(word in said for word in ("Doe", "P1", "1.2.3"))


async def test_a_series_of_many_pages_is_read_whole(opened: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.index.derived.PAGE", 1)
    monkeypatch.setattr("app.index.named.PAGE", 1)
    monkeypatch.setattr("app.services.checks._TOGETHER", 1)
    monkeypatch.setattr("app.database.key_list.BATCH", 2)
    assert await found(opened.archive, deep=True) == []


async def test_what_is_gone_by_now_is_not_told_anew(opened: House) -> None:
    for kind in ("series count", "series attributes", "tag values", "study attributes", "missing object"):
        gone = Finding(kind, "row 999999999", "", 999_999_999)
        assert not await change(opened.archive, lambda c, of=gone: derived.repair(c, of))


async def test_a_store_that_is_away_is_one_fact(opened: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(opened.archive.store, "stream", away)
    with pytest.raises(StoreUnavailable):
        await found(opened.archive, deep=True)
    assert list((opened.archive.settings.data / "temp").iterdir()) == []


def test_each_kind_of_finding_says_what_to_do() -> None:
    told = set(re.findall(r'Finding\(\s*"([a-z ]+)"', getsource(derived) + getsource(object_checks)))
    assert told == set(ADVICE)
    repaired = {kind for kind, advice in ADVICE.items() if "--repair" in advice}
    assert repaired == set(derived._REPAIRS)
