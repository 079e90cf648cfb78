"""Roll-ups say what the rows say, whoever changes them and however."""

import asyncio
import itertools

import pytest
from sqlalchemy import delete, insert, select, update

from app.database import Database
from app.index import counted, facts, rollups, writer
from app.index.scope import ARCHIVE, Scope
from app.index.tables import SERIES, SERIES_ROLLUP, SHARED_UID, STUDY, STUDY_ROLLUP
from app.viewer import OWNER, Viewer
from tests.index.entries import collect, element, entry, place, upsert

ROLLED = (SERIES_ROLLUP, STUDY_ROLLUP, SHARED_UID)


def agree(connection, collection, units):
    """That whatever a viewer of any of the units asks, roll-ups and rows give the same answer."""
    assert rollups.wrong(connection) == []
    every = itertools.chain.from_iterable(itertools.combinations(units, n) for n in range(len(units) + 1))
    for viewer in (OWNER, *(Viewer("any", units=frozenset(each)) for each in every)):
        for scope in (ARCHIVE, Scope(collection), Scope(without=frozenset({collection}))):
            for of in ("series", "people"):
                told = [getattr(each, of)(scope, viewer) for each in (rollups, counted)]
                one, other = (sorted(tuple(row) for row in connection.execute(rows)) for rows in told)
                assert one == other, (scope, viewer, of)


def ct(number, part="CHEST", study="1.1", patient="P1"):
    """The entry of a series of its own."""
    said = {"x00180015": element("CS", part), "x00100020": element("LO", patient)}
    return entry(study, f"{study}.{number}", f"{study}.{number}.1", **said)


async def contents(database, table):
    return [tuple(row)[1:] for row in await database.scan(lambda c: c.execute(select(table)).all())]


async def test_what_is_stored_is_counted_with_what_is_like_it(database):
    def work(connection):
        collection, (unit,) = collect(connection, "a")
        for number, part in enumerate(("CHEST", "CHEST", "", "LUNG")):
            upsert(connection, collection, [ct(number, part)])
        upsert(connection, collection, [entry("1.1", "1.1.0", "1.1.0.2")])
        return collection, unit

    here = await database.write(work)
    assert sorted(await contents(database, SERIES_ROLLUP)) == sorted(
        (*here, "CT", part, "", series, instances, 1512 * instances)
        for part, series, instances in (("CHEST", 2, 3), ("", 1, 1), ("LUNG", 1, 1))
    )
    assert await contents(database, STUDY_ROLLUP) == [(*here, "P1", 1)]


async def test_long_values_alike_at_their_beginning_are_counted_apart(database):
    long = "".join(chr(0x1F300 + n * 7 % 500) for n in range(500))

    def work(connection):
        collection, units = collect(connection, "a")
        for number, end in enumerate("ABA"):
            said = {key: element("LO", long[:-1] + end) for key in ("x00180015", "x00080070", "x00080060")}
            upsert(connection, collection, [entry("1.1", f"1.1.{number}", f"1.1.{number}.1", **said)])
        agree(connection, collection, units)

    await database.write(work)
    assert sorted(row[5] for row in await contents(database, SERIES_ROLLUP)) == [1, 2]


async def test_what_leaves_leaves_nothing(database):
    def work(connection):
        collection, units = collect(connection, "a", units=2)
        for unit in units:
            writer.upsert(connection, writer.Place(collection, unit), [ct(1), ct(2, patient="P2")])
        agree(connection, collection, units)
        for table in (SERIES, STUDY):
            gone = table.c.access_unit_id == units[0]
            connection.execute(update(table).where(gone).values(removed_version=1))
        agree(connection, collection, units)
        for table in (SERIES, STUDY):
            connection.execute(update(table).values(removed_version=2))

    await database.write(work)
    assert [await contents(database, table) for table in ROLLED] == [[], [], []]


