"""Copies of the whole database as it is at one moment, while it is in use; and back into an empty place.

SQLite copies itself by its online backup; of PostgreSQL, its own pg_dump and pg_restore do that.
"""

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import engines, postgres_tools
from app.database.facts import Work, database_file, facts
from app.database.files import sync
from app.database.revisions import SECONDS_TO_MIGRATE
from app.database.unfinished import TABLE
from app.errors import Misconfigured
from app.threads import in_thread

T = TypeVar("T")
#: Runs work on the copied moment.
Reader = Callable[[Work[Any]], Awaitable[Any]]
#: Pages of SQLite that are copied in one step.
_STEP = 5_000


def kind(url: str) -> str:
    """`sqlite` or `postgresql`. Raises Misconfigured."""
    return engines.parse(url).get_backend_name()


@asynccontextmanager
async def snapshot(
    url: str, target: Path, without: Collection[str], told: Callable[[int, int | None], None]
) -> AsyncIterator[Reader]:
    """Copy the database to a file, but for the rows of some tables; in the block, what it holds can be read.

    Raises DatabaseUnavailable, and Misconfigured where PostgreSQL's tools are not there.
    """
    parsed = engines.parse(url)
    copy = _sqlite if parsed.get_backend_name() == "sqlite" else _postgres
    async with copy(parsed, target, without, told) as reader:
        yield reader


async def is_empty(url: str) -> bool:
    """Whether there is nothing there, or no database yet. Raises DatabaseUnavailable, Misconfigured."""
    parsed = engines.parse(url)
    if parsed.get_backend_name() == "sqlite":
        return await in_thread(_is_free, _path(parsed))
    return not set(await read(url, lambda connection: inspect(connection).get_table_names())) - {TABLE}


async def put_back(url: str, source: Path) -> None:
    """Make an empty database what a copy of its kind says: all of it, or nothing.

    Raises DatabaseUnavailable, Misconfigured.
    """
    if not await is_empty(url):
        raise Misconfigured("The database is not empty: restore into a new one.")
    parsed = engines.parse(url)
    if parsed.get_backend_name() == "sqlite":
        await in_thread(_put_file, source, _path(parsed))
    else:
        await postgres_tools.restore(parsed, source)


async def read(url: str, work: Work[T]) -> T:
    """Run a read that may take as long as it likes, of a database that nobody else uses."""
    parsed = engines.parse(url)
    with facts():
        if parsed.get_backend_name() == "sqlite":
            return await in_thread(_on_sqlite, parsed, work)
        return await _on_postgres(parsed, work)


@asynccontextmanager
async def _sqlite(
    url: URL, target: Path, without: Collection[str], told: Callable[[int, int | None], None]
) -> AsyncIterator[Reader]:
    with database_file():
        await in_thread(_copy, _path(url), target, without, told)
    engine = engines.sqlite_readers(url.set(database=str(target)), 1)

    def run(work: Work[Any]) -> Any:
        with facts(), engine.connect() as connection:
            return work(connection)

    try:
        yield lambda work: in_thread(run, work)
    finally:
        engine.dispose()


def _path(url: URL) -> Path:
    return Path(url.database or "").absolute()


def _is_free(path: Path) -> bool:
    if path.exists():
        return False
    # SQLite would take the log of a database that is gone for that of the one put in its place.
    for end in ("-wal", "-shm", "-journal"):
        if path.with_name(path.name + end).exists():
            raise Misconfigured(f"{path.name}{end} of another database is left there: move it away first.")
    return True


def _copy(
    path: Path, target: Path, without: Collection[str], told: Callable[[int, int | None], None]
) -> None:
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)) as source,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        # Within a transaction all steps see one moment, and none begins anew because others write.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(copy, pages=_STEP, progress=lambda _, left, total: told(total - left, total))
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("PRAGMA secure_delete = 1")
        for table in without:
            copy.execute(f"DELETE FROM {table}")  # noqa: S608 (a name of ours)
    sync(target)


def _put_file(source: Path, path: Path) -> None:
    """The whole file under its name at once, durably."""
    with database_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.restoring")
        shutil.copyfile(source, part)
        with closing(sqlite3.connect(part)) as copy:
            ((said,),) = copy.execute("PRAGMA integrity_check(1)")
        if said != "ok":
            raise Misconfigured("The backup's database is damaged.")
        sync(part)
        os.link(part, path)
        part.unlink()
        sync(path.parent)


@asynccontextmanager
async def _postgres(
    url: URL, target: Path, without: Collection[str], told: Callable[[int, int | None], None]
) -> AsyncIterator[Reader]:
    engine = engines.postgres(url, seconds_to_answer=SECONDS_TO_MIGRATE, connections=1)
    opened = engine.connect()
    try:
        with facts():
            await opened.start()
            await opened.execution_options(isolation_level="REPEATABLE READ")
            name = await _exported(opened)
        await postgres_tools.dump(url, target, name, without, lambda done: told(done, None))
        with database_file():
            await in_thread(sync, target)
        yield partial(_run, opened)
    finally:
        await opened.close()
        await engine.dispose()


async def _run(opened: AsyncConnection, work: Work[Any]) -> Any:
    with facts():
        return await opened.run_sync(work)


async def _exported(connection: AsyncConnection) -> str:
    return str((await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one())


def _on_sqlite(url: URL, work: Work[T]) -> T:
    engine = engines.sqlite_readers(url, 1)
    try:
        with engine.connect() as connection:
            return work(connection)
    finally:
        engine.dispose()


async def _on_postgres(url: URL, work: Work[T]) -> T:
    engine = engines.postgres(url, seconds_to_answer=SECONDS_TO_MIGRATE, connections=1)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
