"""The archive's name, leases, and objects that no row names."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and the archive's name."""
    identity = op.create_table("archive_identity", _id(), sa.Column("name", TEXT, nullable=False))
    op.create_table(
        "lease",
        _id(),
        sa.Column("name", TEXT, nullable=False, unique=True),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("token", TEXT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
    )
    op.create_table(
        "unreferenced",
        _id(),
        sa.Column("key", TEXT, nullable=False, unique=True),
        sa.Column("seen_at", MOMENT, nullable=False),
    )
    op.execute(sa.insert(identity).values(name=str(uuid4())))


def downgrade() -> None:
    """Drop them."""
    for table in ("unreferenced", "lease", "archive_identity"):
        op.drop_table(table)


def _id() -> sa.Column[int]:
    return sa.Column("id", KEY, primary_key=True)
