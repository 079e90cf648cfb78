"""The identifiers of what can be cited: wanted, reached, and looked up."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict
from app.models.types import now
from app.registry.tables import CART, COLLECTION, DOI, VERSION

DRAFT, REGISTERED, FINDABLE = "draft", "registered", "findable"
#: The states in which a DOI leads somewhere.
PUBLIC = (REGISTERED, FINDABLE)
#: How `of` begins where it is a cart.
_CART = "cart/"


@dataclass(frozen=True, slots=True)
class Doi:
    """One identifier as its row has it."""

    id: int
    of: str
    collection_id: int | None
    version: int | None
    identifier: str
    wanted: str
    state: str
    error: str
    sent: bytes
    created_at: datetime
    changed_at: datetime


def get(connection: Connection, row: int) -> Doi | None:
    """The one of this row, or None."""
    return next(iter(_dois(connection, DOI.c.id == row)), None)


def of(connection: Connection, what: str) -> Doi | None:
    """The identifier of this, or None."""
    return next(iter(_dois(connection, DOI.c.of == what)), None)


def of_collections(connection: Connection, collections: Iterable[int]) -> list[Doi]:
    """Those of these collections and of their versions, the collections' own first."""
    return _dois(connection, DOI.c.collection_id.in_(list(collections)))


def find(connection: Connection, identifier: str) -> Doi | None:
    """The one of this name, if it leads somewhere."""
    return next(iter(_dois(connection, DOI.c.identifier == identifier, DOI.c.state.in_(PUBLIC))), None)


def of_carts(connection: Connection) -> list[str]:
    """The keys of all carts that anyone may open and whose DOI is public."""
    rows = select(CART.c.key).where(CART.c.audience == "anyone", CART.c.doi != "")
    return list(connection.scalars(rows.order_by(CART.c.id)))


def by_cart(connection: Connection) -> dict[str, Doi]:
    """Those of carts, in whatever state, by the key of each."""
    return {each.of.removeprefix(_CART): each for each in _dois(connection, DOI.c.of.startswith(_CART))}


def want(
    connection: Connection,
    what: str,
    identifier: str,
    state: str,
    collection: int | None,
    version: int | None,
) -> Doi:
    """Say what state an identifier should have: it is made, or takes the place of another.

    Raises Conflict where it stands for something else.
    """
    values = {"identifier": identifier, "wanted": state, "error": "", "changed_at": now()}
    found = of(connection, what)
    if found and found.identifier != identifier:
        values |= {"state": "", "sent": b""}
    new = {"of": what, "collection_id": collection, "version": version, "state": "", "sent": b""}
    statement: Any = (
        update(DOI).where(DOI.c.of == what).values(values)
        if found
        else insert(DOI).values(**values, **new, created_at=now())
    )
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except IntegrityError:
        raise Conflict("This identifier stands for something else already.") from None
    made = of(connection, what)
    assert made
    return made


def reached(connection: Connection, doi: Doi, state: str, sent: bytes) -> None:
    """The state that it has now, and the digest of what was sent; what it stands for is given it, or not any
    more.
    """
    values = {"state": state, "sent": sent, "error": "", "changed_at": now()}
    connection.execute(update(DOI).where(DOI.c.id == doi.id).values(values))
    shown = doi.identifier if state in PUBLIC and doi.identifier.startswith("10.") else ""
    kind, _, key = doi.of.partition("/")
    if kind == "collection":
        connection.execute(update(COLLECTION).where(COLLECTION.c.id == doi.collection_id).values(doi=shown))
    elif kind == "version":
        own = (VERSION.c.collection_id == doi.collection_id) & (VERSION.c.number == doi.version)
        connection.execute(update(VERSION).where(own).values(doi=shown))
    elif kind == "cart":
        connection.execute(update(CART).where(CART.c.key == key).values(doi=shown))


def failed(connection: Connection, doi: Doi, error: str) -> None:
    """Why it has not the state that it should have."""
    connection.execute(update(DOI).where(DOI.c.id == doi.id).values(error=error, changed_at=now()))


def _dois(connection: Connection, *chosen: ColumnElement[bool]) -> list[Doi]:
    rows = select(*(DOI.c[name] for name in Doi.__slots__)).where(*chosen)
    ordered = rows.order_by(DOI.c.version.is_not(None), DOI.c.version, DOI.c.id)
    return [Doi(*row) for row in connection.execute(ordered)]
