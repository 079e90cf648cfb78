"""Collections by their names."""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from app.database.statements import Statement
from app.models import Collection

#: The rolling collection that takes what is stored at the archive's own root.
INBOX = "inbox"


@dataclass(frozen=True, slots=True)
class Found:
    """One collection: its id, and whether it shows at once what it is sent."""

    id: int
    rolling: bool


_COLLECTION = Collection.metadata.tables["collection"]
_BY_SLUG = Statement(
    select(_COLLECTION.c.id, _COLLECTION.c.rolling).where(_COLLECTION.c.slug == bindparam("slug"))
)


#: What a collection may be called; nothing else is looked up.
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def find(connection: Connection, slug: str) -> Found | None:
    """The collection of this name, or None."""
    if not _SLUG.fullmatch(slug):
        return None
    return next(
        (Found(row, bool(rolling)) for row, rolling in _BY_SLUG.rows(connection, {"slug": slug})), None
    )
