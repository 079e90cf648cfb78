"""The order of a search's results, and what comes behind one of them: pages go on from there.

Newest studies first; below a study by number; elsewhere by UID, which needs no sorting. A page that begins
behind a row costs the same however far down that is, and what comes or goes before it moves nothing.
"""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Text,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from app.index.asked import Asked
from app.index.tables import INSTANCE, SERIES, STUDY, named, page_limit
from app.models.types import Key
from app.query.ast import Level

#: A row's own key, and the number that it has below a study.
_OWN: dict[Level, tuple[Column[str], Column[int]]] = {
    Level.STUDY: (STUDY.c.study_instance_uid, STUDY.c.id),
    Level.SERIES: (SERIES.c.series_instance_uid, SERIES.c.id),
    Level.INSTANCE: (INSTANCE.c.sop_instance_uid, INSTANCE.c.id),
}
_NUMBER: dict[Level, Column[int]] = {
    Level.SERIES: SERIES.c.series_number,
    Level.INSTANCE: INSTANCE.c.instance_number,
}
_NEWEST = STUDY.c.study_date, STUDY.c.study_time
#: What says, at the end of a row, where it stands; its UID has a place in its address.
PLACE: dict[Level, tuple[ColumnElement[Any], ...]] = {
    Level.STUDY: (*_NEWEST, STUDY.c.id),
    Level.SERIES: (_NUMBER[Level.SERIES], SERIES.c.id),
    Level.INSTANCE: (_NUMBER[Level.INSTANCE].label("place_number"), INSTANCE.c.id),
}
#: Where rows without a number stand: after all that have one.
_LAST = 1 << 40
_DATE, _TIME = bindparam("behind_date", type_=Text), bindparam("behind_time", type_=Text)
_BEHIND_NUMBER = bindparam("behind_number", type_=BigInteger)


def by(form: Asked) -> list[ColumnElement[Any]]:
    """The order; no two rows share a place in it."""
    own = _OWN[form.level]
    if form.level == Level.STUDY:
        return [*(column.desc() for column in _NEWEST), *own]
    return [_NUMBER[form.level].asc().nulls_last(), *own] if _numbered(form) else [*own]


def behind(form: Asked) -> list[ColumnElement[bool]]:
    """What stands behind the row of which the parameters are the `place`, where the form asks for that."""
    if not form.behind:
        return []
    if form.level == Level.STUDY:
        # Each of the two is a run of the index; in one condition the first would be walked again and again.
        date, time = _NEWEST
        alike = [date == _DATE, time == _TIME, _later(form)]
        return alike if form.behind == "alike" else [tuple_(date, time) < tuple_(_DATE, _TIME)]
    if not _numbered(form):
        return [_later(form)]
    number = func.coalesce(_NUMBER[form.level], literal(_LAST, BigInteger))
    return [or_(number > _BEHIND_NUMBER, and_(number == _BEHIND_NUMBER, _later(form)))]


def near(form: Asked) -> list[ColumnElement[bool]]:
    """That a study is among so many of the newest, whoever sees these, where the form asks for that: it is of
    a later date than the first beyond. So there may be fewer, or none, but a page full of them is whole.
    """
    if form.reach != "near":
        return []
    others = named(STUDY, "newer_study")
    newest = others.c.study_date.desc(), others.c.study_time.desc(), others.c.study_instance_uid, others.c.id
    bound = select(others.c.study_date).order_by(*newest).limit(1).offset(page_limit("near"))
    return [STUDY.c.study_date > bound.scalar_subquery()]


def steps(level: Level) -> tuple[Literal["alike", "beyond"], ...]:
    """What is asked for one after the other until a page is full."""
    return ("alike", "beyond") if level == Level.STUDY else ("alike",)


def place(level: Level, row: Sequence[Any]) -> dict[str, Any]:
    """The parameters that say where a row of a `placed` page stands."""
    own = {"behind_uid": row[level - 1], "behind_id": row[-1]}
    if level == Level.STUDY:
        return {**own, "behind_date": row[-3], "behind_time": row[-2]}
    return {**own, "behind_number": _LAST if row[-2] is None else row[-2]}


def _later(form: Asked) -> ColumnElement[bool]:
    uid, key = _OWN[form.level]
    last = bindparam("behind_uid", type_=Text)
    # The first of the two is what an index is entered by.
    return and_(uid >= last, or_(uid > last, key > bindparam("behind_id", type_=Key)))


def _numbered(form: Asked) -> bool:
    return "study" in form.address
