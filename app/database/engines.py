"""SQLAlchemy engines for the two databases: drivers, pragmas, pools, time limits."""

import sqlite3
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.database.statements import Statement
from app.errors import Misconfigured

SECONDS_TO_CONNECT = 10
SECONDS_TO_ANSWER = 60

#: Compiled statements that an engine keeps, up to half as many more for a moment. Each takes some 300 kB, and
#: whoever searches for ever other attributes would fill the memory with them.
STATEMENTS = 100

#: For every SQLite connection. The write-ahead log is a property of the file: `migrate` turns it on.
PRAGMAS = {
    "busy_timeout": 5000,
    # In KiB: the pages that a request with some dozen instances changes.
    "cache_size": -8000,
    "case_sensitive_like": 1,
    "foreign_keys": 1,
    "mmap_size": 1 << 30,
    # What is deleted is overwritten: purged data must not lie in free pages.
    "secure_delete": 1,
    "synchronous": "FULL",
    "temp_store": "MEMORY",
}

_BEGIN = Statement(text("BEGIN IMMEDIATE"))


def parse(url: str) -> URL:
    """The URL with the driver that this project uses. Raises Misconfigured, which repeats no password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = URL.create("none")
    scheme, options = parsed.drivername, set(parsed.query)
    if scheme == "sqlite" and parsed.database and parsed.database != ":memory:" and not options:
        return parsed.set(drivername="sqlite+pysqlite")
    if scheme in ("postgresql", "postgres") and options <= {"host", "port", "sslmode"}:
        query = {"ssl" if name == "sslmode" else name: value for name, value in parsed.query.items()}
        return parsed.set(drivername="postgresql+asyncpg", query=query)
    raise Misconfigured(
        "The database must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME, "
        "the second with sslmode, host or port as its only options."
    )


def sqlite_writer(url: URL) -> Engine:
    """One connection, whose transactions take the write lock as they begin, so that none fails half-way."""
    engine = _sqlite(url, 1)
    event.listen(engine, "begin", _BEGIN.rows)
    return engine


def sqlite_readers(url: URL, connections: int) -> Engine:
    """Connections that cannot write; each statement sees what is committed as it starts."""
    engine = _sqlite(url, connections, isolation_level="AUTOCOMMIT")
    event.listen(engine, "connect", _forbid_writes)
    return engine


def postgres(
    url: URL, seconds_to_answer: float | None = SECONDS_TO_ANSWER, connections: int = 20
) -> AsyncEngine:
    """A pool whose connections wait a bounded time. Its queries are short: JIT would only delay them."""
    return create_async_engine(
        url,
        pool_size=(connections + 1) // 2,
        max_overflow=connections // 2,
        query_cache_size=STATEMENTS,
        pool_timeout=SECONDS_TO_CONNECT,
        hide_parameters=True,
        connect_args={
            "timeout": SECONDS_TO_CONNECT,
            "command_timeout": seconds_to_answer,
            "server_settings": {"application_name": "readingroom", "jit": "off"},
        },
    )


def _sqlite(url: URL, connections: int, **options: Any) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        query_cache_size=STATEMENTS,
        hide_parameters=True,
        connect_args={"check_same_thread": False},
        **options,
    )
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver itself begins nothing
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


def _forbid_writes(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only = 1")
