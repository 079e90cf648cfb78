"""Grants: made, changed and revoked by those who own the collection or, at a site, that site."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, true

from app.access.callers import Caller
from app.access.roles import PUBLIC
from app.archive import Archive
from app.errors import Conflict, Forbidden, InvalidRequest, NotFound
from app.models.types import now
from app.registry import audit, grants, groups, people, rights
from app.registry.grants import Grant
from app.registry.reach import Reach
from app.registry.tables import GRANT, GROUP
from app.services.owners import reached, require_sign_in
from app.services.roots import enter, known, require
from app.viewer import Capability


@dataclass(frozen=True, slots=True)
class Wanted:
    """A grant as its owner wants it: a person by row, or by issuer and subject; a group by its name."""

    to: str
    role: str
    collection: str
    reason: str
    site: str | None = None
    person: int | tuple[str, str] | None = None
    group: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which grants are wanted of those that are seen; None and empty want all."""

    collection: str | None = None
    person: int | None = None
    group: str | None = None
    state: str | None = None


async def create(archive: Archive, caller: Caller, wanted: Wanted) -> Grant:
    """Make a grant. Raises NotSignedIn, NotFound, Forbidden, InvalidRequest, Conflict."""
    register, viewer = await enter(archive, caller)
    collection = known(register, viewer, wanted.collection)
    require_sign_in(caller)
    sites = await archive.database.lookup(lambda connection: grants.sites(connection, collection.id))
    site = sites.get(wanted.site) if wanted.site else None
    require(viewer, collection, Capability.OWN, site)
    if wanted.site and site is None:
        raise InvalidRequest("The collection has no such site.")
    values = {"collection_id": collection.id, "site_id": site, "granted_by": caller.name, **_given(wanted)}

    def work(connection: Connection) -> Grant:
        row = {**values, **_principal(connection, wanted)}
        if alike := grants.page(connection, grants.like(row, now()), 0, 1):
            raise Conflict(f"Grant {alike[0].id} gives the same: change its end, or revoke it.")
        return _noted(connection, caller, "create", grants.create(connection, row))

    return await archive.database.write(work)


async def page(archive: Archive, caller: Caller, filters: Filter, after: int, limit: int) -> list[Grant]:
    """Grants that the caller sees, in the order in which they were made. Raises NotSignedIn."""
    seen = await reached(archive, caller)
    register = await archive.rights.register()
    wanted = [seen.grants()]
    if filters.collection is not None:
        collection = register.collections.get(filters.collection)
        wanted.append(GRANT.c.collection_id == (collection.id if collection else 0))
    if filters.person is not None:
        wanted.append(GRANT.c.person_id == filters.person)
    if filters.group is not None:
        wanted.append(GROUP.c.slug == filters.group)
    if filters.state is not None:
        wanted.append(grants.in_state([filters.state], now()))
    return await archive.database.lookup(
        lambda connection: grants.page(connection, and_(*wanted), after, limit)
    )


async def get(archive: Archive, caller: Caller, grant: int) -> Grant:
    """One grant. Raises NotSignedIn, NotFound."""
    seen = (await reached(archive, caller)).grants()
    found = await archive.database.lookup(lambda connection: grants.find(connection, seen, grant))
    if found is None:
        raise NotFound
    return found


async def change(
    archive: Archive, caller: Caller, grant: int, values: Mapping[str, Any], match: Callable[[Grant], object]
) -> Grant:
    """Give a grant another end or reason. Raises NotFound, Forbidden, Conflict, and what `match` raises."""
    if (ends_at := values.get("ends_at")) and ends_at <= now():
        raise InvalidRequest("A grant ends after this moment: to end it now, revoke it.")
    return await _write(archive, caller, grant, "change", values, match)


async def revoke(archive: Archive, caller: Caller, grant: int, match: Callable[[Grant], object]) -> Grant:
    """End a grant now, for good. Raises NotFound, Forbidden, Conflict, and what `match` raises."""
    return await _write(archive, caller, grant, "revoke", {"revoked_at": now()}, match)


async def _write(
    archive: Archive,
    caller: Caller,
    grant: int,
    what: str,
    values: Mapping[str, Any],
    match: Callable[[Grant], object],
) -> Grant:
    seen = await reached(archive, caller)

    def work(connection: Connection) -> Grant:
        found = grants.find(connection, seen.grants(), grant)
        if found is None:
            raise NotFound
        _require_owner(seen, found)
        match(found)
        if (state := found.state(now())) in ("ended", "revoked"):
            raise Conflict(f"The grant is {state}: make another one.", state=state)
        if (ends_at := values.get("ends_at")) and ends_at <= found.starts_at:
            raise InvalidRequest("A grant ends after it begins.")
        grants.change(connection, grant, values)
        return _noted(connection, caller, what, grant)

    return await archive.database.write(work)


def _require_owner(seen: Reach, found: Grant) -> None:
    if not (seen.everything or found.collection_id in seen.owned or found.site_id in seen.owned_sites):
        raise Forbidden("This is for those who own what was granted.")


def _given(wanted: Wanted) -> dict[str, Any]:
    if wanted.to in ("anyone", "registered") and wanted.role not in PUBLIC:
        raise InvalidRequest(f"Everybody may get one of these roles: {', '.join(PUBLIC)}.")
    moment = now()
    starts_at = wanted.starts_at or moment
    if wanted.ends_at and wanted.ends_at <= max(starts_at, moment):
        raise InvalidRequest("A grant ends after it begins, and after this moment.")
    return {
        "to": wanted.to,
        "role": wanted.role,
        "starts_at": starts_at,
        "ends_at": wanted.ends_at,
        "reason": wanted.reason,
    }


def _principal(connection: Connection, wanted: Wanted) -> dict[str, int]:
    if wanted.to == "group":
        group = groups.find(connection, wanted.group or "")
        if group is None:
            raise InvalidRequest("There is no such group.")
        return {"group_id": group.id}
    if wanted.to == "person" and wanted.person is not None:
        person = _person(connection, wanted.person)
        if person is None:
            raise InvalidRequest("There is no such person.")
        return {"person_id": person.id}
    return {}


def _person(connection: Connection, name: int | tuple[str, str]) -> people.Person | None:
    return people.get(connection, name) if isinstance(name, int) else people.find(connection, *name)


def _noted(connection: Connection, caller: Caller, what: str, grant: int) -> Grant:
    """The grant as it is now, its change made known to all processes and to the audit."""
    rights.changed(connection)
    found = grants.find(connection, true(), grant)
    assert found
    told = {"grant": grant, "to": found.to, "person": found.person, "group": found.group, "site": found.site}
    audit.enter(connection, caller.name, f"grant.{what}", found.collection_id, role=found.role, **told)
    return found
