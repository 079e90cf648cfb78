"""Facets: the values by which the series that a caller may find can be narrowed, with how many have each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.index import facts
from app.index.facts import Cell
from app.index.scope import Scope
from app.registry.rights import Known
from app.services.roots import enter, known, version_of
from app.viewer import Viewer

MODALITY, BODY_PART, MANUFACTURER, COLLECTION = "modality", "body_part", "manufacturer", "collection"
DIMENSIONS = (MODALITY, BODY_PART, MANUFACTURER, COLLECTION)
#: What is chosen in each dimension: any of these values, of which the empty one is the missing.
Chosen = Mapping[str, Set[str]]


@dataclass(slots=True)
class Count:
    """Series, their instances and bytes."""

    series: int = 0
    instances: int = 0
    bytes: int = 0

    def add(self, cell: Cell) -> None:
        """Count what is alike."""
        self.series += cell.series
        self.instances += cell.instances
        self.bytes += cell.bytes


@dataclass(frozen=True, slots=True)
class Facets:
    """How much there is of all that was chosen; for each dimension its values, as they stand in the index,
    counted where everything but in this dimension is as it was chosen. A collection's value is its slug.
    """

    total: Count = field(default_factory=Count)
    values: Mapping[str, Mapping[str, Count]] = field(
        default_factory=lambda: {each: defaultdict(Count) for each in DIMENSIONS}
    )

    @classmethod
    def of(cls, cells: Iterable[Cell], slugs: Mapping[int, str], chosen: Chosen) -> Self:
        """Of these cells such as lie in collections that have a slug here."""
        found = cls()
        for cell in cells:
            if cell.collection in slugs:
                found._add(cell, slugs[cell.collection], chosen)
        return found

    def _add(self, cell: Cell, slug: str, chosen: Chosen) -> None:
        values = dict(zip(DIMENSIONS, (cell.modality, cell.body_part, cell.manufacturer, slug), strict=True))
        others = [name for name, wanted in chosen.items() if values[name] not in wanted]
        if not others:
            self.total.add(cell)
        if len(others) < 2:
            for name in others or DIMENSIONS:
                self.values[name][values[name]].add(cell)


async def of_archive(archive: Archive, caller: Caller, chosen: Chosen) -> Facets:
    """Of all collections that the caller may know of. A series that two of them hold is counted in each.

    Raises NotSignedIn.
    """
    register, viewer = await enter(archive, caller)
    visible = [each for each in register.collections.values() if each.is_known_to(viewer)]
    scope = Scope(alone=all(len(each.units) == 1 for each in visible))
    return await _facets(archive, scope, viewer, visible, chosen)


async def of_collection(archive: Archive, caller: Caller, slug: str, chosen: Chosen) -> Facets:
    """Of one collection as it is now. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    return await _facets(archive, Scope(found.id, alone=len(found.units) == 1), viewer, [found], chosen)


async def of_version(archive: Archive, caller: Caller, slug: str, number: int, chosen: Chosen) -> Facets:
    """Of one collection as it was published for the so-manieth time. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    scope = Scope(found.id, version=version_of(found, str(number)), alone=len(found.units) == 1)
    return await _facets(archive, scope, viewer, [found], chosen)


async def _facets(
    archive: Archive, scope: Scope, viewer: Viewer, collections: Iterable[Known], chosen: Chosen
) -> Facets:
    slugs = {each.id: each.slug for each in collections}

    def read(connection: Connection) -> Facets:
        return Facets.of(facts.cells(connection, scope, viewer), slugs, chosen)

    return await archive.database.scan(read)
