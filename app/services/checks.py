"""`readingroom check`: whatever rows, objects and indexes say of each other, compared; and told anew."""

from collections.abc import AsyncIterator
from functools import partial

from sqlalchemy import Connection, Table

from app.archive import Archive
from app.database import Work
from app.index import derived, named, rollups
from app.index.derived import Finding
from app.index.tables import SERIES, STUDY
from app.index.tag_values import Tags, merge
from app.services import object_checks
from app.services.object_lists import Told

_LOST = "fetch the object from a backup (`objects/` in its folder, under the same name), or ask who sent it"
_REPAIR = "run `readingroom check --repair`"
_LOOK = "no command mends this: look at the row, and at what was done to it"
#: What to do about each kind of finding.
ADVICE = {
    "missing object": _LOST,
    "wrong size": _LOST,
    "wrong digest": _LOST,
    "invalid key": _LOOK,
    "unreferenced object": "nothing is lost; `readingroom sweep`, run two days in a row, deletes it",
    "series count": _REPAIR,
    "series attributes": _REPAIR,
    "study attributes": _REPAIR,
    "tag values": _REPAIR,
    "empty series": _LOOK,
    "empty study": _LOOK,
    "misplaced series": _LOOK,
}
#: Series that are counted by one statement.
_TOGETHER = 25


async def check(
    archive: Archive, told: Told, *, deep: bool = False, repair: bool = False
) -> AsyncIterator[Finding]:
    """All that is wrong, as it is found; with `repair`, what follows from instances is told anew.

    Raises StoreUnavailable, DatabaseUnavailable. No row is deleted, nor any object.
    """
    async for finding in object_checks.check(archive, deep=deep, told=told):
        yield finding
    async for finding in _derived(archive, told):
        yield await _repaired(archive, finding) if repair else finding
    # Last, when the rows that they follow from say what is so.
    for finding in await _rolled_up(archive, repair=repair):
        yield finding


async def _rolled_up(archive: Archive, *, repair: bool) -> list[Finding]:
    found = await _lasting(archive, _of_rollups)
    if repair and found:
        await archive.database.write(rollups.recompute)
    return [each._replace(repaired=repair) for each in found]


def _of_rollups(connection: Connection) -> list[Finding]:
    said = "they do not count what its series and studies say"
    return [Finding("roll-ups", f"collection {row}", said, row) for row in rollups.wrong(connection)]


async def _derived(archive: Archive, told: Told) -> AsyncIterator[Finding]:
    async for rows in _pages(archive, SERIES, told, "Comparing series"):
        for finding in await _lasting(archive, partial(derived.counts, series=rows)):
            yield finding
        for row in rows:
            for finding in await _lasting(archive, partial(derived.series, row=row)):
                yield finding
            for finding in await _tags(archive, row):
                yield finding
    async for rows in _pages(archive, STUDY, told, "Comparing studies"):
        for row in rows:
            for finding in await _lasting(archive, partial(derived.study, row=row)):
                yield finding


async def _pages(archive: Archive, table: Table, told: Told, what: str) -> AsyncIterator[list[int]]:
    last, after = await archive.database.scan(partial(named.last, table=table)), 0
    while rows := await archive.database.scan(
        partial(derived.rows, table=table, after=after, most=_TOGETHER)
    ):
        yield list(rows)
        after = rows[-1]
        told(what, after, max(after, last))


async def _lasting(archive: Archive, look: Work[list[Finding]]) -> list[Finding]:
    """What is found twice: between two statements somebody may have stored."""
    found = await archive.database.scan(look)
    again = set(await archive.database.scan(look)) if found else set()
    return [each for each in found if each in again]


async def _tags(archive: Archive, row: int) -> list[Finding]:
    """What is wrong with a series' values, when looked at twice."""
    for _ in range(2):
        told = await _carried(archive, row)
        found = await archive.database.scan(partial(derived.indexed, row=row, told=told))
        if not found:
            break
    return found


async def _carried(archive: Archive, row: int) -> Tags:
    after, held = "", Tags()
    while True:
        after, page = await archive.database.scan(partial(derived.carried, row=row, after=after))
        if not page:
            return held
        held = merge([held, *page])


async def _repaired(archive: Archive, finding: Finding) -> Finding:
    def write(connection: Connection) -> bool:
        return derived.repair(connection, finding)

    return finding._replace(repaired=await archive.database.write(write))
