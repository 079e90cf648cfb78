"""A few series that stand for all of a scope: of each modality and body part one, the most frequent first."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from app.dicom.modalities import UNSEEN
from app.index.scope import Scope, series_conditions
from app.index.tables import SERIES, among
from app.viewer import Viewer


class Sample(NamedTuple):
    """A series to be shown as a picture."""

    study: str
    series: str
    modality: str
    body_part: str


def samples(connection: Connection, scope: Scope, viewer: Viewer, most: int) -> list[Sample]:
    """So many at most, of what the viewer sees."""
    seen = [*series_conditions(scope, viewer), ~among(SERIES.c.modality, UNSEEN)]
    first = func.min(SERIES.c.id)
    kinds = select(first).where(*seen).group_by(*SERIES.c["modality", "body_part_examined"])
    rows = list(connection.scalars(kinds.order_by(func.count().desc(), first).limit(most)))
    # A few more where there are few kinds, each of a study of its own.
    more = select(first).where(*seen).group_by(SERIES.c.study_instance_uid).order_by(first).limit(most)
    rows = list(dict.fromkeys([*rows, *connection.scalars(more)]))[:most]
    columns = SERIES.c["study_instance_uid", "series_instance_uid", "modality", "body_part_examined"]
    found = connection.execute(select(*columns).where(among(SERIES.c.id, rows)).order_by(SERIES.c.id))
    # One that lies in two access units is one picture.
    return list({(row.study_instance_uid, row.series_instance_uid): Sample(*row) for row in found}.values())
