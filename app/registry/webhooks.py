"""Webhooks: where somebody is told of events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from app.models.types import now
from app.registry.tables import WEBHOOK


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook as its row has it; `person_id` None is the owner's, with the digest of their token."""

    id: int
    person_id: int | None
    owner: bytes | None
    url: str
    secret: str
    events: tuple[str, ...]
    created_at: datetime


def make(
    connection: Connection,
    person: int | None,
    owner: bytes | None,
    url: str,
    secret: str,
    events: Sequence[str],
) -> int:
    """Make one; its row."""
    row = {"person_id": person, "owner": owner, "url": url, "secret": secret, "created_at": now()}
    made = insert(WEBHOOK).values(**row, events=orjson.dumps(list(events))).returning(WEBHOOK.c.id)
    return int(connection.execute(made).scalar_one())


def page(connection: Connection, person: int | None, after: int, limit: int) -> list[Webhook]:
    """Somebody's, in the order in which they were made."""
    rows = select(WEBHOOK).where(_own(person), WEBHOOK.c.id > after).order_by(WEBHOOK.c.id).limit(limit)
    return [_webhook(row) for row in connection.execute(rows)]


def count(connection: Connection, person: int | None) -> int:
    """How many somebody has."""
    return int(connection.execute(select(func.count()).where(_own(person))).scalar_one())


def get(connection: Connection, row: int) -> Webhook | None:
    """The one of this row, or None."""
    found = connection.execute(select(WEBHOOK).where(WEBHOOK.c.id == row)).first()
    return _webhook(found) if found else None


def remove(connection: Connection, row: int) -> None:
    """Forget one."""
    connection.execute(delete(WEBHOOK).where(WEBHOOK.c.id == row))


def every(connection: Connection) -> list[tuple[int, tuple[str, ...]]]:
    """The row of each, and of what it tells."""
    rows = connection.execute(select(WEBHOOK.c.id, WEBHOOK.c.events).order_by(WEBHOOK.c.id))
    return [(row.id, tuple(orjson.loads(row.events))) for row in rows]


def _own(person: int | None) -> ColumnElement[bool]:
    return WEBHOOK.c.person_id.is_not_distinct_from(person)


def _webhook(row: Any) -> Webhook:
    values = {name: getattr(row, name) for name in Webhook.__slots__ if name != "events"}
    return Webhook(**values, events=tuple(orjson.loads(row.events)))
