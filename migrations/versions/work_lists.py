"""Attributes of studies and series, an element a line; indexes of a study's series and of modalities."""

import orjson
import sqlalchemy as sa
from alembic import op

from app.index.stored_form import encode_elements
from app.query.ast import Level
from app.query.returned import UNASKED

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LIVE = sa.text("added_version IS NOT NULL AND removed_version IS NULL")
#: Rows that are in memory at once.
BATCH = 1_000


def upgrade() -> None:
    """Store what is returned so that it need not be parsed, and replace two indexes."""
    for level in (Level.STUDY, Level.SERIES):
        _store_anew(level)
    _replace("series_study", ["study_instance_uid", "series_instance_uid"], live=True)
    _replace("series_modality", ["modality", "study_instance_uid"], live=True)


def downgrade() -> None:
    """The indexes as they were; the attributes may stay as they are, which is DICOM JSON as well."""
    _replace("series_study", ["study_instance_uid"])
    _replace("series_modality", ["modality", "study_row"])


def _store_anew(level: Level) -> None:
    rows = sa.table(level.name.lower(), sa.column("id"), sa.column("attributes"))
    page = sa.select(rows).order_by(rows.c.id).limit(BATCH)
    change = (
        sa.update(rows)
        .where(rows.c.id == sa.bindparam("row"))
        .values(attributes=sa.bindparam("form", type_=sa.LargeBinary()))
    )
    last = 0
    while found := op.get_bind().execute(page.where(rows.c.id > last)).all():
        forms = [encode_elements(orjson.loads(row.attributes), UNASKED[level]) for row in found]
        values = [{"row": row.id, "form": form} for row, form in zip(found, forms, strict=True)]
        op.get_bind().execute(change, values)
        last = found[-1].id


def _replace(name: str, columns: list[str], *, live: bool = False) -> None:
    where = LIVE if live else None
    op.drop_index(name, "series")
    op.create_index(name, "series", columns, sqlite_where=where, postgresql_where=where)
