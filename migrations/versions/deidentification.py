"""De-identification: policies of collections, sealed identifiers, the log, and what an instance came from."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
BYTES = sa.LargeBinary()


def upgrade() -> None:
    """Make the tables and columns."""
    op.create_table(
        "deidentification",
        sa.Column("collection_id", KEY, sa.ForeignKey("collection.id"), primary_key=True),
        _column("policy", TEXT),
        _column("digest", TEXT),
        _column("key_check", BYTES),
        _column("changed_at", MOMENT),
    )
    op.create_table(
        "sealed",
        sa.Column("collection_id", KEY, sa.ForeignKey("collection.id"), primary_key=True),
        sa.Column("kind", TEXT, primary_key=True),
        sa.Column("lookup", BYTES, primary_key=True),
        _column("sealed", BYTES),
    )
    op.create_table(
        "deidentification_log",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("submission_id", KEY, sa.ForeignKey("submission.id"), nullable=False),
        _column("sop_instance_uid", TEXT),
        _column("policy", TEXT),
        _column("changes", BYTES),
        _column("at", MOMENT),
    )
    op.create_index("ix_deidentification_log_submission_id", "deidentification_log", ["submission_id"])
    op.add_column("submission", sa.Column("deidentified", TEXT, nullable=False, server_default=""))
    # On SQLite a text would stay one in a column of bytes.
    none = sa.text("X'5B5D'" if op.get_bind().dialect.name == "sqlite" else "'[]'")
    op.add_column("submission", sa.Column("findings", BYTES, nullable=False, server_default=none))
    op.add_column("instance", sa.Column("source", BYTES, nullable=True))
    where = sa.text("source IS NOT NULL")
    op.create_index("instance_source", "instance", ["source"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them and all they hold."""
    op.drop_index("instance_source", "instance")
    op.drop_column("instance", "source")
    op.drop_column("submission", "findings")
    op.drop_column("submission", "deidentified")
    for table in ("deidentification_log", "sealed", "deidentification"):
        op.drop_table(table)


def _column(name: str, type_: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)
