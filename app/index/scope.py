"""Which part of the archive a DICOMweb root shows, and what of it a viewer may see: the one visibility rule.

No statement reads studies, series or instances for a caller without the conditions of this file: no count, no
facet, no export. What they leave out does not exist for that caller.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, FromClause, bindparam, false, select

from app.index.tables import SERIES, STUDY, named
from app.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Scope:
    """A set of series revisions at a moment (design section 3).

    `collection` None is the whole archive; otherwise the id of one collection, latest version.
    """

    collection: int | None = None


ARCHIVE = Scope()

_COLLECTION, _UNITS = "scope_collection", "scope_units"


def series_conditions(scope: Scope, viewer: Viewer, series: FromClause = SERIES) -> list[ColumnElement[bool]]:
    """What a row of `series` (the table, or an alias of it) must fulfil for this viewer to see it.

    A viewer who sees all is asked nothing about access units; one who holds none sees nothing.
    """
    conditions = _within(scope, series)
    if viewer.sees_all:
        return conditions
    if not viewer.units:
        return [*conditions, false()]
    units: BindParameter[int] = bindparam(_UNITS, sorted(viewer.units), expanding=True)
    return [*conditions, series.c.access_unit_id.in_(units)]


def study_conditions(scope: Scope, viewer: Viewer, study: FromClause = STUDY) -> list[ColumnElement[bool]]:
    """What a row of `study` (the table, or an alias of it) must fulfil: this viewer sees some series of it.

    Who sees all needs no look at the series: a live study always has a live one.
    """
    conditions = _within(scope, study)
    if viewer.sees_all:
        return conditions
    series = named(SERIES, "seen")
    seen = select(series.c.id).where(
        series.c.study_row == study.c.id, *series_conditions(scope, viewer, series)
    )
    return [*conditions, seen.correlate(study).exists()]


def shape(scope: Scope, viewer: Viewer) -> tuple[Scope, Viewer]:
    """A scope and viewer with the values taken out: where two shapes are equal, so are the conditions' texts.

    A statement built from a shape may be kept, and executed with `parameters` of any scope and viewer of it.
    """
    collection = None if scope.collection is None else 0
    return Scope(collection), Viewer("", viewer.sees_all, frozenset({0} if viewer.units else ()))


def parameters(scope: Scope, viewer: Viewer) -> dict[str, Any]:
    """The values that belong into the conditions."""
    return {_COLLECTION: scope.collection, _UNITS: sorted(viewer.units)}


def _within(scope: Scope, rows: FromClause) -> list[ColumnElement[bool]]:
    live: list[ColumnElement[bool]] = [rows.c.added_version.is_not(None), rows.c.removed_version.is_(None)]
    if scope.collection is None:
        return live
    return [*live, rows.c.collection_id == bindparam(_COLLECTION, scope.collection)]
