"""Attributes that study and series rows do not keep, for the rows of a page: from the first stored instance.

Of a study, the first instance of each of its series is asked, in the order in which they were stored.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, func, select

from app.dicom.description import Json
from app.errors import InvalidQuery
from app.index import visible
from app.index.scope import Scope
from app.index.stored_form import decode_json
from app.index.tables import INSTANCE, SERIES, among
from app.query.ast import Level, Query
from app.query.returned import beyond, picked, without_bulkdata
from app.viewer import Viewer

#: So many instances are read at most for one page.
MOST = 20_000
#: So many of them are in memory at once.
_BATCH = 200

Address = tuple[str, ...]


def read(
    connection: Connection, query: Query, scope: Scope, viewer: Viewer, rows: Sequence[Row[Any]]
) -> dict[Address, Json]:
    """By the UIDs of each row. Raises InvalidQuery where the page's studies have too many series."""
    keys = beyond(query)
    if not keys or not rows:
        return {}
    uid = SERIES.c.study_instance_uid if query.level == Level.STUDY else SERIES.c.series_instance_uid
    first = (
        select(func.min(INSTANCE.c.id))
        .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(among(uid, {row[query.level - 1] for row in rows}), *visible.series(scope, viewer))
        .group_by(SERIES.c.id)
        .limit(MOST + 1)
    )
    instances = sorted(connection.execute(first).scalars())
    if len(instances) > MOST:
        raise InvalidQuery(
            f"The attributes to return lie in more than {MOST:,} series: ask for a smaller limit."
        )
    found: dict[Address, Json] = defaultdict(dict)
    for instance in _read(connection, instances):
        address = tuple(instance[: query.level])
        own = without_bulkdata(picked(orjson.loads(decode_json(instance.dicom_json)), keys))
        found[address] = _joined(found[address], own)
    return found


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
