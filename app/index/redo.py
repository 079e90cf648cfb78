"""Drafts whose instances were changed after they were stored: the same rows, with other bytes."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from app.errors import Conflict
from app.index import revisions, study_rows, tag_writer
from app.index.entry import Entry
from app.index.tables import INSTANCE, SERIES, STUDY, SUBMISSION
from app.models.collections import CLOSED


class Draft(NamedTuple):
    """An instance of a submission: its row, its object, its series and study by UID, and its patient."""

    row: int
    object_key: str
    size: int
    sop_instance_uid: str
    source: bytes | None
    series_row: int
    series: str
    study: str
    patient: str


def drafts(connection: Connection, submission: int) -> list[Draft]:
    """The instances of a submission's drafts, series after series."""
    rows = (
        select(
            *INSTANCE.c["id", "object_key", "size", "sop_instance_uid", "source"],
            *SERIES.c["id", "series_instance_uid", "study_instance_uid"],
            STUDY.c.patient_id,
        )
        .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .join(STUDY, STUDY.c.id == SERIES.c.study_row)
        .where(
            SERIES.c.submission_id == submission,
            SERIES.c.added_version.is_(None),
            SERIES.c.removed_version.is_(None),
        )
        .order_by(STUDY.c.patient_id, SERIES.c.id, INSTANCE.c.id)
    )
    return [Draft._make(row) for row in connection.execute(rows)]


def redo(connection: Connection, submission: int, entries: Mapping[int, Entry]) -> None:
    """Have these instances (rows) of a closed submission be what their entries say.

    Raises Conflict where it is not closed any more, or one of them is gone; then nothing is changed.
    """
    turn = select(SUBMISSION.c.state).where(SUBMISSION.c.id == submission).with_for_update(key_share=True)
    if connection.scalar(turn) != CLOSED:
        raise Conflict("The submission was reopened meanwhile.")
    for row, entry in entries.items():
        if not connection.execute(update(INSTANCE).where(INSTANCE.c.id == row).values(**entry.row)).rowcount:
            raise Conflict("An instance of the submission is gone.")
    _tell_anew(connection, entries)


def _tell_anew(connection: Connection, instances: Iterable[int]) -> None:
    """Have the rows above say what their instances say now."""
    series = set(connection.scalars(select(INSTANCE.c.series_row).where(INSTANCE.c.id.in_(list(instances)))))
    for row in series:
        revisions.count(connection, row)
        revisions.tell_anew(connection, row)
    tag_writer.refill(connection, series)
    studies = set(connection.scalars(select(SERIES.c.study_row).where(SERIES.c.id.in_(series))))
    study_rows.tell_anew(connection, studies)
