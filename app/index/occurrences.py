"""Which attributes occur, and which values of them, in the series that a caller may see.

Counts are of series. A series that holds more than 64 different values of an attribute lists none of them.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from app.index import visible
from app.index.predicates import like
from app.index.scope import Scope
from app.index.tables import SERIES, SERIES_TAG_VALUE, TAG_PATH, TAG_VALUE
from app.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An attribute: in how many series it occurs, and in how many of them its values are too many to list."""

    path: str
    vr: str
    series: int
    overflowing: int


@dataclass(frozen=True, slots=True)
class Value:
    """One value in its match form, and how many series list it."""

    text: str
    number: float | None
    series: int


def attributes(
    connection: Connection, scope: Scope, viewer: Viewer, *, matching: str, limit: int, offset: int
) -> list[Occurrence]:
    """The attributes whose key matches the pattern (`*` and `?`), by key; one for each VR it occurs with."""
    statement = _of_visible(scope, viewer, *_counts()).group_by(TAG_PATH.c.path, TAG_PATH.c.vr)
    if matching.strip("*"):
        statement = statement.where(like(TAG_PATH.c.path, matching))
    page = statement.order_by(TAG_PATH.c.path, TAG_PATH.c.vr).limit(limit).offset(offset)
    return [Occurrence(*row) for row in connection.execute(page)]


def attribute(connection: Connection, scope: Scope, viewer: Viewer, path: str) -> list[Occurrence]:
    """One attribute by its key, for each VR it occurs with; empty where the viewer sees none."""
    statement = _of_visible(scope, viewer, *_counts()).where(TAG_PATH.c.path == path)
    grouped = statement.group_by(TAG_PATH.c.path, TAG_PATH.c.vr).order_by(TAG_PATH.c.vr)
    return [Occurrence(*row) for row in connection.execute(grouped)]


def values(
    connection: Connection, scope: Scope, viewer: Viewer, path: str, *, limit: int, offset: int
) -> list[Value]:
    """The values of an attribute, the most frequent first."""
    series = func.count().label("series")
    text, number = TAG_VALUE.c.text, TAG_VALUE.c.number
    statement = _of_visible(scope, viewer, text, number, series).where(TAG_PATH.c.path == path, text != "")
    ordered = statement.group_by(TAG_VALUE.c.id, text, number).order_by(series.desc(), text, TAG_VALUE.c.id)
    return [Value(*row) for row in connection.execute(ordered.limit(limit).offset(offset))]


def _counts() -> tuple[Any, ...]:
    row = SERIES_TAG_VALUE.c.series_id
    overflowing = case((TAG_VALUE.c.text == "", row))
    return TAG_PATH.c.path, TAG_PATH.c.vr, func.count(row.distinct()), func.count(overflowing.distinct())


def _of_visible(scope: Scope, viewer: Viewer, *columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .join_from(SERIES_TAG_VALUE, TAG_VALUE, TAG_VALUE.c.id == SERIES_TAG_VALUE.c.value_id)
        .join(TAG_PATH, TAG_PATH.c.id == TAG_VALUE.c.path_id)
        .join(SERIES, SERIES.c.id == SERIES_TAG_VALUE.c.series_id)
        .where(*visible.series(scope, viewer))
    )
