"""The catalogue: a row for each collection that the caller may know of, counted and not typed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.index import facts
from app.index.facts import Facts
from app.index.scope import Scope
from app.registry import collections
from app.registry.collections import Entry, Filters
from app.registry.record import External, Term
from app.registry.rights import Known
from app.services.collections import may
from app.services.roots import enter
from app.viewer import Viewer

_AVAILABILITY = {
    "open": "Open",
    "registered": "Registration",
    "request": "Request on application form",
    "private": "Members only",
}
#: Body parts that are named where a collection's people say nothing.
_FOCUS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One collection; the columns of the survey that this answers, in its order."""

    source: str
    data_types: str
    data_focus: str
    images: int | None
    patients: int | None
    availability: str
    license: str
    link: str


async def rows(archive: Archive, caller: Caller, host: str) -> list[Row]:
    """All rows, by slug. Raises NotSignedIn."""
    register, viewer = await enter(archive, caller)
    visible = {each.id: each for each in register.collections.values() if each.is_known_to(viewer)}
    scope = Scope(alone=all(len(each.units) == 1 for each in visible.values()))

    def read(connection: Connection) -> tuple[Sequence[Entry], dict[int, Facts]]:
        entries = collections.page(connection, visible, Filters(), "", None)
        return entries, facts.facts(connection, scope, viewer)

    entries, found = await archive.database.scan(read)
    return [_row(each, visible[each.id], viewer, found.get(each.id) or Facts(), host) for each in entries]


def _row(entry: Entry, known: Known, viewer: Viewer, counted: Facts, host: str) -> Row:
    record, link = entry.record, f"{host}/collections/{entry.slug}"
    focus = _texts([*record.locations, *record.cancer_types])
    if record.external:
        return _external(entry, record.external, focus)
    return Row(
        entry.title,
        ", ".join(value for value, _ in counted.modalities.most_common()),
        focus or ", ".join(value for value, _ in counted.body_parts.most_common(_FOCUS)),
        counted.instances,
        counted.patients,
        _availability(known, viewer),
        entry.licence,
        link,
    )


def _external(entry: Entry, external: External, focus: str) -> Row:
    return Row(
        entry.title,
        _texts(external.data_types),
        focus,
        external.images,
        external.patients,
        external.availability or "External",
        entry.licence,
        str(external.url),
    )


def _texts(terms: Iterable[Term]) -> str:
    return ", ".join(term.text for term in terms)


def _availability(collection: Known, viewer: Viewer) -> str:
    """Of the parts that the viewer may know of."""
    tiers = {unit.tier for unit in collection.units if may(viewer, unit)}
    return ", ".join(words for tier, words in _AVAILABILITY.items() if tier in tiers)
