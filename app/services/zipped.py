"""A ZIP file that is nowhere: its entries lie in the store, and any range of it is made as it is sent.

Entries come in runs, each of which is at hand, or read when it is come to; so memory is bounded by a run, and
a range begins without a look at what stands before it.
"""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Protocol

from app.index.locate import Located
from app.services.plan import Content, Piece, Stored
from app.storage import keys
from app.storage.object_store import ObjectStore
from app.threads import in_thread
from app.wire.zip_out import Entry, Mark, central_header, ending, local_header


class Member(NamedTuple):
    """An entry, and where its bytes come from."""

    entry: Entry
    content: Content


class Run(Protocol):
    """Members that are at hand at one time."""

    async def members(self) -> Sequence[Member]:
        """All of them, the same each time."""
        ...


@dataclass(frozen=True, slots=True)
class AtHand:
    """Members in memory."""

    held: Sequence[Member]

    async def members(self) -> Sequence[Member]:
        return self.held


@dataclass(frozen=True, slots=True)
class Zip:
    """The content of a ZIP file: its runs, and the marks around them, one more than there are runs."""

    runs: Sequence[Run]
    marks: Sequence[Mark]

    @property
    def size(self) -> int:
        return self.marks[-1].size

    async def stream(self, start: int, stop: int, *, files: bool = False) -> AsyncGenerator[Piece]:
        around = list(zip(self.runs, self.marks, self.marks[1:], strict=False))
        for run, mark, end in around:
            if mark.offset < stop and start < end.offset:
                async with aclosing(_entries(await run.members(), mark, start, stop, files=files)) as pieces:
                    async for piece in pieces:
                        yield piece
        last = self.marks[-1]
        start, stop = start - last.offset, stop - last.offset
        for run, mark, end in around:
            if mark.directory < stop and start < end.directory:
                headers = await in_thread(_directory, await run.members(), mark)
                yield cut(headers, mark.directory, start, stop)
        if last.directory < stop:
            yield cut(ending(last), last.directory, start, stop)


async def _entries(
    members: Iterable[Member], mark: Mark, start: int, stop: int, *, files: bool
) -> AsyncGenerator[Piece]:
    """Of members that begin at the mark, what stands from `start` up to `stop`."""
    for entry, content in members:
        here, mark = mark.offset, mark.after(entry)
        if mark.offset <= start:
            continue
        if here >= stop:
            return
        if header := cut(local_header(entry), here, start, stop):
            yield header
        here = mark.offset - entry.size
        first, last = max(start - here, 0), min(stop - here, entry.size)
        if first < last:
            async with aclosing(content.stream(first, last, files=files)) as pieces:
                async for piece in pieces:
                    yield piece


def _directory(members: Iterable[Member], mark: Mark) -> bytes:
    return b"".join(_central_headers(members, mark))


def _central_headers(members: Iterable[Member], mark: Mark) -> Iterator[bytes]:
    for entry, _ in members:
        yield central_header(entry, mark.offset)
        mark = mark.after(entry)


def cut(data: bytes, offset: int, start: int, stop: int) -> bytes:
    """Of data at an offset what stands from `start` up to `stop`, perhaps nothing."""
    return data[max(start - offset, 0) : max(stop - offset, 0)]


def member(store: ObjectStore, row: Located) -> Member:
    """An instance as stored: it lies in two levels of folders, by study and by series."""
    name = f"{row.study}/{row.series}/{row.instance}.dcm"
    entry = Entry(name, row.size, row.crc32, keys.made(row.object_key))
    return Member(entry, Stored(store, row.object_key, ((0, row.size),)))


def digest(members: Iterable[Member], checksums: Iterable[bytes]) -> bytes:
    """SHA-256 of all that members are, of whose contents these are the checksums."""
    # At once: so it takes half the time of feeding it line by line.
    pairs = zip(members, checksums, strict=True)
    return sha256(
        b"".join(part for each, sum_ in pairs for part in (local_header(each.entry), sum_))
    ).digest()


def behind(start: Mark, entries: Iterable[Entry]) -> Mark:
    """The place behind entries of which the first stands at `start`."""
    for each in entries:
        start = start.after(each)
    return start
