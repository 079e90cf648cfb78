"""Objects in a bucket at S3, Google Cloud Storage or Azure, under the same names as in a folder.

A small object is one conditional put, which of several writers one wins. A large one goes up in parts, which
no store puts conditionally; so its writer first takes the name with a *claim*, a conditional put of nothing,
which the finished upload replaces. A claim is no object to any reader. Every put is marked: where its answer
was lost, its writer finds out whether it is there.

A range is read in pieces, each a request of its own: a slow reader holds no connection, and a piece that
failed is asked for again.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore

from app.errors import ObjectNotFound, ObjectTruncated, StoreUnavailable
from app.storage import keys
from app.storage.bucket import AnyBucket
from app.storage.disk import facts as disk_facts
from app.storage.disk import sweep
from app.storage.object_store import PIECE
from app.storage.refusals import ERRORS, beyond_the_end, fact, facts
from app.storage.spool import Spooled
from app.storage.uploads import WHOLE, Uploads

if TYPE_CHECKING:
    from obstore import GetResult

#: Requests that one process sends at once.
_AT_ONCE = 64
#: No object is as large: beyond it no number is sent to a store.
_LARGEST = 1 << 50
_READY = "ready"
#: A claim of this age is nobody's any more: it is listed, so that a sweep finds it.
_LEFT = timedelta(days=7)


class RemoteStore:
    """An `ObjectStore` in a bucket, which any number of processes may share; `temp` is a local folder.

    Nothing is asked of the bucket before it is used, so that an archive starts while its store is down.
    A request waits `patience` seconds at most, and as long for its turn. `signing` is the bucket as clients
    reach it. Raises StoreUnavailable when the folder cannot be made.
    """

    def __init__(self, bucket: AnyBucket, temp: Path, patience: float, signing: AnyBucket) -> None:
        with disk_facts():
            temp.mkdir(parents=True, exist_ok=True)
            sweep(temp)
        self._bucket = bucket
        self._signing = signing
        self._temp = temp
        self._patience = patience
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._uploads = Uploads(bucket, self._turn)

    @property
    def temp(self) -> Path:
        return self._temp

    async def put(self, key: str, spooled: Spooled) -> None:
        await self.put_all([(key, spooled)])

    async def put_all(self, objects: Sequence[tuple[str, Spooled]]) -> None:
        await self._uploads.put_all([(_path(key), spooled) for key, spooled in objects])

    async def read(self, key: str, offset: int, length: int) -> bytes:
        return await self._read(key, offset, length, length)

    async def stream(
        self, key: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        if length is None:
            piece, size = await self._begin(key, offset)
            length = size - offset
        else:
            piece = await self._read(key, offset, min(PIECE, length), length)
        for start in range(offset + PIECE, offset + length, PIECE):
            # The next piece comes while this one is sent.
            with _ahead(self.read(key, start, min(PIECE, offset + length - start))) as coming:
                yield piece
                piece = await coming
        if length:
            yield piece

    def ranges(self, key: str, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        return self.stream(key, offset, length)

    async def head(self, key: str) -> int:
        # One byte rather than a HEAD, whose answer cannot say whether it is the bucket that is missing.
        async with self._got(_path(key), 0, 1) as found:
            return found.meta["size"] if found else await self._empty(key)

    async def list(self, prefix: str = "") -> AsyncIterator[tuple[str, int]]:
        if not keys.may_begin(prefix):
            return
        chunks = obstore.list(self._bucket, _folder(prefix), chunk_size=1000)
        while True:
            async with self._turn():
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            for each in chunk:
                key = each["path"].rpartition("/")[2]
                ours = key.startswith(prefix) and keys.is_key(key) and each["path"] == _path(key)
                left = each["last_modified"] < datetime.now(UTC) - _LEFT
                if ours and (each["size"] or left or await self._is_object(key)):
                    yield key, each["size"]

    async def delete(self, key: str) -> None:
        await self._uploads.delete(_path(key))

    def local_path(self, key: str) -> None:
        keys.check(key)

    async def link(self, key: str, seconds: int) -> str | None:
        try:
            async with asyncio.timeout(self._patience):
                return await obstore.sign_async(self._signing, "GET", _path(key), timedelta(seconds=seconds))
        except (*ERRORS, ValueError):  # credentials that sign nothing, or that cannot be had now
            return None

    async def check(self) -> None:
        try:
            async with self._turn():
                await obstore.put_async(self._bucket, _READY, b"ready", use_multipart=False)
                await (await obstore.get_async(self._bucket, _READY)).bytes_async()
        except ObjectNotFound:
            raise StoreUnavailable("The object store does not keep what it takes.") from None

    async def close(self) -> None:
        await self._uploads.close()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Leave to send a request, whose errors are facts."""
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError:
            raise StoreUnavailable("The object store is busy; try again later.") from None
        try:
            with facts():
                yield
        finally:
            self._turns.release()

    @asynccontextmanager
    async def _got(self, path: str, start: int, stop: int) -> "AsyncIterator[GetResult | None]":
        """What there is of a range, or nothing where the object ends before it."""
        async with self._turn():
            try:
                found = await obstore.get_async(self._bucket, path, options={"range": (start, stop)})
            except ERRORS as error:
                if not beyond_the_end(error):
                    raise fact(error) from None
                found = None
            yield found

    async def _read(self, key: str, offset: int, length: int, wanted: int) -> bytes:
        """The first `length` bytes from `offset` of an object that must have `wanted` there."""
        if offset >= 0 and 0 < length <= wanted <= _LARGEST - offset:
            async with self._got(_path(key), offset, offset + length) as found:
                if found:
                    _require(found.meta["size"], offset, wanted)
                    return (await found.bytes_async()).to_bytes()
        _require(await self.head(key), offset, wanted)
        return b""

    async def _begin(self, key: str, offset: int) -> tuple[bytes, int]:
        """The first piece of all from `offset`, and the object's size."""
        if 0 <= offset <= _LARGEST:
            async with self._got(_path(key), offset, offset + PIECE) as found:
                if found:
                    return (await found.bytes_async()).to_bytes(), found.meta["size"]
        return b"", _require(await self.head(key), offset, 0)

    async def _is_object(self, key: str) -> bool:
        try:
            return not await self._empty(key)
        except ObjectNotFound:
            return False

    async def _empty(self, key: str) -> int:
        """0 for an empty object. Raises ObjectNotFound for a claim: its object is still to come."""
        async with self._turn():
            found = await obstore.get_async(self._bucket, _path(key), options={"head": True})
        if not found.meta["size"] and WHOLE not in found.attributes:
            raise ObjectNotFound
        return found.meta["size"]


def _path(key: str) -> str:
    """The same as in a folder, so that objects can be copied from one to the other as they are."""
    return f"objects/{keys.directory(keys.check(key))}/{key}"


def _folder(prefix: str) -> str:
    """The deepest folder that holds every key of a prefix: stores cannot look for parts of a name."""
    if len(prefix) < keys.COARSE:
        return "objects"
    return f"objects/{keys.directory(prefix) if len(prefix) >= keys.FINE else prefix[: keys.COARSE]}"


def _require(size: int, offset: int, length: int) -> int:
    if min(offset, length) < 0 or offset + length > size:
        raise ObjectTruncated(f"The stored object has {size} bytes; {length} at {offset} were asked for.")
    return size


@contextmanager
def _ahead(reading: Coroutine[Any, Any, bytes]) -> Iterator[asyncio.Task[bytes]]:
    """A read that goes on meanwhile; nobody minds its end once it is no longer wanted."""
    task = asyncio.create_task(reading)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        yield task
    finally:
        task.cancel()
