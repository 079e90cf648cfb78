"""Objects in a dictionary: the oracle of the other stores, and a store for tests."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

from app.errors import ObjectExists, ObjectNotFound, ObjectTruncated
from app.storage import keys
from app.storage.disk import facts
from app.storage.object_store import PIECE
from app.storage.spool import Spooled, pieces


class MemoryStore:
    """An `ObjectStore` that ends with its process; `temp` is a folder, made when missing, for spools."""

    def __init__(self, temp: Path) -> None:
        with facts():
            temp.mkdir(parents=True, exist_ok=True)
        self._temp = temp
        self._objects: dict[str, bytes] = {}

    @property
    def temp(self) -> Path:
        return self._temp

    async def put(self, key: str, spooled: Spooled) -> None:
        await self.put_all([(key, spooled)])

    async def put_all(self, objects: Sequence[tuple[str, Spooled]]) -> None:
        names = {keys.check(key) for key, _ in objects}
        if len(names) < len(objects) or names & self._objects.keys():
            raise ObjectExists
        with facts():
            self._objects |= {key: b"".join(pieces(spooled.content)) for key, spooled in objects}

    async def read(self, key: str, offset: int, length: int) -> bytes:
        return _range(self._get(key), offset, length)

    async def stream(
        self, key: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        content = self._get(key)
        wanted = _range(content, offset, len(content) - offset if length is None else length)
        for start in range(0, len(wanted), PIECE):
            yield wanted[start : start + PIECE]

    def ranges(self, key: str, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        return self.stream(key, offset, length)

    async def head(self, key: str) -> int:
        return len(self._get(key))

    async def list(self, prefix: str = "") -> AsyncIterator[tuple[str, int]]:
        for key in sorted(self._objects):
            if key.startswith(prefix) and (content := self._objects.get(key)) is not None:
                yield key, len(content)

    async def delete(self, key: str) -> None:
        self._objects.pop(keys.check(key), None)

    def local_path(self, key: str) -> None:
        keys.check(key)

    async def link(self, key: str, seconds: int) -> None:
        keys.check(key)

    async def check(self) -> None:
        """A dictionary is always ready."""

    async def close(self) -> None:
        self._objects.clear()

    def _get(self, key: str) -> bytes:
        content = self._objects.get(keys.check(key))
        if content is None:
            raise ObjectNotFound
        return content


def _range(content: bytes, offset: int, length: int) -> bytes:
    if min(offset, length) < 0 or offset + length > len(content):
        raise ObjectTruncated
    return content[offset : offset + length]
