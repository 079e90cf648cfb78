"""Versions of collections, and what becomes of submissions on the way into one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import randbelow
from typing import Any

import orjson
from sqlalchemy import Connection, func, insert, select, update

from app.errors import Conflict
from app.models.collections import APPROVED, OPEN, PUBLISHED
from app.models.types import now, telling_nothing
from app.registry import deidentification, rights
from app.registry.tables import COLLECTION, SUBMISSION, VERSION


@dataclass(frozen=True, slots=True)
class Version:
    """One version as its row has it."""

    id: int
    collection_id: int
    number: int
    note: str
    doi: str
    published_at: datetime
    published_by: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What is to be left out, and why; empty UIDs are all of what is above them."""

    study: str
    series: str
    instance: str
    reason: str


def begin(connection: Connection, collection: int) -> int:
    """The number of the version to be published, in a transaction that has the collection to itself."""
    turn = select(COLLECTION.c.latest_version).where(COLLECTION.c.id == collection)
    return int(connection.execute(turn.with_for_update(key_share=True)).scalar_one()) + 1


def add(connection: Connection, collection: int, number: int, note: str, by: str) -> None:
    """Say that the version is there: from now on it is the latest."""
    # One after the other, whatever the clocks say: the feed goes by these keys.
    rights.changed(connection)
    last = connection.scalar(select(func.max(VERSION.c.id))) or 0
    values = {"collection_id": collection, "number": number, "note": note, "published_by": by}
    values |= {"id": max(telling_nothing(), last + 1 + randbelow(256)), "doi": "", "published_at": now()}
    connection.execute(insert(VERSION).values(**values))
    connection.execute(update(COLLECTION).where(COLLECTION.c.id == collection).values(latest_version=number))


def page(connection: Connection, collection: int, after: int, limit: int) -> list[Version]:
    """The versions of a collection from the one behind `after` on."""
    rows = select(VERSION).where(VERSION.c.collection_id == collection, VERSION.c.number > after)
    return [
        Version(**row._mapping) for row in connection.execute(rows.order_by(VERSION.c.number).limit(limit))
    ]


def get(connection: Connection, collection: int, number: int) -> Version | None:
    """One version, or None."""
    return next((each for each in page(connection, collection, number - 1, 1) if each.number == number), None)


def behind(connection: Connection, collections: Iterable[int], after: int, limit: int) -> list[Version]:
    """The versions of these collections in the order in which they were published, behind the key `after`."""
    rows = select(VERSION).where(VERSION.c.collection_id.in_(list(collections)), VERSION.c.id > after)
    return [Version(**row._mapping) for row in connection.execute(rows.order_by(VERSION.c.id).limit(limit))]


def take(
    connection: Connection, collection: int, keys: Sequence[str] | None, version: int
) -> dict[int, list[Withdrawal]]:
    """Mark these submissions of a collection, or all that are approved, as published in this version; what
    each of them proposes to withdraw, by row, in the order in which they were opened.

    Raises Conflict where one of them was published before, or there is none of its name.
    """
    wanted = SUBMISSION.c.state == APPROVED if keys is None else SUBMISSION.c.key.in_(list(keys))
    rows = connection.execute(
        select(*SUBMISSION.c["id", "key", "state", "withdrawals"])
        .where(SUBMISSION.c.collection_id == collection, wanted, SUBMISSION.c.state != PUBLISHED)
        .order_by(SUBMISSION.c.id)
        .with_for_update(key_share=True)
    ).all()
    if missing := sorted(set(keys or ()) - {row.key for row in rows}):
        raise Conflict(f"These are no submissions that could be published here: {', '.join(missing[:10])}.")
    if waiting := sorted(deidentification.not_passed(connection, [row.id for row in rows])):
        raise Conflict(f"These wait for the second pass of de-identification: {', '.join(waiting[:10])}.")
    found = {row.id: decoded(row.withdrawals) for row in rows}
    connection.execute(
        update(SUBMISSION)
        .where(SUBMISSION.c.id.in_(found))
        .values(state=PUBLISHED, published_version=version)
    )
    return found


def propose(connection: Connection, submission: int, withdrawals: Iterable[Withdrawal]) -> None:
    """Say what is to be withdrawn with the submission's publication. Raises Conflict unless it is open."""
    form = orjson.dumps([_told(each) for each in withdrawals])
    own = SUBMISSION.c.id == submission, SUBMISSION.c.state == OPEN
    if not connection.execute(update(SUBMISSION).where(*own).values(withdrawals=form)).rowcount:
        raise Conflict("This submission takes nothing more: reopen it first.")


def proposed(connection: Connection, submission: int) -> list[Withdrawal]:
    """What is to be withdrawn with the submission's publication."""
    return decoded(
        connection.execute(select(SUBMISSION.c.withdrawals).where(SUBMISSION.c.id == submission)).scalar_one()
    )


def turn(connection: Connection, submission: int, before: Iterable[str], state: str) -> None:
    """Put a submission into another state. Raises Conflict where it is in none of those `before`."""
    own = SUBMISSION.c.id == submission, SUBMISSION.c.state.in_(list(before))
    if not connection.execute(update(SUBMISSION).where(*own).values(state=state)).rowcount:
        raise Conflict("The submission's state does not allow this: read it again.")


def decoded(form: bytes) -> list[Withdrawal]:
    """Withdrawals as their column has them."""
    return [Withdrawal(**each) for each in orjson.loads(form)]


def _told(withdrawal: Withdrawal) -> Mapping[str, Any]:
    return {name: getattr(withdrawal, name) for name in Withdrawal.__slots__}
