"""Group commit: writes that wait share a transaction, and none suffers from another."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from app.database import Database, migrate
from app.errors import DatabaseUnavailable, NotFound

ADD = text("INSERT INTO note (name) VALUES (:name)")


@pytest.fixture
async def database(sqlite_url):
    await migrate(sqlite_url)
    opened = await Database.open(sqlite_url)
    await opened.write(lambda c: c.execute(text("CREATE TABLE note (name TEXT NOT NULL)")) and None)
    yield opened
    await opened.close()


@contextmanager
def commits(database) -> Iterator[list[int]]:
    seen: list[int] = []
    listener = lambda connection: seen.append(1)  # noqa: E731
    event.listen(database._writer, "commit", listener)
    yield seen
    event.remove(database._writer, "commit", listener)


def add(name):
    return lambda connection: connection.execute(ADD, {"name": name}).rowcount


def fact(connection):
    add("of a fact")(connection)
    raise NotFound


def wrong(connection):
    add("of a mistake")(connection)
    connection.execute(ADD, {"name": None})


async def names(database):
    rows = await database.lookup(lambda c: c.execute(text("SELECT name FROM note")).scalars().all())
    return set(rows)


@asynccontextmanager
async def one_that_lasts(database):
    """A write that has begun, and ends with the block."""
    begun, gate = threading.Event(), threading.Event()
    first = asyncio.create_task(database.write(lambda _: begun.set() or gate.wait(60)))
    assert await asyncio.to_thread(begun.wait, 60)
    yield
    gate.set()
    assert await first


async def behind(database, *works):
    """Run one write that lasts until all the others wait, then those; what each gave or raised."""
    async with one_that_lasts(database):
        others = [asyncio.create_task(database.write(work)) for work in works]
        await asyncio.sleep(0.05)
    return others


async def test_those_that_wait_share_a_commit(database):
    with commits(database) as seen:
        others = await behind(database, *(add(f"unit {n}") for n in range(20)))
        assert await asyncio.gather(*others) == [1] * 20
    assert len(seen) == 2
    assert {f"unit {n}" for n in range(20)} <= await names(database)


async def test_who_fails_leaves_the_others_alone(database):
    others = await behind(database, add("a"), fact, add("b"))
    given = await asyncio.gather(*others, return_exceptions=True)
    assert (given[0], given[2]) == (1, 1)
    assert isinstance(given[1], NotFound)
    assert {"a", "b"} <= await names(database)
    assert "of a fact" not in await names(database)


async def test_a_wrong_statement_leaves_the_others_alone(database):
    others = await behind(database, add("a"), wrong, add("b"))
    given = await asyncio.gather(*others, return_exceptions=True)
    assert (given[0], given[2]) == (1, 1)
    assert isinstance(given[1], IntegrityError)
    assert {"a", "b"} <= await names(database)
    assert "of a mistake" not in await names(database)


async def test_after_a_commit_that_failed_nothing_is_run_again(database, monkeypatch):
    ran: list[str] = []

    def note(name):
        return lambda connection: ran.append(name) or add(name)(connection)

    def full(connection):
        raise OSError("no space left")

    event.listen(database._writer, "commit", full)
    first, *others = (asyncio.create_task(database.write(note(name))) for name in ("a", "b", "c"))
    given = await asyncio.gather(first, *others, return_exceptions=True)
    event.remove(database._writer, "commit", full)
    assert all(isinstance(each, DatabaseUnavailable) for each in given)
    assert sorted(ran) == ["a", "b", "c"]
    assert not {"a", "b", "c"} & await names(database)
    assert await database.write(add("later")) == 1


async def test_who_is_cancelled_takes_nobody_along(database):
    others = await behind(database, add("a"), add("b"), add("c"))
    others[0].cancel()
    given = await asyncio.gather(*others, return_exceptions=True)
    assert given[1:] == [1, 1]
    assert {"b", "c"} <= await names(database)


async def test_a_cancelled_write_that_waits_is_not_run(database):
    async with one_that_lasts(database):
        waiting = asyncio.create_task(database.write(add("never")))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert "never" not in await names(database)
