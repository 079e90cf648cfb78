"""The bulk path makes the rows that the ordinary writer makes of the same instances, or none."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, select

from app.database import Database
from app.database.loading import load
from app.errors import Conflict, DatabaseUnavailable
from app.index import bulk, bulk_load
from app.index.bulk import Described
from app.index.entry import Entry
from app.index.tables import (
    INSTANCE,
    REQUEST_ATTRIBUTES,
    SERIES,
    SERIES_ROLLUP,
    SERIES_TAG_VALUE,
    SHARED_UID,
    STUDY,
    STUDY_ROLLUP,
    TAG_PATH,
    TAG_VALUE,
)
from app.index.writer import Place, upsert
from tests.index.entries import describe, element, entry

INBOX = Place(1, 1)


def _instances(study: str, series: str, count: int, **attributes: Any) -> list[Entry]:
    """Instances that differ in their number and in a private element, and have more positions than 64."""
    described = [
        describe(
            study,
            series,
            f"{series}.{number}",
            x00080020=element("DA", "20240229"),
            x00081050=element("PN", {"Alphabetic": "Ä^B"}),
            x00090010=element("LO", "MAKER"),
            x00091001=element("DS", str(number % 3)),
            x00100010=element("PN", {"Alphabetic": "Doe^Jane"}),
            x00100020=element("LO", f"P{study}"),
            x00200013=element("IS", number),
            x00201041=element("DS", float(number)),
            x00400275=element("SQ", {"00400009": element("SH", "STEP"), "00401001": element("SH", series)}),
            **attributes,
        )
        for number in range(count)
    ]
    first = Entry.of(described[0], "key-0", 10, b"0" * 32, 7)
    others = [
        Entry.of(
            one, f"key-{place}", 10 + place, bytes([place]) * 32, 7, after=(first, described[0].attributes)
        )
        for place, one in enumerate(described[1:], 1)
    ]
    return [first, *others]


SERIES_GIVEN = (
    _instances("1.1", "1.1.1", 70),
    _instances("1.1", "1.1.2", 3, x00080060=element("CS", "SEG"), x00081030=element("LO", "another")),
    _instances("1.2", "1.2.1", 1),
    _instances("1.3", "1.3.1", 2, x00104000=element("LT", "long " * 100)),
)


def _bulk(url: str, given: Sequence[Sequence[Entry]], together: int = 3) -> None:
    described = [Described.of(INBOX, entries) for entries in given]
    portions = [
        bulk.prepare(described[place : place + together]) for place in range(0, len(described), together)
    ]
    load(url, lambda connection: bulk_load.load(connection, portions, lambda _: None))


def _written(connection: Connection) -> dict[str, list[Any]]:
    """All rows, by what they say: their numbers and moments are their own."""
    uid = SERIES.c.series_instance_uid
    values = (
        select(uid, TAG_PATH.c.path, TAG_PATH.c.vr, *TAG_VALUE.c["digest", "text", "number"])
        .join_from(SERIES_TAG_VALUE, SERIES, SERIES.c.id == SERIES_TAG_VALUE.c.series_id)
        .join(TAG_VALUE, TAG_VALUE.c.id == SERIES_TAG_VALUE.c.value_id)
        .join(TAG_PATH, TAG_PATH.c.id == TAG_VALUE.c.path_id)
    )
    below = {
        "series": select(*_said(SERIES), STUDY.c.study_instance_uid.label("its")).join(
            STUDY, STUDY.c.id == SERIES.c.study_row
        ),
        "study": select(*_said(STUDY)),
        "instance": select(*_said(INSTANCE), uid).join(SERIES, SERIES.c.id == INSTANCE.c.series_row),
        "request": select(*_said(REQUEST_ATTRIBUTES), uid).join(
            SERIES, SERIES.c.id == REQUEST_ATTRIBUTES.c.series_row
        ),
        "values": values,
        **{table.name: select(*_said(table)) for table in (SERIES_ROLLUP, STUDY_ROLLUP, SHARED_UID)},
    }
    found = {name: sorted(map(repr, connection.execute(rows))) for name, rows in below.items()}
    assert found["values"] == sorted(set(found["values"]))
    return found


def _said(table: Any) -> list[Any]:
    return [each for each in table.c if each.name not in ("id", "created_at", "study_row", "series_row")]


def _schema(connection: Connection) -> Any:
    if connection.dialect.name == "sqlite":
        return sorted(connection.exec_driver_sql("SELECT name, sql FROM sqlite_master").all(), key=repr)
    tables = inspect(connection)
    triggers = "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
    kept = sorted(map(tuple, connection.exec_driver_sql(triggers)))
    return {"triggers": [repr(kept)]} | {
        name: [
            sorted(map(repr, found(name)))
            for found in (
                tables.get_indexes,
                tables.get_foreign_keys,
                tables.get_unique_constraints,
                lambda name: [tables.get_pk_constraint(name)],
            )
        ]
        for name in tables.get_table_names()
    }


async def _ordinarily(database: Database, given: Sequence[Sequence[Entry]]) -> None:
    for entries in given:
        await database.write(lambda connection, entries=entries: upsert(connection, INBOX, entries))


async def _compared(url: str, other: str, before: int) -> None:
    one, two = await Database.open(url), await Database.open(other)
    try:
        await _ordinarily(one, SERIES_GIVEN)
        schema = await two.lookup(_schema)
        await _ordinarily(two, SERIES_GIVEN[:before])
    finally:
        await two.close()
    await asyncio.to_thread(_bulk, other, SERIES_GIVEN[before:])
    two = await Database.open(other)
    try:
        await _ordinarily(one, [_instances("1.9", "1.9.1", 2)])
        await _ordinarily(two, [_instances("1.9", "1.9.1", 2)])
        assert await two.lookup(_written) == await one.lookup(_written)
        assert await two.lookup(_schema) == schema
    finally:
        await one.close()
        await two.close()


@pytest.mark.parametrize("before", [0, 1])
async def test_both_paths_make_equal_tables(
    sqlite_url: str, database_url: str, tmp_path: Any, before: int
) -> None:
    other = f"sqlite:///{tmp_path / 'ordinary.db'}"
    (tmp_path / "ordinary.db").write_bytes((tmp_path / "index.db").read_bytes())
    await _compared(other, database_url, before)


async def test_what_is_there_already_is_refused_whole(database_url: str) -> None:
    await asyncio.to_thread(_bulk, database_url, SERIES_GIVEN[:2])
    for again in (SERIES_GIVEN[1:], [SERIES_GIVEN[2], _instances("1.4", "1.1.1", 1)]):
        with pytest.raises(Conflict):
            await asyncio.to_thread(_bulk, database_url, again)
    database = await Database.open(database_url)
    try:
        held = await database.lookup(
            lambda connection: connection.scalars(select(SERIES.c.series_instance_uid)).all()
        )
    finally:
        await database.close()
    assert sorted(held) == ["1.1.1", "1.1.2"]


async def test_an_instance_of_two_series_is_refused(database_url: str) -> None:
    twice = [[entry("1.1", "1.1.1", "1.1.1.1")], [entry("1.1", "1.1.2", "1.1.1.1")]]
    with pytest.raises(Conflict):
        await asyncio.to_thread(_bulk, database_url, twice)


async def test_sqlite_is_loaded_by_nobody_else_than_its_only_user(sqlite_url: str) -> None:
    database = await Database.open(sqlite_url)
    try:
        await database.lookup(lambda connection: connection.scalar(select(SERIES.c.id)))
        with pytest.raises(DatabaseUnavailable):
            await asyncio.to_thread(_bulk, sqlite_url, SERIES_GIVEN[:1])
    finally:
        await database.close()
