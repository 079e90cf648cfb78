"""Purging: what is to be destroyed leaves every revision, every index and every description."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, select

from app.index import pieces, revisions, study_rows, tag_writer, tombstones
from app.index.publish import Leaving
from app.index.tables import INSTANCE, SERIES, SERIES_TAG_VALUE, SUBMISSION, TAG_VALUE, TOMBSTONE, among


class Purged(NamedTuple):
    """How much was destroyed: instances by UID, however many revisions named them, and the access units of
    those that were published.
    """

    instances: int
    bytes: int
    units: frozenset[int]


def purge(
    connection: Connection, collection: int, address: Leaving, version: int, said: dict[str, Any]
) -> Purged:
    """Destroy all rows of what lies at an address in a collection: live, past and drafts.

    Tombstones keep the UIDs and the digests, and the keys of the objects, which are to be deleted afterwards.
    `said` are their reason and by whom. `version` is that in which what is changed will be.
    """
    # Whoever stores into one of its submissions has done so before, or finds the series gone.
    drafts = select(SUBMISSION.c.id).where(SUBMISSION.c.collection_id == collection).order_by(SUBMISSION.c.id)
    connection.execute(drafts.with_for_update(key_share=True))
    found = connection.execute(_instances(collection, address)).all()
    series = {row.series_row for row in found}
    values = set(
        connection.scalars(
            select(SERIES_TAG_VALUE.c.value_id).where(among(SERIES_TAG_VALUE.c.series_id, series))
        )
    )
    studies = set(connection.scalars(select(SERIES.c.study_row).where(among(SERIES.c.id, series))))
    once = {(row.sop_instance_uid, row.object_key): row for row in found}
    tombstones.put(
        connection, ({**_tombstone(row), **said, "collection_id": collection} for row in once.values())
    )
    # Whoever puts pieces together holds its series meanwhile, and finds afterwards that some of it is gone.
    connection.execute(select(SERIES.c.id).where(among(SERIES.c.id, series)).with_for_update())
    pieces.drop(connection, series)
    connection.execute(delete(INSTANCE).where(among(INSTANCE.c.id, [row.id for row in found])))
    empty = [row for row in series if not revisions.count(connection, row)]
    revisions.drop(connection, empty)
    for row in series.difference(empty):
        revisions.tell_anew(connection, row)
    tag_writer.refill(connection, series.difference(empty))
    study_rows.drop_empty(connection, studies, version)
    study_rows.tell_anew(connection, studies)
    _forget(connection, values)
    units = frozenset(row.access_unit_id for row in found if row.added_version is not None)
    return Purged(len({row.sop_instance_uid for row in found}), sum(row.size for row in once.values()), units)


def doomed(connection: Connection) -> list[tuple[int, str]]:
    """Tombstones (rows) whose objects are not deleted yet, and the keys of those."""
    rows = select(TOMBSTONE.c.id, TOMBSTONE.c.object_key).where(TOMBSTONE.c.object_key != "")
    return [tuple(row) for row in connection.execute(rows)]


def destroyed(connection: Connection, rows: Collection[int]) -> None:
    """Say that the objects of these tombstones are no more."""
    connection.execute(TOMBSTONE.update().where(among(TOMBSTONE.c.id, rows)).values(object_key=""))


def _instances(collection: int, address: Leaving) -> Any:
    parts = (SERIES.c.study_instance_uid, SERIES.c.series_instance_uid, INSTANCE.c.sop_instance_uid)
    at: list[ColumnElement[bool]] = [column == uid for column, uid in zip(parts, address, strict=True) if uid]
    columns = INSTANCE.c["id", "series_row", "sop_instance_uid", "object_key", "sha256", "size"]
    more = SERIES.c["study_instance_uid", "series_instance_uid", "access_unit_id", "added_version"]
    joined = select(*columns, *more).join_from(SERIES, INSTANCE, INSTANCE.c.series_row == SERIES.c.id)
    return joined.where(SERIES.c.collection_id == collection, *at)


def _tombstone(row: Row[Any]) -> dict[str, Any]:
    """What is kept of an instance; of a draft, which hardly anybody saw, nothing that tells whose it was."""
    kept = {name: getattr(row, name) for name in ("access_unit_id", "object_key", "sha256")}
    names = ("study_instance_uid", "series_instance_uid", "sop_instance_uid")
    draft = row.added_version is None
    address = {name: "" if draft else getattr(row, name) for name in names}
    return {**kept, **address, "version": None, "purged": True}


def _forget(connection: Connection, values: Collection[int]) -> None:
    """Delete those of the dictionary's values that no series carries any more."""
    carried = exists().where(SERIES_TAG_VALUE.c.value_id == TAG_VALUE.c.id)
    connection.execute(delete(TAG_VALUE).where(among(TAG_VALUE.c.id, values), ~carried))
