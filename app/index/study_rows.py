"""Study rows follow from the series that lie in them."""

from collections.abc import Collection, Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, exists, select, update

from app.index import columns, revisions
from app.index.stored_form import decode_json
from app.index.tables import INSTANCE, SERIES, STUDY, among
from app.models.types import now


def drop_empty(connection: Connection, studies: Collection[int], version: int) -> None:
    """Of these study rows remove those without a live series: what removed series refer to stays, removed."""
    its = SERIES.c.study_row == STUDY.c.id
    live = exists().where(its, SERIES.c.added_version.is_not(None), SERIES.c.removed_version.is_(None))
    these = among(STUDY.c.id, studies)
    connection.execute(delete(STUDY).where(these, ~exists().where(its)))
    published = STUDY.c.added_version.is_not(None) & STUDY.c.removed_version.is_(None)
    connection.execute(update(STUDY).where(these, published, ~live).values(removed_version=version))


def tell_anew(connection: Connection, studies: Collection[int]) -> None:
    """Have study rows say what that of the instances in their unit says which was stored first: what another
    one said may be hidden from those who see these.
    """
    for row in studies:
        if told := _told(connection, row):
            connection.execute(update(STUDY).where(STUDY.c.id == row).values(**told))


def settle(connection: Connection, studies: Collection[int], version: int) -> None:
    """Have these studies, of which a version changed something, say what is so in it: in a revision of their
    own, where they said something else before.
    """
    drop_empty(connection, studies, version)
    live = STUDY.c.added_version.is_not(None), STUDY.c.removed_version.is_(None)
    for row in connection.execute(select(STUDY).where(among(STUDY.c.id, studies), *live)).all():
        told = _told(connection, row.id)
        if told is None or told["attributes"] == row.attributes:
            continue
        if _is_named(connection, row.id):
            _revise(connection, row.id, version, told)
        else:
            connection.execute(update(STUDY).where(STUDY.c.id == row.id).values(**told))


def drop_drafts(connection: Connection, submission: int) -> None:
    """Drop the study rows of a submission's drafts that are needed no more."""
    its = exists().where(SERIES.c.study_row == STUDY.c.id)
    draft = STUDY.c.added_version.is_(None), STUDY.c.removed_version.is_(None)
    connection.execute(delete(STUDY).where(STUDY.c.submission_id == submission, *draft, ~its))


def _revise(connection: Connection, row: int, version: int, told: Mapping[str, Any]) -> None:
    connection.execute(update(STUDY).where(STUDY.c.id == row).values(removed_version=version))
    place = {"added_version": version, "removed_version": None, "replaces": row, "created_at": now()}
    made = revisions.copy(connection, STUDY, row, {**place, **told})
    its = SERIES.c.study_row == row, SERIES.c.removed_version.is_(None)
    # A series' revision names its study's: what older versions and carts hold goes on to say what it said.
    for series, frozen in connection.execute(select(SERIES.c.id, SERIES.c.frozen).where(*its)).all():
        live = revisions.thaw(connection, series, version) if frozen else series
        connection.execute(update(SERIES).where(SERIES.c.id == live).values(study_row=made))


def _is_named(connection: Connection, row: int) -> bool:
    """Whether a version or a cart holds a series of this revision of the study."""
    named = select(SERIES.c.id).where(SERIES.c.study_row == row, SERIES.c.frozen).limit(1)
    return connection.execute(named).first() is not None


def _told(connection: Connection, row: int) -> dict[str, Any] | None:
    form = connection.scalar(_FIRST, {"study": row})
    if form is None:
        return None
    said = orjson.loads(decode_json(form))
    return {**columns.study_columns(said), "attributes": columns.study_attributes(said)}


_FIRST = (
    select(INSTANCE.c.dicom_json)
    .join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
    .where(SERIES.c.study_row == bindparam("study"))
    .order_by(SERIES.c.removed_version.is_not(None), INSTANCE.c.created_at, INSTANCE.c.id)
    .limit(1)
)
