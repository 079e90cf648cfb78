"""Decoding in a few processes of its own.

Native codecs meet bytes that strangers sent. A crash, a hang or a bomb there costs the one request that asked
for it a `CannotDecode` and nothing else: each process has an address-space limit, each call a time limit.
"""

import resource
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after, to_process

from app.dicom import picture, pixels, rewrite
from app.dicom.drawing import StoredFrame
from app.dicom.pixel_description import PixelDescription
from app.dicom.rendering import Rendering
from app.errors import CannotDecode

T = TypeVar("T")

#: Bytes of a stored instance decoded in a second, at the least: its number of frames is only a claim.
SLOWEST = 256 << 10
DAMAGED = "The pixel data cannot be decoded: ask for it as stored, with transfer-syntax=*."


class Codecs:
    """A small pool of decoding processes: at most `processes`, with `memory` bytes of address space each."""

    def __init__(self, processes: int, seconds: float, memory: int) -> None:
        self._processes = processes
        self._seconds = seconds
        self._memory = memory

    async def decode_frame(self, frame: bytes, transfer_syntax_uid: str, module: PixelDescription) -> bytes:
        """One compressed frame as native little-endian bytes. Raises CannotDecode."""
        return await self._run(self._seconds, pixels.decode_frame, frame, transfer_syntax_uid, module)

    async def to_explicit_little_endian(self, source: Path, size: int, target: Path) -> None:
        """Write the instance of `size` bytes at `source` to `target` in Explicit VR Little Endian.

        Raises CannotDecode.
        """
        seconds = self._seconds + size / SLOWEST
        await self._run(seconds, rewrite.to_explicit_little_endian, source, target)

    async def render(self, frame: StoredFrame, rendering: Rendering) -> bytes:
        """The picture of one frame. Raises CannotDecode; InvalidRequest for a region outside of it."""
        return await self._run(self._seconds, picture.render, frame, rendering)

    async def animate(self, pictures: list[bytes], json: bytes) -> bytes:
        """Pictures as one animated GIF, as fast as the instance's DICOM JSON says. Raises CannotDecode."""
        return await self._run(self._seconds * len(pictures), picture.animate, pictures, json)

    # Both are made on first use: a limiter belongs to the event loop that waits on it.
    @cached_property
    def _turns(self) -> CapacityLimiter:
        return CapacityLimiter(self._processes)

    @cached_property
    def _workers(self) -> CapacityLimiter:
        return CapacityLimiter(self._processes)

    async def _run(self, seconds: float, work: Callable[..., T], *arguments: Any) -> T:
        # Waiting for a turn does not count against the call's own time.
        async with self._turns:
            try:
                with fail_after(seconds):
                    return await to_process.run_sync(
                        _within, self._memory, work, arguments, cancellable=True, limiter=self._workers
                    )
            except (BrokenWorkerProcess, TimeoutError, MemoryError) as error:
                raise CannotDecode(DAMAGED) from error


def _within(memory: int, work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    return work(*arguments)
