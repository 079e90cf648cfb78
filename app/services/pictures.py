"""Frames drawn for one plan by the worker processes, many into a folder that goes with the plan."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import aiofiles

from app.archive import Archive
from app.dicom import transfer_syntaxes
from app.dicom.drawing import StoredFrame
from app.dicom.rendering import PNG, Rendering
from app.errors import CannotDecode, NotAcceptable
from app.index.locate import Located
from app.services.plan import Content, Ready, Scratch
from app.services.retrieve import inflated

#: What drawing may need beside the pixels: lookup tables, palettes, overlays, the colour profile.
_NEEDED = re.compile(r"(?:.*/)?(?:00281[12][0-9A-F]{2}|00283006|60[01][0-9A-F]3000|00282000)")
_PER_FRAME = "52009230/"
_LARGEST_TABLE = 64 << 20
#: Bytes of a frame, compressed or not, that a worker is sent.
_LARGEST_FRAME = 512 << 20
_MOST_ANIMATED = 1000
_LARGEST_ANIMATION = 256 << 20


class Pictures:
    """What one plan has drawn. Close it when its last byte is sent, or the plan came to nothing."""

    def __init__(self, archive: Archive, rendering: Rendering) -> None:
        self._archive = archive
        self._rendering = rendering
        self._folder: TemporaryDirectory[str] | None = None
        self._kept = 0

    def close(self) -> None:
        """Remove every picture."""
        if self._folder:
            self._folder.cleanup()

    async def picture(self, row: Located, number: int) -> bytes:
        """One frame, drawn. Raises CannotDecode, InvalidRequest."""
        codecs = self._archive.codecs
        with codecs.refusals.remembered(f"{row.sha256.hex()} picture {number} {self._rendering}"):
            return await codecs.render(await self._frame(row, number), self._rendering)

    async def stills(self, row: Located, numbers: Sequence[int]) -> list[Content]:
        """Frames of one instance, each a picture. Raises CannotDecode, InvalidRequest."""
        return [await self._keep(picture) async for picture in self._drawn(row, numbers)]

    async def animation(self, row: Located, numbers: Sequence[int]) -> Content:
        """Frames of one instance as a picture that moves.

        Raises CannotDecode, InvalidRequest; NotAcceptable where there are too many of them.
        """
        if len(numbers) > _MOST_ANIMATED:
            raise NotAcceptable(
                f"A GIF of more than {_MOST_ANIMATED} frames is not made: ask for some of them."
            )
        still = Pictures(self._archive, replace(self._rendering, media_type=PNG))
        drawn: list[bytes] = []
        async for picture in still._drawn(row, numbers):
            drawn.append(picture)
            if sum(map(len, drawn)) > _LARGEST_ANIMATION:
                raise NotAcceptable("The GIF would be too large: ask for a viewport, or for fewer frames.")
        return Ready(await self._archive.codecs.animate(drawn, row.json))

    async def _drawn(self, row: Located, numbers: Sequence[int]) -> AsyncIterator[bytes]:
        """Pictures in order, a few at a time: no more frames are in memory than are being drawn."""
        together = self._archive.codecs.share
        for start in range(0, len(numbers), together):
            for picture in await asyncio.gather(
                *(self.picture(row, number) for number in numbers[start : start + together])
            ):
                yield picture

    async def _frame(self, row: Located, number: int) -> StoredFrame:
        index, read = row.frames, await self._reader(row)
        if index is None:
            raise CannotDecode("The instance has no frames.")
        ranges = index.ranges(number)
        if sum(length for _, length in ranges) > _LARGEST_FRAME:
            raise CannotDecode("The frame is too large to be drawn.")
        data = index.assemble(number, [await read(*each) for each in ranges])
        bulk = {
            path: await read(offset, length)
            for path, (offset, length) in row.bulkdata.items()
            if _is_needed(path, length, number)
        }
        return StoredFrame(data, number, index.is_native, row.transfer_syntax_uid, row.json, bulk)

    async def _reader(self, row: Located) -> Callable[[int, int], Awaitable[bytes]]:
        """Reads bytes by offset and length; of a deflated instance, in what it inflates to."""
        if not transfer_syntaxes.get(row.transfer_syntax_uid).deflated:
            return partial(self._archive.store.read, row.object_key)
        data = await inflated(self._archive, row)

        async def read(offset: int, length: int) -> bytes:
            return bytes(data[offset : offset + length])

        return read

    async def _keep(self, picture: bytes) -> Scratch:
        self._folder = self._folder or TemporaryDirectory(dir=self._archive.store.temp, prefix="render-")
        self._kept += 1
        target = Path(self._folder.name, str(self._kept))
        async with aiofiles.open(target, "wb") as stream:
            await stream.write(picture)
        return Scratch(target, len(picture))


def _is_needed(path: str, length: int, number: int) -> bool:
    """Whether drawing a frame may need this bulk data: its own functional group's, or all frames'."""
    if path.startswith(_PER_FRAME) and not path.startswith(f"{_PER_FRAME}{number}/"):
        return False
    return length <= _LARGEST_TABLE and _NEEDED.fullmatch(path) is not None
