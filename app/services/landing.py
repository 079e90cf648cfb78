"""What stands on the page of a collection, of a version or of a cart, for a caller."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.citing.work import File, Work
from app.index import facts
from app.index.changes import Counts
from app.index.facts import Facts
from app.index.samples import Sample, samples
from app.index.scope import Scope
from app.registry import collections as rows
from app.registry.collections import Entry
from app.registry.rights import Register
from app.registry.versions import Version
from app.services import carts, cite, collections, versions
from app.services.cite import Citation
from app.services.collections import EXTERNAL, Shown
from app.services.forms import ZIP
from app.services.roots import enter, known, open_cart, version_of
from app.viewer import Capability, Viewer

#: Series that are shown in pictures, and versions that are listed.
PICTURES, VERSIONS = 6, 10


@dataclass(frozen=True, slots=True)
class Held:
    """How much there is that the caller finds, may look at, and may take; a few series that they may look
    at.
    """

    found: Facts
    viewed: Facts
    taken: Facts
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Landing:
    """A collection, or a version of it; `held` is None of one whose data are elsewhere. `versions` begin with
    the latest; `sources` and `results` are other collections that the caller may know of.
    """

    shown: Shown
    held: Held | None
    citation: Citation
    version: tuple[Version, Counts] | None = None
    versions: tuple[tuple[Version, Counts], ...] = ()
    sources: tuple[Entry, ...] = ()
    results: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class CartLanding:
    """A cart; `titles` are those of the collections that the caller may know of, by slug."""

    shown: carts.Shown
    held: Held
    citation: Citation
    titles: dict[str, str]


async def collection(archive: Archive, caller: Caller, slug: str, host: str) -> Landing:
    """A collection as it is now. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    shown = await collections.get(archive, caller, slug)
    here = shown.entry.kind != EXTERNAL
    scope = Scope(found.id, alone=len(found.units) == 1)
    held = await _held(archive, viewer, scope, [unit.id for unit in found.units]) if here else None
    since = max(0, found.latest_version - VERSIONS)
    listed = await versions.page(archive, caller, slug, since, VERSIONS)
    citation = await cite.collection(archive, caller, slug, None, host)
    return Landing(
        shown,
        held,
        _with_files(citation, held),
        versions=tuple(reversed(listed)),
        sources=await _entries(archive, register, viewer, register.sources.get(found.id, ())),
        results=await _entries(archive, register, viewer, register.results(found.id)),
    )


async def version(archive: Archive, caller: Caller, slug: str, number: str, host: str) -> Landing:
    """A collection as it was published for the so-manieth time. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    wanted = version_of(found, number)
    scope = Scope(found.id, version=wanted, alone=len(found.units) == 1)
    held = await _held(archive, viewer, scope, [unit.id for unit in found.units])
    return Landing(
        await collections.get(archive, caller, slug),
        held,
        _with_files(await cite.collection(archive, caller, slug, wanted, host), held),
        version=await versions.one(archive, caller, slug, wanted),
    )


async def cart(archive: Archive, caller: Caller, key: str, host: str) -> CartLanding:
    """A cart, as far as the caller sees what is in it. Raises NotSignedIn, NotFound."""
    register, viewer, found = await open_cart(archive, caller, key)
    shown = await carts.one(archive, caller, key)
    held = await _held(archive, viewer, Scope(cart=found.id))
    own = {part.collection for part in shown.parts}
    titles = {each.slug: each.title for each in await _entries(archive, register, viewer, own)}
    return CartLanding(shown, held, _with_files(await cite.cart(archive, caller, key, host), held), titles)


async def _held(archive: Archive, viewer: Viewer, scope: Scope, units: Iterable[int] | None = None) -> Held:
    """`units` are those that anything of the scope can lie in, where that is known."""
    own = None if units is None else frozenset(units)
    viewers = {each: viewer.at(each) for each in (Capability.FIND, Capability.VIEW, Capability.DOWNLOAD)}

    def read(connection: Connection) -> Held:
        counted: dict[frozenset[int], Facts] = {}
        found: list[Facts] = []
        for each in viewers.values():
            # Who may do the same in all of it finds the same: it is counted once.
            held = each.units if own is None else each.units & own
            if held not in counted:
                counted[held] = _all_of(facts.facts(connection, scope, each).values())
            found.append(counted[held])
        pictures = samples(connection, scope, viewers[Capability.VIEW], PICTURES)
        return Held(found[0], found[1], found[2], tuple(pictures))

    return await archive.database.scan(read)


def _all_of(parts: Iterable[Facts]) -> Facts:
    whole = Facts()
    for part in parts:
        for name in ("patients", "studies", "series", "instances", "bytes"):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        for name in ("modalities", "body_parts", "manufacturers"):
            getattr(whole, name).update(getattr(part, name))
    return whole


async def _entries(
    archive: Archive, register: Register, viewer: Viewer, wanted: Iterable[int]
) -> tuple[Entry, ...]:
    """Those of these collections that the viewer may know of."""
    asked = set(wanted)
    visible = [
        each.id for each in register.collections.values() if each.id in asked and each.is_known_to(viewer)
    ]
    return tuple(await archive.database.lookup(lambda connection: rows.of(connection, visible)))


def _with_files(citation: Citation, held: Held | None) -> Citation:
    """The same, and what of it can be fetched whole by this caller."""
    first, *others = citation.works
    return replace(citation, works=(replace(first, files=tuple(_files(first, held))), *others))


def _files(work: Work, held: Held | None) -> Iterable[File]:
    if held and held.taken.instances:
        yield File("archive.zip", f"{work.url}/archive.zip", ZIP)
    if held and held.found.instances:
        yield File("metadata.csv", f"{work.url}/metadata.csv", "text/csv")
