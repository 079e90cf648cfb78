"""What is counted for a page: series and instances of its studies, and the results that follow."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from app.index import compiler, visible
from app.index.asked import Asked
from app.index.scope import Scope
from app.index.tables import INSTANCE, SERIES, named, one_of
from app.query.answer import StudyCounts
from app.query.ast import Level
from app.query.returned import STUDY_COUNTS
from app.viewer import Viewer

Predicates = tuple[ColumnElement[bool], ...]

#: What an answer may have that is counted.
COUNTS = frozenset(STUDY_COUNTS)


def counted(
    form: Asked | None,
    scope: Scope,
    viewer: Viewer,
    carried: Predicates,
    counting: bool,
    first: Level | None,
) -> Select[Any]:
    """Counts of the page's studies, if they are wanted, and of the results that follow, if there are."""
    following = [compiler.remaining(form, scope, viewer, carried).label("following")] if form else []
    own: Select[Any] = _counts(scope, viewer, first) if counting else select()
    return own.add_columns(*following)


@cache
def _counts(scope: Scope, viewer: Viewer, first: Level | None) -> Select[Any]:
    """For each study of the parameter `studies` and each modality in it: its series and instances.

    With the row of the first series of them, where a level is given, and what that series keeps or the row
    of its first instance.
    """
    key = (SERIES.c.study_instance_uid, SERIES.c.modality)
    groups = (
        select(
            *key,
            func.count().label("series"),
            func.sum(visible.instance_count(scope, viewer)).label("instances"),
            *((func.min(SERIES.c.id).label("first"),) if first else ()),
        )
        .where(one_of(SERIES.c.study_instance_uid, "studies"), *visible.series(scope, viewer))
        .group_by(*key)
    )
    if first is None:
        return groups
    found, its = groups.subquery("groups"), named(SERIES, "first_series")
    if first == Level.SERIES:
        return select(found, its.c.attributes).join(its, its.c.id == found.c.first)
    own = select(func.min(INSTANCE.c.id)).where(INSTANCE.c.series_row == found.c.first)
    return select(found, own.correlate(found).scalar_subquery())


# Rows by place, in the order of `_counts`: by name each value would cost as much as all of them do so.


def firsts(groups: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """What the first series of each study keeps, or the row of its first instance, if it has any."""
    found = [group for group in groups if group[5] is not None]
    return {group[0]: group[5] for group in sorted(found, key=itemgetter(4), reverse=True)}


def grouped(groups: Iterable[Sequence[Any]]) -> dict[str, StudyCounts]:
    by_study: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for group in groups:
        by_study[group[0]].append(group[1:4])
    return {study: _study_counts(*zip(*found, strict=True)) for study, found in by_study.items()}


def _study_counts(modalities: Sequence[str], series: Sequence[int], instances: Sequence[Any]) -> StudyCounts:
    present = tuple(sorted(filter(None, modalities)))
    return StudyCounts(present, sum(series), int(sum(instances)))
