"""Who may read what of the audit, and how a collection is used."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from app.access.callers import Caller
from app.archive import Archive
from app.errors import Forbidden, NotSignedIn
from app.registry import audit_log, views
from app.registry.audit_log import Cursor, Entry, Readable, Wanted
from app.registry.rights import Known, Register
from app.registry.views import Usage
from app.services.roots import enter, known, require
from app.viewer import Capability, Viewer

#: Entries that are read at once where all are asked for.
BATCH = 1_000


def readable(caller: Caller, viewer: Viewer, register: Register) -> Readable:
    """Auditors and administrators read everything, owners what is about their collections, people what they
    did themselves. A token that stands for less than its person reads only of the collections it owns.

    Raises NotSignedIn, and Forbidden for such a token that owns none.
    """
    if not caller.signed_in:
        raise NotSignedIn("Sign in to read what you did yourself.")
    if (caller.audits or caller.everything) and not caller.narrowed:
        return Readable(everything=True)
    owned = viewer.where(Capability.OWN)
    # The first unit is the collection's own: who owns but one of its sites does not own it.
    collections = frozenset(
        each.id for each in register.collections.values() if each.units and each.units[0].id in owned
    )
    if caller.narrowed and not collections:
        raise Forbidden("Your token or link does not include reading the audit.")
    return Readable(collections=collections, who=None if caller.narrowed else caller.name)


async def entries(
    archive: Archive, caller: Caller, wanted: Wanted, slug: str | None, before: Cursor | None, limit: int
) -> tuple[list[Entry], dict[int, str]]:
    """The newest entries that the caller may read, and the names of those collections they may know of.

    Raises NotSignedIn, Forbidden, and NotFound for a collection that they may not know of.
    """
    register, viewer = await enter(archive, caller)
    allowed = readable(caller, viewer, register)
    if slug is not None:
        wanted = replace(wanted, collection=_known(register, viewer, slug, allowed.everything).id)
    names = {
        each.id: each.slug
        for each in register.collections.values()
        if allowed.everything or each.is_known_to(viewer)
    }
    found = await archive.database.scan(
        partial(audit_log.page, readable=allowed, wanted=wanted, before=before, limit=limit)
    )
    return found, names


def _known(register: Register, viewer: Viewer, slug: str, audits: bool) -> Known:
    """The collection of this name; an auditor knows of all. Raises NotFound."""
    return (register.collections.get(slug) if audits else None) or known(register, viewer, slug)


async def every_entry(
    archive: Archive, caller: Caller, wanted: Wanted, slug: str | None
) -> AsyncIterator[tuple[Entry, str]]:
    """Each entry, the newest first, with the name of its collection where there is one to tell.

    What the caller may read is asked anew every now and then: it may take long.
    """
    before: Cursor | None = None
    while True:
        found, names = await entries(archive, caller, wanted, slug, before, BATCH)
        for each in found:
            yield each, names.get(each.collection_id or 0, "")
        if len(found) < BATCH:
            return
        before = found[-1].at, found[-1].id


async def usage(
    archive: Archive, caller: Caller, slug: str, before: str, limit: int
) -> tuple[list[Usage], list[Usage] | None]:
    """What was done in a collection in each month; and for its owners, by whom.

    Raises NotSignedIn, and NotFound for a collection that the caller may not know of.
    """
    register, viewer = await enter(archive, caller)
    audits = caller.audits and not caller.narrowed
    found = _known(register, viewer, slug, audits)
    if not audits:
        # Totals of what only some may find would tell the others of it.
        require(viewer, found, Capability.OWN)
    months = await archive.database.lookup(
        lambda connection: views.months(connection, found.id, before, limit)
    )
    of = [each.month for each in months]
    return months, await archive.database.lookup(lambda connection: views.people(connection, found.id, of))
