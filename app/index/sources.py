"""What was de-identified before: found by the keyed hash of the bytes that came."""

from collections.abc import Sequence

from sqlalchemy import Connection, or_, select

from app.dicom.resource import Resource
from app.index.tables import INSTANCE, SERIES
from app.index.writer import Place

_TOGETHER = 500


def find(connection: Connection, place: Place, sources: Sequence[bytes]) -> dict[bytes, tuple[Resource, str]]:
    """Of these those that lie in the submission, or published in its collection: address and SOP class."""
    found: dict[bytes, tuple[Resource, str]] = {}
    its = or_(SERIES.c.submission_id == place.submission, SERIES.c.added_version.is_not(None))
    columns = (
        INSTANCE.c.source,
        *SERIES.c["study_instance_uid", "series_instance_uid"],
        *INSTANCE.c["sop_instance_uid", "sop_class_uid"],
    )
    for start in range(0, len(sources), _TOGETHER):
        rows = (
            select(*columns)
            .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
            .where(
                INSTANCE.c.source.in_(sources[start : start + _TOGETHER]),
                SERIES.c.collection_id == place.collection,
                SERIES.c.removed_version.is_(None),
                its,
            )
        )
        for source, study, series, instance, sop_class in connection.execute(rows):
            found[source] = Resource(study, series, instance), sop_class
    return found
