"""A mark where a database is being restored: until it is gone nobody makes, or opens, an archive there.

Beside a file of SQLite it is another file; in PostgreSQL it is a table.
"""

from pathlib import Path

from sqlalchemy import URL, Connection, inspect, text

from app.database import engines
from app.database.facts import Work, database_file, facts
from app.database.files import sync
from app.errors import Misconfigured
from app.threads import in_thread

TABLE = "unfinished_restore"


async def require_none(url: str) -> None:
    """Raises Misconfigured where a restore was broken off, or goes on; DatabaseUnavailable."""
    if await is_marked(url):
        raise Misconfigured("A restore into this place goes on, or was broken off: then run it again.")


async def is_marked(url: str) -> bool:
    """Whether there is a mark. Raises DatabaseUnavailable."""
    parsed = engines.parse(url)
    if parsed.get_backend_name() == "sqlite":
        return await in_thread(_file(parsed).exists)
    return await _on_postgres(parsed, lambda connection: inspect(connection).has_table(TABLE))


async def mark(url: str) -> None:
    """Put it, durably. Raises DatabaseUnavailable."""
    parsed = engines.parse(url)
    if parsed.get_backend_name() == "sqlite":
        await in_thread(_touch, _file(parsed))
    else:
        await _on_postgres(parsed, _executing(f"CREATE TABLE IF NOT EXISTS {TABLE} ()"))


async def unmark(url: str) -> None:
    """Take it away, durably. Raises DatabaseUnavailable."""
    parsed = engines.parse(url)
    if parsed.get_backend_name() == "sqlite":
        await in_thread(_remove, _file(parsed))
    else:
        await _on_postgres(parsed, _executing(f"DROP TABLE IF EXISTS {TABLE}"))


def _file(url: URL) -> Path:
    return Path(f"{url.database}.{TABLE}").absolute()


def _touch(path: Path) -> None:
    with database_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        sync(path.parent)


def _remove(path: Path) -> None:
    with database_file():
        path.unlink(missing_ok=True)
        sync(path.parent)


def _executing(statement: str) -> Work[bool]:
    def work(connection: Connection) -> bool:
        connection.execute(text(statement))
        return True

    return work


async def _on_postgres(url: URL, work: Work[bool]) -> bool:
    engine = engines.postgres(url, connections=1)
    try:
        with facts():
            async with engine.begin() as connection:
                return await connection.run_sync(work)
    finally:
        await engine.dispose()
