"""What the dictionary of values alone can tell: which of its rows a condition asks for, looked up beforehand.

Then a search by any attribute has one statement whatever is asked, made once. It is for conditions that ask
for whole values or numbers; where a path overflows or values are too long to tell, and for all else, there is
`app.index.verify`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from sys import float_info
from typing import Any

from sqlalchemy import (
    Connection,
    Double,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from app.database.statements import Row, Statement
from app.index import tag_studies, visible
from app.index.scope import Scope, series_conditions
from app.index.tables import (
    SERIES,
    SERIES_TAG_VALUE,
    TAG_PATH,
    TAG_VALUE,
    listed,
    named,
    one_of_few,
    texts_of,
)
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
    #: How many series do not answer for their addresses, counted as far as `LATER`.
    later: int

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
    keys = [found for found in tagged if isinstance(found, Tagged)]
    rows = _lookup(tuple(len(_ranges(key)) for key in keys)).rows(connection, _asked(keys))
    studies, later = rows[0][-2:] if rows else (0, 0)
    found = [_passing(key, [row for row in rows if row[0] == place]) for place, key in enumerate(keys)]
    values = [listed(passing) for passing in found if passing is not None]
    if len(values) < len(tagged):
        return None
    few = tag_studies.worth_listing(studies, query.offset + query.limit)
    held = {f"tagged_{place}": each for place, each in enumerate(values)}
    [counted] = _counts(len(values)).rows(connection, {**held, "most": few})
    counts, ordered = zip(*sorted(zip(counted, values, strict=True)), strict=True)
    return Rows(ordered, counts, few, later)


def walks_later(known: Rows) -> tuple[bool, ...]:
    """For each value whether fewer series are later ones of their addresses than carry it; of no values, if
    none is.
    """
    return tuple(count >= known.later for count in known.counts if known.later)


def is_shared(scope: Scope, viewer: Viewer, place: int, many: bool) -> Select[Any]:
    """A row of series that carries the value and shares its address with another, if there is one.

    Then it depends on instances whether the address carries it.
    """
    series, later = named(SERIES, "carrying_series"), named(SERIES, "later_series")
    conditions = [_carries(series, place, many), *series_conditions(scope, viewer, series)]
    if many:
        # Those are few, and an index has the later ones: without this SQLite looks through all series.
        beside = named(SERIES, "beside_series")
        addresses = select(beside.c.id).join(later, visible.same_series(beside, later))
        conditions.append(series.c.id.in_(addresses.where(~later.c.first)))
    return select(series.c.id).where(*conditions, visible.shared(scope, viewer, series)).limit(1)


@lru_cache(_KEPT)
def carrying(common: tuple[bool, ...]) -> tuple[Predicate, ...]:
    """What rows of SERIES fulfil that carry it all; the parameters are those of `Rows`."""
    return tuple(_carries(SERIES, place, many) for place, many in enumerate(common))


def _carries(series: FromClause, place: int, many: bool) -> Predicate:
    if not many:
        return series.c.id.in_(_postings(place))
    return _postings(place).where(SERIES_TAG_VALUE.c.series_id == series.c.id).correlate(series).exists()


def _postings(place: int) -> Select[tuple[int]]:
    value = one_of_few(SERIES_TAG_VALUE.c.value_id, f"tagged_{place}")
    return select(SERIES_TAG_VALUE.c.series_id).where(value)


def _is_plain(found: Carrying) -> bool:
    return (
        isinstance(found, Tagged)
        and found.attribute.key != SOP_INSTANCE_UID
        and all(isinstance(test, OneOf | Between) or kind == NAME for kind, test in found.tests)
        and all(len(text) < INDEXED for text in _texts(found))
    )


def _texts(found: Tagged) -> set[str]:
    """The texts that are asked for."""
    tests = (test for _, test in found.tests if isinstance(test, OneOf))
    return {str(value) for test in tests for value in test.values}


def _ranges(found: Tagged) -> list[tuple[float, float]]:
    return [each for _, test in found.tests if isinstance(test, Between) for each in test.ranges]


def _asked(keys: Sequence[Tagged]) -> dict[str, Any]:
    """The parameters of `_lookup`; with the text that marks paths as overflowing."""
    asked: dict[str, Any] = {"many": MOST, "late": LATER}
    for place, key in enumerate(keys):
        asked |= {f"path_{place}": key.attribute.key, f"texts_{place}": listed(["", *_texts(key)])}
        for number, (low, high) in enumerate(_ranges(key)):
            asked |= {f"low_{place}_{number}": low, f"high_{place}_{number}": min(high, float_info.max)}
    return asked


def _passing(found: Tagged, rows: Sequence[Row]) -> list[int] | None:
    """The rows that pass; None where some value may be longer than what is indexed, or a path overflows."""
    tests, kinds = dict(found.tests), {KINDS[row[1]] for row in rows}
    held = [row for row in rows if row[2] is not None]
    if NAME in kinds or len(held) >= MOST or any(not text for _, _, _, text, *_ in held):
        return None
    passing = {
        row
        for _, vr, row, text, number, *_ in held
        if (test := tests.get(KINDS[vr])) and holds(test, Form(text, number))
    }
    return sorted(passing)


@lru_cache(_KEPT)
def _lookup(ranges: tuple[int, ...]) -> Statement:
    """The dictionary's rows of each key's texts, and in so many ranges of each: the key's place, VR, row,
    text and number. A key that occurs has a row at least for its VR.

    With the number of studies that there may be, and of series that do not answer for their addresses.
    """
    parts = [
        part
        for place, count in enumerate(ranges)
        for part in (_by_text(place), *(_by_number(place, number) for number in range(count)))
    ]
    # Every UID is more than none: SQLite enters the index of later ones by that, and would not without.
    late = and_(~SERIES.c.first, SERIES.c.series_instance_uid >= literal_column("''", Text))
    later = select(SERIES.c.id).where(late).limit(bindparam("late")).subquery("later")
    beside = [
        tag_studies.numbered().scalar_subquery().label("studies"),
        select(func.count()).select_from(later).scalar_subquery().label("later"),
    ]
    return Statement(select(union_all(*parts).subquery("found"), *beside))


def _by_text(place: int) -> Select[Any]:
    # One after the other, each in the index: PostgreSQL would rather read all values of a path.
    texts, text = texts_of(f"texts_{place}")
    same = and_(TAG_VALUE.c.path_id == TAG_PATH.c.id, TAG_VALUE.c.text == text)
    return _of_path(place, TAG_PATH.join(texts, true()).outerjoin(TAG_VALUE, same))


def _by_number(place: int, number: int) -> Select[Any]:
    low, high = (bindparam(f"{end}_{place}_{number}", type_=Double) for end in ("low", "high"))
    rows = _of_path(place, TAG_PATH.join(TAG_VALUE, TAG_VALUE.c.path_id == TAG_PATH.c.id))
    within = rows.where(TAG_VALUE.c.number >= low, TAG_VALUE.c.number <= high).limit(bindparam("many"))
    return select(within.subquery(f"within_{place}_{number}"))


def _of_path(place: int, rows: FromClause) -> Select[Any]:
    own = literal_column(str(place), Integer).label("place")
    columns = own, TAG_PATH.c.vr, *TAG_VALUE.c["id", "text", "number"]
    return select(*columns).select_from(rows).where(TAG_PATH.c.path == bindparam(f"path_{place}"))


@lru_cache(_KEPT)
def _counts(values: int) -> Statement:
    """How many series carry each of so many values, counted as far as `most`."""
    counted = (_postings(place).limit(bindparam("most")).subquery() for place in range(values))
    return Statement(select(*(select(func.count()).select_from(each).scalar_subquery() for each in counted)))
