"""Runs a Query: one statement for the page, one for what is counted, more where no column suffices.

ModalitiesInStudy takes one before them: a rare modality is looked for in another way than a common one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from app.index import beyond, compiler, visible
from app.index.asked import Asked, asked
from app.index.results import Results
from app.index.scope import Scope, shape
from app.index.tables import SERIES, listed, named, one_of
from app.index.tag_conditions import carry
from app.index.verify import verify
from app.query.answer import Page, StudyCounts
from app.query.ast import Carrying, Query
from app.query.elements import Elements
from app.query.returned import STUDY_COUNTS, wanted
from app.viewer import Viewer

#: So many forms of a search keep their statements, some 300 kB each once compiled. One of more values than
#: this is seldom asked again, and may be a hundred times as large.
KEPT = 64
MOST_VALUES = 32

Predicates = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Read:
    """A page as the index gives it: rows, how many follow, and what else the results are made from."""

    rows: Sequence[Row[Any]]
    following: int
    counts: Mapping[str, StudyCounts]
    beyond: Mapping[beyond.Address, Elements]


def search(connection: Connection, query: Query, scope: Scope, viewer: Viewer) -> Page:
    """What the viewer may see of the scope that matches, from the query's offset on."""
    found = page(query, read(connection, query, scope, viewer))
    return Page(list(found.rows), found.remaining)


def read(connection: Connection, query: Query, scope: Scope, viewer: Viewer) -> Read:
    """What the index has for the page: all of the search but the results' making."""
    form, values = asked(query)
    seen = shape(scope, viewer)
    ask = _Asking(connection, compiler.parameters(values, scope, viewer), _is_common(form, values))
    if form.modality:
        [share] = ask.rows(compiler.modality_share, form.modality, *seen)
        form = replace(form, rare=_is_rare(query, share.alike, share.studies))
    carried = _carried(connection, query, scope, viewer) if form.tagged else ()
    rows = ask.rows(compiler.page, form, *seen, carried)
    full = len(rows) > query.limit
    rows = rows[: query.limit]
    counting = bool(rows) and not _COUNTS.isdisjoint(wanted(query))
    first = counting and beyond.is_of_series(query)
    groups: Sequence[Row[Any]] = ()
    if counting or full:
        ask.parameters["studies"] = listed({row.study_instance_uid for row in rows})
        groups = ask.rows(_counted, form if full else None, *seen, carried, counting, first)
    counts = _grouped(groups) if counting else {}
    own = beyond.read(connection, query, scope, viewer, rows, _first_series(groups) if first else {})
    return Read(rows, groups[0].following if full else 0, counts, own)


def page(query: Query, read: Read) -> Page:
    """The results, each made when it is looked at; this takes longer than the reading of a long page."""
    return Page(Results(query, read.rows, read.counts, read.beyond), read.following)


@dataclass(frozen=True, slots=True)
class _Asking:
    """Statements for one search: kept ones, for those of a common form."""

    connection: Connection
    parameters: dict[str, Any]
    common: bool

    def rows(self, build: Callable[..., Select[Any]], *form: Any) -> Sequence[Row[Any]]:
        """The rows of the statement that `build` makes of the search's form."""
        if self.common:
            return self.connection.execute(_kept(build, *form), self.parameters).all()
        options = {"compiled_cache": None}
        return self.connection.execute(build(*form), self.parameters, execution_options=options).all()


@lru_cache(KEPT)
def _kept(build: Callable[..., Select[Any]], *form: Any) -> Select[Any]:
    return build(*form)


def _is_common(form: Asked, values: Mapping[str, Any]) -> bool:
    return not form.tagged and len(values) <= MOST_VALUES


def _is_rare(query: Query, alike: int, studies: int) -> bool:
    """Whether to list the studies of so many series that are alike costs less than to look into the newest
    ones until the page is full. One to be listed costs about four times as much.
    """
    return alike < compiler.MANY and 4 * alike * alike < studies * (query.offset + query.limit)


def _carried(connection: Connection, query: Query, scope: Scope, viewer: Viewer) -> Predicates:
    """The conditions on the tag index. The connection is given back after this: it keeps no statement."""
    tagged = [found for found in query.conditions if isinstance(found, Carrying)]
    known = verify(connection.execution_options(compiled_cache=None), query, scope, viewer)
    return tuple(carry(tagged, query.level, scope, viewer, known))


_COUNTS = frozenset(STUDY_COUNTS)


def _counted(
    form: Asked | None, scope: Scope, viewer: Viewer, carried: Predicates, counting: bool, first: bool
) -> Select[Any]:
    """Counts of the page's studies, if they are wanted, and of the results that follow, if there are."""
    following = [compiler.remaining(form, scope, viewer, carried).label("following")] if form else []
    counted: Select[Any] = _counts(scope, viewer, with_first=first) if counting else select()
    return counted.add_columns(*following)


@cache
def _counts(scope: Scope, viewer: Viewer, *, with_first: bool) -> Select[Any]:
    """For each study of the parameter `studies` and each modality in it: its series and instances.

    With what the first series of them keeps, in `attributes`, where that is wanted.
    """
    key = (SERIES.c.study_instance_uid, SERIES.c.modality)
    groups = (
        select(
            *key,
            func.count().label("series"),
            func.sum(visible.instance_count(scope, viewer)).label("instances"),
            func.min(SERIES.c.id).label("first"),
        )
        .where(one_of(SERIES.c.study_instance_uid, "studies"), *visible.series(scope, viewer))
        .group_by(*key)
    )
    if not with_first:
        return groups
    found, first = groups.subquery("groups"), named(SERIES, "first_series")
    return select(found, first.c.attributes).join(first, first.c.id == found.c.first)


# Rows by place, in the order of `_counts`: by name each value would cost as much as all of them do so.


def _first_series(groups: Iterable[Sequence[Any]]) -> dict[str, bytes]:
    """What the first series of each study keeps."""
    return {group[0]: group[5] for group in sorted(groups, key=itemgetter(4), reverse=True)}


def _grouped(groups: Iterable[Sequence[Any]]) -> dict[str, StudyCounts]:
    by_study: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for group in groups:
        by_study[group[0]].append(group[1:4])
    return {study: _study_counts(*zip(*found, strict=True)) for study, found in by_study.items()}


def _study_counts(modalities: Sequence[str], series: Sequence[int], instances: Sequence[Any]) -> StudyCounts:
    present = tuple(sorted(filter(None, modalities)))
    return StudyCounts(present, sum(series), int(sum(instances)))
