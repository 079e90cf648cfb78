"""Objects copied from one store into another: each is what its row says, or is not copied."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from enum import StrEnum
from typing import Any

from app.database.key_list import KeyList, Listed
from app.errors import InvalidKey, ObjectExists, ObjectNotFound, ObjectTruncated, TooLarge
from app.services.object_lists import Told, digest, together
from app.storage.object_store import ObjectStore
from app.storage.spool import Spool, Spooled, Spools
from app.threads import in_thread

#: Objects that are copied together, and of how many bytes: a folder has less to do for each then.
TOGETHER, BYTES_TOGETHER = 64, 64 << 20
#: Bytes that they may hold in memory, each, and all of them.
_LIMITS: Any = {"in_memory": 4 << 20, "in_memory_together": 64 << 20, "largest": 1 << 62}


class Copied(StrEnum):
    """What became of an object."""

    COPIED = "copied"
    #: It was there, of the right size.
    THERE = "there"
    #: The source does not have it, or not as its row says.
    DAMAGED = "damaged"


async def copy(
    source: ObjectStore, target: ObjectStore, wanted: KeyList, told: Told, what: str, *, deep: bool = False
) -> AsyncIterator[Copied]:
    """Copy what is listed and not there yet; what became of each. `deep` reads what is there, too, and copies
    anew what is no longer what it was. Raises StoreUnavailable.
    """
    total, _ = await in_thread(wanted.total)
    done, after, spools = 0, "", Spools(target.temp, **_LIMITS)
    told(what, 0, total)
    while page := await in_thread(wanted.page, after):
        after = page[-1].key
        for some in _groups(page):
            for became in await _group(source, target, spools, some, deep):
                yield became
            done += len(some)
            told(what, done, total)


def _groups(page: Sequence[Listed]) -> Iterator[list[Listed]]:
    group, size = list[Listed](), 0
    for each in page:
        if group and (len(group) == TOGETHER or size + each.size > BYTES_TOGETHER):
            yield group
            group, size = [], 0
        group.append(each)
        size += each.size
    yield group


async def _group(
    source: ObjectStore, target: ObjectStore, spools: Spools, some: Sequence[Listed], deep: bool
) -> list[Copied]:
    """What became of these, in any order."""
    there = await together(_is_there(target, each, deep) for each in some)
    missing = [each for each, held in zip(some, there, strict=True) if not held]
    async with AsyncExitStack() as held_open:
        opened = [await held_open.enter_async_context(spools.open(each.size)) for each in missing]
        pairs = zip(missing, opened, strict=True)
        fetched = await together(_fetch(source, spool, each) for each, spool in pairs)
        whole = [(each.key, got) for each, got in zip(missing, fetched, strict=True) if got]
        await _put(target, whole)
    counts = {Copied.THERE: sum(there), Copied.COPIED: len(whole), Copied.DAMAGED: len(missing) - len(whole)}
    return list(Counter(counts).elements())


async def _is_there(target: ObjectStore, each: Listed, deep: bool) -> bool:
    try:
        there = await target.head(each.key) == each.size
    except (InvalidKey, ObjectNotFound):
        return False
    return there and (not deep or (await digest(target, each.key))[:32] == each.sha256)


async def _fetch(source: ObjectStore, spool: Spool, each: Listed) -> Spooled | None:
    """The object, unless it is not there, or not what its row says."""
    try:
        async with aclosing(source.stream(each.key)) as pieces:
            async for piece in pieces:
                await spool.write(piece)
    except (InvalidKey, ObjectNotFound, ObjectTruncated, TooLarge):
        return None
    spooled = await spool.finish()
    return spooled if (spooled.size, spooled.sha256) == (each.size, each.sha256) else None


async def _put(target: ObjectStore, objects: Sequence[tuple[str, Spooled]]) -> None:
    try:
        if objects:
            await target.put_all(objects)
    except ObjectExists:  # one of a wrong size, or rotten
        for key, spooled in objects:
            await target.delete(key)
            await target.put(key, spooled)
