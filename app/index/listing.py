"""The series of collections one after the other, as each access unit holds them."""

from collections.abc import Collection, Iterable
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, or_, select, tuple_

from app.index.scope import ARCHIVE, Scope, series_conditions, study_conditions
from app.index.tables import SERIES, STUDY, among, named
from app.viewer import Viewer

#: Whether the series of analysis results are listed with those of the studies that they lie in.
Results = Literal["include", "exclude", "only"]


class Listed(NamedTuple):
    """A series as an access unit of a collection holds it; the first three are its place in the list."""

    study: str
    series: str
    unit: int
    collection: int
    modality: str
    instances: int
    bytes: int


#: The place of an item in the list, after which others follow.
Cursor = tuple[str, str, int]
START: Cursor = ("", "", 0)


def page(
    connection: Connection,
    collection: int,
    about: Collection[int],
    viewer: Viewer,
    results: Results,
    after: Cursor,
    limit: int,
) -> list[Listed]:
    """The series of a collection that the viewer sees, in order of study, series and access unit.

    `about` are the analysis results whose series in studies of the collection are listed with them.
    """
    place = SERIES.c["study_instance_uid", "series_instance_uid", "access_unit_id"]
    counts = SERIES.c["collection_id", "modality", "number_of_series_related_instances", "size"]
    rows = (
        select(*place, *counts)
        .where(
            *series_conditions(ARCHIVE, viewer),
            or_(*_of(collection, about, viewer, results)),
            tuple_(*place) > tuple_(*after),
        )
        .order_by(*place)
        .limit(limit)
    )
    return [Listed(*row) for row in connection.execute(rows)]


def _of(
    collection: int, about: Collection[int], viewer: Viewer, results: Results
) -> Iterable[ColumnElement[bool]]:
    """Its own series, and those of analysis results in its studies, as far as the viewer sees these."""
    if results != "only":
        yield SERIES.c.collection_id == collection
    if results != "exclude":
        source = named(STUDY, "source_study")
        lies_in: Any = select(source.c.id).where(
            source.c.study_instance_uid == SERIES.c.study_instance_uid,
            *study_conditions(Scope(collection), viewer, source),
        )
        yield among(SERIES.c.collection_id, about) & lies_in.correlate(SERIES).exists()
