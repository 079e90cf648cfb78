"""What may be said to somebody of a collection, or of a version of it, when it is cited."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from app.access import licences
from app.access.decide import Unit, embargo_ends
from app.archive import Archive
from app.citing.work import Access, Contact, Kind, Licence, Name, Publisher, Related, Subject, Work
from app.errors import NotFound
from app.index import facts
from app.index.facts import Facts
from app.index.scope import Scope
from app.models.types import now
from app.registry import collections, dois, versions
from app.registry.collections import Entry
from app.registry.dois import PUBLIC, Doi
from app.registry.record import Record
from app.registry.rights import Known, Register
from app.registry.versions import Version
from app.services.roots import known
from app.settings import Settings
from app.viewer import Viewer
from app.wire.markup import to_text

#: Of what there is how much.
_COUNTED = ("patients", "studies", "series", "instances", "bytes")
_KINDS: dict[str, Kind] = {
    "collection": "collection",
    "analysis-result": "analysis-result",
    "external": "external",
}


@dataclass(frozen=True, slots=True)
class Cited:
    """A work, and what else its people ask to be cited: texts, with their DOIs or empty."""

    work: Work
    also: tuple[tuple[str, str], ...]


def home(settings: Settings) -> str:
    """The archive's address where no request tells it."""
    return settings.public_url or f"http://{settings.host}:{settings.port}"


async def read(
    archive: Archive,
    register: Register,
    viewer: Viewer,
    wanted: Iterable[tuple[str, int | None]],
    host: str,
    *,
    counted: bool = True,
) -> list[Cited]:
    """What the viewer may be told of each of these: collections by their slugs, versions by number as well;
    how much they hold, and of what, if `counted`.

    Raises NotFound for one that is not there, or that they may not know of.
    """
    asked = [(known(register, viewer, slug), number) for slug, number in wanted]

    def work(connection: Connection) -> list[Cited]:
        reader = _Reader(connection, archive.settings, register, viewer, host, counted)
        return [reader.cited(found, number) for found, number in asked]

    return await archive.database.scan(work)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads for one viewer."""

    connection: Connection
    settings: Settings
    register: Register
    viewer: Viewer
    host: str
    counted: bool

    def cited(self, found: Known, number: int | None) -> Cited:
        """Raises NotFound where there is no such version."""
        entry = collections.get(self.connection, found.id)
        if entry is None:
            raise NotFound
        version = versions.get(self.connection, found.id, number or entry.latest_version)
        if number is not None and version is None:
            raise NotFound
        own = [each for each in dois.of_collections(self.connection, [found.id]) if each.state in PUBLIC]
        identifier = next((each.identifier for each in own if each.version == number), "")
        related = (*_among_versions(own, number), *self._others(found), *_literature(entry.record))
        ends = [moment for unit in self._units(found) if (moment := embargo_ends(unit)) and moment > now()]
        work = replace(
            _described(entry, self._facts(found, number), self.settings),
            **_placed(entry, version, number, self.host),
            identifier=identifier,
            related=tuple(each for each in dict.fromkeys(related) if each.doi != identifier),
            access=self._access(found, embargoed=bool(ends)),
            available=min(ends).date() if ends else None,
        )
        return Cited(work, tuple((each.text, each.doi or "") for each in entry.record.citations))

    def _facts(self, found: Known, number: int | None) -> Facts:
        if not self.counted:
            return Facts()
        scope = Scope(found.id, alone=len(found.units) == 1, version=number)
        return facts.facts(self.connection, scope, self.viewer).get(found.id) or Facts()

    def _units(self, found: Known) -> list[Unit]:
        return [unit for unit in found.units if self.viewer.knows(unit.id)]

    def _access(self, found: Known, *, embargoed: bool) -> Access:
        if found.kind == "external":
            return "metadata-only"
        if embargoed:
            return "embargoed"
        return "open" if all(unit.tier == "open" for unit in self._units(found)) else "restricted"

    def _others(self, found: Known) -> Iterator[Related]:
        """The sources of a result, the results about a collection: those that this viewer may know of."""
        sources = self.register.sources.get(found.id)
        rows = self.register.results(found.id) if sources is None else sources
        relation = "IsSourceOf" if sources is None else "IsDerivedFrom"
        named = [
            each.id
            for each in self.register.collections.values()
            if each.id in rows and each.is_known_to(self.viewer)
        ]
        for each in dois.of_collections(self.connection, named):
            if each.version is None and each.state in PUBLIC and _is_doi(each):
                yield Related(each.identifier, relation)


def _described(entry: Entry, counted: Facts, settings: Settings) -> Work:
    """What its people say of it, and what it holds."""
    record = entry.record
    licence = licences.described(entry.licence, str(record.licence_url or ""))
    return Work(
        _KINDS[entry.kind],
        entry.slug,
        entry.title,
        Publisher(settings.publisher, settings.publisher_ror),
        "",
        short_name=entry.slug,
        authors=tuple(Name(each.name, each.orcid or "") for each in record.authors),
        updated=entry.changed_at.date(),
        licences=(Licence(licence.id, licence.name, licence.url),) if entry.licence else (),
        summary=to_text(record.summary),
        description=to_text(record.description),
        acknowledgement=to_text(record.sharing_policy),
        subjects=tuple(_subjects(record, counted)),
        contacts=tuple(Contact(each.name, each.email or "", str(each.url or "")) for each in record.contacts),
        funding=tuple(record.funding),
        sizes=tuple(sizes(Counter({what: getattr(counted, what) for what in _COUNTED}))),
        formats=("application/dicom",) if counted.instances else (),
    )


def _placed(entry: Entry, version: Version | None, number: int | None, host: str) -> dict[str, Any]:
    """Where it is found, and since when."""
    page = f"{host}/collections/{entry.slug}"
    issued = (version.published_at if version else entry.created_at).date()
    placed = {"home": host, "url": page, "issued": issued, "version": str(version.number if version else "")}
    if number is not None:
        placed |= {"kind": "version", "url": f"{page}/versions/{number}", "updated": None}
    return placed


def _subjects(record: Record, counted: Facts) -> Iterator[Subject]:
    for term in (*record.cancer_types, *record.locations, *record.species):
        yield Subject(term.text, term.scheme or "", term.code or "")
    for modality in sorted(counted.modalities):
        yield Subject(modality, "DCM", modality)


def sizes(counted: Counter[str]) -> Iterator[str]:
    """How much of what."""
    return (f"{counted[what]} {what}" for what in _COUNTED if counted[what])


def _among_versions(own: Iterable[Doi], number: int | None) -> Iterator[Related]:
    """Of a collection its versions; of a version the collection, and the ones before and after it."""
    concept = [each for each in own if each.version is None and _is_doi(each)]
    numbered = {each.version: each for each in own if each.version is not None and _is_doi(each)}
    if number is None:
        yield from (Related(each.identifier, "HasVersion") for _, each in sorted(numbered.items()))
        return
    yield from (Related(each.identifier, "IsVersionOf") for each in concept)
    before = max((each for each in numbered if each < number), default=None)
    after = min((each for each in numbered if each > number), default=None)
    for other, relation in ((before, "IsNewVersionOf"), (after, "IsPreviousVersionOf")):
        if other is not None:
            yield Related(numbered[other].identifier, relation)


def _literature(record: Record) -> Iterator[Related]:
    for citations, relation in ((record.citations, "IsDocumentedBy"), (record.publications, "IsCitedBy")):
        yield from (Related(each.doi, relation, "") for each in citations if each.doi)


def _is_doi(doi: Doi) -> bool:
    return doi.identifier.startswith("10.")
