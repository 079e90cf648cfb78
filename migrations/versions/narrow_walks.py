"""Indexes in which a study's series are counted, and studies put in order, without reading their rows."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SEEN = ("id", "access_unit_id", "added_version", "removed_version", "first", "collection_id")
_SERIES = ("study_instance_uid", "series_instance_uid")
#: Indexes that get more columns: table, name, those before, those after.
_GROWN = (
    ("series", "series_study", _SERIES, (*_SERIES, "modality", *_SEEN, "number_of_series_related_instances")),
    (
        "study",
        "study_uid",
        ("study_instance_uid", *_SEEN),
        ("study_instance_uid", "study_date", "study_time", *_SEEN),
    ),
)


def upgrade() -> None:
    """Make them anew."""
    for table, name, _, after in _GROWN:
        _replace(table, name, after)


def downgrade() -> None:
    """As they were."""
    for table, name, before, _ in _GROWN:
        _replace(table, name, before)


def _replace(table: str, name: str, columns: tuple[str, ...]) -> None:
    op.drop_index(name, table)
    op.create_index(name, table, list(columns))
