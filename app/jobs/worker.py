"""Whoever runs jobs: a few at once, each on a lease that is renewed while it is worked on."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from random import SystemRandom
from time import perf_counter

import structlog
from sqlalchemy import Connection

from app import traces
from app.database import Database
from app.errors import DatabaseUnavailable, Fact, RemoteRefused, RemoteUnavailable
from app.jobs import rows, tallies
from app.jobs.rows import Job
from app.logs import told

log = structlog.get_logger("readingroom")
#: Does a job; of a standing one it gives the seconds after which it is to be done again.
Body = Callable[[Job], Awaitable[float | None]]

#: Seconds that a lease lasts, and between two looks at the table.
LEASE, POLL = 45.0, 2.0
#: Jobs that one process runs at once.
AT_ONCE = 4
SECONDS_BETWEEN_SWEEPS = 3600.0
_RANDOM = SystemRandom()


class Worker:
    """Runs jobs of these kinds in this process, a few at once, until it is stopped. Some are `standing`."""

    def __init__(
        self,
        database: Database,
        bodies: Mapping[str, Body],
        lease: float = LEASE,
        poll: float = POLL,
        standing: Collection[str] = (),
    ) -> None:
        self._database, self._bodies, self._standing = database, bodies, standing
        self._lease, self._poll = lease, poll

    async def run(self) -> None:
        """Until cancelled; what is running then is left for others."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._one_after_the_other())
            group.create_task(self._sweep())

    async def drain(self) -> int:
        """Run what is due now, one after the other; how many there were."""
        count = 0
        while await self._next():
            count += 1
        return count

    async def _one_after_the_other(self) -> None:
        while True:
            await asyncio.sleep(self._poll * _RANDOM.uniform(0.75, 1.25))
            await _patiently(self.drain())

    async def _sweep(self) -> None:
        while True:
            await _patiently(self._database.write(self._settle))
            await asyncio.sleep(SECONDS_BETWEEN_SWEEPS)

    def _settle(self, connection: Connection) -> None:
        rows.sweep(connection)
        rows.stand(connection, self._standing)

    async def _next(self) -> bool:
        if not await self._database.lookup(rows.is_due):
            return False
        kinds = list(self._bodies)
        job = await self._database.write(lambda connection: rows.claim(connection, kinds, self._lease))
        if job is None:
            return False
        await self._attempt(job)
        return True

    async def _attempt(self, job: Job) -> None:
        with traces.span(f"job {job.kind}", traces.CONSUMER, job.traceparent):
            body = asyncio.ensure_future(self._bodies[job.kind](job))
            began = perf_counter()
            await self._ended(job, body)
        if not body.cancelled():
            outcome = _outcome(job, body)
            seconds = perf_counter() - began
            await self._database.write(lambda connection: _write(connection, job, outcome, seconds))

    async def _ended(self, job: Job, body: "asyncio.Future[float | None]") -> None:
        renewing = asyncio.create_task(self._renew(job, body))
        try:
            await asyncio.wait([body])
        except asyncio.CancelledError:
            body.cancel()
            await asyncio.wait([body])
            await self._database.write(lambda connection: rows.give_back(connection, job))
            raise
        finally:
            renewing.cancel()

    async def _renew(self, job: Job, body: "asyncio.Future[float | None]") -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            # Where the database is away, the lease may hold until it is back.
            with suppress(DatabaseUnavailable):
                if not await self._database.write(
                    lambda connection: rows.renew(connection, job, self._lease)
                ):
                    body.cancel()
                    return


async def _patiently(work: Awaitable[object]) -> None:
    """Whatever goes wrong, the database being away for a while: the next look tells."""
    try:
        await work
    except Exception as error:
        log.error("jobs not looked at", **told(error))


#: What is written of an attempt, and what it is counted as.
Outcome = tuple[str, Callable[[Connection], None]]


def _outcome(job: Job, body: "asyncio.Future[float | None]") -> Outcome:
    if error := body.exception():
        return _failure(job, error)
    seconds = body.result()
    if seconds is None:
        return rows.DONE, lambda connection: rows.finish(connection, job)
    return rows.DONE, lambda connection: rows.rest(connection, job, seconds)


def _failure(job: Job, error: BaseException) -> Outcome:
    """Only our own words are kept of an error: others may hold anything."""
    if not isinstance(error, RemoteRefused | RemoteUnavailable):
        log.error("job failed", kind=job.kind, job=job.id, **told(error))
    words = error.detail if isinstance(error, Fact) else told(error)["error"]
    again = not isinstance(error, RemoteRefused) and job.attempts < rows.MOST_ATTEMPTS
    seconds = error.seconds if isinstance(error, RemoteUnavailable) else 0
    outcome = tallies.TRIED if again else rows.FAILED
    return outcome, lambda connection: rows.fail(connection, job, words, again=again, seconds=seconds)


def _write(connection: Connection, job: Job, outcome: Outcome, seconds: float) -> None:
    counted, write = outcome
    write(connection)
    tallies.add(connection, job.kind, counted, seconds)
