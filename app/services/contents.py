"""What collections hold, for a caller: counted, and series by series."""

from dataclasses import dataclass

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.index import facts, listing
from app.index.facts import Facts
from app.index.listing import Cursor, Listed, Results
from app.index.scope import Scope
from app.registry import collections, sites
from app.registry.collections import Entry
from app.services.collections import Access, access
from app.services.roots import enter, known


@dataclass(frozen=True, slots=True)
class SeriesShown:
    """A series as an access unit holds it, with what goes for it there."""

    listed: Listed
    collection: Entry
    access: Access


async def facts_of(archive: Archive, caller: Caller, slug: str) -> Facts:
    """What the caller may find in a collection, counted. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    scope = Scope(found.id, alone=len(found.units) == 1)
    counted = await archive.database.scan(lambda connection: facts.facts(connection, scope, viewer))
    return counted.get(found.id) or Facts()


async def series(
    archive: Archive, caller: Caller, slug: str, results: Results, after: Cursor, limit: int
) -> list[SeriesShown]:
    """The series of a collection, and of analysis results in its studies, that the caller may find; one more
    than the limit where there are more. Raises NotSignedIn, NotFound.
    """
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    about = frozenset[int]() if results == "exclude" else register.results(found.id)
    of = about if results == "only" else about | {found.id}

    def read(connection: Connection) -> list[SeriesShown]:
        scope = Scope(found.id, beside=about)
        rows = listing.page(connection, scope, viewer, of, after, limit + 1)
        entries = {row.collection: collections.get(connection, row.collection) for row in rows}
        named = {each.id: each.slug for row in entries for each in sites.of_collection(connection, row)}
        return [
            SeriesShown(row, entry, access(viewer, register.units[row.unit], named))
            for row in rows
            if (entry := entries[row.collection]) and row.unit in register.units
        ]

    return await archive.database.scan(read)
