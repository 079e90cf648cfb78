"""Leases: what one process at a time does, known to all that share the database, whichever it is.

Who dies lets go when the lease ends. Clocks of machines may differ by less than that.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.models.types import now
from app.registry.tables import LEASE


def take(connection: Connection, name: str, holder: str, token: str, seconds: float) -> bool:
    """Have a lease, where nobody else has it."""
    moment = now()
    values = {"holder": holder, "token": token, "until": moment + timedelta(seconds=seconds)}
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[connection.dialect.name]
    ended = LEASE.c.until <= moment
    taken = insert(LEASE).values(name=name, **values)
    taken = taken.on_conflict_do_update(index_elements=["name"], set_=values, where=ended)
    return connection.execute(taken.returning(LEASE.c.id)).first() is not None


def renew(connection: Connection, name: str, token: str, seconds: float) -> bool:
    """Hold on to it; False where it is somebody else's by now."""
    until = now() + timedelta(seconds=seconds)
    return bool(connection.execute(update(LEASE).where(*_own(name, token)).values(until=until)).rowcount)


def release(connection: Connection, name: str, token: str) -> None:
    """Let go of it."""
    connection.execute(delete(LEASE).where(*_own(name, token)))


def holder(connection: Connection, name: str) -> str:
    """What whoever has the lease does; empty where nobody has."""
    held = select(LEASE.c.holder).where(LEASE.c.name == name, LEASE.c.until > now())
    return connection.scalar(held) or ""


def _own(name: str, token: str) -> tuple[Any, Any]:
    return LEASE.c.name == name, LEASE.c.token == token
