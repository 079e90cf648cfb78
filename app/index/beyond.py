"""Attributes that study and series rows do not keep, for the rows of a page: from what was stored first.

Of a study, its series are asked in the order in which they were stored: their rows where those keep all that
is wanted, else the first instance of each.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, func, select

from app.errors import InvalidQuery
from app.index import visible
from app.index.scope import Scope, parameters, shape
from app.index.stored_form import decode_elements, decode_some
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


def first(query: Query) -> Level | None:
    """Of what each study's first is to be known: its series, where those keep all that is beyond the page's
    own, or its instances; None if nothing is.
    """
    keys = beyond(query)
    if not keys or query.level != Level.STUDY:
        return None
    return Level.SERIES if kept_by_series(keys) else Level.INSTANCE


def read(
    connection: Connection,
    query: Query,
    scope: Scope,
    viewer: Viewer,
    rows: Sequence[Row[Any]],
    firsts: Mapping[str, Any],
) -> dict[Address, Elements]:
    """By the UIDs of each row. Raises InvalidQuery where the page's studies have too many series.

    `firsts` is of each study what its first series keeps, or the row of its first instance.
    """
    keys = beyond(query)
    if not keys or not rows:
        return {}
    level, seen = query.level, shape(scope, viewer)
    uids = firsts if level == Level.STUDY else {row[level - 1] for row in rows}

    def others(statement: Select[Any], known: Mapping[Address, Elements]) -> list[Any]:
        """Of what has not everything yet: hardly ever do others have what the first one has not."""
        if not (lacking := _lacking(uids, known, keys)):
            return []
        values = parameters(scope, viewer) | {"uids": listed(lacking)}
        return _bounded(connection.execute(statement, values))

    if first(query) == Level.SERIES:
        known = _gathered({}, _of_series(firsts.items(), keys))
        return _gathered(known, _of_series(others(_series(*seen), known), keys))
    known = _gathered({}, _of_instances(connection, level, firsts.values(), keys))
    more = [row for uid, row in others(_first_instances(level, *seen), known) if row != firsts.get(uid)]
    return _gathered(known, _of_instances(connection, level, more, keys))


def _lacking(uids: Iterable[str], known: Mapping[Address, Elements], keys: Sequence[str]) -> list[str]:
    """Those of which not all is known: each key, and of private ones each creator."""
    private = {(key[:4], key[8:]) for key in keys if "[" in key}
    held = {address[-1]: len(own) for address, own in known.items()}
    return [uid for uid in uids if held.get(uid, 0) < len(keys) + len(private)]


def _of_series(found: Iterable[tuple[str, bytes]], keys: Sequence[str]) -> Iterator[tuple[Address, Elements]]:
    wanted = [key.encode() for key in keys]
    whole = not UNASKED[Level.SERIES].issuperset(keys)
    for uid, form in found:
        elements = decode_elements(form, whole=whole)
        yield (uid,), {key: elements[key] for key in wanted if key in elements}


def _of_instances(
    connection: Connection, level: Level, instances: Iterable[int], keys: Sequence[str]
) -> Iterator[tuple[Address, Elements]]:
    for row in _read(connection, list(instances)):
        attributes = picked(decode_some(row.dicom_json, keys), keys)
        yield tuple(row[:level]), pieces(without_bulkdata(attributes))


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
        .order_by(SERIES.c.id)
        .limit(MOST + 1)
    )


def _read(connection: Connection, instances: Sequence[int]) -> Iterator[Any]:
    """The UIDs and the JSON of instances, by their series, which are in memory a batch at a time."""
    for place in range(0, len(instances), _BATCH):
        batch = listed(instances[place : place + _BATCH])
        yield from connection.execute(_JSON, {"instances": batch}).all()


_JSON = (
    select(SERIES.c.study_instance_uid, SERIES.c.series_instance_uid, INSTANCE.c.dicom_json)
    .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
    .where(one_of(INSTANCE.c.id, "instances"))
    .order_by(SERIES.c.id)
)


def _joined(earlier: Elements, later: Elements) -> Elements:
    """The earlier values count; private ones of another creator in the same block stay away."""
    clash = {
        key[:4] + key[6:]
        for key in later
        if is_private(key) and key[4:6] == b"00" and earlier.get(key, later[key]) != later[key]
    }
    return {key: element for key, element in later.items() if key[:6] not in clash} | earlier
