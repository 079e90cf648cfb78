"""Reads, scans and transactions on both engines."""

import asyncio
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.database import Database, access
from app.errors import InvalidQuery
from tests.database.titles import TITLE, rename, title


async def test_ping(database, statements):
    with statements() as seen:
        await database.ping()
    assert len(seen) == 1


async def test_what_is_written_is_seen_at_once(database):
    await database.write(rename("Mail"))
    assert await title(database) == "Mail"
    assert await database.scan(lambda connection: connection.scalar(TITLE)) == "Mail"


async def test_work_that_fails_writes_nothing(database):
    def work(connection):
        rename("Mail")(connection)
        raise KeyError("ours")

    with pytest.raises(KeyError):
        await database.write(work)
    assert await title(database) == "Inbox"
    await database.write(rename("Post"))
    assert await title(database) == "Post"


async def test_a_wrong_statement_is_no_fact(database):
    for run in (database.lookup, database.scan, database.write):
        with pytest.raises(DBAPIError):
            await run(lambda connection: connection.execute(text("SELECT nothing FROM nowhere")))
    with pytest.raises(IntegrityError):
        await database.write(lambda c: c.execute(text("INSERT INTO access_unit (collection_id) VALUES (99)")))
    assert await title(database) == "Inbox"


async def test_errors_hold_no_values(database):
    with pytest.raises(DBAPIError) as caught:
        await database.write(
            lambda c: c.execute(text("UPDATE collection SET nothing = :name"), {"name": "Doe^Jane"})
        )
    assert "Doe" not in str(caught.value)


async def test_many_at_once(database):
    """More work than connections: all of it is done, in transactions one after another."""

    def grow(connection):
        connection.execute(text("UPDATE collection SET latest_version = latest_version + 1"))

    async def read() -> int:
        return await database.scan(lambda c: c.scalar(text("SELECT latest_version FROM collection")))

    await asyncio.gather(*(database.write(grow) for _ in range(50)), *(read() for _ in range(50)))
    assert await read() == 50


async def test_a_write_outlives_the_one_who_waits_for_it(sqlite_url):
    """A transaction that has begun in its thread ends as it would have; the database works on."""
    database = await Database.open(sqlite_url)
    begun, go = threading.Event(), threading.Event()

    def slow(connection):
        begun.set()
        go.wait(10)
        rename("Mail")(connection)

    waiting = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    waiting.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await database.write(
        lambda connection: connection.execute(text("UPDATE collection SET latest_version = 7"))
    )
    assert await title(database) == "Mail"
    await database.close()


async def test_statements_are_recorded(database, statements):
    with statements() as seen:
        await database.write(rename("Mail"))
    assert [each for each in seen if "BEGIN" not in each] == [seen[-1]]
    assert seen[-1].startswith("UPDATE collection")
    await database.ping()
    assert "SELECT 1" not in seen


@pytest.mark.parametrize("turn", range(3))
async def test_each_test_has_a_clean_database(database, turn):
    """Rows and keys begin anew each time, on either engine."""
    made = text("INSERT INTO access_unit (collection_id) VALUES (1) RETURNING id")
    assert await database.write(lambda connection: connection.scalar(made)) == 2
    assert await title(database) == "Inbox"
    await database.write(rename("Mail"))


def test_each_database_is_its_own(sqlite_url, tmp_path):
    assert Path(sqlite_url.removeprefix("sqlite:///")).parent == tmp_path


async def test_scans_whose_clients_left_take_no_turn_from_others(sqlite_url, monkeypatch):
    """A scan goes on in its thread when nobody waits for it any more, and keeps its turn until it ends."""
    database = await Database.open(sqlite_url)
    monkeypatch.setattr(database._readers.pool, "_timeout", 0.1)

    def slow(connection):
        connection.scalar(TITLE)
        time.sleep(0.4)

    left = []
    for _ in range(6):
        left.append(asyncio.create_task(database.scan(slow)))
        await asyncio.sleep(0.02)
        left[-1].cancel()
    assert await database.scan(lambda connection: connection.scalar(TITLE)) == "Inbox"
    await asyncio.gather(*left, return_exceptions=True)
    await database.close()


async def test_what_a_scan_computes_holds_up_nobody(database):
    """On either engine: it runs in a thread, its rows and what is made of them."""

    begun, go = threading.Event(), threading.Event()

    def work(connection):
        begun.set()
        assert go.wait(10)
        return connection.scalar(TITLE), threading.get_ident()

    scanning = asyncio.create_task(database.scan(work))
    assert await asyncio.to_thread(begun.wait, 10)
    assert await title(database) == "Inbox"
    go.set()
    name, thread = await scanning
    assert (name, thread != threading.get_ident()) == ("Inbox", True)


async def test_scans_run_beside_each_other(database):
    meeting = threading.Barrier(3, timeout=20)

    def work(connection):
        meeting.wait()
        return connection.scalar(TITLE)

    assert await asyncio.gather(*(database.scan(work) for _ in range(3))) == ["Inbox"] * 3


async def test_a_scan_that_takes_too_long_is_given_up(sqlite_url, monkeypatch):
    """The next scan on its connection has its own time; what is asked wrongly stays our mistake."""
    monkeypatch.setattr("app.database.access.SECONDS_TO_SCAN", 0.1)
    endless = text(
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number) "
        "SELECT count(*) FROM number"
    )
    database = await Database.open(sqlite_url)
    begun = time.monotonic()
    endless_ones = [database.scan(lambda connection: connection.scalar(endless)) for _ in range(4)]
    ended = await asyncio.gather(*endless_ones, return_exceptions=True)
    assert [type(each) for each in ended] == [InvalidQuery] * 4
    assert "narrow" in ended[0].detail
    assert await database.scan(lambda connection: connection.scalar(TITLE)) == "Inbox"
    assert time.monotonic() - begun < 5
    await database.close()


async def test_a_brief_read_is_in_the_event_loop(database):
    """On either engine, and it leaves no limit of time to the lookups after it."""
    name, thread = await database.brief(lambda c: (c.scalar(TITLE), threading.get_ident()), "a title")
    assert name == "Inbox"
    assert thread == threading.get_ident()


async def test_a_brief_read_that_is_not_becomes_a_scan(sqlite_url, monkeypatch):
    long = text(
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 300000) "
        "SELECT count(*) FROM number"
    )
    database = await Database.open(sqlite_url)
    threads = []

    def work(connection):
        threads.append(threading.get_ident())
        return connection.scalar(long)

    assert await database.brief(work, "long") == 300_000
    assert threads[0] == threading.get_ident() != threads[1]
    assert await database.brief(work, "long") == 300_000
    assert len(threads) == 3
    assert threads[2] != threading.get_ident()
    monkeypatch.setattr(access, "SECONDS_LONG", -1)
    for _ in range(2):
        assert await database.brief(work, "not known for long") == 300_000
    assert len(threads) == 7
    assert await database.lookup(lambda connection: connection.scalar(long)) == 300_000
    await database.close()
