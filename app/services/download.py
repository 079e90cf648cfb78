"""A whole cohort as one ZIP file: every instance as stored, its licences, how to cite it, and checksums.

The plan knows of each run of series how many bytes it takes and a digest of all it holds; rows are read again
when it is come to, and are those that were planned, or the answer breaks off. So memory is bounded by a run,
however large the cohort, and bytes that go with one entity tag are always the same.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple
from zlib import crc32

from sqlalchemy import Connection

from app.archive import Archive
from app.dicom.resource import Resource
from app.errors import NotFound, ObjectNotFound
from app.index import runs
from app.index.runs import Extent
from app.services import forms
from app.services.notes import notes
from app.services.plan import Part, Plan, Ready
from app.services.refusals import refuse
from app.services.root import Ask, Root
from app.services.zipped import AtHand, Member, Zip, behind, cut, digest, member
from app.threads import in_thread
from app.viewer import Capability
from app.wire.accept import Offer
from app.wire.conditional import etag
from app.wire.zip_out import Entry, Mark, local_header

CHECKSUMS = "checksums.sha256"
OFFER = Offer(forms.ZIPPED, forms.ZIP)
EARLIEST = datetime.min.replace(tzinfo=UTC)


class Held(NamedTuple):
    """The members of a run, the checksum of each, and a digest of all."""

    members: list[Member]
    checksums: list[bytes]
    digest: bytes

    def lines(self) -> bytes:
        """Of the list of checksums those of these members."""
        pairs = zip(self.members, self.checksums, strict=True)
        return "".join(f"{found.hex()}  {each.entry.name}\n" for each, found in pairs).encode()


@dataclass(frozen=True, slots=True)
class Planned:
    """One run as it was planned: its series' rows, the digest of what it held, the size of its lines in the
    list of checksums. What is small is kept, and need not be read again.
    """

    archive: Archive
    rows: Sequence[int]
    horizon: int
    digest: bytes
    lines: int
    kept: Held | None

    async def members(self) -> Sequence[Member]:
        """Its members. Raises ObjectNotFound where they are not what they were."""
        return (await self.held()).members

    async def held(self) -> Held:
        """The same, with their checksums. Raises as above."""
        if self.kept is not None:
            return self.kept
        read = partial(_read, archive=self.archive, rows=self.rows, horizon=self.horizon)
        found = await self.archive.database.scan(read)
        if found.digest != self.digest:
            raise ObjectNotFound("What was to be sent has changed meanwhile.")
        return found


@dataclass(frozen=True, slots=True)
class Checksums:
    """The content of the list of checksums, a line for each instance, as `sha256sum --check` reads it."""

    planned: Sequence[Planned]

    @property
    def size(self) -> int:
        return sum(each.lines for each in self.planned)

    async def stream(self, start: int, stop: int, *, files: bool = False) -> AsyncGenerator[bytes]:
        ends = accumulate(each.lines for each in self.planned)
        for each, end in zip(self.planned, ends, strict=True):
            offset = end - each.lines
            if offset < stop and start < end:
                yield cut(await in_thread((await each.held()).lines), offset, start, stop)


@dataclass(slots=True)
class _Tally:
    """What is known of the file so far."""

    mark: Mark
    crc32: int = 0
    newest: datetime = EARLIEST
    planned: list[Planned] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    instances: int = 0


async def archive_zip(root: Root, resource: Resource, ask: Ask) -> Plan:
    """All that the caller may take at an address, or in the whole root.

    Raises NotFound, NotSignedIn and Forbidden where that is nothing, NotModified.
    """
    root = root.at(Capability.DOWNLOAD)
    found = await extent(root, resource)
    texts = await notes(root, found.collections)
    tally = _Tally(behind(Mark(), (Entry(name, len(text), 0, EARLIEST) for name, text in texts.items())))
    for rows in found.runs:
        await root.archive.database.scan(
            partial(_plan, archive=root.archive, rows=rows, found=found, tally=tally)
        )
    if not tally.instances:
        raise NotFound
    content, tag = _content(texts, tally)
    ask.require_change(tag)
    name = filename(root, resource)
    part = Part(forms.ZIP, f"{_home(root, resource)}/archive.zip", content)
    return Plan(OFFER, (part,), tag, instances=tally.instances, filename=f"{name}.zip")


async def extent(root: Root, resource: Resource) -> Extent:
    """The series at an address, in runs. Raises as `refuse` does where there is none."""
    found = await root.archive.database.scan(
        lambda connection: runs.extent(connection, root.scope, root.viewer, resource)
    )
    return found or await refuse(root, resource)


def filename(root: Root, resource: Resource) -> str:
    """What a browser calls what it keeps: the part of the archive, and what of it was asked for."""
    place = [each for each in root.path.split("/")[1:-1] if each != "collections"]
    return "-".join(filter(None, (*place, resource.series or resource.study))) or "archive"


def _home(root: Root, resource: Resource) -> str:
    return f"{root.url}/{resource.path}" if resource.study else root.url.removesuffix("/dicom-web")


def _plan(
    connection: Connection, *, archive: Archive, rows: Sequence[int], found: Extent, tally: _Tally
) -> None:
    """Count a run in."""
    held = _read(connection, archive=archive, rows=rows, horizon=found.horizon)
    entries, lines = [each.entry for each in held.members], held.lines()
    kept = held if len(found.runs) == 1 and len(entries) <= runs.RUN else None
    tally.planned.append(Planned(archive, rows, found.horizon, held.digest, len(lines), kept))
    tally.marks.append(tally.mark)
    tally.mark = behind(tally.mark, entries)
    tally.crc32 = crc32(lines, tally.crc32)
    tally.newest = max((tally.newest, *(each.made for each in entries)))
    tally.instances += len(entries)


def _read(connection: Connection, *, archive: Archive, rows: Sequence[int], horizon: int) -> Held:
    found = runs.instances(connection, rows, horizon)
    members, checksums = [member(archive.store, row) for row in found], [row.sha256 for row in found]
    return Held(members, checksums, digest(members, checksums))


def _content(texts: Mapping[str, bytes], tally: _Tally) -> tuple[Zip, str]:
    """The whole file, and its entity tag: of the bytes of everything in it."""
    before = [
        Member(Entry(name, len(text), crc32(text), tally.newest), Ready(text)) for name, text in texts.items()
    ]
    checksums = Checksums(tally.planned)
    last = Member(Entry(CHECKSUMS, checksums.size, tally.crc32, tally.newest), checksums)
    around = (Mark(), *tally.marks, tally.mark, tally.mark.after(last.entry))
    told = sha256(b"".join(local_header(each.entry) for each in (*before, last)))
    for each in (*texts.values(), *(run.digest for run in tally.planned)):
        told.update(each)
    return Zip((AtHand(before), *tally.planned, AtHand([last])), around), etag(told.hexdigest()[:32])
