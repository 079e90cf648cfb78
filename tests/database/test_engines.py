"""Addresses of databases, and what each connection is told."""

import pytest
from sqlalchemy import text

from app.database import Database, engines
from app.errors import DatabaseUnavailable, Misconfigured
from tests.database.titles import rename, title


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
