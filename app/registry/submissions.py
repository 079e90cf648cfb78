"""Submissions: what one person sends to an access unit of a collection, drafts until they are published."""

from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, insert, select

from app.database.statements import Statement
from app.models.collections import OPEN
from app.models.types import now
from app.registry.tables import COLLECTION, SUBMISSION, UNIT


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission as its row has it; `key` is its name in addresses, `collection` the slug."""

    id: int
    key: str
    collection_id: int
    access_unit_id: int
    person_id: int | None
    state: str
    published_version: int | None
    deidentified: str
    collection: str


def find(connection: Connection, key: str) -> Submission | None:
    """The submission of this key, or None."""
    rows = _BY_KEY.rows(connection, {"key": key}) if key.isascii() and key.isalnum() else ()
    return next((Submission(*row) for row in rows), None)


def open_of(connection: Connection, collection: int, access_unit: int, person: int | None) -> Submission:
    """The person's open submission to a unit, made where there is none. `person` None is the owner."""
    connection.execute(_TURN, {"unit": access_unit})
    place = {"collection_id": collection, "access_unit_id": access_unit, "person_id": person}
    own = [SUBMISSION.c[name].is_not_distinct_from(value) for name, value in place.items()]
    found = connection.execute(_select(SUBMISSION.c.state == OPEN, *own).order_by(SUBMISSION.c.id)).first()
    if found:
        return Submission(*found)
    key = token_hex(16)
    connection.execute(insert(SUBMISSION).values(**place, key=key, state=OPEN, opened_at=now()))
    made = find(connection, key)
    assert made
    return made


def page(
    connection: Connection, visible: ColumnElement[bool], after: int, limit: int
) -> list[tuple[Submission, datetime]]:
    """Submissions that fulfil the condition, in the order in which they were opened, and when that was."""
    rows = _select(visible, SUBMISSION.c.id > after).add_columns(SUBMISSION.c.opened_at)
    found = connection.execute(rows.order_by(SUBMISSION.c.id).limit(limit))
    return [(Submission(*row[:-1]), row[-1]) for row in found]


def _select(*conditions: ColumnElement[bool]) -> Select[Any]:
    own = SUBMISSION.c[
        "id",
        "key",
        "collection_id",
        "access_unit_id",
        "person_id",
        "state",
        "published_version",
        "deidentified",
    ]
    joined = SUBMISSION.join(COLLECTION, COLLECTION.c.id == SUBMISSION.c.collection_id)
    return select(*own, COLLECTION.c.slug).select_from(joined).where(*conditions)


#: Two requests of one person at once open one submission.
_TURN = select(UNIT.c.id).where(UNIT.c.id == bindparam("unit")).with_for_update()
_BY_KEY = Statement(_select(SUBMISSION.c.key == bindparam("key")))
