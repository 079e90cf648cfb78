"""How much there is in a scope, for a viewer: counted from the rows."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from app.index.scope import Scope, series_conditions
from app.index.tables import INSTANCE, SERIES
from app.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Totals:
    """Studies, series and instances by their UIDs, and the bytes of the instances."""

    studies: int
    series: int
    instances: int
    bytes: int


def count(connection: Connection, scope: Scope, viewer: Viewer) -> Totals:
    """What the viewer sees. An instance that several access units hold is one, its bytes are each unit's."""
    uids = SERIES.c.study_instance_uid, SERIES.c.series_instance_uid, INSTANCE.c.sop_instance_uid
    counted = [func.count(uid.distinct()) for uid in uids]
    rows = select(*counted, func.coalesce(func.sum(INSTANCE.c.size), 0)).select_from(
        SERIES.join(INSTANCE, INSTANCE.c.series_row == SERIES.c.id)
    )
    return Totals(*map(int, connection.execute(rows.where(*series_conditions(scope, viewer))).one()))
