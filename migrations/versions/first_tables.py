"""Collections, their access units, studies, series and instances; and the collection `inbox`."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
NUMBERS = ("instance_number", "rows", "columns", "bits_allocated", "number_of_frames")
LIVE = sa.text("added_version IS NOT NULL AND removed_version IS NULL")


def upgrade() -> None:
    """Make the tables."""
    _create_collections()
    _create_study()
    _create_series()
    _create_instance()
    _create_inbox()


def downgrade() -> None:
    """Drop the tables and all they hold."""
    for table in ("request_attributes", "instance", "series", "study", "access_unit", "collection"):
        op.drop_table(table)


def _create_collections() -> None:
    op.create_table(
        "collection",
        _column("id", KEY, primary_key=True),
        sa.Column("slug", TEXT, nullable=False, unique=True),
        _column("title", TEXT),
        _column("rolling", sa.Boolean()),
        _column("latest_version", sa.Integer()),
        _column("created_at", MOMENT),
    )
    op.create_table(
        "access_unit",
        _column("id", KEY, primary_key=True),
        _reference("collection_id", "collection.id", index=True),
    )


def _create_study() -> None:
    op.create_table(
        "study",
        *_revision(),
        *_texts(
            "study_instance_uid",
            "study_date",
            "study_time",
            "accession_number",
            "study_id",
            "study_description",
            "patient_id",
            "patient_birth_date",
            "patient_sex",
            *_person("patient_name"),
            *_person("referring_physician_name"),
        ),
    )
    _index_live("study")
    newest = (sa.text("study_date DESC"), sa.text("study_time DESC"), "study_instance_uid")
    op.create_index("study_newest", "study", newest)
    op.create_index("study_uid", "study", ["study_instance_uid"])
    for name in ("patient_id", "patient_name", "accession_number"):
        op.create_index(f"study_{name}", "study", [name])


def _create_series() -> None:
    op.create_table(
        "series",
        *_revision(),
        _reference("study_row", "study.id", index=True),
        _reference("access_unit_id", "access_unit.id"),
        *_texts(
            "study_instance_uid",
            "series_instance_uid",
            "modality",
            "series_description",
            "series_date",
            "series_time",
            "body_part_examined",
            "laterality",
            "protocol_name",
            "manufacturer",
            "manufacturer_model_name",
            "performed_procedure_step_start_date",
            "performed_procedure_step_start_time",
        ),
        _column("series_number", sa.Integer(), nullable=True),
        _column("number_of_series_related_instances", sa.Integer()),
    )
    _index_live("series")
    op.create_index("series_uid", "series", ["series_instance_uid"])
    op.create_index("series_study", "series", ["study_instance_uid"])
    op.create_index("series_modality", "series", ["modality", "study_row"])
    op.create_table(
        "request_attributes",
        _column("id", KEY, primary_key=True),
        _reference("series_row", "series.id", index=True),
        *_texts("scheduled_procedure_step_id", "requested_procedure_id", index=True),
    )


def _create_instance() -> None:
    op.create_table(
        "instance",
        _column("id", KEY, primary_key=True),
        _reference("series_row", "series.id"),
        *_texts("sop_instance_uid", index=True),
        *_texts("sop_class_uid", "transfer_syntax_uid", "object_key"),
        *(_column(name, sa.Integer(), nullable=True) for name in NUMBERS),
        *(_column(name, KEY) for name in ("size", "crc32")),
        _column("sha256", sa.LargeBinary()),
        _column("created_at", MOMENT),
        *(_column(name, sa.LargeBinary(), nullable=True) for name in ("bulkdata", "frame_index")),
        _column("dicom_json", sa.LargeBinary()),
        sa.UniqueConstraint("series_row", "sop_instance_uid", name="instance_once"),
    )


def _create_inbox() -> None:
    """The rolling collection that takes what is stored at the archive's own root."""
    tables = sa.MetaData()
    tables.reflect(op.get_bind(), only=["collection", "access_unit"])
    collection, unit = tables.tables["collection"], tables.tables["access_unit"]
    inbox: dict[str, Any] = {"slug": "inbox", "title": "Inbox", "rolling": True, "latest_version": 0}
    inbox["created_at"] = datetime.now(UTC)
    row = op.get_bind().execute(sa.insert(collection).values(inbox).returning(collection.c.id)).scalar_one()
    op.execute(sa.insert(unit).values(collection_id=row))


def _revision() -> list[sa.Column[Any]]:
    return [
        _column("id", KEY, primary_key=True),
        _reference("collection_id", "collection.id"),
        _column("submission_id", KEY, nullable=True),
        _column("added_version", sa.Integer(), nullable=True),
        _column("removed_version", sa.Integer(), nullable=True),
        _column("replaces", KEY, nullable=True),
        _column("created_at", MOMENT),
        _column("attributes", sa.LargeBinary()),
    ]


def _index_live(table: str) -> None:
    op.create_index(
        f"{table}_live",
        table,
        [f"{table}_instance_uid", "collection_id"],
        unique=True,
        sqlite_where=LIVE,
        postgresql_where=LIVE,
    )


def _column(name: str, type_: Any, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=nullable, **options)


def _reference(name: str, target: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, KEY, sa.ForeignKey(target), nullable=False, **options)


def _texts(*names: str, **options: Any) -> list[sa.Column[Any]]:
    return [_column(name, TEXT, **options) for name in names]


def _person(name: str) -> tuple[str, ...]:
    return name, f"{name}_ideographic", f"{name}_phonetic", f"{name}_words"
