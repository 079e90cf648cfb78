"""Which studies carry all that is asked of the tag index: in one series of theirs, or each in another.

The postings of the rarest value are walked, and the others looked for in each study that comes up: one search
in a tree for each series of it, however many carry them. Studies that come soon enough are all listed; where
there are more, a page of the newest is soon full, and looked for in the order of the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, bindparam, func, select

from app.index import visible
from app.index.scope import Scope
from app.index.tables import SERIES, SERIES_TAG_VALUE, STUDY, looked_up, named, one_of, one_of_few
from app.index.tag_conditions import Predicate
from app.viewer import Viewer

#: A value of so many series may always be listed.
FEW = 2_000
#: Of a value of many series some postings are walked at first, and then all: so many of them for each study
#: that is wanted, and of so many series one, as those of a study come one after another.
SOME, APART = 2, 8
_ALL = {"window": 1 << 40, "apart": 1}
_APART = bindparam("apart", type_=Integer)
_KEPT = 64

#: The studies of a statement that is executed with the parameters given here.
Ask = Callable[[dict[str, Any]], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """Studies that carry it all: every one, or so many of them as were asked for."""

    uids: Sequence[str]
    all: bool


def worth_listing(studies: int, wanted: int) -> int:
    """So many postings cost less to list than a page of newest studies to be looked for, one by one.

    The more there are the sooner it is full: of n postings among s studies one in s / n has one.
    """
    return max(FEW, isqrt(studies * wanted))


def gather(ask: Ask, count: int, few: int, wanted: int) -> Found:
    """All studies, where the rarest value has fewer than `few` postings, of which `count` were counted; else
    so many as are wanted, or all if there are fewer.
    """
    if count < few:
        return Found(ask({**_ALL, "most": few}), all=True)
    uids = ask({"window": SOME * wanted, "apart": APART, "most": wanted})
    if len(uids) < wanted:
        uids = ask({**_ALL, "most": wanted})
    return Found(uids, all=len(uids) < wanted)


def studies(scope: Scope, viewer: Viewer, count: int) -> Select[Any]:
    """The studies of the visible series that carry the first of `count` values, if they carry the others.

    Of each value the parameter `tagged_` and its place has the rows in the dictionary; the first is the
    rarest. `window` postings of it are walked, of series `apart`, and `most` studies found.
    """
    series = named(SERIES, "carrying_series")
    its = select(series.c.study_instance_uid).where(
        series.c.id == SERIES_TAG_VALUE.c.series_id, *visible.series(scope, viewer, series)
    )
    walked = (
        select(its.correlate(SERIES_TAG_VALUE).scalar_subquery().label("uid"))
        .where(_is_of(SERIES_TAG_VALUE, 0), SERIES_TAG_VALUE.c.series_id % _APART == 0)
        .limit(bindparam("window", type_=BigInteger))
        .subquery("walked")
    )
    once = select(walked.c.uid).where(walked.c.uid.is_not(None)).distinct().subquery("once")
    others = [_carries(once.c.uid, place, scope, viewer) for place in range(1, count)]
    return select(once.c.uid).where(*others).limit(bindparam("most", type_=BigInteger))


def numbered() -> Select[Any]:
    """How many studies there may be, whoever sees them."""
    return select(func.coalesce(func.max(STUDY.c.id), 0))


@lru_cache(_KEPT)
def looked_for(scope: Scope, viewer: Viewer, count: int) -> tuple[Predicate, ...]:
    """What a row of STUDY fulfils that carries all of `count` values: each looked for in its series."""
    return tuple(_carries(STUDY.c.study_instance_uid, place, scope, viewer) for place in range(count))


@lru_cache(1)
def listed_ones() -> tuple[Predicate, ...]:
    """What a row of STUDY fulfils that is of the studies in the parameter `carrying`."""
    return (one_of(STUDY.c.study_instance_uid, "carrying"),)


def _carries(study: ColumnElement[str], place: int, scope: Scope, viewer: Viewer) -> Predicate:
    """Some visible series of the study carries the value: an index tells both without the series' rows."""
    its, posting = named(SERIES, "its_series"), named(SERIES_TAG_VALUE, "its_posting")
    is_posted = select(posting.c.series_id).where(_is_of(posting, place), posting.c.series_id == its.c.id)
    carries = looked_up(is_posted.correlate(its))
    rows = select(its.c.id).where(
        its.c.study_instance_uid == study, carries, *visible.series(scope, viewer, its)
    )
    return looked_up(rows.correlate(study.table))


def _is_of(postings: Any, place: int) -> Predicate:
    return one_of_few(postings.c.value_id, f"tagged_{place}")
