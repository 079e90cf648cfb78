"""Which rows answer for a study, a series, an instance: the visible ones, and of several the earliest.

Access units may hold one study, series or instance each in their own rows. Where a scope spans several, the
row that was made first, of those that the viewer sees, answers for its whole address; the others add what
they alone hold.
"""

from sqlalchemy import ColumnElement, FromClause, Join, Select, and_, case, false, func, or_, select

from app.index.scope import Scope, series_conditions, study_conditions
from app.index.tables import INSTANCE, SERIES, STUDY, named
from app.viewer import Viewer

Conditions = list[ColumnElement[bool]]


def studies(scope: Scope, viewer: Viewer) -> Conditions:
    """What the row of STUDY that answers for its study fulfils."""
    conditions = study_conditions(scope, viewer)
    if not _shares_addresses(scope):
        return conditions
    earlier = named(STUDY, "earlier_study")
    seen = study_conditions(scope, viewer, earlier)
    same = earlier.c.study_instance_uid == STUDY.c.study_instance_uid
    none = _none(select(earlier.c.id).where(same, earlier.c.id < STUDY.c.id, *seen), STUDY)
    return [*conditions, or_(STUDY.c.first, none)]


def series(scope: Scope, viewer: Viewer, rows: FromClause = SERIES) -> Conditions:
    """What the row of `rows` (SERIES, or an alias of it) that answers for its series fulfils."""
    conditions = series_conditions(scope, viewer, rows)
    if not _shares_addresses(scope):
        return conditions
    earlier = named(SERIES, "earlier_series")
    seen = series_conditions(scope, viewer, earlier)
    first = _none(
        select(earlier.c.id).where(same_series(earlier, rows), earlier.c.id < rows.c.id, *seen), rows
    )
    return [*conditions, or_(rows.c.first, first)]


def instances(scope: Scope, viewer: Viewer) -> Conditions:
    """What the rows of INSTANCE and SERIES, joined, that answer for an instance fulfil."""
    conditions = series_conditions(scope, viewer)
    if not _shares_addresses(scope):
        return conditions
    instance, its_series = named(INSTANCE, "earlier_instance"), named(SERIES, "earlier_series")
    earlier = (
        select(instance.c.id)
        .select_from(_joined(instance, its_series))
        .where(
            instance.c.sop_instance_uid == INSTANCE.c.sop_instance_uid,
            instance.c.id < INSTANCE.c.id,
            same_series(its_series, SERIES),
            *series_conditions(scope, viewer, its_series),
        )
    )
    return [*conditions, _none(earlier, INSTANCE, SERIES)]


def instance_count(scope: Scope, viewer: Viewer) -> ColumnElement[int]:
    """How many instances are seen of the series of SERIES's row: its count, unless rows share the series."""
    own = SERIES.c.number_of_series_related_instances
    if not _shares_addresses(scope):
        return own
    its_series = named(SERIES, "any_series")
    distinct = (
        select(func.count(INSTANCE.c.sop_instance_uid.distinct()))
        .select_from(_joined(INSTANCE, its_series))
        .where(same_series(its_series, SERIES), *series_conditions(scope, viewer, its_series))
    )
    return case((shared(scope, viewer), distinct.correlate(SERIES).scalar_subquery()), else_=own)


def shared(scope: Scope, viewer: Viewer, rows: FromClause = SERIES) -> ColumnElement[bool]:
    """Other rows are seen at the address of this row of `rows` (SERIES, or an alias of it): of an instance
    that both have it depends on which was made first what is seen of it.
    """
    if not _shares_addresses(scope):
        return false()
    other = named(SERIES, "other_series")
    others = select(other.c.id).where(other.c.id != rows.c.id, *series_conditions(scope, viewer, other))
    # Beside a row that is the first none but later ones can be: hardly any, and an index has them alone.
    study = other.c.study_instance_uid.concat("") == rows.c.study_instance_uid
    later = others.where(~other.c.first, other.c.series_instance_uid == rows.c.series_instance_uid, study)
    beside = others.where(~rows.c.first, same_series(other, rows))
    return or_(*(each.correlate(rows).exists() for each in (later, beside)))


def answering_series(scope: Scope, viewer: Viewer) -> ColumnElement[int]:
    """The row that answers for the series of SERIES's row: itself, or an earlier one of its address."""
    if not _shares_addresses(scope):
        return SERIES.c.id
    first = named(SERIES, "first_series")
    rows = select(func.min(first.c.id)).where(
        same_series(first, SERIES), *series_conditions(scope, viewer, first)
    )
    return rows.correlate(SERIES).scalar_subquery()


def _shares_addresses(scope: Scope) -> bool:
    return not scope.alone


def same_series(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Two rows share one address."""
    return and_(
        one.c.series_instance_uid == other.c.series_instance_uid,
        one.c.study_instance_uid == other.c.study_instance_uid,
    )


def _joined(instance: FromClause, its_series: FromClause) -> Join:
    return instance.join(its_series, its_series.c.id == instance.c.series_row)


def _none(rows: Select[tuple[int]], *outside: FromClause) -> ColumnElement[bool]:
    return ~rows.correlate(*outside).exists()
