"""One long transaction that fills a database, with rows by the hundred thousand and no limit of time.

On SQLite it needs the database for itself: a rollback journal, which keeps nothing of pages that are new,
stands in for the write-ahead log meanwhile.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

import asyncpg
from sqlalchemy import URL, Connection, Table
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.util import await_only

from app.database import engines
from app.database.facts import Work, facts
from app.errors import DatabaseUnavailable

T = TypeVar("T")
Rows = Iterable[Sequence[Any]]

#: For the connection that loads; foreign keys are checked at its end.
_PRAGMAS = {
    "cache_size": -1_500_000,
    "foreign_keys": 0,
    "secure_delete": 0,
    "temp_store": "FILE",
    "threads": 2,
}
_MEMORY = (
    "SET LOCAL maintenance_work_mem = '1GB'",
    "SET LOCAL work_mem = '256MB'",
    "SET LOCAL synchronous_commit = off",
)


def load(url: str, work: Work[T]) -> T:
    """Run the work as one transaction; it is durable when this returns. Call it outside of an event loop.

    Raises DatabaseUnavailable, on SQLite also where anybody else has the database open.
    """
    parsed = engines.parse(url)
    with facts():
        if parsed.get_backend_name() == "sqlite":
            return _on_sqlite(parsed, work)
        return asyncio.run(_on_postgres(parsed, work))


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Rows) -> None:
    """Put rows in, each with values as the driver takes them (`driver_value`). Raises DBAPIError."""
    driver: Any = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        _copy(driver.copy_records_to_table(table.name, records=rows, columns=columns))
        return
    text = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    try:
        driver.executemany(text, rows)
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, None, error, sqlite3.Error) from error


def copy_binary(connection: Connection, table: Table, columns: Sequence[str], data: bytes) -> None:
    """PostgreSQL alone: put in rows that are in its own binary form already (its manual, COPY)."""
    driver: Any = connection.connection.driver_connection
    _copy(driver.copy_to_table(table.name, source=_pieces(data), columns=columns, format="binary"))


def driver_value(connection: Connection, table: Table, column: str, value: Any) -> Any:
    """A value as `insert_rows` takes it: on SQLite a moment is text."""
    make = table.c[column].type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    return make(value) if make else value


async def _pieces(data: bytes) -> Any:
    for place in range(0, len(data), 1 << 20):
        yield data[place : place + (1 << 20)]


def _copy(copying: Any) -> None:
    try:
        await_only(copying)
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError("COPY", None, error) from error
    except asyncpg.PostgresError as error:
        raise DBAPIError.instance("COPY", None, error, asyncpg.PostgresError) from error


def _on_sqlite(url: URL, work: Work[T]) -> T:
    engine = engines.sqlite_writer(url)
    try:
        with engine.connect() as connection:
            driver = cast("sqlite3.Connection", connection.connection.driver_connection)
            for name, value in _PRAGMAS.items():
                driver.execute(f"PRAGMA {name} = {value}")
            _journal(driver, "DELETE")
            try:
                with connection.begin():
                    return work(connection)
            finally:
                _journal(driver, "WAL")
                connection.invalidate()
    finally:
        engine.dispose()


def _journal(driver: sqlite3.Connection, mode: str) -> None:
    try:
        [(set_to,)] = driver.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    except sqlite3.OperationalError as error:
        raise DatabaseUnavailable("The database is in use: stop whatever has it open first.") from error
    assert set_to == mode.lower()


async def _on_postgres(url: URL, work: Work[T]) -> T:
    engine = engines.postgres(url, seconds_to_answer=None, connections=1)
    try:
        async with engine.begin() as connection:
            for statement in _MEMORY:
                await connection.exec_driver_sql(statement)
            result = await connection.run_sync(work)
        async with engine.connect() as connection:
            # Sooner or later PostgreSQL would do so itself: until then indexes alone answer nothing.
            settled = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await settled.exec_driver_sql("VACUUM (ANALYZE)")
        return result
    finally:
        await engine.dispose()
