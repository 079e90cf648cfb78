"""What becomes of work when the database is busy, cut off, full or not there."""

import asyncio
import sqlite3

import asyncpg
import pytest
from sqlalchemy import text

from app.database import Database, engines, facts
from app.errors import DatabaseUnavailable
from tests.database.titles import TITLE, rename, title
from tests.postgres import cluster


@pytest.fixture
def brief(monkeypatch):
    """SQLite waits a moment only for its lock."""
    monkeypatch.setitem(engines.PRAGMAS, "busy_timeout", 10)


async def test_sqlite_waits_for_another_writer(sqlite_url, brief, monkeypatch):
    """Another process holds the lock for longer than one try; on a busy machine, for longer than all."""
    monkeypatch.setattr(facts, "PAUSES", (*facts.PAUSES, 2, 5, 10))
    database = await Database.open(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(database.write(rename("Mail")))
    await asyncio.sleep(0.1)
    assert await title(database) == "Inbox"
    other.execute("COMMIT")
    other.close()
    await waiting
    assert await title(database) == "Mail"
    await database.close()


async def test_sqlite_does_not_wait_for_ever(sqlite_url, brief):
    database = await Database.open(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable):
        await database.write(rename("Mail"))
    other.close()
    await database.write(rename("Mail"))
    assert await title(database) == "Mail"
    await database.close()


async def test_no_sqlite_database(tmp_path):
    with pytest.raises(DatabaseUnavailable):
        await Database.open(f"sqlite:///{tmp_path}/nowhere/index.db")
    (tmp_path / "letter.db").write_bytes(b"Dear reader, this is no database. " * 100)
    with pytest.raises(DatabaseUnavailable):
        await Database.open(f"sqlite:///{tmp_path}/letter.db")


async def test_a_full_sqlite_database(sqlite_url):
    """No room: the transaction leaves nothing, reads go on, and so do writes that fit."""
    database = await Database.open(sqlite_url)

    def fill(connection):
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        rename("x" * 10_000_000)(connection)

    with pytest.raises(DatabaseUnavailable):
        await database.write(fill)
    assert await title(database) == "Inbox"
    await database.write(rename("Mail"))
    assert await title(database) == "Mail"
    await database.close()


async def test_postgres_tries_again(postgres_url):
    """What loses against another transaction is run anew, and only that."""
    database = await Database.open(postgres_url)
    runs = []

    def loses_twice(connection):
        runs.append(1)
        rename(f"Mail {len(runs)}")(connection)
        if len(runs) < 3:
            raised = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"
            connection.exec_driver_sql(raised)

    await database.write(loses_twice)
    assert (len(runs), await title(database)) == (3, "Mail 3")

    def loses_always(connection):
        runs.append(1)
        connection.exec_driver_sql("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")

    runs.clear()
    with pytest.raises(DatabaseUnavailable):
        await database.write(loses_always)
    assert len(runs) == len(facts.PAUSES) + 1
    await database.close()


async def _cut_connections(url: str) -> None:
    connection = await asyncpg.connect(url)
    alone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    await connection.execute(f"{alone} AND datname = current_database()")
    await connection.close()


async def test_postgres_after_its_connections_were_cut(postgres_url):
    database = await Database.open(postgres_url)
    for run in (database.lookup, database.write):
        await asyncio.gather(*(database.ping() for _ in range(4)))
        await _cut_connections(postgres_url)
        await run(lambda connection: connection.scalar(TITLE))
    await database.close()


async def test_postgres_cut_in_the_middle_of_a_transaction(postgres_url):
    """Nothing was committed, so the work is run again."""
    database = await Database.open(postgres_url)
    runs = []

    def work(connection):
        runs.append(1)
        connection.execute(text("UPDATE collection SET latest_version = latest_version + 1"))
        if len(runs) == 1:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    await database.write(work)
    version = text("SELECT latest_version FROM collection")
    assert (len(runs), await database.lookup(lambda c: c.scalar(version))) == (2, 1)
    await database.close()


CUT_AT_COMMIT = """
    CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER cut AFTER UPDATE ON collection DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION cut()
"""


async def test_postgres_cut_while_it_commits(postgres_url, migrated_postgres):
    """Whether it was committed is not known: the work is not run again, and the caller is told."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(CUT_AT_COMMIT)
    database = await Database.open(postgres_url)
    runs = []

    def work(connection):
        runs.append(1)
        rename("Mail")(connection)

    try:
        with pytest.raises(DatabaseUnavailable, match="while it committed"):
            await database.write(work)
        assert len(runs) == 1
        await database.ping()
    finally:
        await database.close()
        await connection.execute("DROP TRIGGER cut ON collection; DROP FUNCTION cut()")
        await connection.close()


async def test_no_postgres(postgres):
    """Nobody listens; then the wrong database."""
    for url in ("postgresql://postgres@127.0.0.1:1/index", postgres.url("nowhere")):
        database = await Database.open(url)
        for run in (database.lookup, database.scan, database.write):
            with pytest.raises(DatabaseUnavailable):
                await run(lambda connection: connection.scalar(TITLE))
        await database.close()


@pytest.mark.timeout(120)
def test_postgres_stopped_and_started(tmp_path):
    """The server goes away and comes back: the opened database answers again, without being opened anew."""
    with cluster() as first:
        port = first.port

        async def before() -> Database:
            opened = await Database.open(first.url("postgres"))
            await opened.ping()
            return opened

        with asyncio.Runner() as runner:
            database = runner.run(before())
            first.stop()
            with pytest.raises(DatabaseUnavailable):
                runner.run(database.ping())
            with cluster({"port": str(port)}):
                runner.run(database.ping())
                runner.run(database.close())
