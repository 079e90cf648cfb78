"""People: found by their row, or as an OpenID provider or this archive names them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from app.registry.tables import PERSON


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as their row has them, without their password; of an account here `issuer` is empty."""

    id: int
    issuer: str
    subject: str
    name: str
    email: str
    admin: bool
    auditor: bool
    disabled: bool
    created_at: datetime


def get(connection: Connection, person: int) -> Person | None:
    """The person of this row, or None."""
    return next(iter(_read(connection, PERSON.c.id == person)), None)


def find(connection: Connection, issuer: str, subject: str) -> Person | None:
    """The person of this name here, or at this issuer, or None."""
    found = _read(connection, (PERSON.c.issuer == issuer) & (PERSON.c.subject == subject))
    return next(iter(found), None)


def page(connection: Connection, after: int, limit: int) -> list[Person]:
    """People in the order in which they came."""
    return _read(connection, PERSON.c.id > after, limit)


def _read(connection: Connection, condition: ColumnElement[bool], limit: int = 1) -> list[Person]:
    rows = select(*PERSON.c[Person.__slots__]).where(condition).order_by(PERSON.c.id).limit(limit)
    found: Iterable[Any] = connection.execute(rows)
    return [Person(*row) for row in found]
