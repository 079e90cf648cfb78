"""Collections for a caller: what they may know of them, and changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from app.access import licences
from app.access.callers import Caller
from app.access.decide import Unit, how_to_get_in
from app.access.licences import Licence
from app.archive import Archive
from app.errors import Forbidden, InvalidRequest, NotFound, NotSignedIn
from app.index import facts
from app.models.types import now
from app.registry import audit, collections, rights, sites
from app.registry.collections import Entry, Filters
from app.registry.record import Record
from app.registry.rights import RESULT, Known, Register
from app.services import doi_jobs, webhooks
from app.services.roots import enter, known
from app.viewer import Capability, Viewer

COLLECTION, EXTERNAL = "collection", "external"


@dataclass(frozen=True, slots=True)
class Access:
    """An access unit as its viewer meets it: what they may do there, and how to do more."""

    unit: Unit
    site: str | None
    may: tuple[Capability, ...]
    how: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A collection as its viewer may know it: `sources` and `access` have nothing of what they may not."""

    entry: Entry
    known: Known
    licence: Licence
    sources: tuple[str, ...]
    access: tuple[Access, ...]

    @property
    def record(self) -> Record:
        """What its people say of it."""
        return self.entry.record


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller says of a collection: columns, fields of the record, slugs; what is not said stays."""

    values: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] | None = None


async def create(
    archive: Archive, caller: Caller, slug: str, kind: str, unit: Mapping[str, Any], wanted: Wanted
) -> None:
    """Make a collection with its own access unit. Raises NotSignedIn, Forbidden, InvalidRequest, Conflict."""
    register, viewer = await enter(archive, caller)
    if not viewer.sees_all:
        raise (Forbidden if caller.signed_in else NotSignedIn)("Only administrators make collections.")
    record = _record({}, wanted.record)
    _check(kind, wanted.values["licence"], bool(wanted.values.get("rolling")), record, wanted.sources)
    sources = _sources(register, viewer, slug, wanted.sources or ())

    def write(connection: Connection) -> None:
        row = collections.create(connection, slug, {**wanted.values, "kind": kind}, record)
        sites.create_unit(connection, row, None, unit)
        collections.relate(connection, row, sources)
        rights.changed(connection)
        audit.enter(connection, who=caller.name, what="collection.create", collection=row, slug=slug)

    await archive.database.write(write)


async def get(archive: Archive, caller: Caller, slug: str) -> Shown:
    """One collection. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)

    def read(connection: Connection) -> tuple[Entry | None, dict[int, str]]:
        named = {each.id: each.slug for each in sites.of_collection(connection, found.id)}
        return collections.get(connection, found.id), named

    entry, named = await archive.database.lookup(read)
    if entry is None:
        raise NotFound
    return _shown(register, viewer, found, entry, named)


async def change(archive: Archive, caller: Caller, shown: Shown, wanted: Wanted) -> None:
    """Change a collection as it was shown. Raises Forbidden, InvalidRequest, and Conflict where it is no
    longer so.
    """
    register, viewer = await enter(archive, caller)
    entry, row = shown.entry, shown.known
    require_own(viewer, row)
    record, values = _record(entry.record.model_dump(mode="json"), wanted.record), wanted.values
    rolling, licence = values.get("rolling", entry.rolling), values.get("licence", entry.licence)
    _check(entry.kind, licence, rolling, record, wanted.sources)
    if rolling and row.deidentifies:
        raise InvalidRequest("A collection that de-identifies publishes versions: it cannot be rolling.")
    sources = set(register.sources.get(row.id, ()))
    if wanted.sources is not None:
        # Sources that the caller may not know of are not theirs to leave out.
        sources -= {each.id for each in register.collections.values() if each.is_known_to(viewer)}
        sources |= _sources(register, viewer, entry.slug, wanted.sources)
    said = sorted({*wanted.values, *wanted.record, *(() if wanted.sources is None else ("sources",))})

    def write(connection: Connection) -> None:
        collections.change(connection, entry, values, record)
        collections.relate(connection, entry.id, sources)
        rights.changed(connection)
        doi_jobs.changed(connection, entry.id)
        webhooks.announce(connection, webhooks.CHANGED, entry.id)
        audit.enter(connection, who=caller.name, what="collection.change", collection=entry.id, fields=said)

    await archive.database.write(write)


