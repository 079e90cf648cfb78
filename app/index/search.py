"""Runs a Query: one statement for the page, one for what is counted, more where no column suffices.

Some take one or two before them, as few are found in another way than many: ModalitiesInStudy, patterns,
and what is asked of the tag index.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select

from app.index import beyond, compiler, order, study_counts, tag_quick, tag_studies
from app.index.asked import Asked, Limit, asked
from app.index.results import Results
from app.index.scope import Scope, shape
from app.index.tables import listed
from app.index.tag_conditions import carry
from app.index.tag_quick import Rows
from app.index.tag_studies import Found
from app.index.verify import verify
from app.query.answer import MOST_REMAINING, Page, StudyCounts
from app.query.ast import Carrying, Level, Query
from app.query.elements import Elements
from app.query.returned import wanted
from app.viewer import Viewer

#: So many forms of a search keep their statements, some 300 kB each once compiled. One of more values than
#: this is seldom asked again, and may be a hundred times as large.
KEPT = 64
MOST_VALUES = 32

#: Attributes of studies with an index that holds their values.
INDEXED = ("PatientID", "PatientName", "StudyDescription", "AccessionNumber")

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
    search = prepared(connection, query, scope, viewer)
    return search.completed(*search.shown(), {})


def prepared(connection: Connection, query: Query, scope: Scope, viewer: Viewer) -> "Prepared":
    """The search, with what is to be known before its first statement."""
    form, values = asked(query)
    seen = shape(scope, viewer)
    ask = _Asking(connection, compiler.parameters(values, scope, viewer), _is_common(form, values))
    if form.modality:
        [share] = ask.rows(compiler.modality_share, form.modality, *seen)
        rare = _is_rare(query, share.alike, share.studies)
        # Where few of the newest studies have it, many are passed over, as if the page were far down: for
        # PostgreSQL, which reads a row whole.
        passing = not rare and form.level == Level.STUDY and connection.dialect.name != "sqlite"
        form = replace(form, rare=rare, deep=form.deep or passing)
    way = _Way()
    if limit := _pattern(form):
        in_order = _in_order(connection, form, limit)
        found = ask.rows(compiler.newest, form, *seen) if in_order else ask.rows(compiler.matching, limit)
        ids = [row.id for row in found]
        ask.parameters["found"] = listed(ids)
        if len(ids) < compiler.MOST_FOUND:
            form, way = _looked_up(form, limit), _Way(listed=True, ids=ids if in_order else None)
        else:
            form = replace(form, walked=limit)
            enough = in_order and len(ids) >= query.offset + query.limit + MOST_REMAINING
            way = _Way(following=MOST_REMAINING if enough else None)
    if form.tagged and (known := _told(ask, query, scope, seen)):
        form = replace(form, tagged=False)
        ask = replace(ask, parameters={**ask.parameters, **known.parameters}, common=True)
        way = _tagged(ask, query, form, known, seen)
    elif form.tagged:
        way = _Way(_carried(connection, query, scope, viewer))
    return Prepared(query, scope, viewer, ask, form, seen, way)


@dataclass(frozen=True, slots=True)
class _Way:
    """How rows are found: by what on the tag index; whether few are to be put in order, all at once, and the
    rows if they are; and how many results follow a page after which there are more, where that is known.
    """

    carried: Predicates = ()
    listed: bool = False
    ids: Sequence[int] | None = None
    following: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A search of which the statements can be run."""

    query: Query
    scope: Scope
    viewer: Viewer
    ask: "_Asking"
    form: Asked
    seen: tuple[Scope, Viewer]
    way: _Way

    def rows(self, **more: Any) -> Sequence[Row[Any]]:
        """The rows of the page, and one more where there is more; with these parameters besides."""
        self.ask.parameters.update(more)
        return self.ask.rows(compiler.page, self.form, *self.seen, self.way.carried)

    def shown(self) -> tuple[Sequence[Row[Any]], int | None]:
        """The page's rows, and how many results follow, or None: then that is yet to be counted."""
        limit = self.query.limit
        if self.way.listed:
            return self._listed()
        if self.form.walked:
            return self._near() or replace(self, form=replace(self.form, reach="listed"))._listed()
        rows = self.rows()
        return (rows[:limit], self.way.following) if len(rows) > limit else (rows, 0)

    def _listed(self) -> tuple[Sequence[Row[Any]], int]:
        """The same of rows that are looked up, of which those that follow are known then too."""
        ids, limit = self._ordered(), self.query.limit
        self.ask.parameters["shown"] = listed(ids[:limit])
        return self.ask.rows(compiler.page_of, self.form, *self.seen), max(0, len(ids) - limit)

    def _ordered(self) -> Sequence[int]:
        """The page's rows, in order, and so many more as are counted."""
        query, ask, wanted = self.query, self.ask, self.query.limit + MOST_REMAINING
        if self.way.ids is not None:
            return self.way.ids[query.offset : query.offset + wanted]
        ask.parameters["ordered"] = wanted
        return [row.id for row in ask.rows(compiler.ordered, self.form, *self.seen, self.way.carried)]

    def _near(self) -> tuple[Sequence[Row[Any]], int] | None:
        """The same of what many studies fulfil, where the nearest ones fill the page, and so many follow as
        are ever counted. The newest that do may be far down, and the viewer see few of them.
        """
        rows, limit = replace(self, form=replace(self.form, reach="near")).rows(), self.query.limit
        following = self.way.following or self._many() if len(rows) > limit else None
        return (rows[:limit], following) if following else None

    def _many(self) -> int | None:
        """As many as are ever counted, where so many follow among the rows that were looked up alone."""
        assert self.form.walked
        form = replace(_looked_up(self.form, self.form.walked), walked=None)
        [row] = self.ask.rows(study_counts.counted, form, *self.seen, self.way.carried, False, None)
        return MOST_REMAINING if row.following == MOST_REMAINING else None

    def completed(
        self, rows: Sequence[Row[Any]], following: int | None, known: Mapping[str, StudyCounts]
    ) -> Read:
        """The rows with what belongs to them; what follows is counted where that is None, and studies of
        which the counts are `known` are not.
        """
        query, ask = self.query, self.ask
        wants_counts = bool(rows) and not study_counts.COUNTS.isdisjoint(wanted(query))
        first = beyond.first(query) if wants_counts else None
        studies = {row[0] for row in rows}
        known = {study: known[study] for study in studies & known.keys()}
        uncounted = studies if first else studies - known.keys()
        counting = wants_counts and bool(uncounted)
        groups: Sequence[Row[Any]] = ()
        if counting or following is None:
            ask.parameters["studies"] = listed(uncounted)
            rest = self.form if following is None else None
            if rows and rest and rest.placed:
                rest = replace(rest, behind="row")
                ask.parameters.update(order.place(query.level, rows[-1]))
            groups = ask.rows(study_counts.counted, rest, *self.seen, self.way.carried, counting, first)
        counts = {**known, **(study_counts.grouped(groups) if counting else {})}
        firsts = study_counts.firsts(groups) if first else {}
        own = beyond.read(ask.connection, query, self.scope, self.viewer, rows, firsts)
        return Read(rows, groups[0].following if following is None else following, counts, own)


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


