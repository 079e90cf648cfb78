"""What is in a cart: revisions of series, which never change from then on."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from app.index.scope import Scope, series_conditions
from app.index.tables import CART, CART_SERIES, COLLECTION, SERIES, among
from app.viewer import Viewer


class Part(NamedTuple):
    """How much of a cart lies in an access unit of a collection, of what somebody sees."""

    collection: int
    unit: int
    studies: int
    series: int
    instances: int
    bytes: int


def put(
    connection: Connection,
    cart: int,
    scope: Scope,
    viewer: Viewer,
    *,
    studies: Collection[str] = (),
    series: Collection[str] = (),
    most: int,
) -> int:
    """Put the revisions into a cart that the viewer finds in the scope now, of these studies and series: how
    many they are. Where they are more than `most` it puts none.
    """
    wanted = among(SERIES.c.study_instance_uid, studies) | among(SERIES.c.series_instance_uid, series)
    found = wanted, *series_conditions(scope, viewer)
    # Whoever stores into one of these collections has read before, or reads after, what is frozen here.
    of = connection.scalars(select(SERIES.c.collection_id).distinct().where(*found)).all()
    turn = select(COLLECTION.c.id).where(COLLECTION.c.id.in_(of)).order_by(COLLECTION.c.id)
    connection.execute(turn.with_for_update(key_share=True))
    rows = connection.scalars(select(SERIES.c.id).where(*found)).all()
    if 0 < len(rows) <= most:
        connection.execute(insert(CART_SERIES), [{"cart_id": cart, "series_row": row} for row in rows])
        connection.execute(update(SERIES).where(among(SERIES.c.id, rows)).values(frozen=True))
    return len(rows)


def holding(connection: Connection, keys: Collection[str], collections: Collection[int]) -> set[str]:
    """Which of these carts, by key, hold something of these collections."""
    held = select(CART_SERIES.c.cart_id).join_from(
        CART_SERIES, SERIES, SERIES.c.id == CART_SERIES.c.series_row
    )
    of = held.where(CART_SERIES.c.cart_id == CART.c.id, SERIES.c.collection_id.in_(list(collections)))
    rows = select(CART.c.key).where(among(CART.c.key, keys), of.correlate(CART).exists())
    return set(connection.scalars(rows))


def parts(connection: Connection, cart: int, viewer: Viewer) -> list[Part]:
    """How much of a cart the viewer sees, by collection and access unit."""
    groups = SERIES.c["collection_id", "access_unit_id"]
    counts = (
        func.count(SERIES.c.study_instance_uid.distinct()),
        func.count(),
        func.sum(SERIES.c.number_of_series_related_instances),
        func.sum(SERIES.c.size),
    )
    rows = select(*groups, *counts).where(*series_conditions(Scope(cart=cart), viewer))
    found = connection.execute(rows.group_by(*groups).order_by(*groups))
    return [Part(*row[:2], *map(int, row[2:])) for row in found]
