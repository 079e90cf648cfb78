"""Rewriting and decoding for one plan, into a folder of its own that goes when the plan is closed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import aiofiles
import orjson

from app.archive import Archive
from app.dicom import pixel_description
from app.dicom.frames import FrameIndex
from app.dicom.pixel_description import PixelDescription
from app.errors import CannotDecode
from app.index.locate import Located
from app.services.plan import Scratch
from app.storage.open import as_path


class Conversion:
    """What one plan has had converted. Close it when its last byte is sent, or the plan came to nothing."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._folder: TemporaryDirectory[str] | None = None
        # One request never waits for more codecs than there are: the next one's turn comes after a frame of
        # this one, not after a series. Nor are the code streams of what waits in memory meanwhile.
        self._turns = asyncio.Semaphore(archive.settings.codec_processes)

    def close(self) -> None:
        """Remove every scratch file."""
        if self._folder:
            self._folder.cleanup()

    async def instances(self, rows: Sequence[Located], *, tolerant: bool) -> dict[str, Scratch]:
        """Each instance in Explicit VR Little Endian, by object key.

        What cannot be decoded is left out if `tolerant`, else raises CannotDecode.
        """
        made = await asyncio.gather(*(self._instance(row, tolerant) for row in rows))
        return {row.object_key: scratch for row, scratch in zip(rows, made, strict=True) if scratch}

    async def frames(self, row: Located, index: FrameIndex, numbers: Sequence[int]) -> dict[int, Scratch]:
        """Frames of one instance as native little-endian pixels, by number. Raises CannotDecode."""
        description = pixel_description.from_json(orjson.loads(row.json))
        distinct = sorted(set(numbers))
        made = await asyncio.gather(*(self._frame(row, index, number, description) for number in distinct))
        return dict(zip(distinct, made, strict=True))

    async def _instance(self, row: Located, tolerant: bool) -> Scratch | None:
        target = self._path(row.object_key)
        try:
            async with self._turns, as_path(self._archive.store, row.object_key) as source:
                await self._archive.codecs.to_explicit_little_endian(source, row.size, target)
        except CannotDecode:
            if not tolerant:
                raise
            return None
        return Scratch(target, target.stat().st_size)

    async def _frame(
        self, row: Located, index: FrameIndex, number: int, description: PixelDescription
    ) -> Scratch:
        store, target = self._archive.store, self._path(str(number))
        async with self._turns:
            parts = [await store.read(row.object_key, *each) for each in index.ranges(number)]
            stored = index.assemble(number, parts)
            native = await self._archive.codecs.decode_frame(stored, row.transfer_syntax_uid, description)
            async with aiofiles.open(target, "wb") as stream:
                await stream.write(native)
        return Scratch(target, len(native))

    def _path(self, name: str) -> Path:
        self._folder = self._folder or TemporaryDirectory(dir=self._archive.store.temp, prefix="convert-")
        return Path(self._folder.name, name)
