"""Background jobs, identifiers of what can be cited, webhooks."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
BYTES = sa.LargeBinary()


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "job",
        _id(),
        _text("key", unique=True),
        _text("kind"),
        _column("arguments", BYTES),
        _text("state"),
        _column("asked", sa.Integer()),
        _column("attempts", sa.Integer()),
        _column("run_at", MOMENT),
        _text("lease"),
        _column("lease_until", MOMENT, nullable=True),
        _text("error"),
        _column("created_at", MOMENT),
        _column("ended_at", MOMENT, nullable=True),
    )
    op.create_index("job_due", "job", ["state", "run_at"])
    op.create_table(
        "doi",
        _id(),
        _text("of", unique=True),
        _column("collection_id", KEY, sa.ForeignKey("collection.id"), nullable=True, index=True),
        _column("version", sa.Integer(), nullable=True),
        _text("identifier", unique=True),
        _text("wanted"),
        _text("state"),
        _text("error"),
        _column("sent", BYTES),
        _column("created_at", MOMENT),
        _column("changed_at", MOMENT),
    )
    op.create_table(
        "webhook",
        _id(),
        _column("person_id", KEY, sa.ForeignKey("person.id"), nullable=True, index=True),
        _column("owner", BYTES, nullable=True),
        _text("url"),
        _text("secret"),
        _column("events", BYTES),
        _column("created_at", MOMENT),
    )


def downgrade() -> None:
    """Drop the tables and all they hold."""
    for table in ("webhook", "doi", "job"):
        op.drop_table(table)


def _column(name: str, type_: Any, *options: Any, nullable: bool = False, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, *options, nullable=nullable, **more)


def _text(name: str, **more: Any) -> sa.Column[Any]:
    return _column(name, TEXT, **more)


def _id() -> sa.Column[Any]:
    return _column("id", KEY, primary_key=True)
