"""Roll-ups: what is live, counted beforehand for each access unit, and summed over those that somebody sees.

Triggers keep them, in the transaction of whatever changes a row (migration 0010). What a collection's access
units share is counted in each; of that, and of nothing else, the rows are read once more.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    SelectBase,
    Table,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
)

from app.index import counted
from app.index.counted import ALIKE, SUMS, is_of
from app.index.drafts import is_live
from app.index.scope import Scope, cell_conditions, study_conditions
from app.index.tables import SERIES, SERIES_ROLLUP, SHARED_UID, STUDY, STUDY_ROLLUP
from app.viewer import Viewer


def kept(scope: Scope, viewer: Viewer) -> bool:
    """Whether roll-ups know all of it: they do not of other versions, of drafts, carts, or single studies."""
    live = not scope.past and scope.submission is None and not scope.beside
    return live and viewer.studies is None


def series(scope: Scope, viewer: Viewer) -> Select[Any]:
    """As `counted.series`."""
    cells = select(*SERIES_ROLLUP.c[(*ALIKE, *SUMS)]).where(*cell_conditions(scope, viewer, SERIES_ROLLUP))
    parts = [cells]
    if not scope.alone:
        shared = _is_shared(SERIES, "series")
        parts += [each(scope, viewer, shared) for each in (counted.rows_of_series, counted.series)]
    rows = union_all(*parts).subquery("counted")
    sums = [func.sum(rows.c[each]) for each in SUMS]
    return select(*rows.c[ALIKE], *sums).group_by(*rows.c[ALIKE]).having(sums[0] > 0)


def people(scope: Scope, viewer: Viewer, of: Iterable[int] | None = None) -> Select[Any]:
    """As `counted.people`."""
    cells = STUDY_ROLLUP.c["collection_id", "patient_id", "studies"]
    seen = cell_conditions(scope, viewer, STUDY_ROLLUP)
    parts = [select(*cells).where(*seen, *is_of(STUDY_ROLLUP, of))]
    if not scope.alone:
        own = STUDY.c["collection_id", "study_instance_uid"]
        again = select(own[0], literal(""), 1 - func.count()).group_by(*own)
        seen = [*study_conditions(scope, viewer), _is_shared(STUDY, "study")]
        parts.append(again.where(*seen, *is_of(STUDY, of)))
    rows = union_all(*parts).subquery("counted")
    patients, studies = func.count(func.nullif(rows.c.patient_id, "").distinct()), func.sum(rows.c.studies)
    found = select(rows.c.collection_id, patients, studies).group_by(rows.c.collection_id)
    return found.having(studies > 0)


def _is_shared(rows: Table, level: str) -> ColumnElement[bool]:
    """That what a row is of may lie in several access units of its collection."""
    uids = select(SHARED_UID.c.uid).where(SHARED_UID.c.level == level)
    return rows.c[f"{level}_instance_uid"].in_(uids)


def recompute(connection: Connection) -> None:
    """Count everything anew, a statement for each table. Whoever writes waits meanwhile."""
    if connection.dialect.name == "postgresql":
        # What is not committed yet, its own transaction adds when this one has ended.
        names = ", ".join(each.name for each in _TOLD)
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
    for table, rows in _TOLD.items():
        connection.execute(delete(table))
        connection.execute(insert(table).from_select(rows.selected_columns.keys(), rows))


def wrong(connection: Connection) -> list[int]:
    """The collections whose roll-ups say something else than the rows."""
    found = [connection.scalars(_differing(table, rows)).all() for table, rows in _TOLD.items()]
    return sorted(set().union(*found))


def _differing(table: Table, rows: SelectBase) -> Select[Any]:
    """The collections where what is said and what is so do not cancel each other."""
    names = rows.selected_columns.keys()
    alike, added = ([name for name in names if (name in _ADDED) is each] for each in (False, True))
    sides = [_signed(table, alike, added, 1), _signed(rows.subquery("told"), alike, added, -1)]
    both = union_all(*sides).subquery("both")
    differs = [func.sum(both.c[name]) != 0 for name in added or ["sign"]]
    parts = select(both.c.collection_id).group_by(*(both.c[name] for name in alike)).having(or_(*differs))
    return select(parts.subquery("parts").c.collection_id).distinct()


def _signed(rows: FromClause, alike: Sequence[str], added: Sequence[str], sign: int) -> Select[Any]:
    counts = [(sign * rows.c[name]).label(name) for name in added]
    return select(*(rows.c[name] for name in alike), *counts, literal(sign).label("sign"))


def _told(rollup: Table, rows: Table, **counts: ColumnElement[int]) -> Select[Any]:
    """What the roll-up is to say of the rows."""
    alike = [each for each in rows.c if each.name in rollup.c and each.name not in ("id", *counts)]
    sums = [each.label(name) for name, each in counts.items()]
    return select(*alike, *sums).where(*is_live(rows)).group_by(*alike)


def _told_shared(rows: Table, level: str) -> Select[Any]:
    own = rows.c["collection_id", f"{level}_instance_uid"]
    named = select(own[0], literal(level).label("level"), own[1].label("uid"))
    return named.where(*is_live(rows)).group_by(*own).having(func.count() > 1)


_ADDED = {*SUMS, "studies"}
_TOLD: Mapping[Table, SelectBase] = {
    SERIES_ROLLUP: _told(
        SERIES_ROLLUP,
        SERIES,
        series=func.count(),
        instances=func.sum(SERIES.c.number_of_series_related_instances),
        size=func.sum(SERIES.c.size),
    ),
    STUDY_ROLLUP: _told(STUDY_ROLLUP, STUDY, studies=func.count()),
    SHARED_UID: union_all(_told_shared(STUDY, "study"), _told_shared(SERIES, "series")),
}
