"""Carts for a caller: made of what they find, opened by those who may, shown as far as each may see."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from app.access import licences
from app.access.callers import Caller
from app.access.licences import Licence
from app.archive import Archive
from app.dicom.resource import Resource
from app.errors import Conflict, Forbidden, InvalidRequest, NotSignedIn
from app.index import carts as contents
from app.index.carts import Part
from app.index.scope import ARCHIVE, Scope
from app.index.search import read
from app.query import qido
from app.query.ast import Level
from app.registry import audit, carts, collections, dois
from app.registry.carts import Cart
from app.registry.rights import Register
from app.services import doi_jobs
from app.services.roots import enter, known, open_cart, version_of
from app.viewer import Capability, Viewer

#: Series of one cart, and results that a search for them is asked for at once.
MOST, TOGETHER = 20_000, 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is put into a cart: studies and series by UID, and what a search for series finds (QIDO-RS); in
    the whole archive, in a collection, or in a version of it.
    """

    collection: str | None = None
    version: int | None = None
    studies: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    search: str | None = None


@dataclass(frozen=True, slots=True)
class Licensed:
    """How much of a cart is under one licence, of what its viewer finds; of a collection they may not know
    of neither name nor DOI.
    """

    collection: str | None
    licence: Licence
    doi: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A cart as its viewer sees it, and how many of its series they may download."""

    cart: Cart
    own: bool
    licensed: tuple[Licensed, ...]
    downloadable: int

    @property
    def parts(self) -> list[Part]:
        """All that the viewer finds of it."""
        return [part for each in self.licensed for part in each.parts]


async def create(archive: Archive, caller: Caller, values: Mapping[str, Any], wanted: Wanted) -> Cart:
    """Make a cart. Raises NotSignedIn, Forbidden, NotFound, InvalidRequest where it is empty or too big."""
    require_keeper(caller)
    register, viewer = await enter(archive, caller)
    scope = _scope(register, viewer, wanted)
    series = set(wanted.series)
    if wanted.search is not None:
        series |= await _found(archive, scope, viewer, wanted.search)
    if len(series) + len(wanted.studies) > MOST:
        raise _too_many()

    def write(connection: Connection) -> Cart:
        made = carts.create(connection, caller.person, dict(values))
        put = contents.put(
            connection, made.id, scope, viewer, studies=wanted.studies, series=series, most=MOST
        )
        if not put:
            raise InvalidRequest("You find nothing of this here: a cart holds one series at least.")
        if put > MOST:
            raise _too_many()
        audit.enter(connection, caller.name, "cart.create", cart=made.key, series=put)
        return made

    return await archive.database.write(write)


async def page(archive: Archive, caller: Caller, after: int, limit: int) -> list[Cart]:
    """The caller's own carts. Raises Forbidden."""
    require_keeper(caller)
    return await archive.database.lookup(
        lambda connection: carts.page(connection, caller.person, after, limit)
    )


async def one(archive: Archive, caller: Caller, key: str) -> Shown:
    """A cart, counted as far as the caller sees it. Raises NotSignedIn, NotFound."""
    register, viewer, cart = await open_cart(archive, caller, key)
    slugs = {each.id: each.slug for each in register.collections.values() if each.is_known_to(viewer)}

    def count(connection: Connection) -> list[Licensed]:
        by_collection: dict[int, list[Part]] = {}
        for part in contents.parts(connection, cart.id, viewer):
            by_collection.setdefault(part.collection, []).append(part)
        return [_licensed(connection, row, slugs.get(row), parts) for row, parts in by_collection.items()]

    licensed = await archive.database.scan(count)
    taking = viewer.at(Capability.DOWNLOAD)
    units = taking.units
    downloadable = sum(
        part.series for each in licensed for part in each.parts if taking.sees_all or part.unit in units
    )
    return Shown(cart, _owns(caller, cart), tuple(licensed), downloadable)


async def change(archive: Archive, caller: Caller, cart: Cart, values: Mapping[str, Any]) -> None:
    """Change a cart's name, description or audience. Raises Forbidden, Conflict."""
    _require_own(caller, cart)

    def write(connection: Connection) -> None:
        carts.change(connection, cart, dict(values))
        doi_jobs.again(connection, f"cart/{cart.key}")
        audit.enter(connection, caller.name, "cart.change", cart=cart.key, fields=sorted(values))

    await archive.database.write(write)


async def drop(archive: Archive, caller: Caller, key: str) -> None:
    """Delete a cart. Raises NotSignedIn, NotFound, Forbidden, and Conflict where it has a DOI or is to."""
    _, _, cart = await open_cart(archive, caller, key)
    _require_own(caller, cart)

    def write(connection: Connection) -> None:
        if dois.of(connection, f"cart/{cart.key}"):
            raise Conflict("The cart has a DOI, or is to have one: what is cited stays.")
        carts.drop(connection, cart)
        audit.enter(connection, caller.name, "cart.delete", cart=cart.key)

    await archive.database.write(write)


def non_commercial(licensed: Sequence[Licensed]) -> int:
    """How many series are under a licence that does not let them be used commercially."""
    counts = Counter[bool]()
    for each in licensed:
        permits = each.licence.permissions is not None and each.licence.permissions.commercial
        counts[permits] += sum(part.series for part in each.parts)
    return counts[False]


def _licensed(connection: Connection, row: int, slug: str | None, parts: list[Part]) -> Licensed:
    entry = collections.get(connection, row)
    assert entry
    licence = licences.described(entry.licence, str(entry.record.licence_url or ""))
    return Licensed(slug, licence, entry.doi if slug else "", tuple(parts))


def _scope(register: Register, viewer: Viewer, wanted: Wanted) -> Scope:
    if wanted.collection is None:
        if wanted.version is not None:
            raise InvalidRequest("A version is one of a collection: name it.")
        return ARCHIVE
    found = known(register, viewer, wanted.collection)
    version = None if wanted.version is None else version_of(found, str(wanted.version))
    return Scope(found.id, version=version)


async def _found(archive: Archive, scope: Scope, viewer: Viewer, search: str) -> set[str]:
    """The series that a search finds. Raises InvalidQuery, and InvalidRequest where they are too many."""
    query = qido.parse(Level.SERIES, Resource(), qido.read(search.encode()))
    found: set[str] = set()
    for offset in range(0, MOST + 1, TOGETHER):
        part = replace(query, offset=offset, limit=TOGETHER)
        rows = await archive.database.scan(lambda connection, q=part: read(connection, q, scope, viewer).rows)  # type: ignore[misc]
        found |= {row.series_instance_uid for row in rows[:TOGETHER]}
        if len(rows) < TOGETHER:
            return found
    raise InvalidRequest(f"The search finds more than {MOST:,} series: narrow it, or make several carts.")


def _too_many() -> InvalidRequest:
    return InvalidRequest(f"A cart has at most {MOST:,} series: narrow the search, or make several.")


def _owns(caller: Caller, cart: Cart) -> bool:
    whole = caller.signed_in and not caller.by_link and not caller.narrowed
    return whole and (cart.person_id == caller.person or caller.everything)


def require_keeper(caller: Caller) -> None:
    """Raises NotSignedIn, or Forbidden for who comes by a link: they are nobody who could keep something."""
    if not caller.signed_in:
        raise NotSignedIn
    if caller.by_link:
        raise Forbidden("Sign in yourself for this: by a link you may look at what it shows.")


def _require_own(caller: Caller, cart: Cart) -> None:
    if not _owns(caller, cart):
        raise Forbidden("Only who made a cart changes it.")
