"""People: made, found and changed. What they may do is granted elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.database.statements import Statement
from app.errors import Conflict
from app.models.types import now
from app.registry.tables import GROUP, MEMBER, PERSON

#: Of an account here.
HERE = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as their row has them, without their password."""

    id: int
    issuer: str
    subject: str
    name: str
    email: str
    admin: bool
    auditor: bool
    disabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Met:
    """Somebody whom a provider vouched for, as every request with its JWT needs them."""

    id: int
    admin: bool
    auditor: bool
    disabled: bool


def meet(connection: Connection, issuer: str, subject: str) -> Met | None:
    """Who has signed in before as this subject of this issuer."""
    rows = _MET.rows(connection, {"issuer": issuer, "subject": subject})
    return next((Met(row[0], *map(bool, row[1:])) for row in rows), None)


def get(connection: Connection, person: int) -> Person | None:
    """The person of this row, or None."""
    found = connection.execute(select(*_COLUMNS).where(PERSON.c.id == person)).first()
    return Person(*found) if found else None


def find(connection: Connection, issuer: str, subject: str) -> Person | None:
    """The person of this name here, or at this issuer."""
    named = (PERSON.c.issuer == issuer) & (PERSON.c.subject == subject)
    found = connection.execute(select(*_COLUMNS).where(named)).first()
    return Person(*found) if found else None


def add(connection: Connection, issuer: str, subject: str, **values: Any) -> int:
    """Make somebody; their row. Raises Conflict where there is one of this name."""
    given = {"admin": False, "auditor": False, "name": subject, "email": "", "password": "", **values}
    row = {**given, "issuer": issuer, "subject": subject, "disabled": False, "created_at": now()}
    try:
        with connection.begin_nested():
            made = connection.execute(insert(PERSON).values(row).returning(PERSON.c.id)).scalar_one()
    except IntegrityError:
        raise Conflict(f"There is somebody called {subject} already.") from None
    return int(made)


def change(connection: Connection, person: int, values: Mapping[str, Any]) -> None:
    """Write what is new."""
    if values:
        connection.execute(update(PERSON).where(PERSON.c.id == person).values(dict(values)))


def page(connection: Connection, after: int, limit: int) -> list[Person]:
    """People in the order in which they came."""
    rows = select(*_COLUMNS).where(PERSON.c.id > after).order_by(PERSON.c.id).limit(limit)
    return [Person(*row) for row in connection.execute(rows)]


def password(connection: Connection, subject: str) -> tuple[int, str] | None:
    """The row and the password's hash of an account here that may sign in."""
    asked = select(PERSON.c.id, PERSON.c.password).where(
        PERSON.c.issuer == HERE,
        PERSON.c.subject == subject,
        PERSON.c.password != "",
        PERSON.c.disabled.is_(False),
    )
    found = connection.execute(asked).first()
    return (found.id, found.password) if found else None


def groups(connection: Connection, person: int) -> list[str]:
    """The slugs of the groups that somebody is in now."""
    lasting = MEMBER.c.ends_at.is_(None) | (MEMBER.c.ends_at > now())
    rows = select(GROUP.c.slug).join(MEMBER, MEMBER.c.group_id == GROUP.c.id)
    found = connection.execute(rows.where(MEMBER.c.person_id == person, lasting).order_by(GROUP.c.slug))
    return list(found.scalars())


_COLUMNS = [PERSON.c[name] for name in Person.__slots__]
_MET = Statement(
    select(*PERSON.c["id", "admin", "auditor", "disabled"]).where(
        PERSON.c.issuer == bindparam("issuer"), PERSON.c.subject == bindparam("subject")
    )
)
