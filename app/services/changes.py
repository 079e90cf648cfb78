"""What differs between versions of collections, for a caller."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.errors import NotFound
from app.index import changes
from app.index.changes import START, Change, Cursor
from app.registry import versions
from app.registry.rights import Known
from app.registry.versions import Version
from app.services.roots import enter, known
from app.viewer import Capability, Viewer

#: Replaced instances whose attributes are compared for one answer.
COMPARED = 1_000
#: Series whose instances are compared in one go for a manifest.
TOGETHER = 50


@dataclass(frozen=True, slots=True)
class Instances:
    """What became of the instances of a series, by SOP Instance UID, and which attributes of the replaced
    ones differ: path, a value before and after, in how many instances.
    """

    added: tuple[str, ...]
    replaced: tuple[str, ...]
    withdrawn: tuple[str, ...]
    attributes: tuple[tuple[str, str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a manifest: an instance to `fetch` or to `delete`."""

    act: str
    study: str
    series: str
    instance: str
    sha256: str
    size: int


async def differences(
    archive: Archive, caller: Caller, slug: str, since: int, until: int | None, after: Cursor, limit: int
) -> list[Change]:
    """The series that differ between two versions of a collection, the latest by default.

    Raises NotSignedIn, NotFound.
    """
    viewer, found, until = await _between(archive, caller, slug, since, until)
    return await archive.database.scan(
        lambda connection: changes.page(connection, viewer, found.id, since, until, after, limit)
    )


async def of_series(
    archive: Archive, caller: Caller, slug: str, since: int, until: int | None, series: str
) -> list[tuple[Change, Instances]]:
    """What became of a series between two versions, in each access unit. Raises NotSignedIn, NotFound."""
    viewer, found, until = await _between(archive, caller, slug, since, until)

    def read(connection: Connection) -> list[tuple[Change, Instances]]:
        rows = changes.one(connection, viewer, found.id, since, until, series)
        return [(each, _instances(connection, each)) for each in rows]

    differing = await archive.database.scan(read)
    if not differing:
        raise NotFound("These versions do not differ in this series.")
    return differing


async def manifest(
    archive: Archive, caller: Caller, slug: str, since: int, until: int | None
) -> AsyncIterator[list[Step]]:
    """What to fetch and to delete to get from one version to another, of what the caller may take.

    Raises NotSignedIn, NotFound before the first.
    """
    viewer, found, until = await _between(archive, caller, slug, since, until)
    taking = viewer.at(Capability.DOWNLOAD)
    return _steps(archive, taking, found, since, until)


async def feed(
    archive: Archive, caller: Caller, after: tuple[int, Cursor], limit: int
) -> list[tuple[Known, Version, Change]]:
    """What every version of every collection changed of what the caller may find, the earliest first.

    `after` is the key of a version and the place in it of the last item that is known. Raises NotSignedIn.
    """
    register, viewer = await enter(archive, caller)
    names = {each.id: each for each in register.collections.values() if each.is_known_to(viewer)}

    def read(connection: Connection) -> list[tuple[Known, Version, Change]]:
        found: list[tuple[Known, Version, Change]] = []
        start, place = after
        for version in _from(connection, names, start):
            begun = place if version.id == start else START
            span = version.number - 1, version.number
            rows = changes.page(connection, viewer, version.collection_id, *span, begun, limit - len(found))
            found += [(names[version.collection_id], version, each) for each in rows]
            if len(found) >= limit:
                break
        return found

    return await archive.database.scan(read)


async def _steps(
    archive: Archive, viewer: Viewer, found: Known, since: int, until: int
) -> AsyncIterator[list[Step]]:
    after = START
    while True:

        def read(connection: Connection, after: Cursor = after) -> tuple[list[Change], list[Step]]:
            rows = changes.page(connection, viewer, found.id, since, until, after, TOGETHER)
            return rows, [step for each in rows for step in _steps_of(connection, each)]

        rows, steps = await archive.database.scan(read)
        yield steps
        if len(rows) < TOGETHER:
            return
        after = rows[-1].series, rows[-1].unit


def _steps_of(connection: Connection, change: Change) -> list[Step]:
    old, new = changes.held(connection, change.before), changes.held(connection, change.after)
    address = change.study, change.series
    fetched = [uid for uid, each in new.items() if uid not in old or old[uid].sha256 != each.sha256]
    steps = [
        Step("delete", *address, uid, each.sha256.hex(), each.size)
        for uid, each in old.items()
        if uid not in new
    ]
    return [*steps, *(Step("fetch", *address, uid, new[uid].sha256.hex(), new[uid].size) for uid in fetched)]


def _instances(connection: Connection, change: Change) -> Instances:
    old, new = changes.held(connection, change.before), changes.held(connection, change.after)
    replaced = [uid for uid in old if uid in new and old[uid].sha256 != new[uid].sha256]
    pairs = {old[uid].row: new[uid].row for uid in replaced[:COMPARED]}
    return Instances(
        tuple(uid for uid in new if uid not in old),
        tuple(replaced),
        tuple(uid for uid in old if uid not in new),
        tuple(changes.attributes(connection, pairs)),
    )


async def _between(
    archive: Archive, caller: Caller, slug: str, since: int, until: int | None
) -> tuple[Viewer, Known, int]:
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    until = found.latest_version if until is None else until
    if not 0 <= since <= until <= found.latest_version:
        raise NotFound("There are no such versions, the earlier one first.")
    return viewer, found, until


def _from(connection: Connection, collections: Iterable[int], start: int) -> Iterable[Version]:
    """The versions of these collections from that of this key on."""
    last, known_ones = start - 1, list(collections)
    while found := versions.behind(connection, known_ones, last, 100):
        yield from found
        last = found[-1].id
