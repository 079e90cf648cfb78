"""The tag index, filled from the instances that are stored already."""

import sqlalchemy as sa
from alembic import op

from app.index import tag_writer

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables, and fill them."""
    _create()
    tag_writer.fill(op.get_bind())


def _create() -> None:
    op.create_table(
        "tag_path",
        sa.Column("id", KEY, primary_key=True, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("vr", TEXT, nullable=False),
        sa.UniqueConstraint("path", "vr", name="tag_path_once"),
    )
    op.create_table(
        "tag_value",
        sa.Column("id", KEY, primary_key=True, nullable=False),
        sa.Column("path_id", KEY, sa.ForeignKey("tag_path.id"), nullable=False),
        sa.Column("digest", TEXT, nullable=False, unique=True),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("number", sa.Float(53), nullable=True),
    )
    op.create_index("tag_value_text", "tag_value", ["path_id", "text"])
    op.create_index("tag_value_number", "tag_value", ["path_id", "number"])
    op.create_table(
        "series_tag_value",
        sa.Column("value_id", KEY, sa.ForeignKey("tag_value.id"), primary_key=True, nullable=False),
        sa.Column(
            "series_id", KEY, sa.ForeignKey("series.id", ondelete="CASCADE"), primary_key=True, nullable=False
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("series_tag_value_of_series", "series_tag_value", ["series_id", "value_id"])


def downgrade() -> None:
    """Drop the tables and all they hold."""
    for table in ("series_tag_value", "tag_value", "tag_path"):
        op.drop_table(table)