def _tagged(ask: _Asking, query: Query, form: Asked, known: Rows, seen: tuple[Scope, Viewer]) -> _Way:
    """Of studies, those that carry it all are listed beforehand, or so many that it is known how many follow
    a page.
    """
    if query.level != Level.STUDY:
        return _Way(tag_quick.carrying(known.common))
    walked = tag_studies.looked_for(*seen, len(known.values))
    if form.limits and known.common[0]:
        return _Way(walked)
    # One more than is ever counted.
    wanted = query.offset + query.limit + MOST_REMAINING + 1
    found = _gathered(ask, known, wanted, seen)
    if not found.all:
        # Of drafts and versions a study's row may be unseen though its series are seen.
        live = not seen[0].past and seen[0].submission is None
        return _Way(walked, following=MOST_REMAINING if live else None)
    ask.parameters["carrying"] = listed(found.uids)
    return _Way(tag_studies.listed_ones(), listed=True)


def _gathered(ask: _Asking, known: Rows, wanted: int, seen: tuple[Scope, Viewer]) -> Found:
    def studies(bounds: dict[str, int]) -> list[str]:
        ask.parameters.update(bounds)
        return [row.uid for row in ask.rows(tag_studies.studies, *seen, len(known.values))]

    return tag_studies.gather(studies, known.counts[0], known.few, wanted)


@lru_cache(KEPT)
def _kept(build: Callable[..., Select[Any]], *form: Any) -> Select[Any]:
    return build(*form)


def _is_common(form: Asked, values: Mapping[str, Any]) -> bool:
    return not form.tagged and len(values) <= MOST_VALUES


def _pattern(form: Asked) -> Limit | None:
    """A condition on studies of which the rows are to be looked up beforehand, if there is one."""
    own = (limit for limit in form.limits if limit.attribute.keyword in INDEXED and limit.is_pattern)
    return next(own, None) if form.level == Level.STUDY else None


def _in_order(connection: Connection, form: Asked, limit: Limit) -> bool:
    """Whether studies are looked up as they are shown: where their rows are read for that all the same, and
    nothing but the pattern is asked, so that those that match are as many as those that are seen.
    """
    return (
        connection.dialect.name != "sqlite" and limit.telling and form.limits == (limit,) and not form.tagged
    )


def _looked_up(form: Asked, limit: Limit) -> Asked:
    return replace(form, limits=tuple(each for each in form.limits if each != limit), found=True)


def _told(ask: "_Asking", query: Query, scope: Scope, seen: tuple[Scope, Viewer]) -> Rows | None:
    """What the tag index is asked for as rows of its dictionary, where these alone tell what carries it."""
    known = tag_quick.find(ask.connection, query)
    if known is None or len(ask.parameters) > MOST_VALUES:
        return None
    ask = replace(ask, parameters={**ask.parameters, **known.parameters}, common=True)
    many = () if scope.alone else tag_quick.walks_later(known)
    shared = any(ask.rows(tag_quick.is_shared, *seen, *each) for each in enumerate(many))
    return None if shared else known


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
