"""What the store holds beside what rows name: both listed on disk, as neither need fit in memory."""

import asyncio
import hashlib
import zlib
from collections.abc import Callable, Coroutine, Iterable
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Table

from app.archive import Archive
from app.database.key_list import KeyList, Listed
from app.errors import ObjectNotFound, ObjectTruncated
from app.index import named
from app.models.types import now
from app.storage import keys
from app.storage.object_store import ObjectStore
from app.threads import in_thread

T = TypeVar("T")
#: Told what is being done, how far it is, and of how much, where that is known.
Told = Callable[[str, int, int | None], None]
#: What is younger may belong to an upload that has not ended: its row comes last.
YOUNG = timedelta(days=1)
#: Rows before the last one that may have been committed after it.
_STRAGGLERS = 10_000
_BATCH = 1000
#: Who does it, in the audit.
WHO = "command line"


async def listed(archive: Archive, found: KeyList, told: Told) -> None:
    """Put everything that the store holds in the list."""
    count, batch = 0, list[Listed]()
    async for key, size in archive.store.list():
        batch.append(Listed(key, size))
        if len(batch) == _BATCH:
            count += len(batch)
            await in_thread(found.add, batch)
            batch = []
            told("Listing objects", count, None)
    await in_thread(found.add, batch)
    told("Listing objects", count + len(batch), count + len(batch))


async def mark(
    archive: Archive, found: KeyList, table: Table, told: Told, after: int = 0, what: str = "Reading rows"
) -> int:
    """Mark what the rows of a table name, from this row on; the last row."""
    last = await archive.database.scan(partial(named.last, table=table))
    while page := await archive.database.scan(partial(named.keys, table=table, after=after)):
        after = page[-1][0]
        await in_thread(found.mark, {key: b"" for _, key in page if key})
        told(what, after, max(after, last))
    return after


async def mark_stragglers(archive: Archive, found: KeyList, table: Table, last: int) -> None:
    """Mark what rows name that were committed since, or late."""
    await mark(archive, found, table, lambda *_: None, max(0, last - _STRAGGLERS))


async def together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What they all give. Where one fails, or the caller is cancelled, all have ended when this raises."""
    tasks = [asyncio.ensure_future(each) for each in works]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def digest(store: ObjectStore, key: str) -> bytes:
    """The SHA-256 and the CRC-32 of an object, one after the other; empty where it cannot be read."""
    sha256, crc32 = hashlib.sha256(), 0
    try:
        async with aclosing(store.stream(key)) as pieces:
            async for piece in pieces:
                await in_thread(sha256.update, piece)
                crc32 = await in_thread(zlib.crc32, piece, crc32)
    except (ObjectNotFound, ObjectTruncated):
        return b""
    return sha256.digest() + crc32.to_bytes(4)


def is_young(key: str) -> bool:
    """Whether an object may be that of a running upload."""
    try:
        return keys.made(key) > now() - YOUNG
    except (ValueError, OverflowError, OSError):
        return True  # a key of no time that there is


async def size_of(archive: Archive, key: str) -> int | None:
    """The size of an object in the store; None where there is none."""
    try:
        return await archive.store.head(key)
    except ObjectNotFound:
        return None
