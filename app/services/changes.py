"""What differs between versions of collections, for a caller."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.errors import NotFound
from app.index import changes
from app.index.changes import START, Change, Cursor, Held
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
        return [(each, _instances(connection, viewer, found.id, each, since, until)) for each in rows]

    differing = await archive.database.scan(read)
    if not differing:
        raise NotFound("These versions do not differ in this series.")
    return differing


async def manifest(
    archive: Archive, caller: Caller, slug: str, since: int, until: int | None
) -> tuple[int, AsyncIterator[list[Step]]]:
    """To which version, and what to fetch and to delete to get there, of what the caller may take.

    Raises NotSignedIn, NotFound before the first.
    """
    viewer, found, until = await _between(archive, caller, slug, since, until)
    return until, _steps(archive, viewer.at(Capability.DOWNLOAD), found, since, until)


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

        def read(connection: Connection, after: Cursor = after) -> tuple[int, list[Change], list[Step]]:
            page = changes.page(connection, viewer, found.id, since, until, after, TOGETHER)
            # A series lies in one answer whole, whatever number of access units it is in.
            whole = changes.one(connection, viewer, found.id, since, until, page[-1].series) if page else []
            rows = [each for each in page if each.series != page[-1].series] + whole
            return len(page), rows, list(steps_of(connection, viewer, found.id, rows, since, until))

        found_now, rows, steps = await archive.database.scan(read)
        yield steps
        if found_now < TOGETHER:
            return
        after = rows[-1].series, rows[-1].unit


def steps_of(
    connection: Connection, viewer: Viewer, collection: int, rows: list[Change], since: int, until: int
) -> Iterator[Step]:
    """What to do about these series, each with all access units that it is in."""
    for series, own in groupby(rows, lambda row: row.series):
        old, new = dict[str, Held](), dict[str, Held]()
        for change in own:
            before, after = changes.held(connection, viewer, collection, change, since, until)
            old, new, study = {**old, **before}, {**new, **after}, change.study
        for uid, each in old.items():
            if uid not in new:
                yield Step("delete", study, series, uid, each.sha256.hex(), each.size)
        for uid, each in new.items():
            if uid not in old or old[uid].sha256 != each.sha256:
                yield Step("fetch", study, series, uid, each.sha256.hex(), each.size)


def _instances(
    connection: Connection, viewer: Viewer, collection: int, change: Change, since: int, until: int
) -> Instances:
    old, new = changes.held(connection, viewer, collection, change, since, until)
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
