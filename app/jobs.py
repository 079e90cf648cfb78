"""Durable background jobs over one table, on SQLite and PostgreSQL (decision 2026-11-22).

A job is asked for in the transaction of what it follows from: both happen, or neither. Whoever is free takes
the one that has waited longest, on a lease that they renew while they work; when they die it ends, and
another takes over. So a job may run twice, and must do no harm by that. It is tried again, later and later,
until it has been tried too often. Clocks of machines that share a database may differ by less than a lease.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom
from secrets import token_hex
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, Row, Table, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.database import Database
from app.errors import DatabaseUnavailable, Fact, RemoteRefused, RemoteUnavailable
from app.logs import told
from app.models import Job as Model
from app.models.types import now, telling_nothing

log = structlog.get_logger("readingroom")
JOB: Table = Model.metadata.tables["job"]
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"

#: Tried so often: over some thirty hours.
MOST_ATTEMPTS = 16
#: Seconds until the second attempt, and between two at most.
FIRST_WAIT, LONGEST_WAIT = 5.0, 6 * 3600.0
#: Seconds that a lease lasts, and between two looks at the table.
LEASE, POLL = 45.0, 2.0
#: Jobs that one process runs at once.
AT_ONCE = 4
KEPT = {DONE: timedelta(days=7), FAILED: timedelta(days=90)}
SECONDS_BETWEEN_SWEEPS = 3600.0
LONGEST_ERROR = 2_000
#: Not the one that others seed.
_RANDOM = SystemRandom()


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its row has it."""

    id: int
    key: str
    kind: str
    arguments: Mapping[str, Any]
    state: str
    asked: int
    attempts: int
    run_at: datetime
    lease: str
    error: str
    created_at: datetime
    ended_at: datetime | None


Body = Callable[[Job], Awaitable[None]]


def enqueue(connection: Connection, kind: str, key: str, **arguments: Any) -> None:
    """Ask for a job, in the caller's transaction. There is one of each key: if it waits already it is run
    once for both; if it runs, or has ended, it is run again.
    """
    moment, encoded = now(), orjson.dumps(arguments)
    row = {"id": telling_nothing(), "key": key, "kind": kind, "arguments": encoded, "state": WAITING}
    row |= {"asked": 1, "attempts": 0, "run_at": moment, "lease": "", "error": "", "created_at": moment}
    running = JOB.c.state == RUNNING
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name]
    again = {
        "arguments": encoded,
        "asked": JOB.c.asked + 1,
        "state": case((running, RUNNING), else_=WAITING),
        "attempts": case((running, JOB.c.attempts), else_=0),
        "run_at": case((running, JOB.c.run_at), else_=moment),
        "ended_at": None,
    }
    connection.execute(insert(JOB).values(row).on_conflict_do_update(index_elements=["key"], set_=again))


def claim(connection: Connection, kinds: list[str], seconds: float) -> Job | None:
    """Take the job that has waited longest; None where none is due."""
    moment = now()
    left = (JOB.c.state == RUNNING) & (JOB.c.lease_until <= moment)
    died = "Whoever ran it ended before it was done, each time."
    connection.execute(
        update(JOB)
        .where(left, JOB.c.attempts >= MOST_ATTEMPTS)
        .values(state=FAILED, error=died, lease="", lease_until=None, ended_at=moment)
    )
    due = or_((JOB.c.state == WAITING) & (JOB.c.run_at <= moment), left)
    first = select(JOB.c.id).where(due, JOB.c.kind.in_(kinds)).order_by(JOB.c.run_at, JOB.c.id).limit(1)
    lease = {"lease": token_hex(16), "lease_until": moment + timedelta(seconds=seconds)}
    taken = (
        update(JOB)
        .where(JOB.c.id == first.with_for_update(skip_locked=True).scalar_subquery())
        .values(state=RUNNING, attempts=JOB.c.attempts + 1, **lease)
        .returning(JOB)
    )
    row = connection.execute(taken).first()
    return _job(row) if row else None


def is_due(connection: Connection) -> bool:
    """Whether there may be something to take."""
    moment = now()
    rows = select(JOB.c.id).where(JOB.c.state.in_((WAITING, RUNNING)))
    due = or_((JOB.c.state == WAITING) & (JOB.c.run_at <= moment), JOB.c.lease_until <= moment)
    return connection.execute(rows.where(due).limit(1)).first() is not None


def renew(connection: Connection, job: Job, seconds: float) -> bool:
    """Hold on to a job; False where it is somebody else's by now."""
    until = now() + timedelta(seconds=seconds)
    return bool(connection.execute(update(JOB).where(_held(job)).values(lease_until=until)).rowcount)


def finish(connection: Connection, job: Job) -> None:
    """The job is done: if it was asked for again meanwhile it waits anew."""
    _release(connection, job, {"state": DONE, "error": "", "ended_at": now()})


