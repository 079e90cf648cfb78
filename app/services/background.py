"""What is done in the background, in each of the server's processes, while it serves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

from app import jobs
from app.access.callers import Caller
from app.archive import Archive
from app.errors import Forbidden, NotFound, NotSignedIn
from app.jobs import Job, Worker
from app.services import doi_jobs, dois, second_pass_jobs, webhooks

#: What does each kind of job.
BODIES: dict[str, Callable[[Archive, Job], Awaitable[None]]] = {
    doi_jobs.JOB: dois.carry_out,
    second_pass_jobs.JOB: second_pass_jobs.carry_out,
    webhooks.ANNOUNCE: webhooks.spread,
    webhooks.DELIVER: webhooks.deliver,
}


def worker(archive: Archive) -> Worker:
    """One that does every kind of job."""
    return Worker(archive.database, {kind: partial(body, archive) for kind, body in BODIES.items()})


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
    """Jobs, for administrators. Raises NotSignedIn, Forbidden."""
    _require_administrator(caller)
    return await archive.database.lookup(lambda connection: jobs.page(connection, after, limit, state))


async def get(archive: Archive, caller: Caller, row: int) -> Job:
    """One job. Raises NotSignedIn, Forbidden, NotFound."""
    _require_administrator(caller)
    found = await archive.database.lookup(lambda connection: jobs.get(connection, row))
    if found is None:
        raise NotFound
    return found


def _require_administrator(caller: Caller) -> None:
    if not caller.signed_in:
        raise NotSignedIn
    if not caller.everything or caller.narrowed:
        raise Forbidden("Only administrators look at what is done in the background.")
