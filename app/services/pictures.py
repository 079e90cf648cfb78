"""Frames drawn for one plan by the worker processes: what it holds of the cache until it is sent."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import aiofiles
import orjson

from app.archive import Archive
from app.dicom import pixel_description, transfer_syntaxes
from app.dicom.drawing import StoredFrame
from app.dicom.rendering import PNG, Rendering
from app.errors import CannotDecode, NotAcceptable, StoreUnavailable, TooMuchToConvert
from app.index.locate import Located
from app.services.plan import Content, Ready, Scratch
from app.services.retrieve import MOST_FRAMES, inflated
from app.storage.cache import Held
from app.threads import in_thread

#: What a picture looks like also depends on how this version draws: a new number makes new entity tags, and
#: new keys of the cache.
DRAWN_AS = 2
T = TypeVar("T")
#: What drawing may need beside the pixels: lookup tables, palettes, overlays, the colour profile.
_NEEDED = re.compile(r"(?:.*/)?(?:00281[12][0-9A-F]{2}|00283006|60[01][0-9A-F]3000|00282000)")
_PER_FRAME = "52009230/"
_LARGEST_TABLE = 64 << 20
#: Bytes of a frame, compressed or not, that a worker is sent.
_LARGEST_FRAME = 512 << 20
_MOST_ANIMATED = 1000
#: Bytes of pictures of one plan that are held in memory while there is no room on the disk.
_UNKEPT = 64 << 20
_LARGEST_ANIMATION = 256 << 20


class Pictures:
    """What one plan has drawn. Close it when its last byte is sent, or the plan came to nothing."""

    def __init__(self, archive: Archive, rendering: Rendering) -> None:
        self._archive = archive
        self._rendering = rendering
        self._held: list[Held] = []
        self._in_memory = 0
        self._left = int(archive.settings.conversion_bytes)

    def close(self) -> None:
        """Let go of every picture."""
        while self._held:
            self._held.pop().release()

    async def still(self, row: Located, number: int) -> Content:
        """One frame, drawn. Raises CannotDecode, InvalidRequest, TooMuchToConvert."""
        return await self._hold(row, f"frame {number}", partial(self._picture, row, number))

    async def stills(self, row: Located, numbers: Sequence[int]) -> list[Content]:
        """Frames of one instance, each a picture, a few drawn at a time.

        Raises as `animation` does; TooMuchToConvert also before any is drawn, as their pixels are too many.
        """
        if len(numbers) > MOST_FRAMES:
            raise NotAcceptable(f"Not more than {MOST_FRAMES:,} frames are drawn: ask for some of them.")
        await self._require(row, len(numbers))
        stills: list[Content] = []
        together = self._archive.codecs.share
        for start in range(0, len(numbers), together):
            stills += await _together(self.still(row, number) for number in numbers[start : start + together])
        return stills

    async def animation(self, row: Located, numbers: Sequence[int]) -> Content:
        """Frames of one instance as a picture that moves.

        Raises as `still` does; NotAcceptable where there are too many of them.
        """
        if len(numbers) > _MOST_ANIMATED:
            raise NotAcceptable(
                f"A GIF of more than {_MOST_ANIMATED} frames is not made: ask for some of them."
            )
        await self._require(row, len(numbers))
        named = sha256(repr(list(numbers)).encode()).hexdigest()
        return await self._hold(row, f"frames {named}", partial(self._animated, row, numbers))

    async def _require(self, row: Located, count: int) -> None:
        """Raises TooMuchToConvert where the frames' own pixels are more than one request may have."""
        json = await in_thread(lambda: orjson.loads(row.json))
        if count * pixel_description.from_json(json).frame_bits // 8 > self._left:
            raise TooMuchToConvert

    async def _hold(self, row: Located, what: str, draw: Callable[[], Awaitable[bytes]]) -> Content:
        """What is cached of these very bytes drawn in this very way, or is drawn now."""

        async def make(target: Path) -> None:
            picture = await draw()
            async with aiofiles.open(target, "wb") as stream:
                await stream.write(picture)

        key = f"{row.sha256.hex()} drawn {DRAWN_AS} {what} {self._rendering}"
        try:
            held = await self._archive.cache.hold(key, make)
        except StoreUnavailable:
            return await self._unkept(draw)
        self._held.append(held)
        self._left -= held.size
        if self._left < 0:
            raise TooMuchToConvert
        return Scratch(held.path, held.size)

    async def _unkept(self, draw: Callable[[], Awaitable[bytes]]) -> Ready:
        """A picture in memory, where the disk takes none. Raises StoreUnavailable beyond a few."""
        picture = Ready(await draw())
        self._in_memory += picture.size
        if self._in_memory > _UNKEPT:
            raise StoreUnavailable("There is too little free disk space for so many pictures: ask for fewer.")
        return picture

    async def _picture(self, row: Located, number: int) -> bytes:
        codecs = self._archive.codecs
        with codecs.refusals.remembered(f"{row.sha256.hex()} picture {number} {self._rendering}"):
            return await codecs.render(await self._frame(row, number), self._rendering)

    async def _animated(self, row: Located, numbers: Sequence[int]) -> bytes:
        still = Pictures(self._archive, replace(self._rendering, media_type=PNG))
        drawn: list[bytes] = []
        async for picture in still._drawn(row, numbers):
            drawn.append(picture)
            if sum(map(len, drawn)) > _LARGEST_ANIMATION:
                raise NotAcceptable("The GIF would be too large: ask for a viewport, or for fewer frames.")
        return await self._archive.codecs.animate(drawn, row.json)

    async def _drawn(self, row: Located, numbers: Sequence[int]) -> AsyncIterator[bytes]:
        """Pictures in order, a few at a time: no more frames are in memory than are being drawn."""
        together = self._archive.codecs.share
        for start in range(0, len(numbers), together):
            some = numbers[start : start + together]
            for picture in await _together(self._picture(row, number) for number in some):
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


async def _together(each: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What each gives, in order. Where one fails, none goes on: it would hold what nobody lets go."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in each]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def _is_needed(path: str, length: int, number: int) -> bool:
    """Whether drawing a frame may need this bulk data: its own functional group's, or all frames'."""
    if path.startswith(_PER_FRAME) and not path.startswith(f"{_PER_FRAME}{number}/"):
        return False
    return length <= _LARGEST_TABLE and _NEEDED.fullmatch(path) is not None
