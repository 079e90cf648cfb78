"""Settles what the tag index cannot tell, by the instances' own DICOM JSON: exact, or refused.

At study and series level that are series in which a path overflowed or holds long values, or that hold all
the values that one item of a sequence must hold; at instance level it is every instance of a series that
carries the value.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from app.dicom.description import Json
from app.errors import InvalidQuery
from app.index import compiler, visible
from app.index.predicates import groups_like
from app.index.scope import Scope, series_conditions
from app.index.stored_form import decode_json
from app.index.tables import INSTANCE, SERIES, SERIES_TAG_VALUE, STUDY, TAG_PATH, TAG_VALUE, among, named
from app.index.tag_conditions import NOTHING, Carried, Names, certain, may, of_study, possible, sure
from app.index.tag_values import INDEXED, items_at, values_at
from app.query.ast import Carrying, InItem, Level, PersonName, Query, Tagged, Test
from app.query.conditions import attributes as constrained
from app.query.kinds import KINDS, NAME, Form, holds
from app.query.searchable import BY_PATH
from app.viewer import Viewer

#: So many instances are looked into at most, and so many names compared.
MOST = 20_000
#: JSON is read in batches, between which others get their turn.
BATCH = 200
#: Keys that leave little over, from the most telling on.
NARROWING = (
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "AccessionNumber",
    "PatientID",
    "StudyDate",
    "PatientName",
    "Modality",
    "ModalitiesInStudy",
    "SOPClassUID",
)

#: The steps that are left to a value, and the test for each kind that it may be of.
_Asked = tuple[Sequence[str], Mapping[str, Test]]


def verify(connection: Connection, query: Query, scope: Scope, viewer: Viewer) -> Carried:
    """What the page's statement must know beforehand. Raises InvalidQuery where that is too much."""
    tagged = [found for found in query.conditions if isinstance(found, Carrying)]
    if not tagged:
        return NOTHING
    carried = Carried(
        {key: _names(connection, key, query, scope, viewer) for found in tagged for key in _keys(found)}
    )
    if query.level == Level.INSTANCE:
        rows = connection.execute(_instances(query, tagged, scope, viewer, carried)).all()
        _check(rows, query)
        passing = [
            row for row, json in _read(connection, [row.id for row in rows]) if _all_hold(tagged, json)
        ]
        return replace(carried, instances=passing)
    rows = connection.execute(_undecided(query, tagged, scope, viewer, carried)).all()
    _check(rows, query)
    return replace(carried, series=_series(connection, tagged, {row.id: row.answering for row in rows}))


def _names(connection: Connection, found: Tagged, query: Query, scope: Scope, viewer: Viewer) -> Names:
    """The dictionary's names of the path that pass: SQL narrows them down, but cannot tell groups apart.

    Whether they are too many is for those to decide that the viewer sees: hidden data decide no answer.
    """
    test = dict(found.tests).get(NAME)
    if test is None:
        return Names()
    path = and_(TAG_PATH.c.path == found.attribute.key, TAG_PATH.c.vr == "PN", TAG_VALUE.c.text != "")
    statement = select(TAG_VALUE.c.id, TAG_VALUE.c.text).join(TAG_PATH, TAG_PATH.c.id == TAG_VALUE.c.path_id)
    if isinstance(test, PersonName):
        text = TAG_VALUE.c.text
        statement = statement.where(or_(groups_like(text, test), func.length(text) >= INDEXED))
    rows = connection.execute(statement.where(path).limit(MOST + 1)).all()
    if len(rows) > MOST:
        seen = TAG_VALUE.c.id.in_(_values_in(scope, viewer))
        rows = connection.execute(statement.where(path, seen).limit(MOST + 1)).all()
    if len(rows) > MOST:
        raise InvalidQuery(
            f"More than {MOST:,} different names of {found.attribute.keyword} would have to be compared. "
            f"{_narrower(query)}"
        )
    short = [row for row in rows if len(row.text) < INDEXED]
    passing = tuple(row.id for row in short if holds(test, Form(row.text, None)))
    return Names(passing, tuple(row.id for row in rows if len(row.text) >= INDEXED))


def _values_in(scope: Scope, viewer: Viewer) -> Select[tuple[int]]:
    """The dictionary's rows of which some visible series has one."""
    return (
        select(SERIES_TAG_VALUE.c.value_id)
        .join(SERIES, SERIES.c.id == SERIES_TAG_VALUE.c.series_id)
        .where(*series_conditions(scope, viewer))
    )


def _instances(
    query: Query, tagged: Sequence[Carrying], scope: Scope, viewer: Viewer, carried: Carried
) -> Select[Any]:
    """Instances with the right columns, in series that may carry what is asked."""
    possibly = [may(found, SERIES, carried) for found in tagged]
    return compiler.candidates((INSTANCE.c.id,), query, scope, viewer).where(*possibly).limit(MOST + 1)


