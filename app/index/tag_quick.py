"""What the dictionary of values alone can tell: which of its rows a condition asks for, looked up beforehand.

Then a search by any attribute has one statement whatever is asked, made once. It is for conditions that ask
for whole values or numbers; where a path overflows or values are too long to tell, and for all else, there is
`app.index.verify`.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from sys import float_info
from typing import Any

from sqlalchemy import Connection, FromClause, Select, bindparam, func, select

from app.database.statements import Statement
from app.index import tag_studies, visible
from app.index.scope import Scope, series_conditions
from app.index.tables import SERIES, SERIES_TAG_VALUE, TAG_PATH, TAG_VALUE, listed, named, one_of
from app.index.tag_conditions import SOP_INSTANCE_UID, Predicate
from app.index.tag_values import INDEXED
from app.query.ast import Between, Carrying, Level, OneOf, Query, Tagged
from app.query.kinds import KINDS, NAME, Form, holds
from app.viewer import Viewer

#: Series that do not answer for their addresses are counted so far.
LATER = 2_000
#: Numbers in a range that are looked up at most.
MOST = 2_000
_KEPT = 64


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the dictionary for each condition, the one that the fewest series carry first."""

    values: tuple[str, ...]
    #: How many series carry them, counted so far as `few`: so many are many.
    counts: tuple[int, ...]
    few: int

    @property
    def parameters(self) -> dict[str, str]:
        """What statements with `carrying` are executed with."""
        return {f"tagged_{place}": rows for place, rows in enumerate(self.values)}

    @property
    def common(self) -> tuple[bool, ...]:
        """Which of them are looked for in each row as it comes up, if rows of series are searched."""
        return tuple(place > 0 or count >= self.few for place, count in enumerate(self.counts))


def find(connection: Connection, query: Query) -> Rows | None:
    """The dictionary's rows of all that is asked of the tag index; None where those do not tell enough."""
    tagged = [found for found in query.conditions if isinstance(found, Carrying)]
    if query.level == Level.INSTANCE or not all(map(_is_plain, tagged)):
        return None
    found = [_values(connection, each) for each in tagged if isinstance(each, Tagged)]
    values = [listed(rows) for rows in found if rows is not None]
    if len(values) < len(tagged):
        return None
    [(studies,)] = _STUDIES.rows(connection)
    few = tag_studies.worth_listing(studies, query.offset + query.limit)
    counted = [(_COUNT.rows(connection, {"values": each, "most": few})[0][0], each) for each in values]
    counts, ordered = zip(*sorted(counted), strict=True)
    return Rows(ordered, counts, few)


def walks_later(connection: Connection, known: Rows) -> tuple[bool, ...]:
    """For each value whether fewer series do not answer for their addresses than carry it; of no values, if
    all series do.
    """
    [(later,)] = _LATER.rows(connection, {"most": LATER})
    return tuple(count >= later for count in known.counts if later)


def is_shared(scope: Scope, viewer: Viewer, place: int, many: bool) -> Select[Any]:
    """A row of series that carries the value and does not answer for its address, if there is one.

    Then it depends on instances whether the address carries it.
    """
    series, earlier = named(SERIES, "carrying_series"), named(SERIES, "earlier_series")
    before = select(earlier.c.id).where(
        visible.same_series(earlier, series),
        earlier.c.id < series.c.id,
        *series_conditions(scope, viewer, earlier),
    )
    later = named(SERIES, "later_series")
    return (
        select(series.c.id)
        .where(
            _carries(series, place, many),
            # Those are few, and the index has them: without this SQLite looks through all series.
            series.c.id.in_(select(later.c.id).where(~later.c.first)) if many else ~series.c.first,
            *series_conditions(scope, viewer, series),
            before.correlate(series).exists(),
        )
        .limit(1)
    )


@lru_cache(_KEPT)
def carrying(common: tuple[bool, ...]) -> tuple[Predicate, ...]:
    """What rows of SERIES fulfil that carry it all; the parameters are those of `Rows`."""
    return tuple(_carries(SERIES, place, many) for place, many in enumerate(common))


def _carries(series: FromClause, place: int, many: bool) -> Predicate:
    if not many:
        return series.c.id.in_(_postings(place))
    return _postings(place).where(SERIES_TAG_VALUE.c.series_id == series.c.id).correlate(series).exists()


def _postings(place: int) -> Select[tuple[int]]:
    value = one_of(SERIES_TAG_VALUE.c.value_id, f"tagged_{place}")
    return select(SERIES_TAG_VALUE.c.series_id).where(value)


def _is_plain(found: Carrying) -> bool:
    return (
        isinstance(found, Tagged)
        and found.attribute.key != SOP_INSTANCE_UID
        and all(isinstance(test, OneOf | Between) or kind == NAME for kind, test in found.tests)
    )


def _values(connection: Connection, found: Tagged) -> list[int] | None:
    """The rows that pass; None where some value may be longer than what is indexed, or a path overflows."""
    tests = dict(found.tests)
    paths = {row: KINDS[vr] for row, vr in _PATHS.rows(connection, {"path": found.attribute.key})}
    asked = {str(value) for test in tests.values() if isinstance(test, OneOf) for value in test.values}
    if NAME in paths.values() or any(len(text) >= INDEXED for text in asked):
        return None
    texts = listed(["", *asked])
    rows = [row for path in paths for row in _VALUES.rows(connection, {"path": path, "texts": texts})]
    if any(not text for _, _, text, _ in rows):
        return None
    ranges = [each for test in tests.values() if isinstance(test, Between) for each in test.ranges]
    for path, (low, high) in product(paths, ranges):
        between = {"path": path, "low": low, "high": min(high, float_info.max), "most": MOST}
        rows += (more := _NUMBERS.rows(connection, between))
        if len(more) == MOST:
            return None
    passing = {
        row
        for row, path, text, number in rows
        if (test := tests.get(paths[path])) and holds(test, Form(text, number))
    }
    return sorted(passing)


_PATHS = Statement(select(TAG_PATH.c.id, TAG_PATH.c.vr).where(TAG_PATH.c.path == bindparam("path")))
# One path at a time: of lists PostgreSQL knows no length, and would rather read the whole table.
_ROWS = select(*TAG_VALUE.c["id", "path_id", "text", "number"]).where(
    TAG_VALUE.c.path_id == bindparam("path")
)
_VALUES = Statement(_ROWS.where(one_of(TAG_VALUE.c.text, "texts")))
_NUMBERS = Statement(
    _ROWS.where(TAG_VALUE.c.number >= bindparam("low"), TAG_VALUE.c.number <= bindparam("high")).limit(
        bindparam("most")
    )
)
_STUDIES = Statement(tag_studies.numbered())
_LATER = Statement(
    select(func.count()).select_from(
        select(SERIES.c.id).where(~SERIES.c.first).limit(bindparam("most")).subquery("later")
    )
)
_COUNT = Statement(
    select(func.count()).select_from(
        select(SERIES_TAG_VALUE.c.series_id)
        .where(one_of(SERIES_TAG_VALUE.c.value_id, "values"))
        .limit(bindparam("most"))
        .subquery("postings")
    )
)
