"""Groups: administrators make and fill them. Whoever owns something sees them all, to grant to them."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, true

from app.access.callers import Caller
from app.archive import Archive
from app.errors import Forbidden, InvalidRequest, NotFound
from app.models.types import now
from app.registry import audit, groups, people, rights
from app.registry.groups import Group, Member
from app.registry.reach import Reach
from app.services.owners import reached


async def page(archive: Archive, caller: Caller, after: str, limit: int) -> list[Group]:
    """The groups that the caller sees: all for owners, else those they are in. Raises NotSignedIn."""
    seen = _seen(await reached(archive, caller))
    return await archive.database.lookup(lambda connection: groups.page(connection, seen, after, limit))


async def get(archive: Archive, caller: Caller, slug: str) -> Group:
    """One group. Raises NotSignedIn, NotFound."""
    seen = _seen(await reached(archive, caller))
    return await archive.database.lookup(lambda connection: _found(connection, slug, seen))


async def members(archive: Archive, caller: Caller, slug: str, after: int, limit: int) -> list[Member]:
    """Who is in a group: for those who may grant to it. Raises NotSignedIn, NotFound, Forbidden."""
    seen = await reached(archive, caller)

    def work(connection: Connection) -> list[Member]:
        group = _found(connection, slug, _seen(seen))
        if not seen.owns_any:
            raise Forbidden("Who is in a group is for administrators, and for those who own a collection.")
        return groups.members(connection, group.id, after, limit)

    return await archive.database.lookup(work)


async def create(archive: Archive, caller: Caller, slug: str, name: str) -> Group:
    """Make a group. Raises NotSignedIn, Forbidden, Conflict."""

    def work(connection: Connection) -> None:
        groups.create(connection, slug, name)

    return await _write(archive, caller, "create", slug, work)


async def rename(
    archive: Archive, caller: Caller, slug: str, name: str, match: Callable[[Group], object]
) -> Group:
    """Give a group another name. Raises NotSignedIn, NotFound, Forbidden, and what `match` raises."""

    def work(connection: Connection) -> None:
        group = _found(connection, slug)
        match(group)
        groups.rename(connection, group.id, name)

    return await _write(archive, caller, "rename", slug, work)


async def remove(archive: Archive, caller: Caller, slug: str, match: Callable[[Group], object]) -> None:
    """Forget a group to which nothing was granted. Raises NotSignedIn, NotFound, Forbidden, Conflict."""
    await _require_administrator(archive, caller)

    def work(connection: Connection) -> None:
        group = _found(connection, slug)
        match(group)
        groups.remove(connection, group.id)
        rights.changed(connection)
        audit.enter(connection, caller.name, "group.remove", group=slug)

    await archive.database.write(work)


async def put_in(
    archive: Archive, caller: Caller, slug: str, person: int, ends_at: datetime | None
) -> tuple[Member, bool]:
    """Have a person in the group until then; whether they are new to it.

    Raises NotSignedIn, NotFound, Forbidden, InvalidRequest.
    """
    await _require_administrator(archive, caller)
    if ends_at and ends_at <= now():
        raise InvalidRequest("A membership ends after this moment: to end it now, take the person out.")

    def work(connection: Connection) -> tuple[Member, bool]:
        group, found = _found(connection, slug), people.get(connection, person)
        if found is None:
            raise InvalidRequest("There is no such person.")
        new = groups.put_in(connection, group.id, person, ends_at)
        rights.changed(connection)
        audit.enter(connection, caller.name, "group.put_in", group=slug, person=person)
        return Member(person, found.name or found.subject, ends_at), new

    return await archive.database.write(work)


async def take_out(archive: Archive, caller: Caller, slug: str, person: int) -> None:
    """Take a person out of the group. Raises NotFound, Forbidden."""
    await _require_administrator(archive, caller)

    def work(connection: Connection) -> None:
        if not groups.take_out(connection, _found(connection, slug).id, person):
            raise NotFound
        rights.changed(connection)
        audit.enter(connection, caller.name, "group.take_out", group=slug, person=person)

    await archive.database.write(work)


async def _write(
    archive: Archive, caller: Caller, what: str, slug: str, change: Callable[[Connection], None]
) -> Group:
    await _require_administrator(archive, caller)

    def work(connection: Connection) -> Group:
        change(connection)
        rights.changed(connection)
        audit.enter(connection, caller.name, f"group.{what}", group=slug)
        return _found(connection, slug)

    return await archive.database.write(work)


async def _require_administrator(archive: Archive, caller: Caller) -> None:
    if not (await reached(archive, caller)).everything:
        raise Forbidden("Groups are made and filled by administrators.")


def _seen(seen: Reach) -> ColumnElement[bool]:
    return true() if seen.owns_any else groups.with_member(seen.person, now())


def _found(connection: Connection, slug: str, seen: ColumnElement[bool] | None = None) -> Group:
    found = groups.find(connection, slug, seen)
    if found is None:
        raise NotFound
    return found
