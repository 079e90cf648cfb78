"""The schema's history: brought to its newest revision before workers start, and checked by each of them."""

from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, func, select

from app.database import engines, unfinished
from app.database.beside import serves_us
from app.database.facts import Work, facts
from app.errors import Misconfigured
from app.threads import in_thread

SECONDS_TO_MIGRATE = 3600
APP = Path(__file__).parent.parent
#: In an installed wheel the migrations lie inside the package; in the source tree, beside it.
MIGRATIONS = next(folder for folder in (APP / "migrations", APP.parent / "migrations") if folder.is_dir())
#: Processes that migrate one PostgreSQL database take turns by this advisory lock; the number is arbitrary.
MIGRATING = 0x5265_6164_526F_6F6D
#: What is a property of a SQLite file, in this order. A row of an instance has some 1,800 bytes: of pages of
#: 8,192, a tenth would be empty. Only a new file takes it.
_OF_THE_FILE = {"page_size": 1 << 15, "journal_mode": "WAL"}
_BEHIND = "The database is not at this version's schema: run 'readingroom migrate' first."
_AHEAD = "The database was made by a newer Reading Room: run that version, or restore a backup."


async def migrate(url: str, *, restoring: bool = False) -> None:
    """Bring the database to the newest revision, in one transaction; any number of processes may ask at once.

    What a newer version has brought further stays as it is, where it serves this one too. A SQLite database
    and its folder are made when missing. Raises Misconfigured and DatabaseUnavailable.
    """
    parsed = engines.parse(url)
    if not restoring:
        await unfinished.require_none(url)
    with facts():
        if parsed.get_backend_name() == "sqlite":
            await in_thread(_migrate_sqlite, parsed)
        else:
            await _on_postgres(parsed, _migrate_postgres)


async def check_revision(url: str) -> None:
    """Raise Misconfigured, saying what to run, unless the database is at the newest revision or serves us."""
    parsed = engines.parse(url)
    await unfinished.require_none(url)
    with facts():
        if parsed.get_backend_name() == "sqlite":
            await in_thread(_check_sqlite, parsed)
        else:
            await _on_postgres(parsed, _check)


def _migrate_sqlite(url: URL) -> None:
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = engines.sqlite_writer(url)
    try:
        with FileLock(f"{path}.lock", timeout=SECONDS_TO_MIGRATE):
            _prepare_file(engine)
            with engine.begin() as connection:
                _upgrade(connection)
    finally:
        engine.dispose()


def _prepare_file(engine: Engine) -> None:
    """Of a new database, how long its pages are; and the log, which is refused inside a transaction."""
    connection = engine.raw_connection()
    try:
        for name, value in _OF_THE_FILE.items():
            connection.cursor().execute(f"PRAGMA {name} = {value}")
    finally:
        connection.close()


def _migrate_postgres(connection: Connection) -> None:
    connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
    _upgrade(connection)


def _check_sqlite(url: URL) -> None:
    if not Path(url.database or "").is_file():
        raise Misconfigured(_BEHIND)
    engine = engines.sqlite_readers(url, 1)
    try:
        with engine.connect() as connection:
            _check(connection)
    finally:
        engine.dispose()


async def _on_postgres(url: URL, work: Work[None]) -> None:
    engine = engines.postgres(url, seconds_to_answer=SECONDS_TO_MIGRATE)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(work)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    try:
        command.upgrade(_config(connection=connection), "head")
    except CommandError:  # it stands at a revision that is not among ours
        _check(connection)


def _check(connection: Connection) -> None:
    found, ours = _revision(connection), _ours()
    if found == ours.get_current_head():
        return
    known = {script.revision for script in ours.walk_revisions()}
    if found is None or found in known:
        raise Misconfigured(_BEHIND)
    if not serves_us(connection):
        raise Misconfigured(_AHEAD)


@cache
def _ours() -> ScriptDirectory:
    # It reads every migration, each time it is made.
    return ScriptDirectory.from_config(_config())


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(**attributes: Any) -> Config:
    config = Config(attributes=attributes)
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
