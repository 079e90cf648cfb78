"""A Query becomes SQL: one statement for the page of results, the scope inside it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    CompoundSelect,
    FromClause,
    GenerativeSelect,
    Select,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    union_all,
)

from app.index import order, visible
from app.index import scope as scopes
from app.index.asked import Asked, Limit, asked
from app.index.comparisons import alternatives
from app.index.predicates import by_name, columns_of
from app.index.scope import Scope, series_conditions, study_conditions
from app.index.tables import (
    INSTANCE,
    REQUEST_ATTRIBUTES,
    SERIES,
    STUDY,
    named,
    one_of,
    page_limit,
    row_by_row,
)
from app.query.answer import MOST_REMAINING
from app.query.ast import Level, Query
from app.query.searchable import BY_PATH, MODALITIES_IN_STUDY
from app.viewer import Viewer

#: A modality of so many series is common, in whatever archive.
MANY = 1_000
#: So many studies at most are looked up before a search: where there are more, a page is soon full, most
#: likely from so many of the newest.
MOST_FOUND, NEAR = 2_000, 2_500

_SERIES_OF_STUDY = named(SERIES, "series_of_study")
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
#: The names of an instance's columns in the page, in order.
INSTANCE_COLUMNS = tuple([column.name for column in _ALWAYS[Level.INSTANCE]])
#: What each level keeps to be returned, by the name it has in the page.
KEPT: dict[Level, tuple[str, ColumnElement[bytes]]] = {
    Level.STUDY: ("study_attributes", STUDY.c.attributes),
    Level.SERIES: ("series_attributes", SERIES.c.attributes),
    Level.INSTANCE: ("dicom_json", INSTANCE.c.dicom_json),
}


def page(
    form: Asked, scope: Scope, viewer: Viewer, carried: Sequence[ColumnElement[bool]] = ()
) -> Select[Any]:
    """The page, and one row more where there is more; in an order that no two rows share.

    Columns: the UIDs of the address, an instance's own columns, what `KEPT` names of the levels that the
    answer is made from, from series level on the count `instances`, and the place of one that is `placed`.
    `carried` are the conditions on the tag index. Executed with `parameters`.
    """
    kept = [column.label(name) for level, (name, column) in KEPT.items() if level in form.sources]
    counted = [visible.instance_count(scope, viewer).label("instances")] if form.level > Level.STUDY else []
    shown = (*_ALWAYS[form.level], *kept, *counted, *(order.PLACE[form.level] if form.placed else ()))
    if form.deep:
        # Counted off in an index alone, then looked at.
        rows = _paged(_matching((STUDY.c.id,), form, scope, viewer).where(*carried), form)
        return select(*shown).where(STUDY.c.id.in_(rows)).order_by(*order.by(form))
    return _paged(_matching(shown, form, scope, viewer).where(*carried), form)


def ordered(
    form: Asked, scope: Scope, viewer: Viewer, carried: Sequence[ColumnElement[bool]] = ()
) -> Select[Any]:
    """The rows of studies from the page's first on, in order: those of the page, and MOST_REMAINING more.

    For conditions that lead to few rows: all are put in order, once, for the page and the count of the rest.
    Executed with `parameters`.
    """
    rows = _matching((STUDY.c.id,), form, scope, viewer).where(*carried).order_by(*order.by(form))
    return rows.limit(page_limit("ordered")).offset(page_limit("offset"))


def page_of(form: Asked, scope: Scope, viewer: Viewer) -> Select[Any]:
    """The page that has the rows of studies in the parameter `shown`."""
    kept = [column.label(name) for level, (name, column) in KEPT.items() if level in form.sources]
    rows = select(*_ALWAYS[form.level], *kept).where(one_of(STUDY.c.id, "shown"))
    return rows.where(*visible.studies(scope, viewer)).order_by(*order.by(form))


def _paged(statement: Select[Any], form: Asked) -> Select[Any]:
    return statement.order_by(*order.by(form)).limit(page_limit("rows")).offset(page_limit("offset"))


def candidates(
    columns: Sequence[ColumnElement[Any]], query: Query, scope: Scope, viewer: Viewer
) -> Select[Any]:
    """The columns of every row that passes the conditions that have columns; its values are in it."""
    form, values = asked(query)
    return _matching(columns, form, scope, viewer).params(parameters(values, scope, viewer))


def matching(limit: Limit) -> Select[Any]:
    """The rows of studies that fulfil it, MOST_FOUND at most. Executed with `parameters`."""
    found = _listed(limit).subquery("found")
    return select(found.c.id).limit(page_limit("most"))


def newest(form: Asked, scope: Scope, viewer: Viewer) -> Select[Any]:
    """The rows of studies that are seen and match, MOST_FOUND at most, these in order. Executed with
    `parameters`.

    For PostgreSQL, which reads rows of the table for `matching` as well.
    """
    keys = tuple(STUDY.c["study_date", "study_time", "study_instance_uid", "id"])
    found = _matching(keys, form, scope, viewer).limit(page_limit("most")).subquery("found")
    date, time, uid, own = found.c
    return select(own).order_by(date.desc(), time.desc(), uid, own)


def modality_share(modality: Limit, scope: Scope, viewer: Viewer) -> Select[Any]:
    """How many series are of the modality, counted up to MANY; and how many studies there may be, whoever
    sees them. Executed with `parameters`.
    """
    found = select(SERIES.c.id).where(_is_of_modality(modality, SERIES), *series_conditions(scope, viewer))
    counted = found.limit(page_limit("many")).subquery("alike")
    alike = select(func.count()).select_from(counted).scalar_subquery()
    return select(alike.label("alike"), func.coalesce(func.max(STUDY.c.id), 0).label("studies"))


def remaining(
    form: Asked, scope: Scope, viewer: Viewer, carried: Sequence[ColumnElement[bool]] = ()
) -> ColumnElement[int]:
    """How many results follow the page, or the row behind which the form says to be, counted up to
    MOST_REMAINING. Executed with `parameters`.
    """
    rows: GenerativeSelect
    if form.behind:
        rows = _onward(form, scope, viewer, carried)
    elif form.any_row:
        rows = _addresses(form, scope, viewer).offset(page_limit("after"))
    else:
        rows = _one_each(form, scope, viewer, carried).offset(page_limit("after"))
    following = rows.limit(page_limit("counted")).subquery("following")
    return select(func.count()).select_from(following).scalar_subquery()


def parameters(values: Mapping[str, Any], scope: Scope, viewer: Viewer) -> dict[str, Any]:
    """What statements of the query, the scope and the viewer are executed with."""
    bounds = {"many": MANY, "most": MOST_FOUND, "near": NEAR, "counted": MOST_REMAINING}
    return {**values, **bounds, **scopes.parameters(scope, viewer)}


def _onward(
    form: Asked, scope: Scope, viewer: Viewer, carried: Sequence[ColumnElement[bool]]
) -> CompoundSelect[Any]:
    """What follows a row: those before it are not walked again."""
    steps = [replace(form, behind=step) for step in order.steps(form.level)]
    return union_all(*(_one_each(step, scope, viewer, carried) for step in steps))


def _one_each(
    form: Asked, scope: Scope, viewer: Viewer, carried: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    return _matching((literal(1).label("one"),), form, scope, viewer).where(*carried)


def _addresses(form: Asked, scope: Scope, viewer: Viewer) -> Select[Any]:
    """Every address once: which of its rows answers matters only where a condition looks at them."""
    if form.level == Level.STUDY and form.modality:
        return _studies_of(form.modality, scope, viewer).distinct()
    seen = study_conditions if form.level == Level.STUDY else series_conditions
    return (
        select(*_ALWAYS[form.level][: form.level])
        .distinct()
        .select_from(_from(form.level, with_study=False))
        .where(*_address(form), *_conditions(form, scope, viewer), *seen(scope, viewer))
    )


def _matching(
    columns: Sequence[ColumnElement[Any]], form: Asked, scope: Scope, viewer: Viewer
) -> Select[Any]:
    with_study = Level.STUDY in form.sources or any(_is_of_study_row(found) for found in form.limits)
    return (
        select(*columns)
        .select_from(_from(form.level, with_study=with_study))
        .where(*_address(form), *_conditions(form, scope, viewer), *_seen(form.level, scope, viewer))
        .where(*order.behind(form), *order.near(form))
    )


def _from(level: Level, *, with_study: bool) -> FromClause:
    if level == Level.STUDY:
        return STUDY
    rows = SERIES if level == Level.SERIES else INSTANCE.join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
    return rows.join(STUDY, STUDY.c.id == SERIES.c.study_row) if with_study else rows


def _address(form: Asked) -> list[ColumnElement[bool]]:
    columns: dict[str, Column[str]] = {
        "study": _study_uid(form.level),
        "series": SERIES.c.series_instance_uid,
        "instance": INSTANCE.c.sop_instance_uid,
    }
    return [columns[part] == bindparam(part) for part in form.address]


def _seen(level: Level, scope: Scope, viewer: Viewer) -> list[ColumnElement[bool]]:
    match level:
        case Level.STUDY:
            return visible.studies(scope, viewer)
        case Level.SERIES:
            return visible.series(scope, viewer)
        case Level.INSTANCE:
            return visible.instances(scope, viewer)


def _conditions(form: Asked, scope: Scope, viewer: Viewer) -> list[ColumnElement[bool]]:
    in_items = [found for found in form.limits if len(found.attribute.path) > 1]
    own = [found for found in form.limits if found not in in_items and found != form.modality]
    conditions = [_walked(found, form) if found == form.walked else _own(found, form.level) for found in own]
    if form.found:
        conditions.append(one_of(STUDY.c.id, "found"))
    if form.modality:
        conditions.append(_has_modality(form, form.modality, scope, viewer))
    return [*conditions, _has_item(in_items)] if in_items else conditions


def _own(found: Limit, level: Level) -> ColumnElement[bool]:
    if found.attribute.keyword == "StudyInstanceUID":
        return by_name(found.comparison, lambda *_: _study_uid(level))
    return by_name(found.comparison, columns_of(_TABLES[BY_PATH[found.attribute.path].level]))


def _walked(found: Limit, form: Asked) -> ColumnElement[bool]:
    """The same, looked at study by study: as an expression no index has it. Or each study is looked for
    among all that fulfil it, which needs none of their rows.
    """
    if form.reach == "listed":
        # As a sum, which no key is: SQLite too looks for each study, in the order of the page.
        own: ColumnElement[int] = STUDY.c.id + literal_column("0", BigInteger)
        return row_by_row(own.in_(_listed(found)))
    column = columns_of(STUDY)
    return row_by_row(by_name(found.comparison, lambda *of: column(*of).concat("")))


def _listed(limit: Limit) -> GenerativeSelect:
    """The rows of studies that fulfil it, read off indexes that have its columns; some perhaps twice.

    Where the patterns tell too little for an index of trigrams, PostgreSQL sooner looks through all rows.
    """
    if not limit.telling:
        return select(STUDY.c.id).where(row_by_row(_own(limit, Level.STUDY)))
    each = [replace(limit, comparison=found) for found in alternatives(limit.comparison)]
    rows = [select(STUDY.c.id).where(_own(one, Level.STUDY)) for one in each]
    return union_all(*rows) if len(rows) > 1 else rows[0]


def _has_modality(form: Asked, found: Limit, scope: Scope, viewer: Viewer) -> ColumnElement[bool]:
    """Some visible series of the study has the modality (PS3.4 C.3.4).

    A rare modality is quickest listed with its studies, a common one looked for in each study as it comes up.
    """
    having, study = _studies_of(found, scope, viewer), _study_uid(form.level)
    if form.rare:
        return study.in_(having)
    # What is selected is not read. But SQLite would take an index that has all that is named for the better
    # one, and in that of a study's series the modality leads nowhere: this column it has not.
    rows = having.with_only_columns(_SERIES_OF_STUDY.c.study_row)
    return rows.where(_SERIES_OF_STUDY.c.study_instance_uid == study).correlate(study.table).exists()


def _studies_of(modality: Limit, scope: Scope, viewer: Viewer) -> Select[Any]:
    """The UIDs of the studies of all visible series of the modality."""
    seen = visible.series(scope, viewer, _SERIES_OF_STUDY)
    return select(_SERIES_OF_STUDY.c.study_instance_uid).where(
        _is_of_modality(modality, _SERIES_OF_STUDY), *seen
    )


def _is_of_modality(found: Limit, series: FromClause) -> ColumnElement[bool]:
    return by_name(found.comparison, lambda *_: series.c.modality)


def _has_item(found: Sequence[Limit]) -> ColumnElement[bool]:
    """One item of the series' RequestAttributesSequence matches all (PS3.4 C.2.2.2.6)."""
    own = columns_of(REQUEST_ATTRIBUTES)
    matches = [by_name(each.comparison, own) for each in found]
    return SERIES.c.id.in_(select(REQUEST_ATTRIBUTES.c.series_row).where(*matches))


def _study_uid(level: Level) -> Column[str]:
    """Series rows carry it as well, so that its key needs no join below study level."""
    return STUDY.c.study_instance_uid if level == Level.STUDY else SERIES.c.study_instance_uid


def _is_of_study_row(found: Limit) -> bool:
    return BY_PATH[found.attribute.path].level == Level.STUDY and found.attribute.keyword not in (
        "StudyInstanceUID",
        MODALITIES_IN_STUDY,
    )
