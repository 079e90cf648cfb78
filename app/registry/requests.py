"""Requests for access: kept as they were asked, answered and decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, case, insert, select, update

from app.errors import Conflict
from app.models.types import now
from app.registry.tables import AGREEMENT, COLLECTION, GRANT, PERSON, REQUEST


@dataclass(frozen=True, slots=True)
class Request:
    """A request as its row has it, with what it refers to. `history` has what was done, the oldest first.

    `agreement` is the version that was accepted; `starts_at`, `ends_at`, `revoked_at` are those of what was
    granted.
    """

    id: int
    collection_id: int
    person: int
    signed_as: str
    grant: int | None
    renews: int | None
    state: str
    answers: Mapping[str, str]
    history: list[dict[str, str]]
    revision: int
    created_at: datetime
    changed_at: datetime
    submitted_at: datetime | None
    collection: str
    person_name: str
    agreement: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    revoked_at: datetime | None


def create(connection: Connection, values: Mapping[str, Any]) -> int:
    """Make a request of a row's values; its row."""
    return int(
        connection.execute(insert(REQUEST).values(**_row(values)).returning(REQUEST.c.id)).scalar_one()
    )


def find(connection: Connection, visible: ColumnElement[bool], request: int) -> Request | None:
    """The request of this row, where it is visible, or None."""
    return next(iter(page(connection, visible & (REQUEST.c.id == request), 0, 1)), None)


def page(connection: Connection, visible: ColumnElement[bool], after: int, limit: int) -> list[Request]:
    """Those that are visible, in the order in which they were made."""
    rows = _REQUESTS.where(visible, REQUEST.c.id > after).order_by(REQUEST.c.id).limit(limit)
    return [_request(row) for row in connection.execute(rows)]


def last_of(connection: Connection, collection: int, person: int) -> Request | None:
    """What somebody asked for last in a collection, or None."""
    own = (REQUEST.c.collection_id == collection) & (REQUEST.c.person_id == person)
    rows = _REQUESTS.where(own).order_by(REQUEST.c.id.desc()).limit(1)
    return next((_request(row) for row in connection.execute(rows)), None)


def take_turn(connection: Connection, person: int) -> None:
    """Wait for what else this person asks for at this moment."""
    connection.execute(select(PERSON.c.id).where(PERSON.c.id == person).with_for_update())


def change(connection: Connection, request: Request, values: Mapping[str, Any]) -> None:
    """Write what is new. Raises Conflict where it was changed since `request` was read."""
    place = (REQUEST.c.id == request.id) & (REQUEST.c.revision == request.revision)
    new = {**_row(values), "revision": request.revision + 1, "changed_at": now()}
    if not connection.execute(update(REQUEST).where(place).values(**new)).rowcount:
        raise Conflict("The request was changed meanwhile: read it again.")


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    written = {name: orjson.dumps(values[name]) for name in ("answers", "history") if name in values}
    return {**values, **written}


def _request(row: Any) -> Request:
    values = row._asdict()
    read = {name: orjson.loads(values[name]) for name in ("answers", "history")}
    return Request(**{**values, **read})


_JOINED = (
    REQUEST.join(COLLECTION, COLLECTION.c.id == REQUEST.c.collection_id)
    .join(PERSON, PERSON.c.id == REQUEST.c.person_id)
    .outerjoin(AGREEMENT, AGREEMENT.c.id == REQUEST.c.agreement_id)
    .outerjoin(GRANT, GRANT.c.id == REQUEST.c.grant_id)
)
_REQUESTS = select(
    *REQUEST.c["id", "collection_id", "signed_as", "renews", "state", "answers", "history", "revision"],
    *REQUEST.c["created_at", "changed_at", "submitted_at"],
    REQUEST.c.person_id.label("person"),
    REQUEST.c.grant_id.label("grant"),
    COLLECTION.c.slug.label("collection"),
    case((PERSON.c.name == "", PERSON.c.subject), else_=PERSON.c.name).label("person_name"),
    AGREEMENT.c.version.label("agreement"),
    *GRANT.c["starts_at", "ends_at", "revoked_at"],
).select_from(_JOINED)
