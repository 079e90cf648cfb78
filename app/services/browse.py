"""Looking through the collections: those that have what is asked for, and what else could be asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.index import facts
from app.index.scope import ARCHIVE
from app.registry import collections as rows
from app.registry.collections import Entry, Filters, Tally
from app.registry.record import folded
from app.registry.rights import Known
from app.services import collections
from app.services.collections import Shown, has_tier
from app.services.roots import enter
from app.viewer import Viewer

MODALITY, TIER = "modality", "tier"
#: The facets in their order, and where the values of each stand: in a column, in the record's terms, or in
#: neither.
FACETS = {
    "kind": "kind",
    "cancer_type": "cancer_types",
    "location": "locations",
    MODALITY: "",
    "licence": "licence",
    TIER: "",
    "program": "program",
    "status": "status",
}
_COLUMNS = ("kind", "licence")
_TIERS = ("open", "registered", "request", "private")


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a facet, as its people write it, and how many collections have it beside all else that is
    asked for.
    """

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Browsed:
    """Some of the `total` collections, one more than was asked for where there are more; the facets' values,
    the most frequent first; and of each collection shown the patients, studies and modalities found in it.
    """

    items: list[Shown]
    total: int
    facets: Mapping[str, list[Value]]
    people: Mapping[int, tuple[int, int]]
    modalities: Mapping[str, set[int]]


async def browse(
    archive: Archive, caller: Caller, words: str, chosen: Mapping[str, str], after: str, limit: int
) -> Browsed:
    """The collections known to the caller with these words and values. Raises NotSignedIn."""
    register, viewer = await enter(archive, caller)
    visible = {each.id: each for each in register.collections.values() if each.is_known_to(viewer)}
    tier, modality = chosen.get(TIER), chosen.get(MODALITY)
    filters = _filters(words, chosen)
    items = await collections.page(archive, caller, filters, after, limit, tier=tier, modality=modality)
    shown = [each.entry.id for each in items]

    def read(connection: Connection) -> Browsed:
        reader = _Reader(connection, viewer, visible, facts.modalities(connection, viewer), words, chosen)
        values = {name: reader.values(name) for name in FACETS}
        people = facts.people(connection, ARCHIVE, viewer, shown)
        return Browsed(items, len(reader.matching("")), values, people, reader.modalities)

    return await archive.database.scan(read)


def _filters(words: str, chosen: Mapping[str, str]) -> Filters:
    columns = {FACETS[name]: value for name, value in chosen.items() if FACETS[name] in _COLUMNS}
    stored = {FACETS[name]: value for name, value in chosen.items() if FACETS[name]}
    return Filters(columns, exact={k: v for k, v in stored.items() if k not in columns}, words=words)


@dataclass(frozen=True, slots=True)
class _Reader:
    connection: Connection
    viewer: Viewer
    visible: Mapping[int, Known]
    modalities: Mapping[str, set[int]]
    words: str
    chosen: Mapping[str, str]

    def values(self, name: str) -> list[Value]:
        """The values of a facet, counted where all but this one is as it was chosen."""
        if stored := FACETS[name]:
            found = rows.tally(self.connection, self._base(name), self._others(name), stored)
            return self._told(stored, found)
        matching = self.matching(name)
        if name == MODALITY:
            sets: Mapping[str, Iterable[int]] = self.modalities
        else:
            sets = {tier: self._of_tier(tier, matching) for tier in _TIERS}
        counts = [Value(value, len(matching & set(each))) for value, each in sets.items()]
        return sorted((each for each in counts if each.count), key=lambda each: (-each.count, each.value))

    def matching(self, left_out: str) -> set[int]:
        """The collections that have all that was chosen but of this facet."""
        found = rows.matching(self.connection, self._base(left_out), self._others(left_out))
        return set(found)

    def _others(self, left_out: str) -> Filters:
        return _filters(self.words, {name: value for name, value in self.chosen.items() if name != left_out})

    def _base(self, left_out: str) -> set[int]:
        found = set(self.visible)
        if left_out != TIER and (tier := self.chosen.get(TIER)):
            found = self._of_tier(tier, found)
        if left_out != MODALITY and (modality := self.chosen.get(MODALITY)):
            found &= self.modalities.get(modality, set())
        return found

    def _of_tier(self, tier: str, among: Iterable[int]) -> set[int]:
        return {each for each in among if has_tier(self.visible[each], self.viewer, tier)}

    def _told(self, stored: str, found: list[Tally]) -> list[Value]:
        """What stands folded in the index, as the record of one of the collections has it."""
        if stored in _COLUMNS:
            return [Value(each.value, each.collections) for each in found]
        examples = {each.id: each for each in rows.of(self.connection, [each.example for each in found])}
        return [
            Value(_as_written(examples[each.example], stored, each.value), each.collections) for each in found
        ]


def _as_written(entry: Entry, stored: str, value: str) -> str:
    said = getattr(entry.record, stored)
    texts = [said] if isinstance(said, str) else [each.text for each in said]
    return next((each for each in texts if folded(each) == value), value)
