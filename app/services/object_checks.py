"""Every row has its object, with the size and digest that it says, and every object has its row."""

from collections.abc import AsyncIterator, Sequence
from functools import partial

from app.archive import Archive
from app.database.key_list import KeyList, Listed, passing
from app.errors import InvalidKey
from app.index import named
from app.index.derived import Finding
from app.index.named import NAMING, Named
from app.index.tables import INSTANCE
from app.services.object_lists import Told, digest, is_young, listed, mark, size_of, together
from app.threads import in_thread

#: Objects that are read at once.
READERS = 4


async def check(archive: Archive, *, deep: bool, told: Told) -> AsyncIterator[Finding]:
    """What is wrong between rows and objects; `deep` reads every object. Raises StoreUnavailable.

    What changes meanwhile is looked at again before anything is said of it.
    """
    with passing(archive.settings.data / "temp") as found:
        await listed(archive, found, told)
        async for finding in _rows(archive, found, told, deep=deep):
            yield finding
        for table in NAMING:
            if table is not INSTANCE:
                await mark(archive, found, table, told)
        async for finding in _unnamed(archive, found):
            yield finding


async def _rows(archive: Archive, found: KeyList, told: Told, *, deep: bool) -> AsyncIterator[Finding]:
    last, after = await archive.database.scan(named.last), 0
    while page := await archive.database.scan(partial(named.page, after=after)):
        after = page[-1].row
        there = await in_thread(found.find, list({each.object_key for each in page}))
        suspects = [each for each in page if _size(there, each) != each.size]
        if deep:
            suspects += await _read(archive, found, page, there)
        else:
            await in_thread(found.mark, dict.fromkeys(there, b""))
        for each in await _again(archive, suspects):
            for finding in await _look(archive, each, deep=deep):
                yield finding
        told("Reading objects" if deep else "Comparing objects", after, max(after, last))


def _size(there: dict[str, Listed], each: Named) -> int | None:
    listed = there.get(each.object_key)
    return listed.size if listed else None


async def _again(archive: Archive, suspects: Sequence[Named]) -> list[Named]:
    """What is still said of them: rows that were purged since are gone, and their objects may be."""
    rows = [each.row for each in suspects]
    return await archive.database.scan(partial(named.again, rows=rows)) if rows else []


async def _look(archive: Archive, each: Named, *, deep: bool) -> list[Finding]:
    """What is wrong with one row's object."""
    where = f"instance {each.row}, object {each.object_key}"
    try:
        size = await size_of(archive, each.object_key)
    except InvalidKey:
        return [Finding("invalid key", where, "this is the key of no object", each.row)]
    if size is None:
        return [Finding("missing object", where, "the store has no such object", each.row)]
    if size != each.size:
        return [Finding("wrong size", where, f"it has {size} bytes, not {each.size}", each.row)]
    if deep and await digest(archive.store, each.object_key) != _said(each):
        return [Finding("wrong digest", where, "its bytes are not those that were stored", each.row)]
    return []


async def _read(
    archive: Archive, found: KeyList, page: Sequence[Named], there: dict[str, Listed]
) -> list[Named]:
    """Read the objects of these rows, as far as they were not; those whose bytes are not what a row says."""
    digests = {key: each.sha256 for key, each in there.items() if each.sha256}
    todo = [key for key in there if key not in digests]
    for start in range(0, len(todo), READERS):
        some = todo[start : start + READERS]
        read = await together(digest(archive.store, key) for key in some)
        digests |= dict(zip(some, read, strict=True))
    await in_thread(found.mark, digests)
    return [
        each
        for each in page
        if digests.get(each.object_key, b"") != _said(each) and _size(there, each) == each.size
    ]


def _said(each: Named) -> bytes:
    return each.sha256 + (each.crc32 & 0xFFFFFFFF).to_bytes(4)


async def _unnamed(archive: Archive, found: KeyList) -> AsyncIterator[Finding]:
    """Objects that no row names, but for those that a running upload may have put."""
    after = ""
    while page := await in_thread(found.page, after, unnamed=True):
        after = page[-1].key
        for each in page:
            if not is_young(each.key) and await size_of(archive, each.key) is not None:
                yield Finding(
                    "unreferenced object", f"object {each.key}", f"no row names its {each.size} bytes"
                )
