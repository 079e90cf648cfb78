"""Objects that no row named when a sweep looked: remembered until the next ones."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from app.models.types import now
from app.registry.tables import UNREFERENCED

#: Of this many at most one call is told.
BATCH = 500


def since(connection: Connection, keys: Collection[str]) -> dict[str, datetime]:
    """Since when those of these are known that are known."""
    found = select(UNREFERENCED.c.key, UNREFERENCED.c.seen_at).where(UNREFERENCED.c.key.in_(list(keys)))
    return {row.key: row.seen_at for row in connection.execute(found)}


def note(connection: Connection, keys: Collection[str]) -> None:
    """Remember these, which are not known yet, from now on."""
    moment = now()
    if keys:
        connection.execute(insert(UNREFERENCED), [{"key": key, "seen_at": moment} for key in keys])


def forget(connection: Connection, keys: Collection[str]) -> None:
    """Remember these no more."""
    connection.execute(delete(UNREFERENCED).where(UNREFERENCED.c.key.in_(list(keys))))


def page(connection: Connection, after: str) -> Sequence[str]:
    """The next ones that are remembered, in order of key."""
    rows = select(UNREFERENCED.c.key).where(UNREFERENCED.c.key > after)
    return connection.scalars(rows.order_by(UNREFERENCED.c.key).limit(BATCH)).all()
