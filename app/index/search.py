"""Runs a Query: one statement for the page, one for what is counted, more where no column suffices."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from app.dicom.attributes import find
from app.dicom.description import Json
from app.dicom.resource import Resource
from app.index import beyond, compiler, visible
from app.index.columns import column
from app.index.scope import Scope, parameters, shape
from app.index.stored_form import decode_json
from app.index.tables import SERIES, listed, one_of
from app.index.verify import verify
from app.query.answer import Found, Page, StudyCounts
from app.query.ast import Carrying, Level, Query
from app.query.returned import INSTANCE_COLUMNS, STUDY_COUNTS, sources, wanted, without_bulkdata
from app.viewer import Viewer


def search(connection: Connection, query: Query, scope: Scope, viewer: Viewer) -> Page:
    """What the viewer may see of the scope that matches, from the query's offset on."""
    if any(isinstance(found, Carrying) for found in query.conditions):
        # Hardly two of these statements are alike, and each is large: kept, they would fill the memory.
        connection = connection.execution_options(compiled_cache=None)
    carried = verify(connection, query, scope, viewer)
    rows = connection.execute(compiler.compile(query, scope, viewer, carried)).all()
    full = len(rows) > query.limit
    rows = rows[: query.limit]
    more = [compiler.remaining(query, scope, viewer, carried).label("following")] if full else []
    counts, following = _count(connection, query, scope, viewer, rows, more)
    asked = sources(query)
    own = beyond.read(connection, query, scope, viewer, rows)
    return Page([_found(row, query.level, asked, counts, own) for row in rows], following)


def _count(
    connection: Connection,
    query: Query,
    scope: Scope,
    viewer: Viewer,
    rows: Sequence[Row[Any]],
    following: Sequence[ColumnElement[int]],
) -> tuple[dict[str, StudyCounts], int]:
    """Counts of the page's studies, if they are wanted, and of the results that follow, if there are."""
    if rows and set(STUDY_COUNTS) & set(wanted(query)):
        statement = _counts(*shape(scope, viewer)).add_columns(*following)
        studies = listed({row.study_instance_uid for row in rows})
        groups = connection.execute(statement, parameters(scope, viewer) | {"studies": studies}).all()
        return _grouped(groups), groups[0].following if following else 0
    return {}, connection.execute(select(*following)).scalar_one() if following else 0


@cache
def _counts(scope: Scope, viewer: Viewer) -> Select[Any]:
    """For each study of the parameter `studies` and each modality in it: its series and instances."""
    key = (SERIES.c.study_instance_uid, SERIES.c.modality)
    return (
        select(
            *key,
            func.count().label("series"),
            func.sum(visible.instance_count(scope, viewer)).label("instances"),
        )
        .where(one_of(SERIES.c.study_instance_uid, "studies"), *visible.series(scope, viewer))
        .group_by(*key)
    )


def _grouped(groups: Iterable[Row[Any]]) -> dict[str, StudyCounts]:
    by_study: dict[str, list[Row[Any]]] = defaultdict(list)
    for group in groups:
        by_study[group.study_instance_uid].append(group)
    return {study: _study_counts(rows) for study, rows in by_study.items()}


def _study_counts(groups: Sequence[Row[Any]]) -> StudyCounts:
    return StudyCounts(
        tuple(sorted(group.modality for group in groups if group.modality)),
        sum(group.series for group in groups),
        sum(int(group.instances) for group in groups),
    )


def _found(
    row: Row[Any],
    level: Level,
    asked: frozenset[Level],
    counts: Mapping[str, StudyCounts],
    beyond: Mapping[tuple[str, ...], Json],
) -> Found:
    attributes = _attributes(row, level, asked) | beyond.get(tuple(row[:level]), {})
    study = counts.get(row.study_instance_uid)
    if level == Level.STUDY:
        return Found(Resource(row.study_instance_uid), attributes, study)
    if level == Level.SERIES:
        address = Resource(row.study_instance_uid, row.series_instance_uid)
        return Found(address, attributes, study, row.instances)
    address = Resource(row.study_instance_uid, row.series_instance_uid, row.sop_instance_uid)
    return Found(address, attributes, study, row.instances, row.transfer_syntax_uid)


def _attributes(row: Row[Any], level: Level, asked: frozenset[Level]) -> Json:
    kept = row._mapping
    found: Json = {}
    for above in (Level.STUDY, Level.SERIES):
        if above in asked:
            found |= orjson.loads(kept[compiler.KEPT[above][0]])
    if level == Level.INSTANCE:
        found |= _instance(row)
        if Level.INSTANCE in asked:
            found |= without_bulkdata(orjson.loads(decode_json(row.dicom_json)))
    return found


def _instance(row: Row[Any]) -> Json:
    kept = row._mapping
    values = ((key, vr, kept[name]) for key, vr, name in _INSTANCE_ELEMENTS)
    return {key: {"vr": vr, "Value": [value]} for key, vr, value in values if value not in (None, "")}


_INSTANCE_ELEMENTS = tuple(
    (attribute.key, attribute.vr, column(attribute)) for attribute in map(find, INSTANCE_COLUMNS) if attribute
)
