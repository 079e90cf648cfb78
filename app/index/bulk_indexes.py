"""Indexes and constraints that a load into an empty index does without until its end.

To build one over all rows at once takes a fraction of what keeping it up row by row does.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from app.index.tables import INSTANCE, REQUEST_ATTRIBUTES, SERIES, SERIES_TAG_VALUE, STUDY, TAG_VALUE

_NAMES = [each.name for each in (STUDY, SERIES, REQUEST_ATTRIBUTES, INSTANCE, TAG_VALUE, SERIES_TAG_VALUE)]
_SQLITE = text(
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = :of"
)
#: Foreign keys last: they need the others. Those of other tables that name these are among them.
_CONSTRAINTS = text("""
    SELECT conrelid::regclass::text AS of, conname AS name, pg_get_constraintdef(oid) AS told
    FROM pg_constraint
    WHERE contype IN ('p', 'u', 'f') AND CAST(:of AS regclass) IN (conrelid, confrelid)
    ORDER BY contype = 'f', name
""")
_POSTGRES = text("""
    SELECT indexname AS name, indexdef AS told FROM pg_indexes
    WHERE tablename = :of AND schemaname = current_schema()
    AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE conrelid = CAST(:of AS regclass))
""")


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was dropped, as statements that make it again, in order."""

    statements: tuple[str, ...]

    def make(self, connection: Connection) -> None:
        """Make it all again."""
        for statement in self.statements:
            connection.exec_driver_sql(statement)


def drop(connection: Connection) -> Dropped:
    """Drop what can be made again."""
    return (_from_sqlite if connection.dialect.name == "sqlite" else _from_postgres)(connection)


def _from_sqlite(connection: Connection) -> Dropped:
    found = [row for name in _NAMES for row in connection.execute(_SQLITE, {"of": name}).all()]
    for name, _ in found:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    return Dropped(tuple(told for _, told in found))


def _from_postgres(connection: Connection) -> Dropped:
    constraints = {
        (row.of, row.name): row.told
        for name in _NAMES
        for row in connection.execute(_CONSTRAINTS, {"of": name})
    }
    indexes = {row.name: row.told for name in _NAMES for row in connection.execute(_POSTGRES, {"of": name})}
    keys = [f"ALTER TABLE {of} ADD CONSTRAINT {name} {told}" for (of, name), told in constraints.items()]
    foreign = [each for each in keys if " FOREIGN KEY " in each]
    own = [each for each in keys if each not in foreign]
    for of, name in sorted(constraints, key=lambda each: " FOREIGN KEY " not in f" {constraints[each]}"):
        connection.exec_driver_sql(f"ALTER TABLE {of} DROP CONSTRAINT {name}")
    for name in indexes:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    return Dropped((*own, *indexes.values(), *foreign))
