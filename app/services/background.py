"""What is done in the background, in each of the server's processes, while it serves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import NamedTuple

from app import jobs
from app.access.callers import Caller
from app.archive import Archive
from app.errors import Forbidden, NotFound, NotSignedIn
from app.index import proofs
from app.index.proofs import Damage, State
from app.jobs import Ended, Job, Queued, Worker
from app.services import doi_jobs, dois, proving, purges, second_pass_jobs, series_metadata, webhooks

#: What does each kind of job.
BODIES: dict[str, Callable[[Archive, Job], Awaitable[float | None]]] = {
    doi_jobs.JOB: dois.carry_out,
    proving.FIXITY: proving.prove,
    proving.MD5: proving.fill_md5,
    purges.JOB: purges.carry_out,
    second_pass_jobs.JOB: second_pass_jobs.carry_out,
    series_metadata.JOB: series_metadata.carry_out,
    series_metadata.STANDING: series_metadata.carry_out_left,
    webhooks.ANNOUNCE: webhooks.spread,
    webhooks.DELIVER: webhooks.deliver,
}
#: Those that nobody asks for: there is always one of each.
STANDING = (proving.FIXITY, proving.MD5, series_metadata.STANDING)


def worker(archive: Archive) -> Worker:
    """One that does every kind of job."""
    bodies = {kind: partial(body, archive) for kind, body in BODIES.items()}
    return Worker(archive.database, bodies, standing=STANDING)


@asynccontextmanager
async def working(archive: Archive) -> AsyncIterator[None]:
    """Work while the process serves, unless the settings leave that to others."""
    task = asyncio.create_task(worker(archive).run()) if archive.settings.jobs else None
    try:
        yield
    finally:
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def page(archive: Archive, caller: Caller, state: str | None, after: int, limit: int) -> list[Job]:
    """All jobs for administrators, for others those that are done for them. Raises NotSignedIn, Forbidden."""
    own = _whose(caller)
    return await archive.database.lookup(lambda connection: jobs.page(connection, after, limit, state, own))


async def get(archive: Archive, caller: Caller, row: int) -> Job:
    """One of them. Raises NotSignedIn, Forbidden, NotFound."""
    own = _whose(caller)
    found = await archive.database.lookup(lambda connection: jobs.get(connection, row))
    if found is None or own not in (None, found.person_id):
        raise NotFound
    return found


async def fixity(archive: Archive, caller: Caller) -> State:
    """Of how many instances it is known that they are what was stored. Raises NotSignedIn, Forbidden."""
    _require_administrator(caller)
    return await archive.database.scan(proofs.state)


async def damaged(archive: Archive, caller: Caller, after: int, limit: int) -> list[Damage]:
    """Instances of which it is known that they are not. Raises NotSignedIn, Forbidden."""
    _require_administrator(caller)
    return await archive.database.lookup(lambda connection: proofs.page(connection, after, limit))


class Measured(NamedTuple):
    """What is done in the background on all machines together."""

    queued: Sequence[Queued]
    ended: Sequence[Ended]
    damaged: int


async def measured(archive: Archive) -> Measured:
    """How many jobs there are and were, and how many instances are damaged: for whoever runs the archive."""
    return await archive.database.lookup(
        lambda connection: Measured(jobs.queued(connection), jobs.ended(connection), proofs.count(connection))
    )


def _whose(caller: Caller) -> int | None:
    """Whose jobs the caller sees; None for everybody's."""
    if not caller.signed_in:
        raise NotSignedIn
    if caller.narrowed or caller.by_link:
        raise Forbidden("These credentials are for other things than what is done in the background.")
    if caller.everything:
        return None
    if caller.person is None:
        raise Forbidden("Nothing is done in the background for you.")
    return caller.person


def _require_administrator(caller: Caller) -> None:
    if _whose(caller) is not None:
        raise Forbidden("Only administrators look at this.")
