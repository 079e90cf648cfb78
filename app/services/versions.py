"""Versions of collections: published, read, and told apart."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.errors import Forbidden, InvalidRequest, NotFound
from app.index import changes, publish, tombstones
from app.index.changes import START, Change, Counts, Cursor
from app.index.publish import Leaving
from app.registry import audit, versions
from app.registry.rights import Known
from app.registry.versions import Version, Withdrawal
from app.services import doi_jobs, webhooks
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


async def publish_version(
    archive: Archive,
    caller: Caller,
    slug: str,
    note: str,
    submissions: Sequence[str] | None,
    withdrawals: Sequence[Withdrawal],
) -> Version:
    """Publish what is approved, or these submissions, as the collection's next version.

    Raises NotSignedIn, NotFound, Forbidden, InvalidRequest, and Conflict where there is nothing to publish or
    what is to be published does not fit what is there; then nothing is changed.
    """
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)
    require_everywhere(viewer, found)
    if found.kind == "external":
        raise InvalidRequest("This is a record of something that is elsewhere: it has no versions.")

    def write(connection: Connection) -> Version:
        number = versions.begin(connection, found.id)
        taken = versions.take(connection, found.id, submissions, number)
        leaving = [*(each for proposed in taken.values() for each in proposed), *withdrawals]
        reasons = {Leaving(each.study, each.series, each.instance): each.reason for each in leaving}
        left = publish.publish(connection, found.id, number, taken, reasons)
        tombstones.put(
            connection, (_tombstone(found, number, caller, reasons[each[0]], *each) for each in left)
        )
        versions.add(connection, found.id, number, note, caller.name)
        version = versions.get(connection, found.id, number)
        assert version
        doi_jobs.changed(connection, found.id)
        webhooks.announce(connection, webhooks.PUBLISHED, found.id, number)
        if left:
            units = sorted({unit for _, unit in left})
            webhooks.announce(connection, webhooks.WITHDRAWAL, found.id, number, units)
        said = {"version": number, "submissions": len(taken), "withdrawals": len(leaving)}
        audit.enter(connection, caller.name, "version.publish", collection=found.id, **said)
        return version

    return await archive.database.write(write)


def require_everywhere(viewer: Viewer, collection: Known) -> None:
    """Raises Forbidden unless the viewer curates, or owns, all of the collection."""
    rights = (Capability.CURATE, Capability.OWN)
    own = viewer.studies is None and all(
        any(viewer.holds(right, unit.id) for right in rights) for unit in collection.units
    )
    if not own:
        raise Forbidden("Versions are published by those who curate or own the whole collection.")


def _tombstone(
    collection: Known, version: int, caller: Caller, reason: str, left: Leaving, unit: int
) -> dict[str, object]:
    return {
        "collection_id": collection.id,
        "access_unit_id": unit,
        "version": version,
        "study_instance_uid": left.study,
        "series_instance_uid": left.series,
        "sop_instance_uid": left.instance,
        "reason": reason,
        "by": caller.name,
        "purged": False,
        "object_key": "",
    }


async def page(
    archive: Archive, caller: Caller, slug: str, after: int, limit: int
) -> list[tuple[Version, Counts]]:
    """The versions of a collection, and what each changed of what the caller may find."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug)

    def read(connection: Connection) -> list[tuple[Version, Counts]]:
        rows = versions.page(connection, found.id, after, limit)
        return [(each, _counts(connection, viewer, each)) for each in rows]

    return await archive.database.scan(read)


async def one(archive: Archive, caller: Caller, slug: str, number: int) -> tuple[Version, Counts]:
    """One version. Raises NotSignedIn, NotFound."""
    found = await page(archive, caller, slug, number - 1, 1)
    if not found or found[0][0].number != number:
        raise NotFound
    return found[0]


def _counts(connection: Connection, viewer: Viewer, version: Version) -> Counts:
    return changes.count(connection, viewer, version.collection_id, version.number - 1, version.number)


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


def _from(connection: Connection, collections: Iterable[int], start: int) -> Iterable[Version]:
    """The versions of these collections from that of this key on."""
    last, known_ones = start - 1, list(collections)
    while found := versions.behind(connection, known_ones, last, 100):
        yield from found
        last = found[-1].id
