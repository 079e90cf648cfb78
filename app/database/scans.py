"""Reads that may take their time: a few at once, each in a thread, so that none holds up the event loop."""

import asyncio
import sqlite3
import time
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import OperationalError

from app.database import engines
from app.database.facts import Work
from app.errors import InvalidQuery

T = TypeVar("T")
SCANS_AT_ONCE = 4
#: SQLite has no time limit of its own.
SECONDS_TO_SCAN = 20
#: After about so many of its virtual machine's steps, a tenth of a millisecond's worth, SQLite looks at the
#: clock.
_STEPS = 10_000


class OutOfTimeError(Exception):
    """A statement was given up."""


def on_sqlite(readers: Engine, work: Work[T], seconds: float) -> T:
    """What the work gives. Raises InvalidQuery where its statements take longer than this."""
    with readers.connect() as connection:
        try:
            return within(seconds, connection, work)
        except OutOfTimeError:
            raise InvalidQuery(
                "This takes too long to find: narrow it, with a further key or range."
            ) from None


def within(seconds: float, connection: Connection, work: Work[T]) -> T:
    """What the work gives, on SQLite. Raises OutOfTimeError where its statements take longer than this."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    deadline = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        return work(connection)
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
            raise
        raise OutOfTimeError from error
    finally:
        driver.set_progress_handler(None, 0)


class PostgresScanner:
    """One connection and an event loop of its own: what is made of its rows keeps nobody else waiting.

    It runs one work at a time, in whichever thread that is.
    """

    def __init__(self, url: URL) -> None:
        self._loop = asyncio.Runner()
        self._engine = engines.postgres(url, connections=1)
        self._readers = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    def run(self, work: Work[T]) -> T:
        """What the work gives."""
        return self._loop.run(self._run(work))

    async def _run(self, work: Work[T]) -> T:
        async with self._readers.connect() as connection:
            return await connection.run_sync(work)

    def close(self) -> None:
        """Let go of the connection."""
        self._loop.run(self._engine.dispose())
        self._loop.close()
