"""The triggers that keep roll-ups. A load does without until its end: then all is counted anew, at once.

A trigger for each row costs more than the row. Nobody else writes meanwhile, and where the load fails they
are there as before: what is done here is part of its transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from app.index.tables import SERIES, STUDY

_TABLES = (STUDY.name, SERIES.name)
_SQLITE = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :of")


@contextmanager
def resting(connection: Connection) -> Iterator[None]:
    """Rows of studies and series come without being counted within this."""
    postgres = connection.dialect.name == "postgresql"
    again = _disabled(connection) if postgres else _dropped(connection)
    yield
    for statement in again:
        connection.exec_driver_sql(statement)


def _dropped(connection: Connection) -> list[str]:
    found = [row for name in _TABLES for row in connection.execute(_SQLITE, {"of": name}).all()]
    for name, _ in found:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return [told for _, told in found]


def _disabled(connection: Connection) -> list[str]:
    for name in _TABLES:
        connection.exec_driver_sql(f"ALTER TABLE {name} DISABLE TRIGGER USER")
    return [f"ALTER TABLE {name} ENABLE TRIGGER USER" for name in _TABLES]
