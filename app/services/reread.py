"""Reading stored objects again, whole and at a bounded pace, for what they are."""

import asyncio
import hashlib
import zlib
from contextlib import aclosing
from time import monotonic
from typing import NamedTuple

from app.archive import Archive
from app.errors import InvalidKey, ObjectNotFound, ObjectTruncated, StoreUnavailable
from app.threads import in_thread

#: Seconds after each time that a store does not give an object.
PAUSES = (1.0, 5.0, 0.0)


class UnreadableError(Exception):
    """The store is there, and does not give this object."""


class Digests(NamedTuple):
    """What an object has been found to be."""

    size: int
    sha256: bytes
    crc32: int
    md5: bytes


class Pace:
    """Lets so many bytes a second through."""

    def __init__(self, bytes_per_second: int) -> None:
        self._rate, self._began, self._passed = bytes_per_second, monotonic(), 0

    async def passed(self, size: int) -> None:
        """Wait until as many more bytes may follow."""
        self._passed += size
        await asyncio.sleep(max(0.0, self._began + self._passed / self._rate - monotonic()))


async def digests(archive: Archive, key: str, pace: Pace) -> Digests | None:
    """What an object is; None where there is none. Raises StoreUnavailable."""
    sha256, md5, crc32, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0, 0
    try:
        async with aclosing(archive.store.stream(key)) as pieces:
            async for piece in pieces:
                await in_thread(sha256.update, piece)
                await in_thread(md5.update, piece)
                crc32, size = await in_thread(zlib.crc32, piece, crc32), size + len(piece)
                await pace.passed(len(piece))
    except (InvalidKey, ObjectNotFound, ObjectTruncated):
        return None
    return Digests(size, sha256.digest(), crc32, md5.digest())


async def patiently(archive: Archive, key: str, pace: Pace) -> Digests | None:
    """The same. Raises UnreadableError where the store gives others, but not this one; StoreUnavailable where
    it gives none.
    """
    for pause in PAUSES:
        try:
            return await digests(archive, key, pace)
        except StoreUnavailable:
            await archive.store.check()
            await asyncio.sleep(pause)
    raise UnreadableError
