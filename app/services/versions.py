"""Versions of collections: published and read."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from app.access.callers import Caller
from app.archive import Archive
from app.errors import Forbidden, InvalidRequest, NotFound
from app.index import changes, publish, tombstones
from app.index.changes import Counts
from app.index.publish import Leaving
from app.registry import audit, versions
from app.registry.rights import Known
from app.registry.versions import Version, Withdrawal
from app.services import doi_jobs, series_metadata, webhooks
from app.services.roots import enter, known
from app.viewer import Capability, Viewer


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
            connection, (_tombstone(found, number, caller, _reason(reasons, each[0]), *each) for each in left)
        )
        versions.add(connection, found.id, number, note, caller.name)
        version = versions.get(connection, found.id, number)
        assert version
        doi_jobs.changed(connection, found.id)
        series_metadata.published(connection, found.id, number)
        webhooks.announce(connection, webhooks.PUBLISHED, found.id, number)
        if left:
            units = sorted({unit for _, unit in left})
            webhooks.announce(connection, webhooks.WITHDRAWAL, found.id, number, units)
        said = {"version": number, "submissions": len(taken), "withdrawals": len(leaving)}
        audit.enter(connection, caller.name, "version.publish", collection=found.id, **said)
        return version

    return await archive.database.write(write)


def _reason(reasons: Mapping[Leaving, str], left: Leaving) -> str:
    """Why this is left out: itself, or what it was part of."""
    study, series, _ = left
    return next(reasons[each] for each in (left, Leaving(study, series), Leaving(study)) if each in reasons)


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
