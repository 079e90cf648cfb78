"""`readingroom sweep`: objects that no row named in two runs at least a day apart are deleted.

Uploads that break off leave such objects; nothing else that is whole does.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from app.archive import Archive
from app.database.key_list import KeyList, Listed, passing
from app.index.named import NAMING
from app.models.types import now
from app.registry import audit, unreferenced
from app.services import purges
from app.services.object_lists import WHO, YOUNG, Told, is_young, listed, mark, mark_stragglers
from app.services.turns_at_objects import SWEEP, turn
from app.threads import in_thread

#: Between the two runs that an object must be unreferenced in.
APART = YOUNG


@dataclass(slots=True)
class Swept:
    """How many objects were deleted, of how many bytes; how many wait for a run in a day."""

    removed: int = 0
    bytes: int = 0
    waiting: int = 0


async def sweep(archive: Archive, told: Told, waiting: Callable[[str], None]) -> Swept:
    """Delete what was unreferenced a day ago already, and remember what is so now.

    Waits while a backup is made. Raises StoreUnavailable, DatabaseUnavailable, Conflict.
    """
    swept = await turn(archive.database, SWEEP, lambda: _sweep(archive, told), waiting)
    await purges.finish(archive)
    if swept.removed:
        counts = {"objects": swept.removed, "bytes": swept.bytes}
        await archive.database.write(lambda connection: audit.enter(connection, WHO, "sweep", **counts))
    return swept


async def _sweep(archive: Archive, told: Told) -> Swept:
    swept = Swept()
    with passing(archive.settings.data / "temp") as found:
        # The store first: what is put there from now on is not in the list.
        await listed(archive, found, told)
        last = [(table, await mark(archive, found, table, told)) for table in NAMING]
        await _forget(archive, found)
        async for page in _unnamed(found):
            doomed = await _doomed(archive, page, swept)
            for table, row in last if doomed else ():
                await mark_stragglers(archive, found, table, row)
            await _delete(archive, found, doomed, swept)
            told("Sweeping", swept.removed, None)
    return swept


async def _unnamed(found: KeyList) -> AsyncIterator[list[Listed]]:
    after = ""
    while page := await in_thread(found.page, after, unnamed=True):
        after = page[-1].key
        yield [each for each in page if not is_young(each.key)]


async def _doomed(archive: Archive, page: Sequence[Listed], swept: Swept) -> list[Listed]:
    """Those that were known a day ago; the new ones are remembered."""
    known = await archive.database.scan(
        partial(unreferenced.since, keys=[each.key for each in page]) if page else lambda _: {}
    )
    new = [each.key for each in page if each.key not in known]
    if new:
        await archive.database.write(partial(unreferenced.note, keys=new))
    doomed = [each for each in page if each.key in known and known[each.key] <= now() - APART]
    swept.waiting += len(page) - len(doomed)
    return doomed


async def _delete(archive: Archive, found: KeyList, doomed: Sequence[Listed], swept: Swept) -> None:
    keys = [each.key for each in doomed]
    still = {key for key, each in (await in_thread(found.find, keys)).items() if not each.named}
    for each in doomed:
        if each.key in still:
            await archive.store.delete(each.key)
            swept.removed, swept.bytes = swept.removed + 1, swept.bytes + each.size
    if keys:
        await archive.database.write(lambda connection: unreferenced.forget(connection, keys))


async def _forget(archive: Archive, found: KeyList) -> None:
    """Forget what is gone, and what a row names after all."""
    after = ""
    while page := await archive.database.scan(partial(unreferenced.page, after=after)):
        after, there = page[-1], await in_thread(found.find, list(page))
        over = [key for key in page if key not in there or there[key].named]

        def write(connection: Connection, over: list[str] = over) -> None:
            unreferenced.forget(connection, over)

        if over:
            await archive.database.write(write)
