"""The one way to the database, alike on SQLite and PostgreSQL.

Whatever reads or writes the index is a plain function over a SQLAlchemy Core `Connection`, a `Work`; a
`Database` runs it in the way that is cheapest on its engine. Errors of a driver leave here as
`DatabaseUnavailable` when the database itself is the trouble; a wrong statement stays what it is.
"""

from app.database.access import Database
from app.database.facts import Work
from app.database.revisions import check_revision, migrate

__all__ = ["Database", "Work", "check_revision", "migrate"]
