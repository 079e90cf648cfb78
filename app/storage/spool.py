"""Bytes as they arrive, kept until it is known what they are: few in memory, many in a temp file.

Digests are made in the same pass, off the event loop. Memory stays bounded by the limits of `Spools`,
whatever the number and size of what arrives.
"""

import hashlib
import mmap
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from app.errors import TooLarge
from app.storage.disk import DISK, Chunk, FileSystem, TempFile, fact, facts
from app.storage.threads import in_thread

_MIB = 1 << 20
# What a spool with a temp file holds before it writes: the hop to a thread is then cheap beside the work.
_FLUSH = _MIB
# Digesting less than this takes no longer than the hop.
_INLINE = 128 << 10
_PAGE = 4096
# The most that is copied at once.
_PIECE = 4 << 20


@dataclass(frozen=True, slots=True)
class Spooled:
    """What has arrived, whole: what `ObjectStore.put` takes.

    `content` is the bytes themselves, or the temp file that holds them until the spool is discarded. `sha256`
    is the digest's 32 bytes; `crc32` is that of ZIP, unsigned.
    """

    size: int
    sha256: bytes
    crc32: int
    content: bytes | Path


def pieces(content: bytes | Path, size: int = _MIB) -> Iterator[bytes]:
    """The content of a `Spooled`: bytes as they are, a file in pieces of `size`. Raises OSError."""
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb", buffering=0) as stream:
        while piece := stream.read(size):
            yield piece


