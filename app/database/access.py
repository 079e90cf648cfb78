"""A database, opened: lookups, scans and transactions."""

import time
from abc import ABC, abstractmethod
from collections.abc import Hashable
from contextlib import suppress
from time import perf_counter
from typing import TypeVar

from anyio import CapacityLimiter
from sqlalchemy import URL, select

from app import metrics
from app.database import engines
from app.database.facts import PAUSES, Work, commit, facts, patiently
from app.database.group import GroupCommit
from app.database.held import HeldConnections
from app.database.scans import (
    SCANS_AT_ONCE,
    SECONDS_TO_SCAN,
    OutOfTimeError,
    PostgresScanner,
    on_sqlite,
    within,
)
from app.threads import in_thread
from app.traces import span

T = TypeVar("T")
PING = select(1)
#: So long a read may hold up the event loop that is only likely to be short.
SECONDS_IN_LOOP = 0.01
#: So long it is known, of so many reads, that they are not: then they may be again.
SECONDS_LONG, MOST_LONG = 60, 1_000


class Database(ABC):
    """Runs work. Each method raises DatabaseUnavailable, after a bounded time, when it cannot be served."""

    @staticmethod
    async def open(url: str) -> "Database":
        """Open `sqlite:///path` or `postgresql://…` for this process. Raises Misconfigured."""
        parsed = engines.parse(url)
        return _Sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _Postgres(parsed)

    async def lookup(self, work: Work[T]) -> T:
        """Run a short read that an index answers. On SQLite it runs in the event loop: let it be quick."""
        with span("database lookup"), _timed("lookup"), facts():
            return await self._lookup(work)

    async def brief(self, work: Work[T], what: Hashable) -> T:
        """Run a read that is most likely as short as a lookup; where it is not, it is begun again as a scan,
        and for a minute what equals `what` is one from the beginning.

        Its statements count, not what else the work does: let that be little.
        """
        with span("database brief"), _timed("brief"), facts():
            return await self._brief(work, what)

    async def scan(self, work: Work[T]) -> T:
        """Run a read that may take its time, away from the event loop.

        Raises InvalidQuery where it takes too long on SQLite.
        """
        with span("database scan"), _timed("scan"), facts():
            return await self._scan(work)

    async def write(self, work: Work[T]) -> T:
        """Run one transaction; it is committed and durable when this returns.

        After DatabaseUnavailable nothing was written, unless its detail says that the commit was cut off.
        """
        with span("database write"), _timed("write"), facts():
            return await self._write(work)

    @abstractmethod
    async def settle(self) -> None:
        """Leave nothing of what was deleted in the database's own files, as far as that is in our hands."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of every connection."""

    async def ping(self) -> None:
        """Make sure that the database answers."""
        await self.lookup(lambda connection: connection.scalar(PING))

    @abstractmethod
    async def _lookup(self, work: Work[T]) -> T: ...

    @abstractmethod
    async def _brief(self, work: Work[T], what: Hashable) -> T: ...

    @abstractmethod
    async def _scan(self, work: Work[T]) -> T: ...

    @abstractmethod
    async def _write(self, work: Work[T]) -> T: ...


def _timed(way: str) -> metrics.Timed:
    return metrics.Timed(metrics.DATABASE, metrics.FAILURES, way)


class _Sqlite(Database):
    """Lookups stay in the event loop, on one held connection: a hop to a thread costs ten times as much.

    Readers see committed rows at once and never wait for the writer, as the log is write-ahead.
    """

    def __init__(self, url: URL) -> None:
        self._readers = engines.sqlite_readers(url, SCANS_AT_ONCE + 1)
        self._writer = engines.sqlite_writer(url)
        self._scans, self._writes = CapacityLimiter(SCANS_AT_ONCE), GroupCommit(self._writer)
        self._long: dict[Hashable, float] = {}
        with facts():
            self._held = self._readers.connect()

    async def _lookup(self, work: Work[T]) -> T:
        return work(self._held)

    async def _brief(self, work: Work[T], what: Hashable) -> T:
        if self._long.get(what, 0) < time.monotonic():
            with suppress(OutOfTimeError):
                return within(SECONDS_IN_LOOP, self._held, work)
            if len(self._long) >= MOST_LONG:
                self._long.clear()
            self._long[what] = time.monotonic() + SECONDS_LONG
        return await self._scan(work)

    async def _scan(self, work: Work[T]) -> T:
        began = perf_counter()
        async with self._scans:
            metrics.waited("scan", began)
            return await in_thread(on_sqlite, self._readers, work, SECONDS_TO_SCAN)

    async def _write(self, work: Work[T]) -> T:
        return await self._writes.run(work)

    async def settle(self) -> None:
        # A reader in mid-scan keeps the log a while: the next checkpoint takes it.
        with facts():
            await in_thread(self._truncate)

    def _truncate(self) -> None:
        with self._readers.connect() as connection:
            for pause in PAUSES:
                ((busy, *_),) = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
                if not busy:
                    return
                time.sleep(pause)

    async def close(self) -> None:
        self._held.close()
        self._readers.dispose()
        self._writer.dispose()


class _Postgres(Database):
    """Reads run without a transaction around them: each statement is one round trip."""

    def __init__(self, url: URL) -> None:
        self._engine = engines.postgres(url)
        self._held = HeldConnections(self._engine.execution_options(isolation_level="AUTOCOMMIT"))
        self._scans = CapacityLimiter(SCANS_AT_ONCE)
        self._scanners = [PostgresScanner(url) for _ in range(SCANS_AT_ONCE)]

    async def _lookup(self, work: Work[T]) -> T:
        return await patiently(lambda: self._held.run(work))

    async def _brief(self, work: Work[T], _what: Hashable) -> T:
        # The server does the reading, and the event loop goes on meanwhile.
        return await self._lookup(work)

    async def _scan(self, work: Work[T]) -> T:
        async def attempt() -> T:
            scanner = self._scanners.pop()
            try:
                return await in_thread(scanner.run, work)
            finally:
                self._scanners.append(scanner)

        began = perf_counter()
        async with self._scans:
            metrics.waited("scan", began)
            return await patiently(attempt)

    async def _write(self, work: Work[T]) -> T:
        async def attempt() -> T:
            began = perf_counter()
            async with self._engine.connect() as connection:
                metrics.waited("write", began)
                result = await connection.run_sync(work)
                await commit(connection)
                return result

        return await patiently(attempt)

    async def settle(self) -> None:
        """What its own files still hold of deleted rows, the server's VACUUM FULL and archives decide."""

    async def close(self) -> None:
        await self._held.close()
        await self._engine.dispose()
        for scanner in self._scanners:
            await in_thread(scanner.close)
