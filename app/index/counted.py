"""What collections hold, counted from the rows: statements for any scope and viewer.

Each collection is counted by itself. Where its access units share a study, series or instance, the row of it
that was made first, of those that the viewer sees, is counted, as searches in the collection do.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, func, select

from app.index.scope import Scope, series_conditions, study_conditions
from app.index.tables import INSTANCE, SERIES, STUDY, among, named
from app.index.visible import same_series
from app.viewer import Viewer

#: What is alike of the series that are counted together.
ALIKE = ("collection_id", "modality", "body_part_examined", "manufacturer")
#: What is counted.
SUMS = ("series", "instances", "size")


def people(scope: Scope, viewer: Viewer, of: Iterable[int] | None = None) -> Select[Any]:
    """Of each collection, or each of these, its row, patients and studies. Patients without an ID are not
    counted.
    """
    values = func.nullif(STUDY.c.patient_id, ""), STUDY.c.study_instance_uid
    counts = [func.count(each.distinct()) for each in values]
    rows = select(STUDY.c.collection_id, *counts).where(*study_conditions(scope, viewer), *is_of(STUDY, of))
    return rows.group_by(STUDY.c.collection_id)


def series(scope: Scope, viewer: Viewer, *only: ColumnElement[bool]) -> Select[Any]:
    """What is alike, and how many series, instances and bytes, of series that answer for their addresses."""
    instances: ColumnElement[int] = SERIES.c.number_of_series_related_instances
    size: ColumnElement[int] = SERIES.c.size
    conditions = [*series_conditions(scope, viewer), *only]
    if not scope.alone:
        conditions.append(_is_first(scope, viewer))
        shared = _shared(scope, viewer)
        instances = case((shared, _of_all(func.count(), scope, viewer)), else_=instances)
        size = case((shared, _of_all(func.sum(INSTANCE.c.size), scope, viewer)), else_=size)
    return _grouped(conditions, func.count(), func.sum(instances), func.sum(size))


def is_of(rows: FromClause, collections: Iterable[int] | None) -> list[ColumnElement[bool]]:
    """That a row is of one of these collections, where they are given."""
    return [] if collections is None else [among(rows.c.collection_id, collections)]


def rows_of_series(scope: Scope, viewer: Viewer, *only: ColumnElement[bool]) -> Select[Any]:
    """The same of every row that is seen, with minus signs."""
    instances, size = SERIES.c["number_of_series_related_instances", "size"]
    conditions = [*series_conditions(scope, viewer), *only]
    return _grouped(conditions, -func.count(), -func.sum(instances), -func.sum(size))


def _grouped(conditions: Sequence[ColumnElement[bool]], *sums: ColumnElement[Any]) -> Select[Any]:
    alike = SERIES.c[ALIKE]
    counts = [each.label(name) for each, name in zip(sums, SUMS, strict=True)]
    return select(*alike, *counts).where(*conditions).group_by(*alike)


def _is_first(scope: Scope, viewer: Viewer) -> ColumnElement[bool]:
    earlier = named(SERIES, "earlier_series")
    rows = select(earlier.c.id).where(
        _same(earlier, SERIES), earlier.c.id < SERIES.c.id, *series_conditions(scope, viewer, earlier)
    )
    return ~rows.correlate(SERIES).exists()


def _shared(scope: Scope, viewer: Viewer) -> ColumnElement[bool]:
    other = named(SERIES, "other_series")
    rows = select(other.c.id).where(
        _same(other, SERIES), other.c.id != SERIES.c.id, *series_conditions(scope, viewer, other)
    )
    return rows.correlate(SERIES).exists()


def _of_all(counted: ColumnElement[Any], scope: Scope, viewer: Viewer) -> Any:
    """What is counted of the instances at SERIES's address in its collection, each once: its first row."""
    any_series, instance = named(SERIES, "any_series"), named(INSTANCE, "earlier_instance")
    its_series = named(SERIES, "its_series")
    earlier = (
        select(instance.c.id)
        .join_from(instance, its_series, its_series.c.id == instance.c.series_row)
        .where(
            instance.c.sop_instance_uid == INSTANCE.c.sop_instance_uid,
            instance.c.id < INSTANCE.c.id,
            _same(its_series, any_series),
            *series_conditions(scope, viewer, its_series),
        )
    )
    rows = (
        select(counted)
        .select_from(INSTANCE.join(any_series, any_series.c.id == INSTANCE.c.series_row))
        .where(
            _same(any_series, SERIES),
            *series_conditions(scope, viewer, any_series),
            ~earlier.correlate(INSTANCE, any_series).exists(),
        )
    )
    return rows.correlate(SERIES).scalar_subquery()


def _same(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Two rows are of one series in one collection."""
    return and_(same_series(one, other), one.c.collection_id == other.c.collection_id)
