"""Moves series into another access unit of their collection, in all versions: what decides who sees them."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, update

from app.errors import Conflict, NotFound
from app.index import revisions, tag_writer
from app.index.study_rows import drop_empty, tell_anew
from app.index.tables import (
    CART_SERIES,
    COLLECTION,
    INSTANCE,
    REQUEST_ATTRIBUTES,
    SERIES,
    STUDY,
    TOMBSTONE,
    among,
)


class Moved(NamedTuple):
    """How many series changed their access unit."""

    series: int
    instances: int


def move(
    connection: Connection,
    collection: int,
    sources: Collection[int],
    target: int,
    *,
    studies: Collection[str] = (),
    series: Collection[str] = (),
) -> Moved:
    """Move these series, and all of these studies, out of the `sources` into the access unit `target`; what
    earlier versions and carts hold of them too.

    Raises NotFound where one that is named lies in none of them, and Conflict where the target holds one of
    the instances, the series as part of another study, or a part of it since another version; then nothing
    is changed.
    """
    version = _take_turn(connection, collection)
    found = _named(connection, collection, {*sources, target}, studies, series)
    leaving = [row for row in found if row.access_unit_id != target]
    moving = [row for row in leaving if row.removed_version is None]
    past = [row for row in leaving if row.removed_version is not None]
    if not leaving:
        return Moved(0, 0)
    study_rows, made = _study_rows(connection, collection, target, moving)
    held = _held(connection, collection, target, moving)
    for row in moving:
        if row.series_instance_uid in held:
            _merge(connection, row, held[row.series_instance_uid])
        else:
            place = {"access_unit_id": target, "study_row": study_rows[row.study_instance_uid]}
            connection.execute(update(SERIES).where(SERIES.c.id == row.id).values(**place))
            held[row.series_instance_uid] = row
    made |= _move_past(connection, past, target)
    moved = {row.series_instance_uid for row in leaving}
    _move_tombstones(connection, collection, sources, target, moved)
    left = {row.study_row for row in leaving}
    drop_empty(connection, left, version)
    tell_anew(connection, left | made)
    return Moved(len(moving), sum(row.number_of_series_related_instances for row in moving))


def _take_turn(connection: Connection, collection: int) -> int:
    """As those who store take it; the version in which what is changed now will be."""
    turn = select(COLLECTION.c.latest_version).where(COLLECTION.c.id == collection)
    latest: int = connection.execute(turn.with_for_update(key_share=True)).scalar_one()
    return latest + 1


def _move_past(connection: Connection, past: Iterable[Row[Any]], target: int) -> set[int]:
    """Move revisions that are not live, with study rows of their own, which are not live either; these."""
    made: dict[int, int] = {}
    for row in past:
        if row.study_row not in made:
            values = {"access_unit_id": target, "removed_version": row.removed_version}
            made[row.study_row] = revisions.copy(connection, STUDY, row.study_row, values)
        place = {"access_unit_id": target, "study_row": made[row.study_row]}
        connection.execute(update(SERIES).where(SERIES.c.id == row.id).values(**place))
    return set(made.values())


def _move_tombstones(
    connection: Connection,
    collection: int,
    sources: Collection[int],
    target: int,
    series: Collection[str],
) -> None:
    """Have those who see what is moved, and nobody else, be told of what was withdrawn of it."""
    of_these = among(TOMBSTONE.c.series_instance_uid, series)
    own = TOMBSTONE.c.collection_id == collection, among(TOMBSTONE.c.access_unit_id, sources)
    connection.execute(update(TOMBSTONE).where(*own, of_these).values(access_unit_id=target))


def _published(collection: int, *units: int) -> Select[Any]:
    return select(SERIES).where(
        SERIES.c.collection_id == collection,
        among(SERIES.c.access_unit_id, units),
        SERIES.c.added_version.is_not(None),
    )


def _live(collection: int, *units: int) -> Select[Any]:
    return _published(collection, *units).where(SERIES.c.removed_version.is_(None))


def _named(
    connection: Connection,
    collection: int,
    units: set[int],
    studies: Collection[str],
    series: Collection[str],
) -> Sequence[Row[Any]]:
    rows = _published(collection, *units).order_by(SERIES.c.id)
    wanted = among(SERIES.c.study_instance_uid, studies) | among(SERIES.c.series_instance_uid, series)
    found = connection.execute(rows.where(wanted)).all()
    seen = {row.study_instance_uid for row in found}, {row.series_instance_uid for row in found}
    if missing := [*sorted(set(studies) - seen[0]), *sorted(set(series) - seen[1])]:
        raise NotFound(f"There is no such study or series that you may curate: {', '.join(missing[:10])}.")
    return found


def _study_rows(
    connection: Connection, collection: int, target: int, moving: Iterable[Row[Any]]
) -> tuple[dict[str, int], set[int]]:
    """The rows of the studies in the target, and which of them were made as copies of those elsewhere."""
    first = {row.study_instance_uid: row.study_row for row in reversed(list(moving))}
    held = select(STUDY.c.study_instance_uid, STUDY.c.id).where(
        STUDY.c.collection_id == collection,
        STUDY.c.access_unit_id == target,
        STUDY.c.added_version.is_not(None),
        STUDY.c.removed_version.is_(None),
        among(STUDY.c.study_instance_uid, first),
    )
    found = {row.study_instance_uid: row.id for row in connection.execute(held)}
    made = {
        uid: revisions.copy(connection, STUDY, first[uid], {"access_unit_id": target})
        for uid in first.keys() - found.keys()
    }
    return found | made, set(made.values())


def _held(
    connection: Connection, collection: int, target: int, moving: Iterable[Row[Any]]
) -> dict[str, Row[Any]]:
    """The series of the same UIDs that the target holds already."""
    uids = [row.series_instance_uid for row in moving]
    rows = _live(collection, target).where(among(SERIES.c.series_instance_uid, uids))
    return {row.series_instance_uid: row for row in connection.execute(rows)}


def _merge(connection: Connection, row: Row[Any], into: Row[Any]) -> None:
    """Put the instances of one series row into another of its series, and drop the row they were in."""
    uid = row.series_instance_uid
    if row.study_instance_uid != into.study_instance_uid:
        raise Conflict(f"The access unit holds series {uid} as part of another study; nothing was moved.")
    if connection.execute(_IN_BOTH, {"row": row.id, "into": into.id}).first():
        raise Conflict(f"The access unit holds instances of series {uid} already; nothing was moved.")
    if (row.frozen or into.frozen) and not _go_together(connection, row, into):
        raise Conflict(f"The access unit holds a part of series {uid} since another version, or in a cart.")
    tag_writer.write(connection, {into.id: tag_writer.carried(connection, row.id)})
    connection.execute(update(INSTANCE).where(INSTANCE.c.series_row == row.id).values(series_row=into.id))
    connection.execute(
        update(SERIES)
        .where(SERIES.c.id == into.id)
        .values(
            number_of_series_related_instances=SERIES.c.number_of_series_related_instances
            + row.number_of_series_related_instances,
            size=SERIES.c.size + row.size,
        )
    )
    connection.execute(delete(REQUEST_ATTRIBUTES).where(REQUEST_ATTRIBUTES.c.series_row == row.id))
    connection.execute(delete(SERIES).where(SERIES.c.id == row.id))


def _go_together(connection: Connection, row: Row[Any], into: Row[Any]) -> bool:
    """Whether whatever names one of these revisions names both."""
    named = select(CART_SERIES.c.cart_id).where(among(CART_SERIES.c.series_row, [row.id, into.id]))
    return row.added_version == into.added_version and connection.execute(named.limit(1)).first() is None


_here, _there = INSTANCE.alias("here"), INSTANCE.alias("there")
_IN_BOTH = (
    select(_here.c.id)
    .join_from(_here, _there, _there.c.sop_instance_uid == _here.c.sop_instance_uid)
    .where(_here.c.series_row == bindparam("row"), _there.c.series_row == bindparam("into"))
    .limit(1)
)
