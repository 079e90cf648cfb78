"""Rows known to be the first of their UID, and indexes in which a list is walked without its rows."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FIRST = sa.text("first")
LIVE = sa.text("added_version IS NOT NULL AND removed_version IS NULL")
_SEEN = ("id", "access_unit_id", "added_version", "removed_version", "first", "collection_id")
_NAME = ("patient_name", "patient_name_ideographic", "patient_name_phonetic")
_NEWEST = (sa.text("study_date DESC"), sa.text("study_time DESC"), "study_instance_uid")
_MODALITY = ("modality", "study_instance_uid")
#: Indexes that get more columns: table, name, those before, those after, whether of live rows alone.
_GROWN: tuple[tuple[str, str, tuple[Any, ...], tuple[Any, ...], bool], ...] = (
    ("study", "study_newest", _NEWEST, (*_NEWEST, *_SEEN), False),
    ("study", "study_uid", ("study_instance_uid",), ("study_instance_uid", *_SEEN), False),
    ("study", "study_patient_name", _NAME[:1], _NAME, False),
    ("series", "series_modality", _MODALITY, (*_MODALITY, *_SEEN), True),
)
_NEW = (
    ("study_description", "study_description"),
    ("study_patient_name_ideographic", "patient_name_ideographic"),
    ("study_patient_name_phonetic", "patient_name_phonetic"),
)
#: What is first among the rows that there are; another is none, whatever becomes of this.
_TELL = "UPDATE {0} SET first = true WHERE id IN (SELECT min(id) FROM {0} GROUP BY {0}_instance_uid)"


def upgrade() -> None:
    """Add the column, and tell of all rows that there are."""
    for table in ("study", "series"):
        op.add_column(table, sa.Column("first", sa.Boolean(), nullable=False, server_default=sa.false()))
        op.execute(_TELL.format(table))
        op.create_index(
            f"{table}_first",
            table,
            [f"{table}_instance_uid"],
            unique=True,
            sqlite_where=FIRST,
            postgresql_where=FIRST,
        )
    op.create_index(
        "series_later",
        "series",
        ["series_instance_uid"],
        sqlite_where=sa.text("first = 0"),
        postgresql_where=sa.text("NOT first"),
    )
    for table, name, _, grown, live in _GROWN:
        _replace(table, name, grown, live)
    for name, column in _NEW:
        op.create_index(name, "study", [column])
    op.drop_index("series_tag_value_of_series", "series_tag_value")
    if op.get_bind().dialect.name == "postgresql":
        _narrow("INTEGER")
        # It is compressed already.
        op.execute("ALTER TABLE instance ALTER COLUMN dicom_json SET STORAGE EXTERNAL")
    op.create_index("series_tag_value_of_series", "series_tag_value", ["series_id"])
    _index_numbers(sa.text("number IS NOT NULL"))


def downgrade() -> None:
    """As it was."""
    op.drop_index("series_tag_value_of_series", "series_tag_value")
    if op.get_bind().dialect.name == "postgresql":
        _narrow("BIGINT")
    op.create_index("series_tag_value_of_series", "series_tag_value", ["series_id", "value_id"])
    _index_numbers(None)
    for name, _ in _NEW:
        op.drop_index(name, "study")
    for table, name, before, _, live in _GROWN:
        _replace(table, name, before, live)
    for table in ("study", "series"):
        op.drop_index(f"{table}_first", table)
    op.drop_index("series_later", "series")
    for table in ("study", "series"):
        op.drop_column(table, "first")


def _replace(table: str, name: str, columns: tuple[Any, ...], live: bool) -> None:
    where = LIVE if live else None
    op.drop_index(name, table)
    op.create_index(name, table, list(columns), sqlite_where=where, postgresql_where=where)


def _narrow(to: str) -> None:
    """Postings are most of a database's bytes; SQLite's numbers are as long as they need to be."""
    columns = (f"ALTER COLUMN {name} TYPE {to}" for name in ("value_id", "series_id"))
    op.execute(f"ALTER TABLE series_tag_value {', '.join(columns)}")


def _index_numbers(where: sa.TextClause | None) -> None:
    op.drop_index("tag_value_number", "tag_value")
    columns = ["path_id", "number"]
    op.create_index("tag_value_number", "tag_value", columns, sqlite_where=where, postgresql_where=where)
