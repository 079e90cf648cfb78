"""Reading part of a file without ever keeping the event loop waiting for a disk."""

import mmap
import os

from app.errors import ObjectTruncated
from app.storage.threads import in_thread

_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)


#: Fewer bytes are read sooner than the kernel is asked whether it holds them.
WORTHWHILE = 64 << 10
#: What the kernel reads ahead at once: where one byte of so many is in memory, the others most likely are.
_AHEAD = 128 << 10
_BYTE = bytearray(1)


def in_memory(descriptor: int, offset: int, length: int) -> bool:
    """Whether these bytes can be had without waiting for a disk, as far as looking at some of them tells."""
    if _NOWAIT is None:
        return False
    try:
        return all(
            os.preadv(descriptor, [_BYTE], place, _NOWAIT)
            for place in (*range(offset, offset + length, _AHEAD), offset + length - 1)
        )
    except OSError:
        return False


class Reader:
    """Reads up to `piece` bytes at once in the event loop when they are in memory, otherwise in a thread.

    The kernel fills only buffers that exist, and a new one is filled with zeros first; so warm bytes pass
    through one buffer that is used again and again: 25 us a MiB more than a bare pread, less than the zeros.
    """

    def __init__(self, piece: int) -> None:
        self._buffer = memoryview(mmap.mmap(-1, piece))

    async def read(self, descriptor: int, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises ObjectTruncated, OSError."""
        require(descriptor, offset, length)
        warm = self._warm(descriptor, offset, length)
        return await in_thread(cold, descriptor, offset, length) if warm is None else warm

    def _warm(self, descriptor: int, offset: int, length: int) -> bytes | None:
        """The bytes, unless some are not in memory or the file system cannot tell."""
        if _NOWAIT is None or length > len(self._buffer):
            return None
        try:
            got = os.preadv(descriptor, [self._buffer[:length]], offset, _NOWAIT)
        except OSError:
            return None
        return bytes(self._buffer[:length]) if got == length else None


def require(descriptor: int, offset: int, length: int) -> None:
    """Raises ObjectTruncated when the file has no such bytes: asked first, so no number allocates memory."""
    size = os.fstat(descriptor).st_size
    if min(offset, length) < 0 or offset + length > size:
        raise ObjectTruncated(f"The stored object has {size} bytes; {length} at {offset} were asked for.")


def cold(descriptor: int, offset: int, length: int) -> bytes:
    """The bytes, waiting for them; one call reads 2 GiB at most. Raises ObjectTruncated, OSError."""
    pieces: list[bytes] = []
    while length:
        piece = os.pread(descriptor, length, offset)
        if not piece:
            raise ObjectTruncated
        pieces.append(piece)
        offset, length = offset + len(piece), length - len(piece)
    return b"".join(pieces)
