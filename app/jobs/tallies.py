"""How jobs ended and how many there are, by kind, on all machines together: for Prometheus."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from app.jobs.rows import FAILED, JOB, RUNNING, WAITING
from app.models import JobTally
from app.models.types import now

TALLY: Table = JobTally.metadata.tables["job_tally"]
#: An attempt that failed, after which there is to be another.
TRIED = "tried"


class Ended(NamedTuple):
    """Attempts at jobs of a kind that ended so, and the seconds that they took."""

    kind: str
    outcome: str
    attempts: int
    seconds: float


class Queued(NamedTuple):
    """Jobs of a kind that are in a state, and for how many seconds the oldest of them has been due."""

    kind: str
    state: str
    jobs: int
    overdue: float


def add(connection: Connection, kind: str, outcome: str, seconds: float) -> None:
    """Count an attempt, in the transaction that writes its outcome."""
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name]
    row = {"kind": kind, "outcome": outcome, "attempts": 1, "seconds": seconds}
    more = {"attempts": TALLY.c.attempts + 1, "seconds": TALLY.c.seconds + seconds}
    added = insert(TALLY).values(row)
    connection.execute(added.on_conflict_do_update(index_elements=["kind", "outcome"], set_=more))


def ended(connection: Connection) -> Sequence[Ended]:
    """Since there has been the archive."""
    rows = select(*TALLY.c["kind", "outcome", "attempts", "seconds"])
    return [Ended._make(row) for row in connection.execute(rows.order_by(TALLY.c.kind, TALLY.c.outcome))]


def queued(connection: Connection) -> Sequence[Queued]:
    """Now; what is done is not among them."""
    rows = (
        select(JOB.c.kind, JOB.c.state, func.count(), func.min(JOB.c.run_at, type_=JOB.c.run_at.type))
        .where(JOB.c.state.in_((WAITING, RUNNING, FAILED)))
        .group_by(JOB.c.kind, JOB.c.state)
        .order_by(JOB.c.kind, JOB.c.state)
    )
    found = connection.execute(rows).all()
    return [Queued(kind, state, jobs, _overdue(state, oldest)) for kind, state, jobs, oldest in found]


def _overdue(state: str, run_at: datetime) -> float:
    return max(0.0, (now() - run_at).total_seconds()) if state == WAITING else 0.0
