"""Jobs as rows of one table: asked for, taken, renewed, ended.

A job is asked for in the transaction of what it follows from: both happen, or neither. Whoever is free takes
the one that has waited longest, on a lease that they renew while they work; when they die it ends, and
another takes over. So a job may run twice, and must do no harm by that. It is tried again, later and later,
until it has been tried too often. Clocks of machines that share a database may differ by less than a lease.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom
from secrets import token_hex
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Table, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app import traces
from app.errors import Conflict
from app.models import Job as Model
from app.models.types import now, telling_nothing

JOB: Table = Model.metadata.tables["job"]
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"

#: Tried so often: over some thirty hours.
MOST_ATTEMPTS = 16
#: Seconds until the second attempt, and between two at most.
FIRST_WAIT, LONGEST_WAIT = 5.0, 6 * 3600.0
#: Seconds before a standing job is run for the first time: a server that starts has other things to do.
FIRST_REST = 60.0
KEPT = {DONE: timedelta(days=7), FAILED: timedelta(days=90)}
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
    done: int
    total: int
    person_id: int | None
    traceparent: str


def enqueue(
    connection: Connection, kind: str, key: str, asked_by: int | None = None, **arguments: Any
) -> None:
    """Ask for a job, in the caller's transaction. There is one of each key: if it waits already it is run
    once for both; if it runs, or has ended, it is run again.

    `asked_by` is the person for whom it is done, who may see how it stands.
    """
    row = _new(kind, key, now()) | {"arguments": orjson.dumps(arguments), "person_id": asked_by}
    running = JOB.c.state == RUNNING
    again = {
        **{name: row[name] for name in ("arguments", "person_id", "traceparent")},
        "asked": JOB.c.asked + 1,
        "state": case((running, RUNNING), else_=WAITING),
        "attempts": case((running, JOB.c.attempts), else_=0),
        "run_at": case((running, JOB.c.run_at), else_=row["run_at"]),
        "ended_at": None,
        "done": case((running, JOB.c.done), else_=0),
        "total": case((running, JOB.c.total), else_=0),
    }
    added = _insert(connection)(JOB).values(row)
    connection.execute(added.on_conflict_do_update(index_elements=["key"], set_=again))


def stand(connection: Connection, kinds: Iterable[str]) -> None:
    """See to it that there is a job of each of these kinds, which whoever runs it puts off again and again.

    One that failed is tried again.
    """
    moment = now() + timedelta(seconds=FIRST_REST)
    for kind in kinds:
        row = _new(kind, kind, moment)
        anew = {"state": WAITING, "attempts": 0, "run_at": moment, "ended_at": None}
        added = _insert(connection)(JOB).values(row)
        ended = JOB.c.state.in_((DONE, FAILED))
        connection.execute(added.on_conflict_do_update(index_elements=["key"], set_=anew, where=ended))


def _new(kind: str, key: str, moment: datetime) -> dict[str, Any]:
    row = {"id": telling_nothing(), "key": key, "kind": kind, "arguments": b"{}", "state": WAITING}
    row |= {"asked": 1, "attempts": 0, "run_at": moment, "lease": "", "error": "", "created_at": now()}
    return row | {"done": 0, "total": 0, "person_id": None, "traceparent": traces.traceparent()}


def _insert(connection: Connection) -> Any:
    return {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name]


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


def tell(connection: Connection, job: Job, done: int, total: int) -> None:
    """Say how far a job is, in the transaction of what was done.

    Raises Conflict where it is somebody else's by now: then nothing is written.
    """
    told = update(JOB).where(_held(job)).values(done=done, total=max(done, total))
    if not connection.execute(told).rowcount:
        raise Conflict("Another process took the job over.")


def finish(connection: Connection, job: Job) -> None:
    """The job is done: if it was asked for again meanwhile it waits anew."""
    _release(connection, job, {"state": DONE, "error": "", "ended_at": now()})


def rest(connection: Connection, job: Job, seconds: float) -> None:
    """A standing job is done for now: it waits so long, or not at all if it was asked for meanwhile."""
    run_at = now() + timedelta(seconds=seconds)
    _release(connection, job, {"state": WAITING, "error": "", "attempts": 0, "run_at": run_at})


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


def page(
    connection: Connection, after: int, limit: int, state: str | None = None, asked_by: int | None = None
) -> list[Job]:
    """Jobs in the order in which they were first asked for; of one person, where it is said of whom."""
    rows = select(JOB).where(JOB.c.id > after).order_by(JOB.c.id).limit(limit)
    if state is not None:
        rows = rows.where(JOB.c.state == state)
    if asked_by is not None:
        rows = rows.where(JOB.c.person_id == asked_by)
    return [_job(row) for row in connection.execute(rows)]


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
