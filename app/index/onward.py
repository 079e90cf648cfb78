"""A search read to its end: page after page, each behind the last row of the one before.

Each page sees what is there as it is read. Nothing comes twice unless it moved down the order meanwhile, as a
study does whose date is corrected to an earlier one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from app.index import compiler, order
from app.index.asked import Asked
from app.index.scope import Scope
from app.index.search import Predicates, Prepared, Read, prepared
from app.index.tables import INSTANCE, SERIES, STUDY
from app.query.answer import StudyCounts
from app.query.ast import Level, Query
from app.viewer import Viewer

#: Of so many studies what was counted is kept from page to page: series of one lie far apart.
MOST_COUNTED = 131_072

_TABLES = {Level.STUDY: STUDY, Level.SERIES: SERIES, Level.INSTANCE: INSTANCE}


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which row to go on, by the parameters of its place; and who stands with it under one UID."""

    parameters: Mapping[str, Any]
    alike: frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Onward:
    """A page, and the place behind it where there is more."""

    read: Read
    place: Place | None


@dataclass(slots=True)
class Counted:
    """What was counted of studies, for one viewer of one scope."""

    seen: tuple[Scope, Viewer]
    counts: dict[str, StudyCounts] = field(default_factory=dict)

    def of(self, seen: tuple[Scope, Viewer]) -> Mapping[str, StudyCounts]:
        """What is known. Whoever sees something else by now has everything counted anew."""
        if self.seen != seen or len(self.counts) > MOST_COUNTED:
            self.seen, self.counts = seen, {}
        return self.counts


def read(
    connection: Connection,
    query: Query,
    scope: Scope,
    viewer: Viewer,
    after: Place | None,
    known: Mapping[str, StudyCounts],
) -> Onward:
    """A page of `query.limit` results from the offset on, or after a place."""
    search = prepared(connection, query, scope, viewer)
    search = replace(search, form=replace(search.form, placed=True))
    rows = _behind(search, after) if after else search.rows()
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    place = _place(query.level, rows) if more else None
    if after:
        # One that was replaced meanwhile stands under another key, perhaps behind itself.
        rows = [row for row in rows if row[: query.level] not in after.alike]
    return Onward(search.completed(rows, 0, known), place)


def remaining(connection: Connection, query: Query, scope: Scope, viewer: Viewer) -> int:
    """How many results follow all those that are asked for, counted as far as a page counts them."""
    after = query.offset + query.most
    key = _TABLES[query.level].c.id
    # Hardly anybody asks for less than everything, which need not be counted.
    if after >= (connection.scalar(select(func.max(key))) or 0):
        return 0
    search = prepared(connection, query, scope, viewer)
    search.ask.parameters["after"] = after
    form = replace(search.form, walked=None)
    [row] = search.ask.rows(_following, form, *search.seen, search.way.carried)
    return int(row.following)


def _following(form: Asked, scope: Scope, viewer: Viewer, carried: Predicates) -> Select[Any]:
    return select(compiler.remaining(form, scope, viewer, carried).label("following"))


def _behind(search: Prepared, after: Place) -> Sequence[Row[Any]]:
    wanted, found = search.query.limit + 1, list[Row[Any]]()
    for step in order.steps(search.query.level):
        one = replace(search, form=replace(search.form, behind=step, deep=False))
        found += one.rows(**after.parameters, rows=wanted - len(found), offset=0)
        if len(found) >= wanted:
            break
    return found


def _place(level: Level, rows: Sequence[Row[Any]]) -> Place:
    last = rows[-1]
    alike = takewhile(lambda row: row[level - 1] == last[level - 1], reversed(rows))
    return Place(order.place(level, last), frozenset(tuple(row[:level]) for row in alike))
