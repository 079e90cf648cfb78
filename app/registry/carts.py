"""Carts: lists of series revisions that somebody keeps under a name."""

from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from app.errors import Conflict
from app.models.types import now
from app.registry.tables import CART

#: Who may open a cart beside its maker.
AUDIENCES = ("nobody", "registered", "anyone")


@dataclass(frozen=True, slots=True)
class Cart:
    """A cart as its row has it."""

    id: int
    key: str
    person_id: int | None
    name: str
    description: str
    audience: str
    doi: str
    revision: int
    created_at: datetime


def create(connection: Connection, person: int | None, values: dict[str, Any]) -> Cart:
    """Make a cart, without anything in it yet. `person` None is the owner."""
    row = {"key": token_hex(16), "person_id": person, "doi": "", "revision": 1, "created_at": now(), **values}
    connection.execute(insert(CART).values(**row))
    made = find(connection, row["key"])
    assert made
    return made


def find(connection: Connection, key: str) -> Cart | None:
    """The cart of this key, or None."""
    rows = connection.execute(_BY_KEY, {"key": key}) if key.isascii() and key.isalnum() else ()
    return next((Cart(**row._mapping) for row in rows), None)


def page(connection: Connection, person: int | None, after: int, limit: int) -> list[Cart]:
    """Somebody's carts, in the order in which they were made."""
    own = CART.c.person_id.is_not_distinct_from(person), CART.c.id > after
    rows = connection.execute(select(CART).where(*own).order_by(CART.c.id).limit(limit))
    return [Cart(**row._mapping) for row in rows]


def change(connection: Connection, cart: Cart, values: dict[str, Any]) -> None:
    """Write what is new. Raises Conflict where it was changed since `cart` was read."""
    as_read = CART.c.id == cart.id, CART.c.revision == cart.revision
    changed = update(CART).where(*as_read).values(**values, revision=cart.revision + 1)
    if not connection.execute(changed).rowcount:
        raise Conflict("The cart was changed meanwhile: read it again.")


def drop(connection: Connection, cart: Cart) -> None:
    """Delete a cart; what it names stays where it is."""
    connection.execute(delete(CART).where(CART.c.id == cart.id))


_BY_KEY = select(CART).where(CART.c.key == bindparam("key"))
