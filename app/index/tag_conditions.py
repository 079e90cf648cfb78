"""Conditions on the tag index as SQL: which series certainly carry a value, and which may.

A series may where a path overflowed in it, where it holds a value longer than what is indexed, and where it
holds all the values that one item of a sequence must hold. What only may be is settled by `app.index.verify`,
whose findings come back here as `Carried`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, false, func, or_, select

from app.index import visible
from app.index.predicates import beginning, predicate
from app.index.scope import Scope
from app.index.tables import INSTANCE, SERIES, SERIES_TAG_VALUE, STUDY, TAG_PATH, TAG_VALUE, among, named
from app.index.tag_values import INDEXED
from app.query.ast import Between, Carrying, InItem, Level, OneOf, Range, Tagged, Test, Wildcard
from app.query.kinds import KINDS, NAME
from app.viewer import Viewer

Predicate = ColumnElement[bool]

#: Has a column, and is not in the tag index.
SOP_INSTANCE_UID = "00080018"


@dataclass(frozen=True, slots=True)
class Names:
    """Rows of the dictionary: the names that pass a test, and those too long to tell."""

    passing: tuple[int, ...] = ()
    long: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Carried:
    """What was looked up before: names, and rows that carry what the index cannot tell."""

    names: Mapping[Tagged, Names] = field(default_factory=dict)
    series: Mapping[Carrying, Sequence[int]] = field(default_factory=dict)
    instances: Sequence[int] = ()


NOTHING = Carried()


def carry(
    tagged: Sequence[Carrying], level: Level, scope: Scope, viewer: Viewer, carried: Carried
) -> list[Predicate]:
    """What rows of the level fulfil when some instance of theirs carries what is asked."""
    if level == Level.INSTANCE:
        return [among(INSTANCE.c.id, carried.instances)] if tagged else []
    if level == Level.SERIES:
        return [_series(found, SERIES, scope, viewer, carried) for found in tagged]
    return [of_study(found, scope, viewer, carried) for found in tagged]


def of_study(found: Carrying, scope: Scope, viewer: Viewer, carried: Carried) -> Predicate:
    """Some series of STUDY's row, as the viewer sees it, carries what is asked."""
    series = named(SERIES, "carrying_series")
    studies = select(series.c.study_instance_uid).where(
        _series(found, series, scope, viewer, carried), *visible.series(scope, viewer, series)
    )
    return STUDY.c.study_instance_uid.in_(studies)


def sure(found: Carrying, series: FromClause, scope: Scope, viewer: Viewer, carried: Carried) -> Predicate:
    """The series of this row carries what is asked, for the viewer as for everybody."""
    return and_(certain(found, series, carried), ~visible.shared(scope, viewer, series))


def certain(found: Carrying, series: FromClause, carried: Carried) -> Predicate:
    """An instance of this very row of series carries what is asked; it may be that another row's is seen."""
    if isinstance(found, InItem):
        return false()
    if found.attribute.key == SOP_INSTANCE_UID:
        instance = named(INSTANCE, "named_instance")
        ((_, test),) = found.tests
        assert isinstance(test, OneOf)
        right = predicate(test, lambda *_: instance.c.sop_instance_uid)
        return series.c.id.in_(select(instance.c.series_row).where(right))
    return series.c.id.in_(_postings(found, _all_passing(found, carried)))


def possible(found: Carrying, series: FromClause, carried: Carried) -> Predicate:
    """An instance of this row of series may carry what is asked, for all that the index can tell."""
    if isinstance(found, InItem):
        return and_(*(may(key, series, carried) for key in found.keys))
    if found.attribute.key == SOP_INSTANCE_UID:
        return false()
    return series.c.id.in_(_postings(found, _all_unclear(found, carried)))


def may(found: Carrying, series: FromClause, carried: Carried) -> Predicate:
    """An instance of this row of series carries what is asked, or may.

    One look into the postings: for two of them with "or" between PostgreSQL reads every row of series.
    """
    if isinstance(found, InItem):
        return possible(found, series, carried)
    if found.attribute.key == SOP_INSTANCE_UID:
        return certain(found, series, carried)
    tests = (*_all_passing(found, carried), *_all_unclear(found, carried))
    return series.c.id.in_(_postings(found, tests))


def _series(found: Carrying, series: FromClause, scope: Scope, viewer: Viewer, carried: Carried) -> Predicate:
    verified = carried.series.get(found)
    known = sure(found, series, scope, viewer, carried)
    return or_(known, among(series.c.id, verified)) if verified else known


def _postings(found: Tagged, tests: Sequence[Predicate]) -> Select[tuple[int]]:
    values = (
        select(TAG_VALUE.c.id)
        .join(TAG_PATH, TAG_PATH.c.id == TAG_VALUE.c.path_id)
        .where(TAG_PATH.c.path == found.attribute.key, or_(*tests))
    )
    return select(SERIES_TAG_VALUE.c.series_id).where(SERIES_TAG_VALUE.c.value_id.in_(values))


def _all_passing(found: Tagged, carried: Carried) -> list[Predicate]:
    return [_passing(kind, test, carried.names.get(found, Names())) for kind, test in found.tests]


def _all_unclear(found: Tagged, carried: Carried) -> list[Predicate]:
    return [_unclear(kind, test, carried.names.get(found, Names())) for kind, test in found.tests]


def _passing(kind: str, test: Test, names: Names) -> Predicate:
    return and_(_of_kind(kind), _passes(kind, test, names))


def _passes(kind: str, test: Test, names: Names) -> Predicate:
    if kind == NAME:
        return among(TAG_VALUE.c.id, names.passing)
    if isinstance(test, Between):
        return or_(*(_between(low, high) for low, high in test.ranges))
    text: ColumnElement[Any] = TAG_VALUE.c.text
    if isinstance(test, Range):
        return and_(TAG_VALUE.c.number.is_not(None), predicate(test, lambda *_: text))
    return and_(predicate(test, lambda *_: text), func.length(text) < INDEXED)


def _between(low: float, high: float) -> Predicate:
    number = TAG_VALUE.c.number
    if low == high:
        return number == low
    return number >= low if high == float("inf") else and_(number >= low, number <= high)


def _unclear(kind: str, test: Test, names: Names) -> Predicate:
    overflows = TAG_VALUE.c.text == ""
    return and_(_of_kind(kind), or_(overflows, *_too_long(kind, test, names)))


def _too_long(kind: str, test: Test, names: Names) -> list[Predicate]:
    """Of a value that is longer than what is indexed, only its beginning can be ruled out."""
    if kind == NAME:
        return [among(TAG_VALUE.c.id, names.long)] if names.long else []
    if isinstance(test, OneOf):
        long = [str(value)[:INDEXED] for value in test.values if len(str(value)) >= INDEXED]
        return [TAG_VALUE.c.text.in_(long)] if long else []
    if isinstance(test, Wildcard):
        return [
            and_(func.length(TAG_VALUE.c.text) >= INDEXED, beginning(TAG_VALUE.c.text, pattern, INDEXED))
            for pattern in test.patterns
        ]
    return []


def _of_kind(kind: str) -> Predicate:
    return TAG_PATH.c.vr.in_([vr for vr, own in KINDS.items() if own == kind])
