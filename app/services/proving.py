"""Fixity: objects are read again at a bounded pace and compared with what was stored: standing jobs.

What does not fit is kept, logged and counted until it fits again. On the way each object's MD5 is taken for
instances that have none: some clients ask for it, and STOW has no time for it.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from app import jobs
from app.archive import Archive
from app.index import named, proofs
from app.index.named import Named
from app.index.proofs import MISSING, UNREADABLE, WRONG_DIGEST, WRONG_SIZE
from app.jobs import Job
from app.models.types import now
from app.services import reread
from app.services.reread import Digests, Pace

log = structlog.get_logger("readingroom")
FIXITY, MD5 = "fixity", "md5"
#: Seconds after which each looks again.
REST = 3600.0


async def prove(archive: Archive, job: Job) -> float:
    """Read what was damaged, and what was not read for the days that the settings say, span after span."""
    days, pace = archive.settings.fixity_days, Pace(archive.settings.scrub_bytes_per_second)
    if not days:
        return REST
    await _look_again(archive, pace)
    last = await archive.database.scan(named.last)
    while span := await archive.database.scan(partial(proofs.due, before=now() - timedelta(days=days))):
        found = await _read(archive, span.instances, pace)

        def write(connection: Connection, span: proofs.Due = span, found: _Read = found) -> None:
            jobs.tell(connection, job, span.last_row, last)
            proofs.proven(connection, span, found.damaged)
            proofs.fill(connection, found.md5s)

        await archive.database.write(write)
    return REST


async def _look_again(archive: Archive, pace: Pace) -> None:
    """Whether what was damaged is whole again."""
    after = 0
    while some := await archive.database.scan(partial(proofs.damaged, after=after)):
        after, found = some[-1].row, await _read(archive, some, pace)

        def write(connection: Connection, found: _Read = found) -> None:
            proofs.looked_at(connection, found.read, found.damaged)
            proofs.fill(connection, found.md5s)

        await archive.database.write(write)


async def fill_md5(archive: Archive, job: Job) -> float:
    """Take the MD5 of what was stored since the last time."""
    pace, after = Pace(archive.settings.scrub_bytes_per_second), job.done
    while True:
        last, some = await archive.database.scan(partial(proofs.lacking, after=after))
        if last == after:
            return REST
        found = await _read(archive, some, pace)

        def write(connection: Connection, last: int = last, found: _Read = found) -> None:
            jobs.tell(connection, job, last, last)
            proofs.looked_at(connection, found.read, found.damaged)
            proofs.fill(connection, found.md5s)

        await archive.database.write(write)
        after = last


class _Read(NamedTuple):
    """Instances (rows) that were read, what is wrong with some, the MD5 of the others."""

    read: Sequence[int]
    damaged: dict[int, str]
    md5s: dict[Named, bytes]


async def _read(archive: Archive, instances: Sequence[Named], pace: Pace) -> _Read:
    """Read their objects. What was purged meanwhile is left out."""
    seen = {each: await _looked_at(archive, each, pace) for each in instances}
    left = await archive.database.scan(partial(named.again, rows=[each.row for each in instances]))
    read = _Read([each.row for each in left], {}, {})
    for each in left:
        wrong, md5 = seen.get(each, ("", b""))
        if wrong:
            read.damaged[each.row] = wrong
            log.error("object damaged", kind=wrong, instance=each.row, object=each.object_key)
        elif md5:
            read.md5s[each] = md5
    return read


async def _looked_at(archive: Archive, each: Named, pace: Pace) -> tuple[str, bytes]:
    """What is wrong with an instance's object; where nothing is, its MD5."""
    try:
        found = await reread.patiently(archive, each.object_key, pace)
    except reread.UnreadableError:
        return UNREADABLE, b""
    if found is None:
        return MISSING, b""
    return _wrong(each, found), found.md5


def _wrong(each: Named, found: Digests) -> str:
    if found.size != each.size:
        return WRONG_SIZE
    same = (found.sha256, found.crc32) == (each.sha256, each.crc32 & 0xFFFFFFFF)
    return "" if same else WRONG_DIGEST
