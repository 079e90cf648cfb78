"""A store whose operations are timed, counted and traced; otherwise it is the one inside."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from app import metrics
from app.metrics import Timed
from app.storage.object_store import FileRange, ObjectStore
from app.storage.spool import Spooled
from app.traces import span

P = TypeVar("P", bytes, bytes | FileRange)
_BYTES = {operation: metrics.STORE_BYTES.labels(operation) for operation in ("put", "read", "stream")}


class ObservedStore:
    """An `ObjectStore` around another one. Listing is left alone: it lasts as long as its reader likes."""

    def __init__(self, inside: ObjectStore) -> None:
        self._inside = inside

    @property
    def temp(self) -> Path:
        return self._inside.temp

    async def put(self, key: str, spooled: Spooled) -> None:
        await self.put_all([(key, spooled)])

    async def put_all(self, objects: Sequence[tuple[str, Spooled]]) -> None:
        with span("store put"), _timed("put"):
            await self._inside.put_all(objects)
        _count("put", sum(spooled.size for _, spooled in objects))

    async def read(self, key: str, offset: int, length: int) -> bytes:
        with span("store read"), _timed("read"):
            data = await self._inside.read(key, offset, length)
        _count("read", length)
        return data

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        return _streamed(self._inside.stream(key, offset, length))

    def ranges(self, key: str, offset: int, length: int) -> AsyncGenerator[bytes | FileRange, None]:
        return _streamed(self._inside.ranges(key, offset, length))

    async def head(self, key: str) -> int:
        with span("store head"), _timed("head"):
            return await self._inside.head(key)

    def list(self, prefix: str = "") -> AsyncIterator[tuple[str, int]]:
        return self._inside.list(prefix)

    async def delete(self, key: str) -> None:
        with span("store delete"), _timed("delete"):
            await self._inside.delete(key)

    def local_path(self, key: str) -> Path | None:
        return self._inside.local_path(key)

    async def link(self, key: str, seconds: int) -> str | None:
        return await self._inside.link(key, seconds)

    async def check(self) -> None:
        with span("store check"), _timed("check"):
            await self._inside.check()

    async def close(self) -> None:
        await self._inside.close()


async def _streamed(pieces: AsyncGenerator[P, None]) -> AsyncGenerator[P, None]:
    """What is timed is the first piece: how long the rest takes is up to its reader."""
    async with aclosing(pieces):
        with span("store stream", apart=True), _timed("stream"):
            piece = await anext(pieces, None)
        while piece is not None:
            _count("stream", len(piece))
            yield piece
            piece = await anext(pieces, None)


def _timed(operation: str) -> Timed:
    return Timed(metrics.STORE, metrics.STORE_FAILURES, operation)


def _count(operation: str, size: int) -> None:
    _BYTES[operation].inc(size)