def fail(connection: Connection, job: Job, error: str, *, again: bool, seconds: float = 0) -> None:
    """The job failed; it is tried again, not before so many seconds, unless that is of no use."""
    error = error[:LONGEST_ERROR]
    if not again or job.attempts >= MOST_ATTEMPTS:
        _release(connection, job, {"state": FAILED, "error": error, "ended_at": now()})
    else:
        run_at = now() + timedelta(seconds=max(wait(job.attempts), seconds))
        _release(connection, job, {"state": WAITING, "error": error, "run_at": run_at})


def give_back(connection: Connection, job: Job) -> None:
    """Let another take the job at once, as if it had never been begun."""
    connection.execute(
        update(JOB)
        .where(_held(job))
        .values(state=WAITING, attempts=JOB.c.attempts - 1, lease="", lease_until=None)
    )


def wait(attempts: int) -> float:
    """Seconds until the next attempt: twice as long each time, and not all at the same moment."""
    return float(min(FIRST_WAIT * 2 ** min(attempts - 1, 30), LONGEST_WAIT) * _RANDOM.uniform(0.75, 1.25))


def sweep(connection: Connection) -> None:
    """Forget what ended long ago."""
    for state, kept in KEPT.items():
        connection.execute(delete(JOB).where(JOB.c.state == state, JOB.c.ended_at < now() - kept))


def page(connection: Connection, after: int, limit: int, state: str | None = None) -> list[Job]:
    """Jobs in the order in which they were first asked for."""
    rows = select(JOB).where(JOB.c.id > after).order_by(JOB.c.id).limit(limit)
    return [
        _job(row) for row in connection.execute(rows if state is None else rows.where(JOB.c.state == state))
    ]


def get(connection: Connection, job: int) -> Job | None:
    """The job of this row, or None."""
    row = connection.execute(select(JOB).where(JOB.c.id == job)).first()
    return _job(row) if row else None


def _held(job: Job) -> Any:
    return (JOB.c.id == job.id) & (JOB.c.state == RUNNING) & (JOB.c.lease == job.lease)


def _release(connection: Connection, job: Job, values: Mapping[str, Any]) -> None:
    asked_again = {"state": WAITING, "attempts": 0, "run_at": now(), "ended_at": None}
    free = {"lease": "", "lease_until": None}
    for same, outcome in ((True, values), (False, {**values, **asked_again})):
        condition = JOB.c.asked == job.asked if same else JOB.c.asked != job.asked
        connection.execute(update(JOB).where(_held(job), condition).values({**outcome, **free}))


def _job(row: Row[Any]) -> Job:
    values = {name: getattr(row, name) for name in Job.__slots__}
    return Job(**{**values, "arguments": orjson.loads(row.arguments)})


class Worker:
    """Runs jobs of these kinds in this process, a few at once, until it is stopped."""

    def __init__(
        self, database: Database, bodies: Mapping[str, Body], lease: float = LEASE, poll: float = POLL
    ) -> None:
        self._database, self._bodies, self._lease, self._poll = database, bodies, lease, poll

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
            await asyncio.sleep(SECONDS_BETWEEN_SWEEPS)
            await _patiently(self._database.write(sweep))

    async def _next(self) -> bool:
        if not await self._database.lookup(is_due):
            return False
        kinds = list(self._bodies)
        job = await self._database.write(lambda connection: claim(connection, kinds, self._lease))
        if job is None:
            return False
        await self._attempt(job)
        return True

    async def _attempt(self, job: Job) -> None:
        body = asyncio.ensure_future(self._bodies[job.kind](job))
        renewing = asyncio.create_task(self._renew(job, body))
        try:
            await asyncio.wait([body])
        except asyncio.CancelledError:
            body.cancel()
            await asyncio.wait([body])
            await self._database.write(lambda connection: give_back(connection, job))
            raise
        finally:
            renewing.cancel()
        if body.cancelled():
            return
        outcome = _outcome(job, body.exception())
        await self._database.write(outcome)

    async def _renew(self, job: Job, body: "asyncio.Future[None]") -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            # Where the database is away, the lease may hold until it is back.
            with suppress(DatabaseUnavailable):
                if not await self._database.write(lambda connection: renew(connection, job, self._lease)):
                    body.cancel()
                    return


async def _patiently(work: Awaitable[object]) -> None:
    """Whatever goes wrong, the database being away for a while: the next look tells."""
    try:
        await work
    except Exception as error:
        log.error("jobs not looked at", **told(error))


def _outcome(job: Job, error: BaseException | None) -> Callable[[Connection], None]:
    """What is written of an attempt. Only our own words are kept of an error: others may hold anything."""
    if error is None:
        return lambda connection: finish(connection, job)
    if not isinstance(error, RemoteRefused | RemoteUnavailable):
        log.error("job failed", kind=job.kind, job=job.id, **told(error))
    words = error.detail if isinstance(error, Fact) else told(error)["error"]
    again = not isinstance(error, RemoteRefused)
    seconds = error.seconds if isinstance(error, RemoteUnavailable) else 0
    return lambda connection: fail(connection, job, words, again=again, seconds=seconds)
