"""An index of trigrams for wildcards within names, IDs and descriptions, where PostgreSQL can have one.

The extension pg_trgm comes with PostgreSQL and is trusted: who may create in the database may have it. Where
it is not installed, or we may not, all works without: the rows of studies are looked through then.
"""

from contextlib import suppress

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NAME = "study_trigrams"
_COLUMNS = (
    "patient_id",
    "patient_name",
    "patient_name_ideographic",
    "patient_name_phonetic",
    "study_description",
)
_AVAILABLE = sa.text("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'")
#: It may be in a schema that is not ours to look into.
_USABLE = sa.text(
    "SELECT count(*) FROM pg_opclass WHERE opcname = 'gin_trgm_ops' AND pg_opclass_is_visible(oid)"
)


def upgrade() -> None:
    """Make the index, where there is the extension or it can be had."""
    if op.get_bind().dialect.name == "postgresql" and _has_extension():
        operators = dict.fromkeys(_COLUMNS, "gin_trgm_ops")
        op.create_index(NAME, "study", list(_COLUMNS), postgresql_using="gin", postgresql_ops=operators)


def downgrade() -> None:
    """Without it; the extension may be somebody else's by now."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP INDEX IF EXISTS {NAME}")


def _has_extension() -> bool:
    connection = op.get_bind()
    if connection.execute(_AVAILABLE).scalar_one():
        with suppress(DBAPIError), connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    return bool(connection.execute(_USABLE).scalar_one())
