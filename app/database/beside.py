"""Whether a schema newer than ours can be served by us.

Old and new run side by side while an archive is upgraded, and an old process that dies then is started again.
Migrations only add (docs/deployment.md), so the old ones find all that they know; a later release takes away
what nobody uses any more, and from then on the schema itself says that it is not for us.
"""

from typing import Any

from sqlalchemy import Connection, Inspector, Table, inspect


def serves_us(connection: Connection) -> bool:
    """All our tables and columns are there, and who does not know of others can write rows all the same."""
    # Only here: who starts servers asks seldom, and does without the tables otherwise.
    from app.models import Study

    inspector = inspect(connection)
    there = set(inspector.get_table_names())
    tables = Study.metadata.sorted_tables
    return all(table.name in there and _fits(inspector, table) for table in tables)


def _fits(inspector: Inspector, table: Table) -> bool:
    there = {each["name"]: each for each in inspector.get_columns(table.name)}
    ours = set(table.columns.keys())
    return ours <= there.keys() and all(_may_be_left_out(there[name]) for name in there.keys() - ours)


def _may_be_left_out(column: Any) -> bool:
    filled = column.get("default") is not None or column.get("computed") or column.get("identity")
    return bool(column["nullable"] or filled)
