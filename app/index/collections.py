"""Collections by their names."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from app.models import Collection

#: The rolling collection that takes what is stored at the archive's own root.
INBOX = "inbox"


@dataclass(frozen=True, slots=True)
class Found:
    """One collection: its id, and whether it shows at once what it is sent."""

    id: int
    rolling: bool


_COLLECTION = Collection.metadata.tables["collection"]
_BY_SLUG = select(_COLLECTION.c.id, _COLLECTION.c.rolling).where(_COLLECTION.c.slug == bindparam("slug"))


def find(connection: Connection, slug: str) -> Found | None:
    """The collection of this name, or None."""
    row = connection.execute(_BY_SLUG, {"slug": slug}).first()
    return Found(row.id, row.rolling) if row else None
