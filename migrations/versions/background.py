"""How far jobs are and how they ended; metadata of whole series; MD5; what is proven, and what damaged."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
BYTES = sa.LargeBinary()


def upgrade() -> None:
    """Add the columns and make the tables. The version before this one goes on beside them."""
    for name in ("done", "total"):
        op.add_column("job", _column(name, KEY, server_default="0"))
    op.add_column("job", _column("person_id", KEY, nullable=True))
    op.create_index("ix_job_person_id", "job", ["person_id"])
    op.add_column("job", _column("traceparent", TEXT, server_default=""))
    op.add_column("instance", _column("md5", BYTES, nullable=True))
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "job_tally",
        _id(),
        _column("kind", TEXT),
        _column("outcome", TEXT),
        _column("attempts", KEY),
        _column("seconds", sa.Float()),
        sa.UniqueConstraint("kind", "outcome", name="job_tally_once"),
    )
    op.create_table(
        "series_metadata",
        _id(),
        _column("series_row", KEY, sa.ForeignKey("series.id", ondelete="CASCADE"), index=True),
        _column("key", BYTES, unique=True),
        _column("instances", sa.Integer()),
        _column("documents", BYTES),
    )
    op.create_table(
        "proven_span",
        _id(),
        _column("first_row", KEY),
        _column("last_row", KEY, unique=True),
        _column("proven_at", MOMENT, index=True),
        _column("instances", sa.Integer()),
        _column("bytes", KEY),
    )
    op.create_table(
        "damage",
        _id(),
        _column("instance_row", KEY, unique=True),
        _column("kind", TEXT),
        _column("found_at", MOMENT),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("damage", "proven_span", "series_metadata", "job_tally"):
        op.drop_table(table)
    op.drop_column("instance", "md5")
    op.drop_index("ix_job_person_id", "job")
    for name in ("traceparent", "person_id", "total", "done"):
        op.drop_column("job", name)


def _column(name: str, type_: Any, *options: Any, nullable: bool = False, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, *options, nullable=nullable, **more)


def _id() -> sa.Column[Any]:
    return _column("id", KEY, primary_key=True)
