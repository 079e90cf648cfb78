"""The series of collections one after the other, as each access unit holds them."""

from collections.abc import Collection
from typing import Literal, NamedTuple

from sqlalchemy import Connection, select, tuple_

from app.index.scope import Scope, series_conditions
from app.index.tables import SERIES, among
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
    connection: Connection, scope: Scope, viewer: Viewer, of: Collection[int], after: Cursor, limit: int
) -> list[Listed]:
    """The series of these collections that the viewer sees in the scope, by study, series and access unit."""
    place = SERIES.c["study_instance_uid", "series_instance_uid", "access_unit_id"]
    columns = SERIES.c["collection_id", "modality", "number_of_series_related_instances", "size"]
    rows = (
        select(*place, *columns)
        .where(
            *series_conditions(scope, viewer),
            among(SERIES.c.collection_id, of),
            tuple_(*place) > tuple_(*after),
        )
        .order_by(*place)
        .limit(limit)
    )
    return [Listed(*row) for row in connection.execute(rows)]
