"""The chain stays right whatever the transactions around it do, and the database refuses to change it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from app.database import Database
from app.errors import Conflict
from app.registry import audit, audit_log
from app.registry.audit_check import Finding
from app.registry.tables import AUDIT_ANCHOR, AUDIT_ENTRY
from app.services.audit_check import verify

TABLES = ("audit_entry", "audit_anchor")


async def check(database: Database) -> list[Finding]:
    return await verify(database, [], lambda done, total: None)


async def numbers(database: Database) -> list[int]:
    rows = select(AUDIT_ENTRY.c.number).where(AUDIT_ENTRY.c.chain == audit.CHAIN).order_by(AUDIT_ENTRY.c.id)
    return await database.lookup(lambda connection: list(connection.execute(rows).scalars()))


async def read(database: Database) -> list[audit_log.Entry]:
    """All entries, the newest first."""
    everything, nothing = audit_log.Readable(everything=True), audit_log.Wanted()
    return await database.scan(lambda c: audit_log.page(c, everything, nothing, None, 1000))


@pytest.fixture
async def workers(database_url: str) -> AsyncIterator[list[Database]]:
    """Several connections to one database, as its workers have them."""
    async with AsyncExitStack() as closing:
        opened = []
        for _ in range(3):
            opened.append(await Database.open(database_url))
            closing.push_async_callback(opened[-1].close)
        yield opened


async def test_many_at_once_some_of_whom_fail(workers: list[Database]) -> None:
    """Those of one process share a chain, whether their transactions are one, or many at once."""
    chance = random.Random(5)

    def work(place: int, fails: bool, twice: bool) -> Any:
        def run(connection: Connection) -> None:
            audit.enter(connection, f"p{place}", "done", place)
            if twice:
                audit.enter(connection, f"p{place}", "again", place)
            if fails:
                raise Conflict

        return run

    asked = [(place, chance.random() < 0.3, chance.random() < 0.3) for place in range(120)]
    ended = await asyncio.gather(
        *(workers[each[0] % 3].write(work(*each)) for each in asked), return_exceptions=True
    )
    assert [isinstance(each, Conflict) for each in ended] == [fails for _, fails, _ in asked]
    expected = sum(1 + twice for _, fails, twice in asked if not fails)
    assert await numbers(workers[0]) == list(range(1, expected + 2))
    assert await check(workers[0]) == []
    kept = {each.who for each in await read(workers[0])}
    assert kept == {"system", *(f"p{place}" for place, fails, _ in asked if not fails)}


async def test_processes_at_once_have_chains_of_their_own(workers, monkeypatch) -> None:
    for place, worker in enumerate(workers):
        monkeypatch.setattr(audit, "CHAIN", f"{place:016x}")
        await worker.write(audit.begin)
        await worker.write(lambda c: audit.enter(c, "a", "b"))
    await asyncio.gather(*(worker.write(audit.anchor) for worker in workers))
    assert await check(workers[0]) == []
    marks = select(AUDIT_ANCHOR.c["id", "chain", "number"]).order_by(AUDIT_ANCHOR.c.id)
    found = await workers[0].lookup(lambda c: [tuple(row) for row in c.execute(marks)])
    assert [row[0] for row in found] == list(range(1, len(found) + 1))
    assert {chain: number for _, chain, number in found} == {f"{place:016x}": 2 for place in range(3)}


async def test_a_new_process_anchors_the_chains_of_those_that_ended(database, monkeypatch) -> None:
    await database.write(audit.begin)
    await database.write(lambda c: audit.enter(c, "a", "b"))
    old = audit.CHAIN
    monkeypatch.setattr(audit, "CHAIN", "00000000000000ff")
    await database.write(audit.begin)
    begun = (await read(database))[0]
    mark = await database.lookup(lambda c: c.execute(select(AUDIT_ANCHOR)).one())
    assert (mark.chain, mark.number) == (old, 2)
    assert (begun.what, begun.number, begun.details["anchor"]) == (audit.BEGUN, 1, mark.id)
    assert begun.details["digest"] == bytes(mark.digest).hex()
    # What has not gone on is not anchored again.
    assert await database.write(audit.anchor) == 1
    assert await database.write(audit.anchor) == 0


@given(
    st.datetimes(timezones=st.timezones() | st.just(timezone(timedelta(hours=-11, minutes=-30)))),
    st.integers(min_value=1, max_value=2**62),
)
def test_one_form_of_a_moment(at: datetime, number: int) -> None:
    try:
        utc = at.astimezone(UTC)
    except OverflowError:
        return
    assert audit.digest(b"", [number, at]) == audit.digest(b"", [number, utc])
    assert audit.moment(at) == utc.replace(tzinfo=None).isoformat(" ", "microseconds")


@pytest.mark.parametrize(
    ("who", "details"),
    [
        ("Zoë\0 \ud800", {"said": "lone \udfff, and \0"}),
        ("x" * 5_000, {"number": 2**70, "none": None, "list": [1, {"b": 2, "a": 1}]}),
        ("", {"at": datetime(2026, 1, 1, tzinfo=UTC), "kind": audit.Act("a", "b")}),
    ],
)
async def test_what_is_entered_is_read_back(database, who: str, details: dict[str, Any]) -> None:
    """On both databases, whatever a name holds; and its digest is that of what is read."""
    await database.write(lambda c: audit.enter(c, who, "b", None, **details))
    assert await check(database) == []
    found = (await read(database))[0]
    assert set(found.details) == set(details)
    assert found.at.tzinfo is not None
    assert abs(datetime.now(UTC) - found.at) < timedelta(minutes=1)


EITHER = [
    *(f"UPDATE {table} SET number = number" for table in TABLES),
    *(f"DELETE FROM {table}" for table in TABLES),
    "UPDATE audit_entry SET who = 'nobody' WHERE number = 2",
    "INSERT INTO audit_anchor SELECT * FROM audit_anchor WHERE true "
    "ON CONFLICT (id) DO UPDATE SET number = 9",
]
REFUSED = {
    "sqlite": [
        *EITHER,
        "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry",
        "INSERT OR REPLACE INTO audit_anchor "
        "SELECT id + 1, chain, number, at, entry, digest FROM audit_anchor",
    ],
    "postgresql": [*EITHER, *(f"TRUNCATE {table}" for table in TABLES)],
}


async def test_the_database_refuses(database) -> None:
    await database.write(lambda c: audit.enter(c, "a", "b"))
    await database.write(audit.anchor)
    before = await read(database)
    for statement in REFUSED[await database.lookup(lambda c: c.dialect.name)]:
        with pytest.raises(DBAPIError, match="append-only"):
            await database.write(lambda c, refused=statement: c.execute(text(refused)))
    assert await read(database) == before
    assert await check(database) == []


async def test_anchors_of_very_many_chains_are_soon_found(database, monkeypatch) -> None:
    def many(connection: Connection) -> None:
        for place in range(300):
            monkeypatch.setattr(audit, "CHAIN", f"{place:016x}")
            audit.append(connection, ())

    await database.write(many)
    assert await database.write(audit.anchor) == 300
    count = select(func.count()).select_from(AUDIT_ANCHOR)
    assert await database.lookup(lambda c: c.execute(count).scalar_one()) == 300
