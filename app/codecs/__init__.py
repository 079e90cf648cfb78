"""Decoding and encoding in a few processes of its own.

Native codecs meet bytes that strangers sent. A crash, a hang or a bomb there costs the one request that asked
for it a `CodecFailed` and nothing else: each process has an address-space limit, each call a time limit and
a limit on the file that it writes.
"""

from asyncio import timeout
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter

from app.codecs.answers import Call, opened
from app.codecs.refusals import Refusals
from app.codecs.workers import Died, Workers
from app.dicom import picture, pixels, recompress, transcode
from app.dicom.drawing import StoredFrame
from app.dicom.pixel_description import PixelDescription
from app.dicom.rendering import Rendering
from app.errors import CodecFailed

DAMAGED = "The pixel data cannot be decoded: ask for it as stored, with transfer-syntax=*."
#: Bytes of a stored instance taken in a second, at the least: its number of frames is only a claim.
SLOWEST = 256 << 10
#: No file that a call writes is longer, unless it says so.
LARGEST_FILE = 2**40


class Codecs:
    """A small pool of codec processes: at most `processes`, with `memory` bytes of address space each.

    None is started before the first call; one that ends is replaced at once, so that the next call finds it
    with its codecs loaded.
    """

    def __init__(self, processes: int, seconds: float, memory: int) -> None:
        self._processes = processes
        self._seconds = seconds
        self._memory = memory
        #: What was tried in vain; whoever asks for conversions keeps it.
        self.refusals = Refusals()

    @property
    def processes(self) -> int:
        """How many calls run at once; more wait for their turn."""
        return self._processes

    @property
    def share(self) -> int:
        """How many calls one request may have at once: not all, so that nobody waits for its last one."""
        return max(1, self._processes - 1)

    async def warm(self) -> None:
        """Start one process, so that the first call need not wait for it. Each takes some 80 MiB."""
        async with self._turns:
            await self._workers.start()

    async def decode_frame(self, frame: bytes, transfer_syntax_uid: str, module: PixelDescription) -> bytes:
        """One compressed frame as native little-endian bytes. Raises CannotDecode."""
        return await self.run(pixels.decode_frame, frame, transfer_syntax_uid, module)

    async def transcode_frame(self, target: Path, frame: transcode.Frame, uid: str, largest: int) -> None:
        """Write one frame to `target` in the transfer syntax `uid` (native for Explicit VR Little Endian).

        Raises CannotDecode, CannotEncode, and TooMuchToConvert beyond `largest` bytes.
        """
        await self.run(transcode.write_frame, target, frame, uid, largest=largest)

    async def transcode(
        self, source: Path, size: int, target: Path, uid: str, largest: int = LARGEST_FILE
    ) -> None:
        """Write the instance of `size` bytes at `source` to `target` in the transfer syntax `uid`.

        Raises InvalidInstance, CannotDecode, CannotEncode, and TooMuchToConvert beyond `largest` bytes.
        """
        seconds = self._seconds + size / SLOWEST
        # A large instance takes long: one process stays for the frames and pictures that people wait for.
        async with self._instances:
            await self.run(
                recompress.transcode_instance, source, target, uid, seconds=seconds, largest=largest
            )

    async def render(self, frame: StoredFrame, rendering: Rendering) -> bytes:
        """The picture of one frame. Raises CannotDecode; InvalidRequest for a region outside of it."""
        return await self.run(picture.render, frame, rendering)

    async def animate(self, pictures: list[bytes], json: bytes) -> bytes:
        """Pictures as one animated GIF, as fast as the instance's DICOM JSON says. Raises CannotDecode."""
        return await self.run(picture.animate, pictures, json, seconds=self._seconds * len(pictures))

    async def run(
        self,
        work: Callable[..., bytes | None],
        *arguments: Any,
        seconds: float | None = None,
        largest: int = LARGEST_FILE,
    ) -> bytes:
        """What `work`, a function of a module, gives in a codec process: bytes, or nothing.

        Raises the Fact that it raised; CodecFailed where it crashed, took too long or too much memory;
        CannotDecode where it raised anything else.
        """
        limit = seconds or self._seconds
        call = Call(work, arguments, self._memory, largest, limit)
        # Waiting for a turn does not count against the call's own time.
        try:
            async with self._turns, self._workers.one() as worker, timeout(limit):
                answer = await worker.ask(call.packed())
        except (Died, TimeoutError) as error:
            raise CodecFailed(DAMAGED) from error
        return opened(answer)

    async def close(self) -> None:
        """End every process."""
        await self._workers.close()

    # These are made on first use: they belong to the event loop that waits on them.
    @cached_property
    def _turns(self) -> CapacityLimiter:
        return CapacityLimiter(self._processes)

    @cached_property
    def _instances(self) -> CapacityLimiter:
        return CapacityLimiter(self.share)

    @cached_property
    def _workers(self) -> Workers:
        return Workers()
