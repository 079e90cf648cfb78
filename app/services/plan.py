"""Exactly which bytes will be sent, decided before the first of them is.

A plan is made of parts whose sizes are known; what a part's bytes are is its content's business. Nothing in a
plan can fail but the store or the disk themselves, and no database connection is held while its bytes flow.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import aiofiles

from app.dicom.frames import FrameIndex
from app.storage.object_store import FileRange, ObjectStore
from app.wire.accept import Offer

PIECE = 4 << 20
Piece = bytes | FileRange


class Content(Protocol):
    """Bytes to be: their number, and an iterator over them."""

    @property
    def size(self) -> int: ...

    def stream(self, start: int, stop: int, *, files: bool = False) -> AsyncGenerator[Piece]:
        """The bytes from `start` up to `stop`, in pieces of some MiB at most.

        With `files` some may be ranges of a file, to be sent by the kernel.
        """
        ...


class Stored(NamedTuple):
    """Bytes of a stored object, as they lie there; several ranges are one content (a frame's fragments).

    A tuple, as `Part` is: a study has thousands of them, and its first byte waits for all to be made.
    """

    store: ObjectStore
    key: str
    ranges: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        return sum(length for _, length in self.ranges)

    async def stream(self, start: int, stop: int, *, files: bool = False) -> AsyncGenerator[Piece]:
        read = self.store.ranges if files else self.store.stream
        for offset, length in self.ranges:
            first, last = max(start, 0), min(stop, length)
            if first < last:
                async for piece in read(self.key, offset + first, last - first):
                    yield piece
            start, stop = start - length, stop - length


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame whose stored bytes must be shifted or swapped before they are sent (1-bit, big endian)."""

    store: ObjectStore
    key: str
    index: FrameIndex
    number: int

    @property
    def size(self) -> int:
        return self.index.size(self.number)

    async def stream(self, start: int, stop: int, *, files: bool = False) -> AsyncGenerator[bytes]:
        ranges = self.index.ranges(self.number)
        parts = [await self.store.read(self.key, offset, length) for offset, length in ranges]
        yield self.index.assemble(self.number, parts)[start:stop]


@dataclass(frozen=True, slots=True)
class Ready:
    """Bytes already in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    async def stream(self, start: int, stop: int, *, files: bool = False) -> AsyncGenerator[bytes]:
        yield self.data[start:stop]


@dataclass(frozen=True, slots=True)
class Scratch:
    """Bytes of a file that is held for this plan."""

    path: Path
    size: int

    async def stream(self, start: int, stop: int, *, files: bool = False) -> AsyncGenerator[bytes]:
        async with aiofiles.open(self.path, "rb") as stream:
            await stream.seek(start)
            for position in range(start, stop, PIECE):
                yield await stream.read(min(PIECE, stop - position))


class Part(NamedTuple):
    """One part of an answer: its headers, and its content. A `location` of "" is not told."""

    content_type: str
    location: str
    content: Content


@dataclass(frozen=True, slots=True)
class Plan:
    """An answer: the form agreed on, its parts in order, and a strong entity tag over all that was decided.

    Whoever sends it calls `close` afterwards, sent or not: it lets go of what is held for this plan.
    `instances` says how many there are where that is not the number of parts, `filename` how a browser is to
    call what it keeps.
    """

    offer: Offer
    parts: tuple[Part, ...]
    etag: str
    close: Callable[[], None] = lambda: None
    instances: int | None = None
    filename: str = ""
