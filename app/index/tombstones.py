"""What is not there any more, and why: told to those who could see it (design section 4)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, insert, or_, select

from app.dicom.resource import Resource
from app.index.locate import plain
from app.index.scope import Scope, seen
from app.index.tables import INSTANCE, SERIES, TOMBSTONE
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
    if scope.submission is not None:
        return None
    of_study = TOMBSTONE.c.study_instance_uid == plain(resource.study)
    where = [of_study, *_within(scope), *seen(viewer, TOMBSTONE)]
    if resource.series:
        where.append(TOMBSTONE.c.series_instance_uid == plain(resource.series))
    if resource.instance:
        where.append(_covers(plain(resource.instance)))
    columns = TOMBSTONE.c["collection_id", "version", "purged", "reason", "at"]
    row = connection.execute(select(*columns).where(*where).order_by(TOMBSTONE.c.id.desc()).limit(1)).first()
    return Gone(*row) if row else None


def _covers(instance: str | None) -> ColumnElement[bool]:
    """That it is the instance's own, or that of a series which the instance was in."""
    was = (
        select(INSTANCE.c.id)
        .join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(
            INSTANCE.c.sop_instance_uid == instance,
            SERIES.c.series_instance_uid == TOMBSTONE.c.series_instance_uid,
            SERIES.c.collection_id == TOMBSTONE.c.collection_id,
            SERIES.c.access_unit_id == TOMBSTONE.c.access_unit_id,
            SERIES.c.removed_version.is_not(None),
        )
    )
    of_series = (TOMBSTONE.c.sop_instance_uid == "") & was.correlate(TOMBSTONE).exists()
    return or_(TOMBSTONE.c.sop_instance_uid == instance, of_series)


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
    if scope.cart is not None:
        conditions.append(TOMBSTONE.c.purged)
    return conditions
