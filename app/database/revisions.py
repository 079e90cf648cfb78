"""The schema's history: brought to its newest revision before workers start, and checked by each of them."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, func, select

from app.database import engines
from app.database.facts import Work, facts
from app.errors import Misconfigured
from app.threads import in_thread

SECONDS_TO_MIGRATE = 3600
APP = Path(__file__).parent.parent
#: In an installed wheel the migrations lie inside the package; in the source tree, beside it.
MIGRATIONS = next(folder for folder in (APP / "migrations", APP.parent / "migrations") if folder.is_dir())
#: Processes that migrate one PostgreSQL database take turns by this advisory lock; the number is arbitrary.
MIGRATING = 0x5265_6164_526F_6F6D


async def migrate(url: str) -> None:
    """Bring the database to the newest revision, in one transaction; any number of processes may ask at once.

    A SQLite database and its folder are made when missing. Raises Misconfigured and DatabaseUnavailable.
    """
    parsed = engines.parse(url)
    with facts():
        if parsed.get_backend_name() == "sqlite":
            await in_thread(_migrate_sqlite, parsed)
        else:
            await _on_postgres(parsed, _migrate_postgres)


async def check_revision(url: str) -> None:
    """Raise Misconfigured, saying what to run, unless the database is at the newest revision."""
    parsed = engines.parse(url)
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
            _write_ahead(engine)
            with engine.begin() as connection:
                _upgrade(connection)
    finally:
        engine.dispose()


def _write_ahead(engine: Engine) -> None:
    connection = engine.raw_connection()
    try:
        connection.cursor().execute(
            "PRAGMA journal_mode = WAL"
        )  # kept in the file; refused inside a transaction
    finally:
        connection.close()


def _migrate_postgres(connection: Connection) -> None:
    connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
    _upgrade(connection)


def _check_sqlite(url: URL) -> None:
    if not Path(url.database or "").is_file():
        raise _not_at(None)
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
        raise _not_at(_revision(connection)) from None


def _check(connection: Connection) -> None:
    found = _revision(connection)
    if found != ScriptDirectory.from_config(_config()).get_current_head():
        raise _not_at(found)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _not_at(found: str | None) -> Misconfigured:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is None or found in known:
        return Misconfigured("The database is not at this version's schema: run 'readingroom migrate' first.")
    return Misconfigured(
        "The database was made by a newer Reading Room: run that version, or restore a backup."
    )


def _config(**attributes: Any) -> Config:
    config = Config(attributes=attributes)
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
