"""All that lies at an address, however much: its series in runs, whose instances are read run by run."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from app.dicom.resource import Resource
from app.index.locate import FACTS, Located, answering
from app.index.scope import Scope, series_conditions
from app.index.tables import INSTANCE, SERIES, listed, one_of
from app.viewer import Viewer

#: A run ends with the series in which it comes to have so many instances.
RUN = 1_000


@dataclass(frozen=True, slots=True)
class Extent:
    """The rows of the series at an address, in runs, the collections they are of, and the newest instance.

    Rows that share an address are in one run. What is stored later has a row beyond `horizon`.
    """

    runs: tuple[Sequence[int], ...]
    collections: frozenset[int]
    horizon: int


def extent(connection: Connection, scope: Scope, viewer: Viewer, resource: Resource) -> Extent | None:
    """What the viewer sees at an address, or in all of the scope; None where that is nothing."""
    horizon: int = connection.execute(_HORIZON).scalar_one()
    found = connection.execute(
        select(*_PLACE, SERIES.c.id, SERIES.c.collection_id, SERIES.c.number_of_series_related_instances)
        .where(*series_conditions(scope, viewer), *_address(resource))
        .order_by(*_PLACE, SERIES.c.id)
    )
    runs, collections = _runs(found)
    return Extent(tuple(runs), frozenset(collections), horizon) if runs else None


def instances(connection: Connection, rows: Iterable[int], horizon: int) -> list[Located]:
    """The instances of these series, which were found for their viewer before, up to the horizon.

    By study and series UID, InstanceNumber and SOP Instance UID; of those at one address the earliest.
    """
    values = {"rows": listed(rows), "horizon": horizon}
    return answering([Located(*row) for row in connection.execute(_INSTANCES, values)])


def _runs(found: Iterable[Row[str, str, int, int, int]]) -> tuple[list[Sequence[int]], set[int]]:
    runs: list[Sequence[int]] = []
    collections: set[int] = set()
    open_run, count = array("q"), 0
    for _, rows in groupby(found, key=lambda row: row[:2]):
        for _, _, row, collection, instances in rows:
            open_run.append(row)
            collections.add(collection)
            count += instances
        if count >= RUN:
            runs.append(open_run)
            open_run, count = array("q"), 0
    return [*runs, open_run] if open_run else runs, collections


def _address(resource: Resource) -> list[Any]:
    asked = ((SERIES.c.study_instance_uid, resource.study), (SERIES.c.series_instance_uid, resource.series))
    return [column == uid for column, uid in asked if uid is not None]


_PLACE = SERIES.c.study_instance_uid, SERIES.c.series_instance_uid
_HORIZON = select(func.coalesce(func.max(INSTANCE.c.id), 0))
#: The instances of `rows`, in the order of every list made of them.
CHOSEN = (one_of(SERIES.c.id, "rows"), INSTANCE.c.id <= bindparam("horizon"))
ORDER = (*_PLACE, INSTANCE.c.instance_number.nulls_last(), INSTANCE.c.sop_instance_uid, INSTANCE.c.id)
_INSTANCES = (
    select(*FACTS)
    .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
    .where(*CHOSEN)
    .order_by(*ORDER)
)
