"""Grants: who was given which role where, when and why. They are revoked, never forgotten."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, insert, select, update

from app.registry.tables import COLLECTION, GRANT, GROUP, PERSON, SITE

#: What becomes of a grant by itself or by hand.
STATES = ("future", "active", "ended", "revoked")


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant as its row has it, with the names of what it refers to; `person_name` is what others read."""

    id: int
    to: str
    role: str
    collection_id: int
    site_id: int | None
    person: int | None
    starts_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None
    reason: str
    granted_by: str
    collection: str
    site: str | None
    group: str | None
    person_name: str | None

    def state(self, moment: datetime) -> str:
        """What has become of it by this moment."""
        if self.revoked_at:
            return "revoked"
        if moment < self.starts_at:
            return "future"
        return "active" if self.ends_at is None or moment < self.ends_at else "ended"


def create(connection: Connection, values: Mapping[str, Any]) -> int:
    """Make a grant of a row's values; its row."""
    return int(connection.execute(insert(GRANT).values(**values).returning(GRANT.c.id)).scalar_one())


def find(connection: Connection, visible: ColumnElement[bool], grant: int) -> Grant | None:
    """The grant of this row, where it is visible, or None."""
    return next(iter(page(connection, visible & (GRANT.c.id == grant), 0, 1)), None)


def page(connection: Connection, visible: ColumnElement[bool], after: int, limit: int) -> list[Grant]:
    """Those that are visible, in the order in which they were made."""
    rows = _GRANTS.where(visible, GRANT.c.id > after).order_by(GRANT.c.id).limit(limit)
    found: Iterable[Any] = connection.execute(rows)
    return [Grant(*row) for row in found]


def like(values: Mapping[str, Any], moment: datetime) -> ColumnElement[bool]:
    """Grants that give the same to the same and have not come to their end."""
    same = ("to", "person_id", "group_id", "role", "collection_id", "site_id")
    alike = [GRANT.c[name].is_not_distinct_from(values.get(name)) for name in same]
    return and_(in_state(("active", "future"), moment), *alike)


def in_state(states: Iterable[str], moment: datetime) -> ColumnElement[bool]:
    """Grants that are in one of these states at the moment."""
    found = case(
        (GRANT.c.revoked_at.is_not(None), "revoked"),
        (GRANT.c.starts_at > moment, "future"),
        (GRANT.c.ends_at <= moment, "ended"),
        else_="active",
    )
    return found.in_(states)


def change(connection: Connection, grant: int, values: Mapping[str, Any]) -> None:
    """Write what is new."""
    if values:
        connection.execute(update(GRANT).where(GRANT.c.id == grant).values(**values))


def sites(connection: Connection, collection: int) -> dict[str, int]:
    """The rows of a collection's sites by their names."""
    rows = connection.execute(select(*SITE.c["slug", "id"]).where(SITE.c.collection_id == collection))
    return {row.slug: row.id for row in rows}


_JOINED = (
    GRANT.join(COLLECTION, COLLECTION.c.id == GRANT.c.collection_id)
    .outerjoin(SITE, SITE.c.id == GRANT.c.site_id)
    .outerjoin(GROUP, GROUP.c.id == GRANT.c.group_id)
    .outerjoin(PERSON, PERSON.c.id == GRANT.c.person_id)
)
_GRANTS = select(
    *GRANT.c["id", "to", "role", "collection_id", "site_id", "person_id"],
    *GRANT.c["starts_at", "ends_at", "revoked_at", "reason", "granted_by"],
    COLLECTION.c.slug,
    SITE.c.slug,
    GROUP.c.slug,
    case((PERSON.c.name == "", PERSON.c.subject), else_=PERSON.c.name),
).select_from(_JOINED)
