"""Groups of people, to whom something is granted together, and who is in them until when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict
from app.registry.tables import GRANT, GROUP, MEMBER, PERSON


@dataclass(frozen=True, slots=True)
class Group:
    """A group as its row has it, and how many are or were in it."""

    id: int
    slug: str
    name: str
    created_at: datetime
    members: int


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a group, until a moment that is not part of it."""

    person: int
    name: str
    ends_at: datetime | None


def create(connection: Connection, slug: str, name: str) -> int:
    """Make a group; its row. Raises Conflict where there is one of this name."""
    try:
        with connection.begin_nested():
            made = insert(GROUP).values(slug=slug, name=name).returning(GROUP.c.id)
            return int(connection.execute(made).scalar_one())
    except IntegrityError:
        raise Conflict(f"There is a group {slug} already.") from None


def find(connection: Connection, slug: str, visible: ColumnElement[bool] | None = None) -> Group | None:
    """The group of this name, where it is visible, or None."""
    wanted = true() if visible is None else visible
    return next(iter(page(connection, wanted & (GROUP.c.slug == slug), "", 1)), None)


def page(connection: Connection, visible: ColumnElement[bool], after: str, limit: int) -> list[Group]:
    """Those that are visible, in the order of their names."""
    rows = _GROUPS.where(visible, GROUP.c.slug > after).order_by(GROUP.c.slug).limit(limit)
    found: Iterable[Any] = connection.execute(rows)
    return [Group(*row) for row in found]


def with_member(person: int | None, moment: datetime) -> ColumnElement[bool]:
    """Groups in which somebody is at this moment."""
    until = MEMBER.c.ends_at.is_(None) | (MEMBER.c.ends_at > moment)
    member = select(MEMBER.c.person_id).where(MEMBER.c.group_id == GROUP.c.id, MEMBER.c.person_id == person)
    return member.where(until).correlate(GROUP).exists()


def rename(connection: Connection, group: int, name: str) -> None:
    """Give the group another name."""
    connection.execute(update(GROUP).where(GROUP.c.id == group).values(name=name))


def remove(connection: Connection, group: int) -> None:
    """Forget a group. Raises Conflict where something was ever granted to it: that is not forgotten."""
    if connection.execute(select(GRANT.c.id).where(GRANT.c.group_id == group).limit(1)).first():
        raise Conflict("Something was granted to this group: revoke that, and take its members out.")
    connection.execute(delete(MEMBER).where(MEMBER.c.group_id == group))
    connection.execute(delete(GROUP).where(GROUP.c.id == group))


def put_in(connection: Connection, group: int, person: int, ends_at: datetime | None) -> bool:
    """Have a person in the group until then; whether they are new to it."""
    place = (MEMBER.c.group_id == group) & (MEMBER.c.person_id == person)
    if connection.execute(update(MEMBER).where(place).values(ends_at=ends_at)).rowcount:
        return False
    connection.execute(insert(MEMBER).values(group_id=group, person_id=person, ends_at=ends_at))
    return True


def take_out(connection: Connection, group: int, person: int) -> bool:
    """Take a person out of the group; whether they were in it."""
    place = (MEMBER.c.group_id == group) & (MEMBER.c.person_id == person)
    return bool(connection.execute(delete(MEMBER).where(place)).rowcount)


def members(connection: Connection, group: int, after: int, limit: int) -> list[Member]:
    """Who is or was in the group, in the order of their rows."""
    rows = _MEMBERS.where(MEMBER.c.group_id == group, MEMBER.c.person_id > after)
    found = connection.execute(rows.order_by(MEMBER.c.person_id).limit(limit))
    return [Member(*row) for row in found]


_COUNT = select(func.count()).where(MEMBER.c.group_id == GROUP.c.id).correlate(GROUP).scalar_subquery()
_GROUPS = select(*GROUP.c["id", "slug", "name", "created_at"], _COUNT)
_MEMBERS = select(
    MEMBER.c.person_id,
    case((PERSON.c.name == "", PERSON.c.subject), else_=PERSON.c.name),
    MEMBER.c.ends_at,
).join(PERSON, PERSON.c.id == MEMBER.c.person_id)
