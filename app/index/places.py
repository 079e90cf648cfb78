"""Where instances go, whose turn it is there, and what its rows fulfil.

Writers of one collection, or of one submission, take turns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select

from app.database.statements import Statement
from app.errors import Forbidden, NotFound
from app.index.entry import Columns
from app.index.tables import ACCESS_UNIT, COLLECTION, SUBMISSION
from app.models.collections import OPEN
from app.models.types import now


@dataclass(frozen=True, slots=True)
class Place:
    """Where instances go: an access unit of a rolling collection, or a submission that will go there."""

    collection: int
    access_unit: int
    submission: int | None = None

    @property
    def parameters(self) -> Columns:
        """What statements about what lies here are executed with."""
        return {"collection": self.collection, "unit": self.access_unit, "submission": self.submission}


def take_turn(connection: Connection, place: Place) -> Columns:
    """Lock the place's row (SQLite has but one writer at a time anyway); what the rows made there share."""
    shared: Columns = {
        "collection_id": place.collection,
        "access_unit_id": place.access_unit,
        "submission_id": place.submission,
        "added_version": None,
        "removed_version": None,
        "replaces": None,
        "created_at": now(),
    }
    if place.submission is None:
        return {**shared, "added_version": _version(connection, place)}
    for [state] in _SUBMISSION.rows(connection, place.parameters):
        if state == OPEN:
            return shared
        raise Forbidden("This submission takes nothing more: it is no longer open.")
    raise NotFound


def _version(connection: Connection, place: Place) -> int:
    for rolling, latest_version in _TURN.rows(connection, place.parameters):
        if rolling:
            return int(latest_version) + 1
        raise Forbidden("This collection changes by published versions only: store into a submission to it.")
    raise NotFound


def here(table: Any, draft: bool) -> tuple[ColumnElement[bool], ...]:
    """What the rows of a place fulfil: live ones of an access unit, or drafts of a submission."""
    if draft:
        own = table.c.submission_id == bindparam("submission")
        return own, table.c.added_version.is_(None), table.c.removed_version.is_(None)
    own = table.c.collection_id == bindparam("collection")
    unit = table.c.access_unit_id == bindparam("unit")
    return own, unit, table.c.added_version.is_not(None), table.c.removed_version.is_(None)


def of_places(find: Callable[[bool], Select[Any]]) -> tuple[Statement, Statement]:
    """The statement for what is shown at once, and that for drafts."""
    return Statement(find(False)), Statement(find(True))


_TURN = Statement(
    select(COLLECTION.c.rolling, COLLECTION.c.latest_version)
    .join(ACCESS_UNIT, ACCESS_UNIT.c.collection_id == COLLECTION.c.id)
    .where(COLLECTION.c.id == bindparam("collection"), ACCESS_UNIT.c.id == bindparam("unit"))
    .with_for_update(key_share=True, of=COLLECTION)
)
_SUBMISSION = Statement(
    select(SUBMISSION.c.state)
    .where(
        SUBMISSION.c.id == bindparam("submission"),
        SUBMISSION.c.collection_id == bindparam("collection"),
        SUBMISSION.c.access_unit_id == bindparam("unit"),
    )
    .with_for_update(key_share=True)
)
