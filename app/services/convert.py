"""Converting instances and frames for one plan: what it holds of the cache until its last byte is sent."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import orjson

from app.archive import Archive
from app.dicom import pixel_description
from app.dicom.encoders import QUALITY
from app.dicom.frames import FrameIndex
from app.dicom.pixel_description import PixelDescription
from app.dicom.recompress import FLOATING
from app.dicom.transcode import Frame
from app.errors import CannotDecode, CannotEncode, TooMuchToConvert
from app.index.locate import Located
from app.services.plan import Scratch
from app.storage.cache import Held, Make
from app.storage.open import as_path

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
#: Reads bytes at an offset.
Read = Callable[[int, int], Awaitable[bytes]]
_PIXEL_DATA = "7FE00010"
#: Stands in every key of the cache and entity tag of what is converted: what is made otherwise gets others.
EDITION = f"2 {QUALITY}"


@dataclass(frozen=True, slots=True)
class FramesOf:
    """An instance's frames: its row with its DICOM JSON, where they lie, and how to read there."""

    row: Located
    index: FrameIndex
    read: Read

    async def frame(self, number: int, description: PixelDescription) -> Frame:
        """One frame as it is stored."""
        parts = [await self.read(*each) for each in self.index.ranges(number)]
        return Frame(self.index.assemble(number, parts), self.row.transfer_syntax_uid, description)


class Conversion:
    """What one plan has had converted. Close it when its last byte is sent, or the plan came to nothing."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._held: list[Held] = []
        self._left = int(archive.settings.conversion_bytes)

    def close(self) -> None:
        """Let go of every file."""
        while self._held:
            self._held.pop().release()

    async def instances(self, rows: Sequence[Located], uid: str, *, tolerant: bool) -> dict[str, Scratch]:
        """Each instance in the transfer syntax `uid`, by object key.

        What cannot be decoded is left out if `tolerant`, else raises CannotDecode, CannotEncode. Raises
        TooMuchToConvert beyond what one request may have, and StoreUnavailable where the disk is too full.
        """
        if sum(row.size for row in rows) > self._left:
            raise TooMuchToConvert
        by_key = {row.object_key: row for row in rows}
        made = await self._each(by_key, lambda key: self._instance(by_key[key], uid, tolerant))
        return {key: scratch for key, scratch in made.items() if scratch}

    async def frames(self, of: FramesOf, numbers: Iterable[int], uid: str) -> dict[int, Scratch]:
        """Frames of one instance by number: native little-endian pixels for Explicit VR Little Endian.

        Raises as `instances` does.
        """
        json, wanted = orjson.loads(of.row.json), set(numbers)
        if _PIXEL_DATA not in json:
            raise CannotEncode(FLOATING)
        description = pixel_description.from_json(json)
        if len(wanted) * description.frame_bits // 8 > self._left:
            raise TooMuchToConvert
        return await self._each(wanted, lambda number: self._frame(of, number, description, uid))

    async def _each(self, keys: Iterable[K], make: Callable[[K], Awaitable[T]]) -> dict[K, T]:
        """What `make` gives for each key, no more at once than one request's share."""
        turns = asyncio.Semaphore(self._archive.codecs.share)
        made: dict[K, T] = {}

        async def one(key: K) -> None:
            async with turns:
                made[key] = await make(key)

        try:
            async with asyncio.TaskGroup() as group:
                for key in keys:
                    group.create_task(one(key))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return made

    async def _instance(self, row: Located, uid: str, tolerant: bool) -> Scratch | None:
        async def make(target: Path) -> None:
            async with as_path(self._archive.store, row.object_key) as source:
                await self._archive.codecs.transcode(source, row.size, target, uid, self._left)

        try:
            return await self._hold(row, f"instance {uid}", make)
        except CannotDecode:
            if not tolerant:
                raise
            return None

    async def _frame(self, of: FramesOf, number: int, description: PixelDescription, uid: str) -> Scratch:
        async def make(target: Path) -> None:
            frame = await of.frame(number, description)
            await self._archive.codecs.transcode_frame(target, frame, uid, self._left)

        return await self._hold(of.row, f"frame {number} {uid}", make)

    async def _hold(self, row: Located, form: str, make: Make) -> Scratch:
        key = f"{row.sha256.hex()} {EDITION} {form}"
        refusals = self._archive.codecs.refusals

        async def unless_refused(target: Path) -> None:
            with refusals.remembered(key):
                await make(target)

        refusals.check(key)
        held = await self._archive.cache.hold(key, unless_refused)
        self._held.append(held)
        self._left -= held.size
        if self._left < 0:
            raise TooMuchToConvert
        return Scratch(held.path, held.size)
