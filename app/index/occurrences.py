"""Which attributes occur, and which values of them, in the series that a caller may see.

The index knows in which series a value occurs: counts are of these series, of their studies, and of all
instances in them. A series that holds more than 64 different values of an attribute lists none of them.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from app.index import visible
from app.index.predicates import like
from app.index.scope import Scope
from app.index.tables import SERIES, SERIES_TAG_VALUE, TAG_PATH, TAG_VALUE
from app.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An attribute: in which of them it occurs, and in how many series its values are too many to list."""

    path: str
    vr: str
    studies: int
    series: int
    instances: int
    overflowing: int


@dataclass(frozen=True, slots=True)
class Value:
    """One value in its match form, and how many studies and series list it, with so many instances."""

    text: str
    number: float | None
    studies: int
    series: int
    instances: int


def attributes(
    connection: Connection, scope: Scope, viewer: Viewer, *, matching: str, limit: int, offset: int
) -> list[Occurrence]:
    """The attributes whose key matches the pattern (`*` and `?`), by key; one for each VR it occurs with."""
    found = [like(TAG_PATH.c.path, matching)] if matching.strip("*") else []
    page = _occurring(scope, viewer, *found).order_by(TAG_PATH.c.path, TAG_PATH.c.vr)
    return _occurrences(connection, page.limit(limit).offset(offset))


def attribute(connection: Connection, scope: Scope, viewer: Viewer, path: str) -> list[Occurrence]:
    """One attribute by its key, for each VR it occurs with; empty where the viewer sees none."""
    return _occurrences(
        connection, _occurring(scope, viewer, TAG_PATH.c.path == path).order_by(TAG_PATH.c.vr)
    )


def values(
    connection: Connection, scope: Scope, viewer: Viewer, path: str, *, limit: int, offset: int
) -> list[Value]:
    """The values of an attribute, those in the most series first."""
    text, number = TAG_VALUE.c.text, TAG_VALUE.c.number
    statement = (
        select(text, number, *_counts(scope, viewer))
        .select_from(_POSTINGS.join(SERIES, SERIES.c.id == SERIES_TAG_VALUE.c.series_id))
        .where(*visible.series(scope, viewer), TAG_PATH.c.path == path, text != "")
        .group_by(TAG_VALUE.c.id, text, number)
        .order_by(func.count().desc(), text, TAG_VALUE.c.id)
    )
    rows = connection.execute(statement.limit(limit).offset(offset))
    return [Value(text, number, *map(int, counts)) for text, number, *counts in rows]


def _occurrences(connection: Connection, statement: Select[Any]) -> list[Occurrence]:
    return [Occurrence(path, vr, *map(int, counts)) for path, vr, *counts in connection.execute(statement)]


def _occurring(scope: Scope, viewer: Viewer, *found: ColumnElement[bool]) -> Select[Any]:
    """Each attribute once, of however many values a series has."""
    seen = select(SERIES.c.id).where(*visible.series(scope, viewer))
    overflows = func.max(case((TAG_VALUE.c.text == "", 1), else_=0))
    once = (
        select(TAG_VALUE.c.path_id, SERIES_TAG_VALUE.c.series_id, overflows.label("overflows"))
        .select_from(_POSTINGS)
        .where(SERIES_TAG_VALUE.c.series_id.in_(seen), *found)
        .group_by(TAG_VALUE.c.path_id, SERIES_TAG_VALUE.c.series_id)
        .subquery("once")
    )
    return (
        select(TAG_PATH.c.path, TAG_PATH.c.vr, *_counts(scope, viewer), func.sum(once.c.overflows))
        .join_from(once, TAG_PATH, TAG_PATH.c.id == once.c.path_id)
        .join(SERIES, SERIES.c.id == once.c.series_id)
        .group_by(TAG_PATH.c.path, TAG_PATH.c.vr)
    )


def _counts(scope: Scope, viewer: Viewer) -> tuple[ColumnElement[Any], ...]:
    """Studies, series and instances of groups of SERIES's rows."""
    studies = func.count(SERIES.c.study_instance_uid.distinct())
    return studies, func.count(), func.sum(visible.instance_count(scope, viewer))


_POSTINGS = SERIES_TAG_VALUE.join(TAG_VALUE, TAG_VALUE.c.id == SERIES_TAG_VALUE.c.value_id).join(
    TAG_PATH, TAG_PATH.c.id == TAG_VALUE.c.path_id
)
