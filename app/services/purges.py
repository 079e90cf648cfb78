"""Purging for a caller: rows at once, objects right afterwards, and after a crash when the archive opens."""

from contextlib import suppress

from sqlalchemy import Connection

from app import jobs
from app.access.callers import Caller
from app.archive import Archive
from app.errors import Conflict, NotFound, ObjectNotFound, StoreUnavailable
from app.index import purge as rows
from app.index.publish import Leaving
from app.index.purge import Purged
from app.jobs import Job
from app.registry import audit, rights, versions
from app.registry.versions import Withdrawal
from app.services import doi_jobs, webhooks
from app.services.owners import owned
from app.services.turns_at_objects import staying

JOB = "purge"


async def purge(archive: Archive, caller: Caller, slug: str, wanted: Withdrawal) -> Purged:
    """Destroy what lies at an address in a collection, in every version, cart and draft; owners only.

    Raises NotSignedIn, NotFound, Forbidden. After StoreUnavailable the rows are gone, and the objects follow
    in the background.
    """
    collection = await owned(archive, caller, slug)
    address = Leaving(wanted.study, wanted.series, wanted.instance)

    def write(connection: Connection) -> Purged:
        version = versions.begin(connection, collection.id)
        # Before: a cart of which nothing is left is not found by what it held.
        doi_jobs.changed(connection, collection.id)
        said = {"reason": wanted.reason, "by": caller.name}
        found = rows.purge(connection, collection.id, address, version, said)
        if not found.instances:
            raise NotFound("The collection holds nothing of this.")
        rights.changed(connection)
        if found.units:
            webhooks.announce(connection, webhooks.WITHDRAWAL, collection.id, None, sorted(found.units))
        told = {"address": "/".join(filter(None, address)), "instances": found.instances}
        audit.enter(connection, caller.name, "purge", collection=collection.id, **told)
        return found

    found = await archive.database.write(write)
    await finish_in_time(archive)
    return found


async def finish_in_time(archive: Archive) -> None:
    """As `finish`; where the store is away a job does it later. Raises StoreUnavailable."""
    try:
        await finish(archive)
    except StoreUnavailable:
        await archive.database.write(lambda connection: jobs.enqueue(connection, JOB, JOB))
        raise


async def carry_out(archive: Archive, _: Job) -> None:
    """The job. Raises StoreUnavailable, and Conflict while a backup is made: then it is tried again."""
    await finish(archive)
    if await archive.database.lookup(rows.doomed):
        raise Conflict("A backup is being made: what was purged stays until it is done.")


async def finish(archive: Archive) -> None:
    """Delete the objects of what was purged, and whatever was made of them.

    While a backup is made the objects stay: it deletes them itself when it is done.
    """
    doomed = await archive.database.lookup(rows.doomed)
    if not doomed:
        return
    stay = await staying(archive.database)
    for _, key in () if stay else doomed:
        with suppress(ObjectNotFound):
            await archive.store.delete(key)
    archive.recent.clear()
    await archive.cache.clear()
    if stay:
        return
    done = [row for row, _ in doomed]
    await archive.database.write(lambda connection: rows.destroyed(connection, done))
    await archive.database.settle()
