"""A Query becomes SQL: one statement for the page of results, the scope inside it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, Select, case, func, literal, select

from app.index import tag_conditions, visible
from app.index.predicates import columns_of, predicate
from app.index.scope import Scope, series_conditions, study_conditions
from app.index.tables import INSTANCE, REQUEST_ATTRIBUTES, SERIES, STUDY, named
from app.index.tag_conditions import NOTHING, Carried
from app.query.answer import MOST_REMAINING
from app.query.ast import Carrying, Condition, Level, Query, Universal
from app.query.conditions import attributes as constrained
from app.query.returned import sources
from app.query.searchable import BY_PATH, MODALITIES_IN_STUDY
from app.viewer import Viewer

#: From so many series on, a modality is common.
MANY = 2_000

#: Keys that few rows share: the ones to match first.
_UNIQUE = frozenset(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))
_TABLES: dict[Level, FromClause] = {Level.STUDY: STUDY, Level.SERIES: SERIES, Level.INSTANCE: INSTANCE}

_ALWAYS: dict[Level, tuple[ColumnElement[Any], ...]] = {
    Level.STUDY: (STUDY.c.study_instance_uid,),
    Level.SERIES: (SERIES.c.study_instance_uid, SERIES.c.series_instance_uid),
    Level.INSTANCE: (
        SERIES.c.study_instance_uid,
        SERIES.c.series_instance_uid,
        INSTANCE.c.sop_instance_uid,
        INSTANCE.c.sop_class_uid,
        INSTANCE.c.instance_number,
        INSTANCE.c.number_of_frames,
        INSTANCE.c.rows,
        INSTANCE.c.columns,
        INSTANCE.c.bits_allocated,
        INSTANCE.c.transfer_syntax_uid,
    ),
}
#: What each level keeps to be returned, by the name it has in the page.
KEPT: dict[Level, tuple[str, ColumnElement[bytes]]] = {
    Level.STUDY: ("study_attributes", STUDY.c.attributes),
    Level.SERIES: ("series_attributes", SERIES.c.attributes),
    Level.INSTANCE: ("dicom_json", INSTANCE.c.dicom_json),
}


def compile(  # noqa: A001 - the design's word
    query: Query, scope: Scope, viewer: Viewer, carried: Carried = NOTHING
) -> Select[Any]:
    """The page, and one row more where there is more; in an order that no two rows share.

    Columns: the UIDs of the address, what `KEPT` names of the levels that the answer is made from, the count
    `instances` from series level on, and an instance's own columns.
    """
    asked = sources(query)
    kept = [column.label(name) for level, (name, column) in KEPT.items() if level in asked]
    counted = [visible.instance_count(scope, viewer).label("instances")] if query.level > Level.STUDY else []
    statement = _matching((*_ALWAYS[query.level], *kept, *counted), query, scope, viewer, carried)
    return statement.order_by(*_order(query)).limit(query.limit + 1).offset(query.offset)


def candidates(
    columns: Sequence[ColumnElement[Any]], query: Query, scope: Scope, viewer: Viewer
) -> Select[Any]:
    """The columns of every row that passes the conditions that have columns."""
    known = tuple(found for found in query.conditions if not isinstance(found, Carrying))
    return _matching(columns, replace(query, conditions=known), scope, viewer)


def remaining(query: Query, scope: Scope, viewer: Viewer, carried: Carried = NOTHING) -> ColumnElement[int]:
    """How many results follow the page, counted up to MOST_REMAINING."""
    if all(isinstance(found, Universal) for found in query.conditions):
        rows = _addresses(query, scope, viewer)
    else:
        rows = _matching((literal(1).label("one"),), query, scope, viewer, carried)
    following = rows.limit(MOST_REMAINING).offset(query.offset + query.limit).subquery("following")
    return select(func.count()).select_from(following).scalar_subquery()


def _addresses(query: Query, scope: Scope, viewer: Viewer) -> Select[Any]:
    """Every address once: which of its rows answers matters only where a condition looks at them."""
    seen = study_conditions if query.level == Level.STUDY else series_conditions
    return (
        select(*_ALWAYS[query.level][: query.level])
        .distinct()
        .select_from(_from(query.level, with_study=False))
        .where(*_address(query), *seen(scope, viewer))
    )


def _matching(
    columns: Sequence[ColumnElement[Any]],
    query: Query,
    scope: Scope,
    viewer: Viewer,
    carried: Carried = NOTHING,
) -> Select[Any]:
    tagged = [found for found in query.conditions if isinstance(found, Carrying)]
    limiting = sorted(
        (found for found in query.conditions if not isinstance(found, Universal | Carrying)),
        key=lambda found: constrained(found)[0].keyword not in _UNIQUE,
    )
    with_study = Level.STUDY in sources(query) or any(_is_of_study_row(found) for found in limiting)
    return (
        select(*columns)
        .select_from(_from(query.level, with_study=with_study))
        .where(
            *_address(query),
            *_conditions(limiting, query.level, scope, viewer),
            *tag_conditions.carry(tagged, query.level, scope, viewer, carried),
            *_seen(query, scope, viewer),
        )
    )


def _from(level: Level, *, with_study: bool) -> FromClause:
    if level == Level.STUDY:
        return STUDY
    rows = SERIES if level == Level.SERIES else INSTANCE.join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
    return rows.join(STUDY, STUDY.c.id == SERIES.c.study_row) if with_study else rows


def _address(query: Query) -> list[ColumnElement[bool]]:
    named = (
        (_study_uid(query.level), query.resource.study),
        (SERIES.c.series_instance_uid, query.resource.series),
        (INSTANCE.c.sop_instance_uid, query.resource.instance),
    )
    return [column == uid for column, uid in named if uid is not None]


def _seen(query: Query, scope: Scope, viewer: Viewer) -> list[ColumnElement[bool]]:
    match query.level:
        case Level.STUDY:
            return visible.studies(scope, viewer)
        case Level.SERIES:
            return visible.series(scope, viewer)
        case Level.INSTANCE:
            return visible.instances(scope, viewer)


def _order(query: Query) -> list[ColumnElement[Any]]:
    """Newest studies first; below a study by number; elsewhere by UID, which needs no sorting."""
    below_study = query.resource.study is not None
    match query.level:
        case Level.STUDY:
            return [
                STUDY.c.study_date.desc(),
                STUDY.c.study_time.desc(),
                STUDY.c.study_instance_uid,
                STUDY.c.id,
            ]
        case Level.SERIES:
            number = [SERIES.c.series_number.asc().nulls_last()] if below_study else []
            return [*number, SERIES.c.series_instance_uid, SERIES.c.id]
        case Level.INSTANCE:
            number = [INSTANCE.c.instance_number.asc().nulls_last()] if below_study else []
            return [*number, INSTANCE.c.sop_instance_uid, INSTANCE.c.id]


def _conditions(
    limiting: Sequence[Condition], level: Level, scope: Scope, viewer: Viewer
) -> list[ColumnElement[bool]]:
    in_items = [found for found in limiting if len(constrained(found)[0].path) > 1]
    by_modality = [found for found in limiting if constrained(found)[0].keyword == MODALITIES_IN_STUDY]
    own = [found for found in limiting if found not in in_items and found not in by_modality]
    conditions = [_own(found, level) for found in own]
    conditions += [_has_modality(found, level, scope, viewer) for found in by_modality]
    return [*conditions, _has_item(in_items)] if in_items else conditions


def _own(found: Condition, level: Level) -> ColumnElement[bool]:
    attribute = constrained(found)[0]
    if attribute.keyword == "StudyInstanceUID":
        return predicate(found, lambda *_: _study_uid(level))
    return predicate(found, columns_of(_TABLES[BY_PATH[attribute.path].level]))


def _has_modality(found: Condition, level: Level, scope: Scope, viewer: Viewer) -> ColumnElement[bool]:
    """Some visible series of the study has the modality (PS3.4 C.3.4).

    A rare modality is quickest listed with its studies, a common one looked for in each study as it comes up.
    """
    series = named(SERIES, "series_of_study")
    matches = predicate(found, lambda *_: series.c.modality)
    alike = select(series.c.id).where(matches, *series_conditions(scope, viewer, series)).limit(MANY)
    many = select(func.count() >= MANY).select_from(alike.subquery("alike")).scalar_subquery()
    studies = select(series.c.study_instance_uid).where(matches, *visible.series(scope, viewer, series))
    study = _study_uid(level)
    own = studies.where(series.c.study_instance_uid == study).correlate(study.table)
    return case((many, own.exists()), else_=study.in_(studies))


def _has_item(found: Sequence[Condition]) -> ColumnElement[bool]:
    """One item of the series' RequestAttributesSequence matches all (PS3.4 C.2.2.2.6)."""
    column_of = columns_of(REQUEST_ATTRIBUTES)
    items = select(REQUEST_ATTRIBUTES.c.series_row).where(*(predicate(each, column_of) for each in found))
    return SERIES.c.id.in_(items)


def _study_uid(level: Level) -> Column[str]:
    """Series rows carry it as well, so that its key needs no join below study level."""
    return STUDY.c.study_instance_uid if level == Level.STUDY else SERIES.c.study_instance_uid


def _is_of_study_row(found: Condition) -> bool:
    attribute = constrained(found)[0]
    return BY_PATH[attribute.path].level == Level.STUDY and attribute.keyword not in (
        "StudyInstanceUID",
        MODALITIES_IN_STUDY,
    )
