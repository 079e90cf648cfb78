"""Revisions of series: a new one is the row and its small rows copied; the objects are the same.

What a version or a cart names never changes. Whatever would change it makes another revision, and is said of
that one.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Connection, Insert, Table, bindparam, delete, func, insert, select, update

from app.index import columns, tag_writer
from app.index.stored_form import decode_json
from app.index.tables import (
    INSTANCE,
    REQUEST_ATTRIBUTES,
    SERIES,
    SERIES_METADATA,
    SERIES_TAG_VALUE,
    STUDY,
    among,
)
from app.models.types import now


def thaw(connection: Connection, row: int, version: int) -> int:
    """A revision of a frozen series that can be added to; from this version on it stands in its place."""
    return revise(connection, row, version, leaving=())


def revise(connection: Connection, row: int, version: int, leaving: Collection[int]) -> int:
    """A revision of a live series without these instances (rows), which takes its place in this version."""
    close(connection, row, version)
    changed = {"added_version": version, "removed_version": None, "replaces": row, "frozen": False}
    made = copy(connection, SERIES, row, {**changed, "created_at": now()})
    copy_instances(connection, row, made, leaving)
    copy_items(connection, row, made)
    if leaving:
        count(connection, made)
        tell_anew(connection, made)
    tag_writer.copy(connection, row, made)
    tag_writer.lose(connection, made, row, leaving)
    return made


def close(connection: Connection, row: int, version: int) -> None:
    """Take a live series out of this version and those that follow."""
    connection.execute(update(SERIES).where(SERIES.c.id == row).values(removed_version=version))


def copy(connection: Connection, table: Table, row: int, changed: Mapping[str, Any]) -> int:
    """A copy of a row in which these columns are changed. It is not the first of its UID."""
    changed = {**changed, "first": False}
    statement = _copying(table, tuple(sorted(changed)), "id").returning(table.c.id)
    return int(connection.execute(statement, {**changed, "from": row}).scalar_one())


def copy_instances(connection: Connection, row: int, into: int, leaving: Collection[int] = ()) -> None:
    """Copy the instances of one series row, but for these, into another."""
    statement = _copying(INSTANCE, ("series_row",), "series_row", ~among(INSTANCE.c.id, leaving))
    connection.execute(statement, {"series_row": into, "from": row})


def copy_items(connection: Connection, row: int, into: int) -> None:
    """Copy the items of the RequestAttributesSequence of one series row to another."""
    statement = _copying(REQUEST_ATTRIBUTES, ("series_row",), "series_row")
    connection.execute(statement, {"series_row": into, "from": row})


def tell_anew(connection: Connection, row: int) -> None:
    """Have a series row say what that of its instances says which was stored first."""
    form = connection.execute(_FIRST, {"row": row}).scalar_one()
    said = orjson.loads(decode_json(form))
    told = {**columns.series_columns(said), "attributes": columns.series_attributes(said)}
    connection.execute(update(SERIES).where(SERIES.c.id == row).values(**told))
    connection.execute(delete(REQUEST_ATTRIBUTES).where(REQUEST_ATTRIBUTES.c.series_row == row))
    items = [{**item, "series_row": row} for item in columns.request_attributes(said)]
    if items:
        connection.execute(insert(REQUEST_ATTRIBUTES), items)


def count(connection: Connection, row: int) -> int:
    """Count the instances of a series row anew; how many there are."""
    own = select(func.count(), func.coalesce(func.sum(INSTANCE.c.size), 0))
    instances, size = connection.execute(own.where(INSTANCE.c.series_row == row)).one()
    counted = {"number_of_series_related_instances": instances, "size": int(size)}
    connection.execute(update(SERIES).where(SERIES.c.id == row).values(**counted))
    return int(instances)


def drop(connection: Connection, rows: Collection[int]) -> None:
    """Drop series rows with all that belongs to them, but for the objects."""
    for table, column in (
        (SERIES_TAG_VALUE, SERIES_TAG_VALUE.c.series_id),
        (SERIES_METADATA, SERIES_METADATA.c.series_row),
        (REQUEST_ATTRIBUTES, REQUEST_ATTRIBUTES.c.series_row),
        (INSTANCE, INSTANCE.c.series_row),
        (SERIES, SERIES.c.id),
    ):
        if rows:
            connection.execute(delete(table).where(among(column, rows)))


def study_of(connection: Connection, row: int, unit: int, values: Mapping[str, Any]) -> int:
    """The live row in this access unit of the study of a study row; where there is none, a copy of that."""
    uid = select(STUDY.c.study_instance_uid, STUDY.c.collection_id).where(STUDY.c.id == row).subquery()
    live = select(STUDY.c.id).where(
        STUDY.c.study_instance_uid == uid.c.study_instance_uid,
        STUDY.c.collection_id == uid.c.collection_id,
        STUDY.c.access_unit_id == unit,
        STUDY.c.added_version.is_not(None),
        STUDY.c.removed_version.is_(None),
    )
    found = connection.scalar(live)
    return int(found) if found else copy(connection, STUDY, row, {**values, "access_unit_id": unit})


#: Copies of rows keep the moment at which they were stored.
_FIRST = (
    select(INSTANCE.c.dicom_json)
    .where(INSTANCE.c.series_row == bindparam("row"))
    .order_by(INSTANCE.c.created_at, INSTANCE.c.id)
    .limit(1)
)


@cache
def _whole(table: Table) -> list[str]:
    return [each.name for each in table.c if each.name != "id"]


def _copying(table: Table, changed: tuple[str, ...], by: str, *only: Any) -> Insert:
    names = _whole(table)
    values = [
        bindparam(name, type_=table.c[name].type) if name in changed else table.c[name] for name in names
    ]
    rows = select(*values).where(table.c[by] == bindparam("from", type_=table.c[by].type), *only)
    return insert(table).from_select(names, rows)
