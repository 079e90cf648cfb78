"""What a driver's errors mean: the database is busy (try again) or unavailable (a fact), or we are wrong."""

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import DatabaseUnavailable

T = TypeVar("T")
#: What is run on a database. It fetches all its rows before it returns, and may be run more than once.
Work = Callable[[Connection], T]

#: After about so many seconds, work that lost against another transaction is tried again.
PAUSES = (0.01, 0.05, 0.2, 0.5)
SQLITE_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
SQLITE_UNAVAILABLE = SQLITE_BUSY | {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
}
#: SQLSTATEs and their classes (PostgreSQL, appendix A): 40 is a transaction rolled back in favour of another.
POSTGRES_BUSY = ("40", "55P03")
#: After 23503 too work is tried again: a row that it looked up was purged since; and after 23505: somebody
#: made the row that it did not find.
POSTGRES_AGAIN = (*POSTGRES_BUSY, "23503", "23505")
POSTGRES_UNAVAILABLE = (*POSTGRES_BUSY, "08", "25006", "28", "3D", "53", "57", "58")


@contextmanager
def facts() -> Iterator[None]:
    """Turn errors of a database that cannot serve into DatabaseUnavailable; others are mistakes of ours."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated or _is(error, SQLITE_UNAVAILABLE, POSTGRES_UNAVAILABLE):
            raise DatabaseUnavailable from error
        raise
    except (PoolTimeout, OSError) as error:  # no connection is free, or none can be made
        raise DatabaseUnavailable from error


@contextmanager
def database_file() -> Iterator[None]:
    """The same for a file of SQLite that is opened without SQLAlchemy."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise DatabaseUnavailable(f"A file of the database cannot be used ({error}).") from error


async def patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Await `attempt()`, a few times over while the database is busy or a pooled connection proves dead."""
    for pause in PAUSES:
        try:
            return await attempt()
        except DBAPIError as error:
            if not (error.connection_invalidated or _is(error, SQLITE_BUSY, POSTGRES_AGAIN)):
                raise
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
    return await attempt()


async def commit(connection: AsyncConnection) -> None:
    """Commit. When the connection breaks meanwhile the outcome is unknown: the work is not run again."""
    try:
        await connection.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable(
                "The database went away while it committed; look before you send again."
            ) from error
        raise


def _is(error: DBAPIError, sqlite: set[int], postgres: tuple[str, ...]) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in sqlite  # the low byte is the primary code
    return str(getattr(error.orig, "sqlstate", None) or "").startswith(postgres)
