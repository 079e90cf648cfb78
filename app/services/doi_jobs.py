"""The jobs by which identifiers are registered, asked for where what they stand for changes."""

from sqlalchemy import Connection

from app import jobs
from app.index import carts
from app.registry import dois
from app.registry.dois import Doi

JOB = "doi"


def enqueue(connection: Connection, doi: Doi) -> None:
    """Have an identifier brought into the state that is wanted, with what may be said then."""
    jobs.enqueue(connection, JOB, f"{JOB}:{doi.id}", doi=doi.id)


def changed(connection: Connection, *collections: int) -> None:
    """Say, in the transaction that changes what may be said of collections, that it does: what DataCite was
    told of them, of their versions, and of the carts that hold something of them is told anew.
    """
    by_cart = dois.by_cart(connection)
    holding = carts.holding(connection, by_cart, collections) if by_cart else ()
    for each in (*dois.of_collections(connection, collections), *(by_cart[key] for key in holding)):
        enqueue(connection, each)


def again(connection: Connection, of: str) -> None:
    """The same of one thing, by its name in the table."""
    if doi := dois.of(connection, of):
        enqueue(connection, doi)
