"""Attributes that study and series rows do not keep, for the rows of a page: from what was stored first.

Of a study, its series are asked in the order in which they were stored: their rows where those keep all that
is wanted, else the first instance of each.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Row, Select, func, select

from app.errors import InvalidQuery
from app.index import visible
from app.index.scope import Scope, parameters, shape
from app.index.stored_form import decode_elements, decode_json
from app.index.tables import INSTANCE, SERIES, listed, one_of
from app.query.ast import Level, Query
from app.query.elements import Elements, is_private, pieces
from app.query.returned import UNASKED, beyond, kept_by_series, picked, without_bulkdata
from app.viewer import Viewer

#: So many series, or instances, are read at most for one page.
MOST = 20_000
#: So many of them are in memory at once.
_BATCH = 200

Address = tuple[str, ...]
T = TypeVar("T")


def is_of_series(query: Query) -> bool:
    """Whether series rows keep all of what is beyond the page's own."""
    keys = beyond(query)
    return bool(keys) and kept_by_series(keys)


def read(
    connection: Connection,
    query: Query,
    scope: Scope,
    viewer: Viewer,
    rows: Sequence[Row[Any]],
    first: Mapping[str, bytes],
) -> dict[Address, Elements]:
    """By the UIDs of each row. Raises InvalidQuery where the page's studies have too many series.

    `first` is what the first series of each study keeps, if the query `is_of_series`.
    """
    keys = beyond(query)
    if not keys or not rows:
        return {}
    seen, values = shape(scope, viewer), parameters(scope, viewer)
    uids = {row[query.level - 1] for row in rows}
    if not is_of_series(query):
        found = connection.execute(_first_instances(query.level, *seen), values | {"uids": listed(uids)})
        return _looked_into(connection, query.level, [(uid, row) for uid, row in _bounded(found)], keys)
    # Hardly ever do the others have what the first one has not.
    known = _gathered({}, _of_series(first.items(), keys))
    open_ones = [uid for uid in uids if len(known.get((uid,), ())) < len(keys)]
    if not open_ones:
        return known
    others = _bounded(connection.execute(_series(*seen), values | {"uids": listed(open_ones)}))
    return _gathered(known, _of_series([(row[0], row[1]) for row in others], keys))


def _looked_into(
    connection: Connection, level: Level, found: Iterable[tuple[str, int]], keys: Sequence[str]
) -> dict[Address, Elements]:
    """From the first instance of all, and from those of other series where that has not everything."""
    held: dict[str, list[int]] = defaultdict(list)
    for uid, instance in found:
        held[uid].append(instance)
    first = {uid: min(instances) for uid, instances in held.items()}
    known = _gathered({}, _of_instances(connection, level, first.values(), keys))
    whole = {address[-1] for address, own in known.items() if len(own) == len(keys)}
    others = (each for uid in held.keys() - whole for each in held[uid] if each != first[uid])
    return _gathered(known, _of_instances(connection, level, others, keys))


def _of_series(found: Iterable[tuple[str, bytes]], keys: Sequence[str]) -> Iterator[tuple[Address, Elements]]:
    wanted = [key.encode() for key in keys]
    whole = not UNASKED[Level.SERIES].issuperset(keys)
    for uid, form in found:
        elements = decode_elements(form, whole=whole)
        yield (uid,), {key: elements[key] for key in wanted if key in elements}


def _of_instances(
    connection: Connection, level: Level, instances: Iterable[int], keys: Sequence[str]
) -> Iterator[tuple[Address, Elements]]:
    for row in _read(connection, sorted(instances)):
        attributes = orjson.loads(decode_json(row.dicom_json))
        yield tuple(row[:level]), pieces(without_bulkdata(picked(attributes, keys)))


def _gathered(
    known: dict[Address, Elements], found: Iterable[tuple[Address, Elements]]
) -> dict[Address, Elements]:
    for address, own in found:
        known[address] = _joined(known[address], own) if address in known else own
    return known


def _bounded(rows: Iterable[T]) -> list[T]:
    found = list(rows)
    if len(found) > MOST:
        raise InvalidQuery(
            f"The attributes to return lie in more than {MOST:,} series: ask for a smaller limit."
        )
    return found


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
        select(uid, func.min(INSTANCE.c.id))
        .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(one_of(uid, "uids"), *visible.series(scope, viewer))
        .group_by(SERIES.c.id, uid)
        .limit(MOST + 1)
    )


def _read(connection: Connection, instances: Sequence[int]) -> Iterator[Any]:
    """The UIDs and the JSON of instances in order, which are in memory a batch at a time."""
    for place in range(0, len(instances), _BATCH):
        batch = listed(instances[place : place + _BATCH])
        yield from connection.execute(_JSON, {"instances": batch}).all()


_JSON = (
    select(SERIES.c.study_instance_uid, SERIES.c.series_instance_uid, INSTANCE.c.dicom_json)
    .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
    .where(one_of(INSTANCE.c.id, "instances"))
    .order_by(INSTANCE.c.id)
)


def _joined(earlier: Elements, later: Elements) -> Elements:
    """The earlier values count; private ones of another creator in the same block stay away."""
    clash = {
        key[:4] + key[6:]
        for key in later
        if is_private(key) and key[4:6] == b"00" and earlier.get(key, later[key]) != later[key]
    }
    return {key: element for key, element in later.items() if key[:6] not in clash} | earlier
