"""What a table of a cohort says of its series and instances, for series that were found before (`runs`)."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select

from app.index.locate import answering
from app.index.runs import CHOSEN, ORDER
from app.index.tables import INSTANCE, SERIES, STUDY, listed, one_of


class SeriesFacts(NamedTuple):
    """One row of a series: the collection it is in, and its columns and its study's."""

    row: int
    collection: int
    patient_id: str
    study: str
    study_description: str
    study_date: str
    series: str
    series_description: str
    series_date: str
    series_number: int | None
    modality: str
    manufacturer: str
    model: str
    protocol: str
    body_part: str


class InstanceFacts(NamedTuple):
    """One instance, and the row of its series."""

    row: int
    series_row: int
    study: str
    series: str
    instance: str
    sop_class_uid: str
    instance_number: int | None
    transfer_syntax_uid: str
    size: int
    rows: int | None
    columns: int | None
    frames: int | None
    sha256: bytes


def facts(
    connection: Connection, rows: Iterable[int], horizon: int
) -> tuple[dict[int, SeriesFacts], list[InstanceFacts]]:
    """Of these series' rows: what they say, and their instances as `runs.instances` has them."""
    values = {"rows": listed(rows), "horizon": horizon}
    series = {row.id: SeriesFacts._make(row) for row in connection.execute(_SERIES, values)}
    return series, answering([InstanceFacts(*row) for row in connection.execute(_INSTANCES, values)])


_SERIES = (
    select(
        *SERIES.c["id", "collection_id"],
        STUDY.c.patient_id,
        SERIES.c.study_instance_uid,
        *STUDY.c["study_description", "study_date"],
        *SERIES.c["series_instance_uid", "series_description", "series_date", "series_number", "modality"],
        *SERIES.c["manufacturer", "manufacturer_model_name", "protocol_name", "body_part_examined"],
    )
    .join_from(SERIES, STUDY, STUDY.c.id == SERIES.c.study_row)
    .where(one_of(SERIES.c.id, "rows"))
)
_INSTANCES = (
    select(
        *INSTANCE.c["id", "series_row"],
        *SERIES.c["study_instance_uid", "series_instance_uid"],
        *INSTANCE.c["sop_instance_uid", "sop_class_uid", "instance_number", "transfer_syntax_uid", "size"],
        *INSTANCE.c["rows", "columns", "number_of_frames", "sha256"],
    )
    .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
    .where(*CHOSEN)
    .order_by(*ORDER)
)
