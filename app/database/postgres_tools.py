"""PostgreSQL's own pg_dump and pg_restore, as they are installed here."""

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from sqlalchemy import URL

from app.database.facts import database_file
from app.errors import DatabaseUnavailable, Misconfigured
from app.threads import in_thread

#: Where Debian keeps them, one folder for each version of the server.
_DEBIAN = Path("/usr/lib/postgresql")
_PIECE = 1 << 20
#: Owners, rights and what else belongs to the server stay there.
_OURS = ("--no-owner", "--no-privileges", "--no-comments", "--no-publications", "--no-subscriptions")


async def dump(
    url: URL, target: Path, snapshot: str, without: Collection[str], told: Callable[[int], None]
) -> None:
    """Dump the database as an exported snapshot has it, in pg_dump's own compressed format.

    `told` is how many bytes there are by now. Raises Misconfigured, DatabaseUnavailable.
    """
    options = ["--format=custom", f"--snapshot={snapshot}", *_OURS]
    options += [f"--exclude-table-data={table}" for table in without]
    async with _running(url, "pg_dump", options) as running:
        with database_file(), target.open("wb") as file:
            assert running.stdout
            while piece := await running.stdout.read(_PIECE):
                await in_thread(file.write, piece)
                told(file.tell())


async def restore(url: URL, source: Path) -> None:
    """Restore such a dump into an empty database, all of it or nothing. Raises as `dump` does."""
    options = ["--single-transaction", "--exit-on-error", f"--dbname={url.database}", *_OURS]
    async with _running(url, "pg_restore", options) as running:
        # Where it has ended before, its exit code says so.
        with database_file(), source.open("rb") as file, suppress(ConnectionError):
            assert running.stdin
            while piece := await in_thread(file.read, _PIECE):
                running.stdin.write(piece)
                await running.stdin.drain()


def program(name: str) -> Path:
    """The newest of this name: an older one would refuse a newer server. Raises Misconfigured."""
    debian = [path for path in _DEBIAN.glob(f"*/bin/{name}") if path.parent.parent.name.isdigit()]
    found = max(debian, key=lambda path: int(path.parent.parent.name), default=None) or shutil.which(name)
    if found is None:
        raise Misconfigured(
            f"{name} is not installed here: install PostgreSQL's client programs, as new as the server's."
        )
    return Path(found)


@asynccontextmanager
async def _running(url: URL, name: str, options: Collection[str]) -> AsyncIterator[Process]:
    """One of them, by pipes: it ends when we do, however that happens. Raises DatabaseUnavailable."""
    with TemporaryFile() as said:
        running = await asyncio.create_subprocess_exec(
            program(name), *options, env=_environment(url), stdin=PIPE, stdout=PIPE, stderr=said, limit=_PIECE
        )
        try:
            yield running
            assert running.stdin
            running.stdin.close()
            await running.communicate()
        finally:
            if running.returncode is None:
                running.terminate()
                await running.wait()
        said.seek(0)
        if running.returncode:
            words = said.read(2000).decode(errors="replace").strip().splitlines()
            raise DatabaseUnavailable(f"{name} failed: {words[0] if words else running.returncode}")


def _environment(url: URL) -> dict[str, str]:
    """How libpq finds the server: on the command line everybody on this machine would read the password."""
    query = {name: value for name, value in url.query.items() if isinstance(value, str)}
    chosen = {
        "PGHOST": url.host or query.get("host"),
        "PGPORT": str(url.port or query.get("port") or "") or None,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGSSLMODE": query.get("ssl"),
    }
    return {**os.environ, **{name: value for name, value in chosen.items() if value}}
