"""Putting objects into a bucket, each where nothing is, and taking back what became of a put that failed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore

from app.errors import Fact, ObjectExists, ObjectNotFound, StoreUnavailable
from app.storage import keys
from app.storage.bucket import AnyBucket
from app.storage.disk import facts
from app.storage.spool import Spooled
from app.storage.threads import in_thread

#: The largest object that is put as a whole, and the size of the parts of others.
PART = 8 << 20
#: S3 takes no more parts of one object.
_PARTS = 10_000
#: Large objects that go up at once, and parts of each: as many are held in memory.
_LARGE_AT_ONCE, _PARTS_AT_ONCE = 4, 3
#: After how many seconds to look for what a put left whose answer was lost, each time; and so many at once.
_LOOKS = (0, 2, 10, 30, 60)
_LOOKS_AT_ONCE = 4
#: What an object says that it is to who fetches it from the bucket itself.
_TYPE = {"Content-Type": "application/dicom"}
#: The names of the marks of an object and of a claim, whose values say which put made them.
WHOLE, CLAIM = "put", "claim"


@dataclass(frozen=True, slots=True)
class _Put:
    """One put of one object; its mark is like no other's."""

    path: str
    spooled: Spooled
    mark: str
    stop: asyncio.Event


class _Stopped(Fact):
    """The upload is no longer wanted: raised into the library, which then aborts it."""


class Uploads:
    """The puts of one process into a bucket; `turn` gives leave to send a request, whose errors are facts."""

    def __init__(self, bucket: AnyBucket, turn: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self._bucket = bucket
        self._turn = turn
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._looks = asyncio.Semaphore(_LOOKS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def put_all(self, objects: Sequence[tuple[str, Spooled]]) -> None:
        """All or none. Raises ObjectExists, StoreUnavailable. One that is cancelled is taken back first."""
        stop = asyncio.Event()
        puts = [_Put(path, spooled, keys.fresh(), stop) for path, spooled in objects]
        task = asyncio.create_task(self._put_all(puts))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.shield(self._start(self._take_back_after(task, puts)))
            raise

    async def delete(self, path: str) -> None:
        """Silent when there is nothing. Raises StoreUnavailable."""
        try:
            async with self._turn():
                await obstore.delete_async(self._bucket, path)
        except ObjectNotFound:
            return

    async def close(self) -> None:
        """Stop looking for what was left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _put_all(self, puts: Sequence[_Put]) -> None:
        outcomes = await asyncio.gather(*(self._put(each) for each in puts), return_exceptions=True)
        failures = [outcome for outcome in outcomes if outcome is not None]
        if failures:
            await self._take_back([put for put, failure in zip(puts, outcomes, strict=True) if not failure])
            raise next((each for each in failures if not isinstance(each, _Stopped)), failures[0])

    async def _take_back_after(self, task: asyncio.Task[None], puts: Sequence[_Put]) -> None:
        await asyncio.wait([task])
        if not task.exception():
            await self._take_back(puts)

    async def _take_back(self, puts: Sequence[_Put]) -> None:
        await asyncio.gather(*(self._remove(each) for each in puts))

    async def _remove(self, put: _Put) -> None:
        """Remove what this put made, now or when the store answers again."""
        try:
            await self.delete(put.path)
        except StoreUnavailable:
            self._start(self._look_again(put))

    async def _put(self, put: _Put) -> None:
        if put.stop.is_set():
            raise _Stopped
        try:
            await (self._put_whole(put) if put.spooled.size <= PART else self._put_in_parts(put))
        except BaseException:
            put.stop.set()
            raise

    async def _put_whole(self, put: _Put) -> None:
        content = put.spooled.content
        with facts():
            data = content if isinstance(content, bytes) else await in_thread(content.read_bytes)
        await self._create(put, data, WHOLE)

    async def _put_in_parts(self, put: _Put) -> None:
        async with self._large:
            await self._create(put, b"", CLAIM)
            size = max(PART, -(-put.spooled.size // _PARTS))
            how = {"use_multipart": True, "chunk_size": size, "max_concurrency": _PARTS_AT_ONCE}
            try:
                await self._send(put, _parts(put, size), WHOLE, **how)
            except BaseException:
                self._start(self._look_again(put))
                raise

    async def _create(self, put: _Put, data: bytes, kind: str) -> None:
        """Put where nothing is. Raises ObjectExists, StoreUnavailable."""
        try:
            await self._send(put, data, kind, mode="create", use_multipart=False)
        except ObjectExists:
            # Perhaps by ourselves, when the answer to a first try was lost.
            if not await self._made(put):
                raise
        except StoreUnavailable:
            self._start(self._look_again(put))
            raise

    async def _send(
        self, put: _Put, data: bytes | AsyncIterator[bytes | memoryview], kind: str, **how: Any
    ) -> None:
        marks = {**_TYPE, kind: put.mark}
        try:
            async with self._turn():
                await obstore.put_async(self._bucket, put.path, data, attributes=marks, **how)
        except ObjectNotFound:
            raise StoreUnavailable from None

    async def _made(self, put: _Put) -> bool:
        """Whether what is there now was made by this put."""
        try:
            async with self._turn():
                found = await obstore.get_async(self._bucket, put.path, options={"head": True})
        except ObjectNotFound:
            return False
        return put.mark in found.attributes.values()

    async def _look_again(self, put: _Put) -> None:
        """Remove what a put without an answer left, whenever that turns up; after a while a sweep has to."""
        for seconds in _LOOKS:
            await asyncio.sleep(seconds)
            async with self._looks:
                try:
                    if await self._made(put):
                        await self.delete(put.path)
                except StoreUnavailable:
                    continue

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _parts(put: _Put, size: int) -> AsyncIterator[bytes | memoryview]:
    content = put.spooled.content
    for start in range(0, put.spooled.size, size):
        if put.stop.is_set():
            raise _Stopped
        if isinstance(content, Path):
            with facts():
                part = await in_thread(_read, content, start, size)
            yield part
        else:
            yield memoryview(content)[start : start + size]


def _read(path: Path, start: int, size: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        return file.read(size)
