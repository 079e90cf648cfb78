"""What is not there any more, and why: told to those who could see it (design section 4)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, insert, or_, select

from app.dicom.resource import Resource
from app.index.locate import plain
from app.index.scope import Scope, seen
from app.index.tables import TOMBSTONE
from app.models.types import now
from app.viewer import Viewer


class Gone(NamedTuple):
    """Why something was withdrawn or purged; `version` is the first one without it, None of the purged."""

    collection: int
    version: int | None
    purged: bool
    reason: str
    at: datetime


def find(connection: Connection, scope: Scope, viewer: Viewer, resource: Resource) -> Gone | None:
    """Why there is nothing at an address in the scope; None where the viewer may not know of what was."""
    parts = {
        TOMBSTONE.c.series_instance_uid: resource.series,
        TOMBSTONE.c.sop_instance_uid: resource.instance,
    }
    covers = [
        or_(column == "", column == plain(uid)) if uid else column == "" for column, uid in parts.items()
    ]
    where = [
        TOMBSTONE.c.study_instance_uid == plain(resource.study or ""),
        *covers,
        *_within(scope),
        *seen(viewer, TOMBSTONE),
    ]
    columns = TOMBSTONE.c["collection_id", "version", "purged", "reason", "at"]
    row = connection.execute(select(*columns).where(*where).order_by(TOMBSTONE.c.id.desc()).limit(1)).first()
    return Gone(*row) if row else None


def put(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Say of each, by the columns of its tombstone, that it is not there any more."""
    for row in rows:
        connection.execute(insert(TOMBSTONE).values(at=now(), **row))


def _within(scope: Scope) -> list[ColumnElement[bool]]:
    """Those of the scope's collection; of a past version those that it is without."""
    conditions: list[ColumnElement[bool]] = []
    if scope.collection is not None:
        conditions.append(TOMBSTONE.c.collection_id == scope.collection)
    if scope.version is not None:
        conditions.append(or_(TOMBSTONE.c.purged, TOMBSTONE.c.version <= scope.version))
    if scope.cart is not None or scope.submission is not None:
        conditions.append(TOMBSTONE.c.purged)
    return conditions
