"""Webhooks: made by people for themselves, and told only what those may know when it is told."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from app import jobs
from app.access.callers import OWNER, Caller
from app.archive import Archive
from app.errors import Conflict, InvalidRequest, NotFound
from app.jobs import Job
from app.models.types import now, telling_nothing
from app.registry import audit, people, webhooks
from app.registry.rights import Known
from app.registry.webhooks import Webhook
from app.services.accounts import owner_digest
from app.services.tokens import require_themselves
from app.services.works import home
from app.viewer import Viewer

PUBLISHED, CHANGED, WITHDRAWAL = "collection.version.published", "collection.changed", "withdrawal"
EVENTS = (PUBLISHED, CHANGED, WITHDRAWAL)
ANNOUNCE, DELIVER = "webhook.announce", "webhook.deliver"
#: Of one person.
MOST = 20


async def make(archive: Archive, caller: Caller, url: str, events: Sequence[str]) -> tuple[Webhook, str]:
    """A new webhook, and its secret. Raises NotSignedIn, Forbidden, InvalidRequest, Conflict."""
    # Only here: what it loads is needed by those who have webhooks.
    from app import hooks

    require_themselves(caller)
    wanted = tuple(dict.fromkeys(events))
    if not wanted or not set(wanted) <= set(EVENTS):
        raise InvalidRequest(f"Events are {', '.join(EVENTS)}: name one or more.")
    hooks.check(url, archive.settings.webhook_hosts)
    secret, owner = hooks.make_secret(), owner_digest(archive) if caller.person is None else None

    def write(connection: Connection) -> Webhook:
        if webhooks.count(connection, caller.person) >= MOST:
            raise Conflict(f"Nobody has more than {MOST} webhooks: delete one.")
        row = webhooks.make(connection, caller.person, owner, url, secret, wanted)
        audit.enter(connection, caller.name, "webhook.create", webhook=row)
        return _own(connection, caller, row)

    return await archive.database.write(write), secret


async def page(archive: Archive, caller: Caller, after: int, limit: int) -> list[Webhook]:
    """The caller's own. Raises NotSignedIn, Forbidden."""
    require_themselves(caller)
    return await archive.database.lookup(
        lambda connection: webhooks.page(connection, caller.person, after, limit)
    )


async def get(archive: Archive, caller: Caller, row: int) -> Webhook:
    """One of the caller's own. Raises NotSignedIn, Forbidden, NotFound."""
    require_themselves(caller)
    return await archive.database.lookup(lambda connection: _own(connection, caller, row))


async def remove(archive: Archive, caller: Caller, row: int) -> None:
    """Forget one of the caller's own: what is on its way is not sent. Raises as above."""
    require_themselves(caller)

    def write(connection: Connection) -> None:
        _own(connection, caller, row)
        webhooks.remove(connection, row)
        audit.enter(connection, caller.name, "webhook.delete", webhook=row)

    await archive.database.write(write)


def announce(
    connection: Connection,
    event: str,
    collection: int,
    version: int | None = None,
    units: Sequence[int] | None = None,
) -> None:
    """Have an event told, in the transaction in which it happens. Where `units` are named it is told only to
    those who may find what lies in one of them.
    """
    message = f"msg_{telling_nothing():x}"
    said: dict[str, Any] = {
        "event": event,
        "collection": collection,
        "version": version,
        "at": now().timestamp(),
    }
    within = None if units is None else list(units)
    jobs.enqueue(connection, ANNOUNCE, f"{ANNOUNCE}:{message}", message=message, units=within, **said)


async def spread(archive: Archive, job: Job) -> None:
    """A delivery for each webhook that wants the event. Whether its person may know is asked at delivery:
    until then it is nobody's, as it would tell its person that there was one.
    """
    said = dict(job.arguments)

    def write(connection: Connection) -> None:
        for row, events in webhooks.every(connection):
            if said["event"] in events:
                key = f"{DELIVER}:{row}:{said['message']}"
                jobs.enqueue(connection, DELIVER, key, webhook=row, **said)

    await archive.database.write(write)


async def deliver(archive: Archive, job: Job) -> None:
    """Tell one webhook of one event, if its person may know of it now."""
    from app import hooks

    row = job.arguments["webhook"]
    hook = await archive.database.lookup(lambda connection: webhooks.get(connection, row))
    caller = hook and await _caller(archive, hook)
    if not hook or not caller:
        return
    register = await archive.rights.register()
    viewer = await archive.rights.viewer(caller, register)
    of = job.arguments["collection"]
    found = next((each for each in register.collections.values() if each.id == of), None)
    if found is None or not _may_know(viewer, found, job.arguments["units"]):
        return
    body = orjson.dumps(_told(home(archive.settings), job, found))
    moment = int(now().timestamp())
    allowed = archive.settings.webhook_hosts
    message = job.arguments["message"]
    if not await hooks.send(hook.url, hook.secret, message, moment, body, allowed):
        await archive.database.write(lambda connection: webhooks.remove(connection, row))


def _may_know(viewer: Viewer, found: Known, units: Sequence[int] | None) -> bool:
    if not found.is_known_to(viewer):
        return False
    return units is None or viewer.sees_all or not viewer.units.isdisjoint(units)


def _told(host: str, job: Job, found: Known) -> dict[str, Any]:
    """What is sent: that something happened, and where to ask what."""
    said = job.arguments
    page = f"{host}/collections/{found.slug}"
    data: dict[str, Any] = {"collection": found.slug, "url": page}
    if said["version"] is not None:
        data |= {"version": said["version"], "url": f"{page}/versions/{said['version']}"}
    at = datetime.fromtimestamp(said["at"], UTC)
    return {"type": said["event"], "timestamp": at.isoformat(timespec="milliseconds"), "data": data}


async def _caller(archive: Archive, hook: Webhook) -> Caller | None:
    """Whose webhook it is, as they are now; None where they are not let in any more."""
    if hook.person_id is None:
        return OWNER if hook.owner and hook.owner == owner_digest(archive) else None
    row = hook.person_id
    person = await archive.database.lookup(lambda connection: people.get(connection, row))
    if person is None or person.disabled:
        return None
    return Caller(f"person:{row}", row, signed_in=True, everything=person.admin)


def _own(connection: Connection, caller: Caller, row: int) -> Webhook:
    found = webhooks.get(connection, row)
    if found is None or found.person_id != caller.person:
        raise NotFound
    return found