def require_own(viewer: Viewer, collection: Known, unit: int | None = None) -> None:
    """Raises Forbidden where the viewer does not own this unit, the collection's own by default."""
    own = (each.id for each in collection.units[:1]) if unit is None else (unit,)
    if not (viewer.sees_all or any(viewer.holds(Capability.OWN, each) for each in own)):
        raise Forbidden(f"You may not do this here: it takes the right {Capability.OWN.value!r}.")


async def page(
    archive: Archive,
    caller: Caller,
    filters: Filters,
    after: str,
    limit: int,
    *,
    tier: str | None = None,
    modality: str | None = None,
) -> list[Shown]:
    """Collections known to the caller, one more than the limit where there are more. Raises NotSignedIn."""
    register, viewer = await enter(archive, caller)
    visible = {
        each.id: each
        for each in register.collections.values()
        if each.is_known_to(viewer) and (tier is None or has_tier(each, viewer, tier))
    }

    def read(connection: Connection) -> list[Entry]:
        holding = visible.keys() & facts.holding(connection, viewer, modality) if modality else visible
        return collections.page(connection, holding, filters, after, limit + 1)

    found = await archive.database.scan(read)
    return [_shown(register, viewer, visible[entry.id], entry, {}) for entry in found]


def _shown(register: Register, viewer: Viewer, found: Known, entry: Entry, named: Mapping[int, str]) -> Shown:
    about = register.sources.get(found.id, frozenset())
    sources = (
        each.slug for each in register.collections.values() if each.id in about and each.is_known_to(viewer)
    )
    own = tuple(access(viewer, unit, named) for unit in found.units if viewer.knows(unit.id))
    licence = licences.described(entry.licence, str(entry.record.licence_url or ""))
    return Shown(entry, found, licence, tuple(sorted(sources)), own)


def may(viewer: Viewer, unit: Unit) -> tuple[Capability, ...]:
    """All that the viewer may do in the unit."""
    return tuple(each for each in Capability if viewer.holds(each, unit.id))


def access(viewer: Viewer, unit: Unit, named: Mapping[int, str]) -> Access:
    """The unit as the viewer meets it; `named` are the slugs of sites."""
    capable = may(viewer, unit)
    if Capability.DOWNLOAD in capable:
        how = "You may search it, look at it and download it."
    elif Capability.FIND in capable:
        how = how_to_get_in(unit, now(), finds_only=Capability.VIEW not in capable)
    else:
        how = "You may send to it; what lies in it is shown to others."
    return Access(unit, named.get(unit.site) if unit.site else None, capable, how)


def has_tier(collection: Known, viewer: Viewer, tier: str) -> bool:
    """Whether a part of it in which the viewer may do something is of this tier."""
    return any(unit.tier == tier and may(viewer, unit) for unit in collection.units)


def _record(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> Record:
    try:
        return Record.model_validate({**before, **wanted})
    except ValidationError as error:
        wrong = sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]})
        raise InvalidRequest(f"These fields do not go together: {', '.join(wrong)}.") from None


def _check(kind: str, licence: str, rolling: bool, record: Record, sources: Iterable[str] | None) -> None:
    """Raises InvalidRequest where these do not go together."""
    licences.find(licence, str(record.licence_url or ""))
    if kind != EXTERNAL and record.external:
        raise InvalidRequest("Only records of kind external say where else their data are.")
    if kind == EXTERNAL and rolling:
        raise InvalidRequest("A record of kind external holds no data: it cannot be rolling.")
    if kind != RESULT and sources:
        raise InvalidRequest("Only analysis results have sources.")


def _sources(register: Register, viewer: Viewer, slug: str, wanted: Iterable[str]) -> set[int]:
    """The rows of these. Raises InvalidRequest for one that is hidden as for one that is unknown."""
    found = set()
    for each in wanted:
        source = register.collections.get(each)
        if source is None or not source.is_known_to(viewer):
            raise InvalidRequest("A source is a collection that there is: one of these is not.")
        if source.kind != COLLECTION or each == slug:
            raise InvalidRequest(f"A source is of kind {COLLECTION}: one of these is not.")
        found.add(source.id)
    return found
