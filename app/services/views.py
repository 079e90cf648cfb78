"""The audit of one process while it runs: its chain begun, views written every minute, anchors every hour."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from app.archive import Archive
from app.dicom.resource import Resource
from app.index import locate
from app.index.scope import ARCHIVE
from app.logs import told
from app.models.types import now
from app.registry import audit, submissions, views
from app.registry.audit import Act
from app.registry.rights import Register
from app.registry.views import Key, Place, Sum
from app.viewer import Viewer

log = structlog.get_logger("readingroom")

SECONDS = 60
MINUTES_TO_ANCHOR = 60
#: What was refused has not been looked at: it may name anything.
_UID = re.compile(r"[0-9.]{1,64}")
#: Requests that read something of a collection, of which its owner is told by the month.
READING = (views.VIEW, views.DOWNLOAD)
#: Who asked and where: in what lies elsewhere, or is hidden from them, the same study is another.
Asked = tuple[str, str, Place]


@asynccontextmanager
async def audited(archive: Archive) -> AsyncIterator[None]:
    """Keep the audit of this process while it serves. Raises DatabaseUnavailable where it cannot begin."""
    await archive.database.write(audit.begin)
    stopping = asyncio.Event()
    keeping = asyncio.create_task(_keep(archive, stopping))
    try:
        yield
    finally:
        stopping.set()
        await keeping
        await _patiently(archive, _end)


async def _keep(archive: Archive, stopping: asyncio.Event) -> None:
    minutes = 0
    while not stopping.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), SECONDS)
        if not stopping.is_set():
            minutes += 1
            await _patiently(archive, _anchored if minutes % MINUTES_TO_ANCHOR == 0 else _nothing)


def _nothing(_: Connection) -> None:
    pass


def _anchored(connection: Connection) -> None:
    audit.anchor(connection)


def _end(connection: Connection) -> None:
    audit.enter(connection, audit.SYSTEM, audit.ENDED)
    audit.anchor(connection)


async def _patiently(archive: Archive, also: Any) -> None:
    """Whatever goes wrong, the next minute tries again: nobody waits for this who could be told."""
    try:
        await write_down(archive, also)
    except Exception as error:
        log.error("audit not written", **told(error))


async def write_down(archive: Archive, also: Any = _nothing) -> None:
    """Enter what was counted since the last time, and do the rest in the same transaction."""
    taken = archive.views.take()
    try:
        acts, rows = await _told(archive, taken) if taken else ([], [])

        def write(connection: Connection) -> None:
            if acts:
                views.add(connection, rows)
                audit.append(connection, acts)
            also(connection)

        if acts or also is not _nothing:
            await archive.database.write(write)
    except BaseException:
        archive.views.give_back(taken)
        raise


async def _told(archive: Archive, taken: Mapping[Key, Sum]) -> tuple[list[Act], list[dict[str, Any]]]:
    found = await _collections(archive, taken)
    sums = [(found.get(_asked(key)), key, each) for key, each in taken.items()]
    return list(_acts(sums)), list(_usage(sums, now()))


def _acts(sums: list[tuple[int | None, Key, Sum]]) -> Iterator[Act]:
    """One for each caller, by their means, and collection."""
    together: dict[tuple[str, str, int | None], dict[tuple[str, str], Sum]] = {}
    for collection, key, each in sums:
        own = together.setdefault((key.who, key.using, collection), {})
        own.setdefault((key.act, key.status), Sum(each.caller)).add(each.requests, each.instances, each.bytes)
    for (who, using, collection), own in together.items():
        counts = [
            {"act": act, "status": status, **each.counts}
            for (act, status), each in sorted(own.items(), key=lambda pair: pair[0])
        ]
        details = {"using": using, "counts": counts} if using else {"counts": counts}
        yield Act(who, "views", collection, details)


def _usage(sums: list[tuple[int | None, Key, Sum]], moment: datetime) -> Iterator[dict[str, Any]]:
    month = f"{moment:%Y-%m}"
    for collection, key, each in sums:
        if collection is not None and key.act in READING and key.status in ("2xx", "left"):
            who = audit.plain(key.who)
            yield {"collection_id": collection, "month": month, "who": who, "act": key.act, **each.counts}


def _asked(key: Key) -> Asked:
    return key.who, key.using, key.place


async def _collections(archive: Archive, taken: Mapping[Key, Sum]) -> dict[Asked, int | None]:
    """In which collection it was that each asked for something."""
    register = await archive.rights.register()
    asked = {_asked(key): each.caller for key, each in taken.items() if key.place}
    viewers = {
        each: await archive.rights.viewer(caller, register)
        for each, caller in asked.items()
        if each[2] and each[2][0] == "study"
    }

    def find(connection: Connection) -> dict[Asked, int | None]:
        return {each: _collection(connection, register, each[2], viewers.get(each)) for each in asked}

    return await archive.database.scan(find) if asked else {}


def _collection(
    connection: Connection, register: Register, place: Place, viewer: Viewer | None
) -> int | None:
    match place:
        case "collection", slug:
            known = register.collections.get(slug)
            return known.id if known else None
        case "submission", key:
            submission = submissions.find(connection, key)
            return submission.collection_id if submission else None
        case "study", uid if viewer and _UID.fullmatch(uid):
            unit = register.units.get(locate.access_unit(connection, ARCHIVE, viewer, Resource(uid)) or 0)
            return unit.collection if unit else None
    return None
