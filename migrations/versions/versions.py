"""Versions of collections, what was withdrawn or purged, and carts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
LIVE = sa.text("added_version IS NOT NULL AND removed_version IS NULL")
INDEXES: dict[str, list[str | sa.TextClause]] = {
    "series_added": [sa.text("(collection_id + 0)"), "added_version"],
    "series_removed": [sa.text("(collection_id + 0)"), "removed_version"],
}


def upgrade() -> None:
    """Make the tables. No version was cut before: no revision is frozen yet."""
    # On SQLite a text would stay one in a column of bytes.
    none = sa.text("X'5B5D'" if op.get_bind().dialect.name == "sqlite" else "'[]'")
    op.add_column(
        "submission", sa.Column("withdrawals", sa.LargeBinary(), nullable=False, server_default=none)
    )
    op.add_column("submission", sa.Column("published_version", sa.Integer(), nullable=True))
    op.add_column("series", sa.Column("frozen", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name, columns in INDEXES.items():
        op.create_index(name, "series", columns)
    _index_studies(None)
    _create_versions()
    _create_tombstones()
    _create_carts()


def downgrade() -> None:
    """Drop the tables and all they hold."""
    for table in ("cart_series", "cart", "tombstone", "collection_version"):
        op.drop_table(table)
    for name in INDEXES:
        op.drop_index(name, "series")
    _index_studies(LIVE)
    op.drop_column("series", "frozen")
    op.drop_column("submission", "published_version")
    op.drop_column("submission", "withdrawals")


def _index_studies(where: sa.TextClause | None) -> None:
    """Index the series of studies: of all revisions, or of the live ones."""
    op.drop_index("series_study", "series")
    columns = ["study_instance_uid", "series_instance_uid"]
    op.create_index("series_study", "series", columns, sqlite_where=where, postgresql_where=where)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


def _create_versions() -> None:
    op.create_table(
        "collection_version",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("collection_id", KEY, sa.ForeignKey("collection.id"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _text("note"),
        _text("doi"),
        sa.Column("published_at", MOMENT, nullable=False),
        _text("published_by"),
        sa.UniqueConstraint("collection_id", "number", name="version_once"),
    )


def _create_tombstones() -> None:
    op.create_table(
        "tombstone",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("collection_id", KEY, sa.ForeignKey("collection.id"), nullable=False),
        sa.Column("access_unit_id", KEY, sa.ForeignKey("access_unit.id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        _text("study_instance_uid"),
        _text("series_instance_uid"),
        _text("sop_instance_uid"),
        sa.Column("purged", sa.Boolean(), nullable=False),
        _text("reason"),
        sa.Column("at", MOMENT, nullable=False),
        _text("by"),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        _text("object_key"),
    )
    for column in ("collection_id", "study_instance_uid"):
        op.create_index(f"ix_tombstone_{column}", "tombstone", [column])


def _create_carts() -> None:
    op.create_table(
        "cart",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("key", TEXT, nullable=False, unique=True),
        sa.Column("person_id", KEY, sa.ForeignKey("person.id"), nullable=True),
        *map(_text, ("name", "description", "audience", "doi")),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_index("ix_cart_person_id", "cart", ["person_id"])
    op.create_table(
        "cart_series",
        sa.Column("cart_id", KEY, sa.ForeignKey("cart.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("series_row", KEY, sa.ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("ix_cart_series_series_row", "cart_series", ["series_row"])