def _undecided(
    query: Query, tagged: Sequence[Carrying], scope: Scope, viewer: Viewer, carried: Carried
) -> Select[Any]:
    """Instances of the series on which it depends whether a study or series matches."""
    level = query.level
    uids = [SERIES.c.study_instance_uid, SERIES.c.series_instance_uid]
    uids = [STUDY.c.study_instance_uid] if level == Level.STUDY else uids
    known = [
        of_study(found, scope, viewer, carried)
        if level == Level.STUDY
        else sure(found, SERIES, scope, viewer, carried)
        for found in tagged
    ]
    flags = [condition.label(f"sure_{place}") for place, condition in enumerate(known)]
    possibly = [_somewhere(found, level, scope, viewer, carried) for found in tagged]
    candidates = compiler.candidates((*uids, *flags), query, scope, viewer).where(*possibly)
    # Left to itself PostgreSQL begins with the rows that are not sure, which are nearly all.
    rows = candidates.cte("candidate").prefix_with("MATERIALIZED", dialect="postgresql")
    series = named(SERIES, "undecided")
    same = [series.c[uid.name] == rows.c[uid.name] for uid in uids]
    unclear = [
        and_(~rows.c[f"sure_{place}"], _unclear(found, series, scope, viewer, carried))
        for place, found in enumerate(tagged)
    ]
    undecided = (
        select(series.c.id)
        .join_from(rows, series, and_(*same))
        .where(*series_conditions(scope, viewer, series), or_(*unclear))
    )
    return (
        select(INSTANCE.c.id, visible.answering_series(scope, viewer).label("answering"))
        .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(SERIES.c.id.in_(undecided), *visible.instances(scope, viewer))
        .limit(MOST + 1)
    )


def _somewhere(
    found: Carrying, level: Level, scope: Scope, viewer: Viewer, carried: Carried
) -> ColumnElement[bool]:
    """Some visible row of the study or of the series carries what is asked, or may."""
    series, own = named(SERIES, "possible_series"), STUDY if level == Level.STUDY else SERIES
    uid = "study_instance_uid" if level == Level.STUDY else "series_instance_uid"
    rows = select(series.c[uid]).where(may(found, series, carried), *series_conditions(scope, viewer, series))
    return own.c[uid].in_(rows)


def _unclear(
    found: Carrying, series: Any, scope: Scope, viewer: Viewer, carried: Carried
) -> ColumnElement[bool]:
    """The index alone does not say; nor of a row that has its series together with others."""
    shared = and_(certain(found, series, carried), visible.shared(scope, viewer, series))
    return or_(possible(found, series, carried), shared)


def _check(rows: Sequence[Any], query: Query) -> None:
    if len(rows) > MOST:
        raise InvalidQuery(
            f"More than {MOST:,} instances would have to be looked into for this. {_narrower(query)}"
        )


def _narrower(query: Query) -> str:
    """Which further keys would leave fewer instances to look into."""
    asked = {attribute.keyword for found in query.conditions for attribute in constrained(found)}
    asked |= {"StudyInstanceUID"} if query.resource.study else set()
    asked |= {"SeriesInstanceUID"} if query.resource.series else set()
    levels = {row.attribute.keyword: row.level for row in BY_PATH.values()}
    free = [name for name in NARROWING if name not in asked and levels[name] <= query.level]
    return f"Narrow it with one of these keys: {', '.join(free) or 'a smaller range of any'}."


def _series(
    connection: Connection, tagged: Sequence[Carrying], answering: dict[int, int]
) -> dict[Carrying, list[int]]:
    """The series of which some instance holds it; once one holds all, its other instances stay unread."""
    found: dict[Carrying, set[int]] = {each: set() for each in tagged}
    undecided = (row for row in _first_ones_first(answering) if not _in_all(answering[row], found))
    for row, json in _read(connection, undecided):
        for each in tagged:
            if answering[row] not in found[each] and _hold(each, json):
                found[each].add(answering[row])
    return {each: sorted(rows) for each, rows in found.items()}


def _first_ones_first(answering: dict[int, int]) -> list[int]:
    """One instance of each series, then a second of each, and so on."""
    places = {series: count() for series in answering.values()}
    return sorted(answering, key={row: next(places[series]) for row, series in answering.items()}.__getitem__)


def _in_all(series: int, found: Mapping[Carrying, set[int]]) -> bool:
    return all(series in held for held in found.values())


def _read(connection: Connection, rows: Iterable[int]) -> Iterator[tuple[int, Any]]:
    """The instances' JSON; whether a row is still wanted may depend on the batches before."""
    coming = iter(rows)
    while batch := list(islice(coming, BATCH)):
        statement = select(INSTANCE.c.id, INSTANCE.c.dicom_json).where(among(INSTANCE.c.id, batch))
        for row in connection.execute(statement).all():
            yield row.id, orjson.loads(decode_json(row.dicom_json))


def _all_hold(tagged: Sequence[Carrying], json: Any) -> bool:
    return all(_hold(found, json) for found in tagged)


def _hold(found: Carrying, json: Any) -> bool:
    return _holds_all(json, [(key.attribute.steps, dict(key.tests)) for key in _keys(found)])


def _keys(found: Carrying) -> tuple[Tagged, ...]:
    return found.keys if isinstance(found, InItem) else (found,)


def _holds_all(attributes: Json, asked: Sequence[_Asked]) -> bool:
    """The data set passes all; what is asked below one sequence, all in one item of it."""
    below: dict[str, list[_Asked]] = defaultdict(list)
    for (step, *further), tests in asked:
        if further:
            below[step].append((further, tests))
        elif not _holds(attributes, step, tests):
            return False
    return all(
        any(_holds_all(item, inside) for item in items_at(attributes, step)) for step, inside in below.items()
    )


def _holds(attributes: Json, step: str, tests: Mapping[str, Test]) -> bool:
    return any(
        holds(tests[KINDS[vr]], form)
        for vr, forms in values_at(attributes, step)
        if KINDS[vr] in tests
        for form in forms
    )
