"""Sites and access units of a collection, and moving series from one unit to another."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from app.access.callers import Caller
from app.access.decide import Unit
from app.archive import Archive
from app.errors import Forbidden, InvalidRequest, NotFound
from app.index import facts, moves
from app.index.moves import Moved
from app.registry import audit, rights, sites
from app.registry.rights import Known
from app.registry.sites import Site
from app.services import doi_jobs
from app.services.collections import EXTERNAL, require_own
from app.services.roots import enter, known
from app.viewer import Capability, Viewer


@dataclass(frozen=True, slots=True)
class SiteShown:
    """A site, and how much of what it promised has come: all studies, live ones, and drafts.

    Of those that curators see there, or that a submitter finds or sent; None for all others.
    """

    site: Site
    units: tuple[Unit, ...]
    progress: tuple[int, int, int] | None


async def list_sites(archive: Archive, caller: Caller, slug: str) -> list[SiteShown]:
    """The sites in which the caller may do something, by slug. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    return await _sites(archive, viewer, known(register, viewer, slug))


async def get_site(archive: Archive, caller: Caller, slug: str, site: str) -> SiteShown:
    """One site. Raises NotSignedIn, NotFound."""
    return _named(await list_sites(archive, caller, slug), site)


def _named(found: Collection[SiteShown], slug: str) -> SiteShown:
    for each in found:
        if each.site.slug == slug:
            return each
    raise NotFound


async def create_site(
    archive: Archive, caller: Caller, slug: str, site: str, values: Mapping[str, Any], unit: Mapping[str, Any]
) -> None:
    """Make a site with its access unit, like the collection's own where nothing else is said.

    Raises NotSignedIn, NotFound, Forbidden, InvalidRequest, Conflict.
    """
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    require_own(viewer, found)
    _refuse_external(found)
    like = sites.rules(found.units[0]) if found.units else {}

    def write(connection: Connection) -> None:
        row = sites.create(connection, found.id, site, values)
        sites.create_unit(connection, found.id, row, {**like, **unit})
        rights.changed(connection)
        audit.enter(connection, who=caller.name, what="site.create", collection=found.id, site=site)

    await archive.database.write(write)


async def change_site(
    archive: Archive, caller: Caller, slug: str, shown: SiteShown, values: Mapping[str, Any]
) -> None:
    """Change a site as it was shown. Raises NotSignedIn, NotFound, Forbidden."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    if not any(viewer.holds(Capability.OWN, unit.id) for unit in shown.units):
        require_own(viewer, found)

    def write(connection: Connection) -> None:
        sites.change(connection, shown.site, values)
        rights.changed(connection)
        what = {"site": shown.site.slug, "fields": sorted(values)}
        audit.enter(connection, who=caller.name, what="site.change", collection=found.id, **what)

    if values:
        await archive.database.write(write)


async def list_units(archive: Archive, caller: Caller, slug: str) -> list[tuple[Unit, str | None]]:
    """The access units in which the caller may do something, each with its site. Raises as above."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    named = await _site_slugs(archive, found)
    return [(unit, named.get(unit.site or 0)) for unit in found.units if viewer.knows(unit.id)]


async def get_unit(archive: Archive, caller: Caller, slug: str, unit: int) -> tuple[Unit, str | None]:
    """One access unit, with its site. Raises NotSignedIn, NotFound."""
    for each in await list_units(archive, caller, slug):
        if each[0].id == unit:
            return each
    raise NotFound


async def create_unit(
    archive: Archive, caller: Caller, slug: str, site: str | None, values: Mapping[str, Any]
) -> int:
    """Make an access unit, of a site where one is named; its row.

    Raises NotSignedIn, NotFound, Forbidden, InvalidRequest.
    """
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    of = None
    if site is None:
        require_own(viewer, found)
    else:
        shown = _named(await _sites(archive, viewer, found), site)
        require_own(viewer, found, shown.units[0].id)
        of = shown.site.id
    _refuse_external(found)

    def write(connection: Connection) -> int:
        row = sites.create_unit(connection, found.id, of, values)
        rights.changed(connection)
        doi_jobs.changed(connection, found.id)
        said = {"unit": row, **_told(values)}
        audit.enter(connection, who=caller.name, what="unit.create", collection=found.id, **said)
        return row

    return await archive.database.write(write)


async def change_unit(
    archive: Archive, caller: Caller, slug: str, unit: Unit, values: Mapping[str, Any]
) -> None:
    """Change who may see what lies in a unit. Raises NotSignedIn, NotFound, Forbidden."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    require_own(viewer, found, unit.id)

    def write(connection: Connection) -> None:
        sites.change_unit(connection, unit, values)
        rights.changed(connection)
        doi_jobs.changed(connection, found.id)
        said = {"unit": unit.id, **_told(values)}
        audit.enter(connection, who=caller.name, what="unit.change", collection=found.id, **said)

    if values:
        await archive.database.write(write)


async def move(
    archive: Archive, caller: Caller, slug: str, unit: int, studies: Collection[str], series: Collection[str]
) -> Moved:
    """Move series into a unit, out of all others of the collection in which the caller may curate.

    Raises NotSignedIn, NotFound, Forbidden, Conflict.
    """
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    if unit not in (each.id for each in found.units if viewer.knows(each.id)):
        raise NotFound
    if viewer.studies is not None or not viewer.holds(Capability.CURATE, unit):
        raise Forbidden(f"You may not do this here: it takes the right {Capability.CURATE.value!r}.")
    sources = [each.id for each in found.units if viewer.holds(Capability.CURATE, each.id)]

    def write(connection: Connection) -> Moved:
        moved = moves.move(connection, found.id, sources, unit, studies=studies, series=series)
        said = {"unit": unit, "series": moved.series, "instances": moved.instances}
        audit.enter(connection, who=caller.name, what="series.move", collection=found.id, **said)
        return moved

    return await archive.database.write(write)


async def _sites(archive: Archive, viewer: Viewer, found: Known) -> list[SiteShown]:
    units: dict[int, list[Unit]] = {}
    for unit in found.units:
        if unit.site and viewer.knows(unit.id):
            units.setdefault(unit.site, []).append(unit)
    watched = [site for site, own in units.items() if any(_watches(viewer, unit) for unit in own)]
    curated = [unit.id for unit in found.units if viewer.holds(Capability.CURATE, unit.id)]

    def read(connection: Connection) -> list[SiteShown]:
        counts = facts.received(connection, found.id, viewer, watched, curated) if watched else {}
        counts = {site: counts.get(site, (0, 0, 0)) for site in watched}
        return [
            SiteShown(site, tuple(units[site.id]), counts.get(site.id))
            for site in sites.of_collection(connection, found.id)
            if site.id in units
        ]

    return await archive.database.scan(read)


async def _site_slugs(archive: Archive, found: Known) -> dict[int, str]:
    rows = await archive.database.lookup(lambda connection: sites.of_collection(connection, found.id))
    return {site.id: site.slug for site in rows}


def _watches(viewer: Viewer, unit: Unit) -> bool:
    """Whether to tell them how much has come: not where they see but some studies."""
    working = (Capability.CURATE, Capability.SUBMIT)
    return viewer.studies is None and any(viewer.holds(each, unit.id) for each in working)


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the audit takes them: JSON."""
    return {name: value if isinstance(value, bool | str) else str(value) for name, value in values.items()}


def _refuse_external(collection: Known) -> None:
    if collection.kind == EXTERNAL:
        raise InvalidRequest("This is a record of something that is elsewhere: it has no sites and one unit.")
