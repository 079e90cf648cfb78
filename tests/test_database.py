"""Reads, scans and transactions on both engines, and what becomes of them when the database fails."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.database import Database, engines, facts
from app.errors import DatabaseUnavailable, Misconfigured
from tests.postgres import cluster

TITLE = text("SELECT title FROM collection")
RENAME = text("UPDATE collection SET title = :title")


def rename(title):
    return lambda connection: connection.execute(RENAME, {"title": title})


async def title(database: Database) -> str:
    return await database.lookup(lambda connection: connection.scalar(TITLE))


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


async def test_sqlite_is_durable_and_strict(sqlite_url):
    database = await Database.open(sqlite_url)

    def pragmas(connection):
        names = ("journal_mode", "synchronous", "foreign_keys", "query_only")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await database.write(pragmas) == ["wal", 2, 1, 0]
    assert await database.lookup(pragmas) == ["wal", 2, 1, 1]
    assert await database.scan(pragmas) == ["wal", 2, 1, 1]
    like = text("SELECT 'a' LIKE 'A'")
    assert [
        await run(lambda c: c.scalar(like)) for run in (database.lookup, database.scan, database.write)
    ] == [0] * 3
    await database.close()


async def test_sqlite_readers_cannot_write(sqlite_url):
    database = await Database.open(sqlite_url)
    for run in (database.lookup, database.scan):
        with pytest.raises(DatabaseUnavailable):
            await run(rename("Mail"))
    assert await title(database) == "Inbox"
    await database.close()


@pytest.fixture
def brief(monkeypatch):
    """SQLite waits a moment only for its lock."""
    monkeypatch.setitem(engines.PRAGMAS, "busy_timeout", 10)


async def test_sqlite_waits_for_another_writer(sqlite_url, brief):
    """Another process holds the lock for longer than one try."""
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


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro",
        "mysql://user:secret@host/name",
        "postgresql://user:secret@host/name?unknown=1",
        "postgresql+psycopg://user:secret@host/name",
        "user:secret@host",
        "http://[",
        "postgresql://user:secret@host:port/name",
    ],
)
async def test_wrong_urls(url):
    with pytest.raises(Misconfigured) as caught:
        await Database.open(url)
    assert "sqlite:///PATH" in caught.value.detail
    assert "secret" not in caught.value.detail


def test_urls():
    assert engines.parse("sqlite:///a/b.db").render_as_string() == "sqlite+pysqlite:///a/b.db"
    parsed = engines.parse("postgres://u:p@h:1/n?sslmode=require&host=/run/postgresql")
    assert parsed.drivername == "postgresql+asyncpg"
    assert dict(parsed.query) == {"ssl": "require", "host": "/run/postgresql"}


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