async def test_a_unit_changes_under_many_rows_at_once(database):
    def work(connection):
        collection, units = collect(connection, "a", units=3)
        for unit, numbers in zip(units, ((1, 2, 3), (3, 4), ()), strict=True):
            made = [ct(number, "CHEST" if number % 2 else "LUNG") for number in numbers]
            writer.upsert(connection, writer.Place(collection, unit), made)
        for old, new in ((0, 2), (1, 0), (2, 1)):
            for table in (SERIES, STUDY):
                here = table.c.access_unit_id == units[old]
                connection.execute(update(table).where(here).values(access_unit_id=units[new]))
            agree(connection, collection, units)
        connection.execute(update(SERIES).values(frozen=True, modality="MR"))
        agree(connection, collection, units)

    await database.write(work)


async def test_what_is_wrong_is_named_and_counted_anew(database):
    def fill(connection):
        made = [collect(connection, slug, units=2) for slug in "abc"]
        for collection, units in made:
            for unit in units:
                writer.upsert(connection, writer.Place(collection, unit), [ct(1), ct(unit + 2)])
        return made

    made = await database.write(fill)
    (first, _), (second, _), (third, _) = made
    for spoil, collections in (
        (update(SERIES_ROLLUP).where(SERIES_ROLLUP.c.collection_id == first).values(size=1), [first]),
        (delete(STUDY_ROLLUP).where(STUDY_ROLLUP.c.collection_id == second), [second]),
        (delete(SHARED_UID).where(SHARED_UID.c.collection_id == third), [third]),
        (insert(SHARED_UID).values(collection_id=first, level="study", uid="9"), [first]),
        (update(SERIES_ROLLUP).values(instances=0), [first, second, third]),
    ):
        await database.write(lambda c, of=spoil: c.execute(of))
        assert await database.scan(rollups.wrong) == collections
        await database.write(rollups.recompute)
        assert await database.scan(rollups.wrong) == []
    await database.write(lambda c: [agree(c, *each) for each in made])


async def test_parts_of_a_count_are_added_up(database):
    """Two rows of what is alike count as one, should writers ever not take turns."""

    def work(connection):
        collection, units = collect(connection, "a")
        upsert(connection, collection, [ct(1), ct(2)])
        row = connection.execute(select(SERIES_ROLLUP)).one()
        half = {**row._mapping, "id": None, "series": 1, "instances": 1, "size": 1512}
        connection.execute(update(SERIES_ROLLUP).values(series=1, instances=1, size=1512))
        connection.execute(insert(SERIES_ROLLUP).values({k: v for k, v in half.items() if k != "id"}))
        agree(connection, collection, units)
        upsert(connection, collection, [ct(3)])
        agree(connection, collection, units)

    await database.write(work)


@pytest.mark.parametrize("writers", [8])
async def test_many_store_at_once_and_nothing_is_lost(database_url, writers):
    """Into two collections, by turns, from several connections; and one counts all of it anew meanwhile."""
    opened = [await Database.open(database_url) for _ in range(writers)]
    here = await opened[0].write(lambda c: [(slug, collect(c, slug)) for slug in "ab"])
    collections = [collection for _, (collection, _) in here]

    async def store(database, writer_number):
        for round_ in range(6):
            for collection in collections:
                number = writer_number * 100 + round_
                made = [ct(number, f"PART{n % 2}", f"1.{n}", f"P{n % 3}") for n in range(3)]
                await database.write(lambda c, of=collection, made=made: writer.upsert(c, place(c, of), made))

    async def recount(database):
        for _ in range(4):
            await database.write(rollups.recompute)
            await asyncio.sleep(0.05)

    await asyncio.gather(*(store(each, n) for n, each in enumerate(opened)), recount(opened[0]))
    assert await opened[0].scan(rollups.wrong) == []
    found = await opened[0].scan(lambda c: facts.facts(c, ARCHIVE, OWNER))
    assert [found[each].series for each in collections] == [writers * 6 * 3] * 2
    for each in opened:
        await each.close()
