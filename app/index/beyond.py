"""Attributes that study and series rows do not keep, for the rows of a page: from what was stored first.

Of a study, its series are asked in the order in which they were stored: their rows where those keep all that
is wanted, else the first instance of each.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Row, Select, func, select

from app.dicom.description import Json
from app.errors import InvalidQuery
from app.index import visible
from app.index.scope import Scope, parameters, shape
from app.index.stored_form import decode_json
from app.index.tables import INSTANCE, SERIES, among, listed, one_of
from app.query.ast import Level, Query
from app.query.returned import beyond, kept_by_series, picked, without_bulkdata
from app.viewer import Viewer

#: So many series, or instances, are read at most for one page.
MOST = 20_000
#: So many of them are in memory at once.
_BATCH = 200

Address = tuple[str, ...]
T = TypeVar("T")


def read(
    connection: Connection, query: Query, scope: Scope, viewer: Viewer, rows: Sequence[Row[Any]]
) -> dict[Address, Json]:
    """By the UIDs of each row. Raises InvalidQuery where the page's studies have too many series."""
    keys = beyond(query)
    if not keys or not rows:
        return {}
    seen, values = shape(scope, viewer), parameters(scope, viewer)
    uids = {row[query.level - 1] for row in rows}
    if not kept_by_series(keys):
        first = connection.execute(_first_instances(query.level, *seen), values | {"uids": listed(uids)})
        found = (
            (tuple(row[: query.level]), orjson.loads(decode_json(row.dicom_json)))
            for row in _read(connection, sorted(_bounded(first.scalars())))
        )
        return _gathered({}, found, keys)
    # Hardly ever do the others have what the first one has not.
    first = connection.execute(_first_series(*seen), values | {"uids": listed(uids)})
    known = _gathered({}, _of_studies(first), keys)
    open_ones = [uid for uid in uids if len(known.get((uid,), {})) < len(keys)]
    if not open_ones:
        return known
    others = connection.execute(_series(*seen), values | {"uids": listed(open_ones)})
    return _gathered(known, _of_studies(_bounded(others)), keys)


def _of_studies(rows: Iterable[Row[Any]]) -> Iterator[tuple[Address, Json]]:
    return (((row.study_instance_uid,), orjson.loads(row.attributes)) for row in rows)


def _gathered(
    known: dict[Address, Json], found: Iterable[tuple[Address, Json]], keys: Collection[str]
) -> dict[Address, Json]:
    gathered: dict[Address, Json] = defaultdict(dict, known)
    for address, attributes in found:
        own = without_bulkdata(picked(attributes, tuple(keys)))
        gathered[address] = _joined(gathered[address], own)
    return gathered


def _bounded(rows: Iterable[T]) -> list[T]:
    found = list(rows)
    if len(found) > MOST:
        raise InvalidQuery(
            f"The attributes to return lie in more than {MOST:,} series: ask for a smaller limit."
        )
    return found


@cache
def _first_series(scope: Scope, viewer: Viewer) -> Select[Any]:
    """The first series of each study of the parameter `uids`."""
    uid = SERIES.c.study_instance_uid
    first = (
        select(func.min(SERIES.c.id)).where(one_of(uid, "uids"), *visible.series(scope, viewer)).group_by(uid)
    )
    return select(uid, SERIES.c.attributes).where(SERIES.c.id.in_(first))


@cache
def _series(scope: Scope, viewer: Viewer) -> Select[Any]:
    """The series of the studies of the parameter `uids`."""
    uid = SERIES.c.study_instance_uid
    return (
        select(uid, SERIES.c.attributes)
        .where(one_of(uid, "uids"), *visible.series(scope, viewer))
        .order_by(SERIES.c.id)
        .limit(MOST + 1)
    )


@cache
def _first_instances(level: Level, scope: Scope, viewer: Viewer) -> Select[Any]:
    """The first instance of each series, of the studies or series of the parameter `uids`."""
    uid = SERIES.c.study_instance_uid if level == Level.STUDY else SERIES.c.series_instance_uid
    return (
        select(func.min(INSTANCE.c.id))
        .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(one_of(uid, "uids"), *visible.series(scope, viewer))
        .group_by(SERIES.c.id)
        .limit(MOST + 1)
    )


def _read(connection: Connection, instances: Sequence[int]) -> Iterator[Any]:
    """The UIDs and the JSON of instances in order, which are in memory a batch at a time."""
    statement = (
        select(SERIES.c.study_instance_uid, SERIES.c.series_instance_uid, INSTANCE.c.dicom_json)
        .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .order_by(INSTANCE.c.id)
    )
    for place in range(0, len(instances), _BATCH):
        batch = instances[place : place + _BATCH]
        yield from connection.execute(statement.where(among(INSTANCE.c.id, batch))).all()


def _joined(earlier: Json, later: Json) -> Json:
    """The earlier values count; private ones of another creator in the same block stay away."""
    clash = {
        f"{key[:4]}{key[6:]}"
        for key in later
        if key[3] in "13579BDF" and key[4:6] == "00" and earlier.get(key, later[key]) != later[key]
    }
    return {key: element for key, element in later.items() if key[:6] not in clash} | earlier
