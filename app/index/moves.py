"""Moves live series into another access unit of their collection: what decides who sees them."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, Select, bindparam, delete, exists, insert, select, update

from app.errors import Conflict, NotFound
from app.index import columns, tag_writer
from app.index.stored_form import decode_json
from app.index.tables import COLLECTION, INSTANCE, REQUEST_ATTRIBUTES, SERIES, STUDY, among


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
    """Move these live series, and all of these studies, out of the `sources` into the access unit `target`.

    Raises NotFound where one that is named lies in none of them, and Conflict where the target holds one of
    the instances, or the series as part of another study; then nothing is changed.
    """
    version = _take_turn(connection, collection)
    found = _named(connection, collection, {*sources, target}, studies, series)
    moving = [row for row in found if row.access_unit_id != target]
    if not moving:
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
    left = {row.study_row for row in moving}
    _drop_empty(connection, left, version)
    _tell_anew(connection, left | made)
    return Moved(len(moving), sum(row.number_of_series_related_instances for row in moving))


def _take_turn(connection: Connection, collection: int) -> int:
    """As those who store take it; the version in which what is changed now will be."""
    turn = select(COLLECTION.c.latest_version).where(COLLECTION.c.id == collection)
    latest: int = connection.execute(turn.with_for_update(key_share=True)).scalar_one()
    return latest + 1


def _live(collection: int, *units: int) -> Select[Any]:
    return select(SERIES).where(
        SERIES.c.collection_id == collection,
        among(SERIES.c.access_unit_id, units),
        SERIES.c.added_version.is_not(None),
        SERIES.c.removed_version.is_(None),
    )


def _named(
    connection: Connection,
    collection: int,
    units: set[int],
    studies: Collection[str],
    series: Collection[str],
) -> Sequence[Row[Any]]:
    rows = _live(collection, *units).order_by(SERIES.c.id)
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
        uid: connection.execute(_COPY_STUDY, {"unit": target, "row": first[uid]}).scalar_one()
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


def _drop_empty(connection: Connection, studies: Collection[int], version: int) -> None:
    """Of these study rows remove those without a live series: what removed series refer to stays, removed."""
    its = SERIES.c.study_row == STUDY.c.id
    live = exists().where(its, SERIES.c.added_version.is_not(None), SERIES.c.removed_version.is_(None))
    these = among(STUDY.c.id, studies)
    connection.execute(delete(STUDY).where(these, ~exists().where(its)))
    connection.execute(update(STUDY).where(these, ~live).values(removed_version=version))


def _tell_anew(connection: Connection, studies: Collection[int]) -> None:
    """Have study rows say what the first instance says that now lies in their unit: what another one said
    there may be hidden from those who see these."""
    for row in studies:
        form = connection.scalar(_FIRST, {"study": row})
        if form is not None:
            said = orjson.loads(decode_json(form))
            told = {**columns.study_columns(said), "attributes": columns.study_attributes(said)}
            connection.execute(update(STUDY).where(STUDY.c.id == row).values(**told))


_FIRST = (
    select(INSTANCE.c.dicom_json)
    .join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
    .where(
        SERIES.c.study_row == bindparam("study"),
        SERIES.c.added_version.is_not(None),
        SERIES.c.removed_version.is_(None),
    )
    .order_by(INSTANCE.c.id)
    .limit(1)
)
_COPIED = [each for each in STUDY.c if not each.primary_key]
_COPY_STUDY = (
    insert(STUDY)
    .from_select(
        [each.name for each in _COPIED],
        select(
            *(
                bindparam("unit", type_=each.type) if each is STUDY.c.access_unit_id else each
                for each in _COPIED
            )
        ).where(STUDY.c.id == bindparam("row", type_=STUDY.c.id.type)),
    )
    .returning(STUDY.c.id)
)
_here, _there = INSTANCE.alias("here"), INSTANCE.alias("there")
_IN_BOTH = (
    select(_here.c.id)
    .join_from(_here, _there, _there.c.sop_instance_uid == _here.c.sop_instance_uid)
    .where(_here.c.series_row == bindparam("row"), _there.c.series_row == bindparam("into"))
    .limit(1)
)
