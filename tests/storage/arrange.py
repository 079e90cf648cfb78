"""How the tests of this room spool bytes, and a disk that is watched and can be made to fail."""

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.storage.disk import DISK, FileSystem
from app.storage.object_store import FileRange, ObjectStore
from app.storage.spool import Spooled, Spools


def spooled(content: bytes | Path) -> Spooled:
    """Content that has arrived, without a spool."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    return Spooled(len(data), hashlib.sha256(data).digest(), zlib.crc32(data), content)


async def put_through_file(store: ObjectStore, key: str, content: bytes) -> None:
    """Put what is not empty by way of a temp file, as large instances are."""
    async with Spools(store.temp, in_memory=0).open() as spool:
        await spool.write(content)
        await store.put(key, await spool.finish())


async def whole(store: ObjectStore, key: str) -> bytes:
    return b"".join([piece async for piece in store.stream(key)])


def left_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def listed(store: ObjectStore, prefix: str = "") -> list[tuple[str, int]]:
    return [found async for found in store.list(prefix)]


@dataclass
class Watch:
    """Records each call that changes the disk, by name and path; `before` may raise in its stead."""

    calls: list[tuple[str, Path | None]] = field(default_factory=list)
    before: Callable[[str], None] = lambda name: None

    def disk(self) -> FileSystem:
        return replace(DISK, **dict(self._watched()))

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def _watched(self) -> Iterator[tuple[str, Callable[..., Any]]]:
        for name in FileSystem.__slots__:
            yield name, self._watch(name, getattr(DISK, name))

    def _watch(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Any:
            self.calls.append((name, args[-1] if isinstance(args[-1], Path) else None))
            self.before(name)
            return call(*args)

        return watched


def taken(piece: bytes | FileRange) -> bytes:
    """A piece's bytes, as whoever sends it takes them."""
    if isinstance(piece, FileRange):
        return os.pread(piece.fileno(), piece.length, piece.offset)
    return piece