class Spools:
    """The spools of one process, with the limits they share.

    `in_memory` bytes of one spool, and `in_memory_together` of all, may be held in memory; `largest` is the
    most that one may take. `folder` is for temp files: `ObjectStore.temp`, so that a put need not copy them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        in_memory: int = 8 * _MIB,
        in_memory_together: int = 64 * _MIB,
        largest: int = 16 << 30,
        disk: FileSystem = DISK,
    ) -> None:
        self.folder = folder
        self.in_memory = in_memory
        self.in_memory_together = in_memory_together
        self.largest = largest
        self.disk = disk
        self.held = 0

    def open(self, largest: int | None = None) -> "Spool":
        """A new spool, to be used in `async with`; it takes `largest` bytes where that is below the limit."""
        return Spool(self, self.largest if largest is None else min(largest, self.largest))

    def crowded(self) -> bool:
        """Whether all spools together hold more in memory than they may."""
        return self.held > self.in_memory_together


class Spool:
    """One run of bytes on its way in, written by one task. `async with` removes what it made."""

    def __init__(self, spools: Spools, largest: int) -> None:
        self._spools = spools
        self._largest = largest
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self._chunks: list[bytes | memoryview] = []
        self._held = 0
        self._size = 0
        self._file: TempFile | None = None
        self._failure: Exception | None = None
        self._spooled: Spooled | None = None
        self._map: mmap.mmap | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.discard()

    @property
    def size(self) -> int:
        """Bytes taken so far."""
        return self._size

    async def write(self, chunk: Chunk) -> None:
        """Take the next bytes. Raises TooLarge or StoreUnavailable (disk full), and that again ever after."""
        self._raise_failure()
        if self._size + len(chunk) > self._largest:
            self._release()
            self._failure = TooLarge(f"At most {self._largest} bytes are taken here; this has more.")
            raise self._failure
        self._hold(chunk)
        room = _FLUSH if self._file else self._spools.in_memory
        if self._held > room or (self._held and self._spools.crowded()):
            await self._flush(self._spill)

    async def write_all(self, chunks: Iterable[Chunk]) -> None:
        """Take all of these, large ones in pieces. Raises as `write` does, and what making them does."""
        for chunk in chunks:
            for start in range(0, len(chunk), _PIECE):
                await self.write(chunk[start : start + _PIECE])

    async def finish(self) -> Spooled:
        """All has arrived. Raises as `write` does; may be called again for the same answer."""
        self._raise_failure()
        if self._spooled is None:
            if self._file:
                await self._flush(self._close)
            elif self._size <= _INLINE:
                self._join()
            else:
                await in_thread(self._join)
        return self._done()

    def finish_here(self) -> Spooled:
        """As `finish`, in the thread that calls: for who works on several.

        Where it has a temp file, `finish` must have been called.
        """
        self._raise_failure()
        if self._spooled is None and self._file is None:
            self._join()
        return self._done()

    def beginning(self) -> bytes:
        """Some first bytes, at most 4 kB, where they are still in memory; perhaps none."""
        return bytes(self._chunks[0][:_PAGE]) if self._chunks and self._file is None else b""

    def view(self) -> bytes | mmap.mmap:
        """What was spooled, to be parsed in place; for a temp file, pages are read as they are touched.

        After `finish`, until `discard`. Raises StoreUnavailable.
        """
        content = self._done().content
        if isinstance(content, bytes):
            return content
        if self._map is None:
            with facts(), content.open("rb") as stream:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return self._map

    async def path(self) -> Path:
        """A read-only file of what was spooled, until `discard`; written now when it was all in memory.

        After `finish`. Raises StoreUnavailable.
        """
        content = self._done().content
        if isinstance(content, Path):
            return content
        return await in_thread(self._write_out, content)

    async def discard(self) -> None:
        """Forget the bytes and remove the temp file, whatever state the spool is in. May be called again."""
        self._release()
        self._spooled, self._failure = None, RuntimeError("the spool was discarded")
        if self._map is not None:
            # Someone may still hold a view of it; its pages then go with the last of those.
            with suppress(BufferError):
                self._map.close()
            self._map = None
        if self._file is not None:
            await in_thread(self._file.remove)

    def _done(self) -> Spooled:
        self._raise_failure()
        if self._spooled is None:
            raise RuntimeError("finish() the spool first")
        return self._spooled

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _hold(self, chunk: Chunk) -> None:
        # A view of bytes cannot change under us; anything else may be a buffer that its owner uses again.
        if isinstance(chunk, bytearray) or (
            isinstance(chunk, memoryview) and not isinstance(chunk.obj, bytes)
        ):
            chunk = bytes(chunk)
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._held += len(chunk)
        self._spools.held += len(chunk)

    def _release(self) -> None:
        self._chunks = []
        self._spools.held -= self._held
        self._held = 0

    async def _flush(self, flush: Callable[[], None]) -> None:
        try:
            await in_thread(flush)
        finally:
            self._release()

    # What follows may run in a thread, while the task that writes waits for it.

    def _temp_file(self, disk: FileSystem, folder: Path) -> TempFile:
        return TempFile(disk, folder)

    def _digest(self, chunk: Chunk) -> None:
        self._sha256.update(chunk)
        self._crc32 = zlib.crc32(chunk, self._crc32)

    def _keep(self, content: bytes | Path) -> None:
        self._spooled = Spooled(self._size, self._sha256.digest(), self._crc32, content)

    def _join(self) -> None:
        content = b"".join(self._chunks)
        self._chunks = []
        self._digest(content)
        self._keep(content)

    def _spill(self) -> None:
        """Move what is held to the temp file, digesting it on the way."""
        with self._failing():
            if self._file is None:
                self._file = self._temp_file(self._spools.disk, self._spools.folder)
            for chunk in self._chunks:
                self._digest(chunk)
                self._file.write(chunk)

    def _close(self) -> None:
        self._spill()
        with self._failing():
            assert self._file is not None
            self._file.close()
            self._keep(self._file.path)

    def _write_out(self, content: bytes) -> Path:
        with self._failing():
            if self._file is None:
                self._file = self._temp_file(self._spools.disk, self._spools.folder)
                self._file.write(content)
                self._file.close()
        return self._file.path

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Remember a failure: bytes were lost, and nothing later may take the rest for the whole."""
        try:
            yield
        except OSError as error:
            self._failure = fact(error)
            raise self._failure from error
