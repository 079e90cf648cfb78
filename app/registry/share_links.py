"""Share links: made, listed, opened and taken back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, insert, or_, select, update

from app.models.types import now
from app.registry.carts import Cart
from app.registry.tables import COLLECTION, SHARE_LINK

#: Of a link, what is in no column of its own.
_COMPUTED = frozenset(("collection", "studies", "cart"))


@dataclass(frozen=True, slots=True)
class ShareLink:
    """One link as its row has it; `collection` is the slug, `studies` the UIDs, empty where all are meant;
    `cart` is the key of one, of a link to that.
    """

    id: int
    collection: str | None
    studies: tuple[str, ...]
    cart: str | None
    capability: str
    note: str
    uses: int
    most_uses: int | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def make(
    connection: Connection,
    person: int | None,
    sha256: bytes,
    collection: int | None,
    studies: Iterable[str],
    cart: Cart | None,
    **values: Any,
) -> int:
    """Make a link; its row."""
    told: dict[str, Any] = {"studies": list(studies)} if studies else {}
    within = orjson.dumps({**told, "cart": cart.id, "key": cart.key} if cart else told)
    row = {"person_id": person, "sha256": sha256, "collection_id": collection, "within": within}
    given = insert(SHARE_LINK).values(uses=0, created_at=now(), **row, **values)
    return int(connection.execute(given.returning(SHARE_LINK.c.id)).scalar_one())


def page(connection: Connection, person: int | None, after: int, limit: int) -> list[ShareLink]:
    """Somebody's links, in the order in which they were made; those taken back too."""
    rows = _select(_own(person), SHARE_LINK.c.id > after).order_by(SHARE_LINK.c.id).limit(limit)
    return [_link(row) for row in connection.execute(rows)]


def get(connection: Connection, person: int | None, link: int) -> ShareLink | None:
    """Somebody's link of this row, or None."""
    found = connection.execute(_select(_own(person), SHARE_LINK.c.id == link)).first()
    return _link(found) if found else None


def revoke(connection: Connection, link: int) -> None:
    """Take a link back."""
    live = (SHARE_LINK.c.id == link) & SHARE_LINK.c.revoked_at.is_(None)
    connection.execute(update(SHARE_LINK).where(live).values(revoked_at=now()))


def end_all(connection: Connection, person: int) -> None:
    """Take back every link of somebody."""
    live = (SHARE_LINK.c.person_id == person) & SHARE_LINK.c.revoked_at.is_(None)
    connection.execute(update(SHARE_LINK).where(live).values(revoked_at=now()))


def use(connection: Connection, link: int) -> bool:
    """Count that a link is opened; False where it was often enough."""
    left = or_(SHARE_LINK.c.most_uses.is_(None), SHARE_LINK.c.uses < SHARE_LINK.c.most_uses)
    counted = update(SHARE_LINK).where(SHARE_LINK.c.id == link, left).values(uses=SHARE_LINK.c.uses + 1)
    return bool(connection.execute(counted).rowcount)


def _own(person: int | None) -> ColumnElement[bool]:
    return SHARE_LINK.c.person_id.is_not_distinct_from(person)


def _select(*conditions: ColumnElement[bool]) -> Select[Any]:
    own = [SHARE_LINK.c[name] for name in ShareLink.__slots__ if name not in _COMPUTED]
    joined = SHARE_LINK.outerjoin(COLLECTION, COLLECTION.c.id == SHARE_LINK.c.collection_id)
    told = select(*own, SHARE_LINK.c.within, COLLECTION.c.slug.label("collection"))
    return told.select_from(joined).where(*conditions)


def _link(row: Any) -> ShareLink:
    values = {name: getattr(row, name) for name in ShareLink.__slots__ if name not in _COMPUTED}
    within = orjson.loads(row.within)
    return ShareLink(
        **values,
        collection=row.collection,
        studies=tuple(within.get("studies", ())),
        cart=within.get("key"),
    )
