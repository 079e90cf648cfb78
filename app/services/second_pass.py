"""The second pass of de-identification: a closed submission, by all that is known of its patients by then.

A job; it may run twice. What a person has to decide is said in the submission's findings, and holds it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from app import jobs
from app.archive import Archive
from app.deid import engine
from app.deid.engine import Rules
from app.deid.text import Cleaner
from app.deid.walk import Change
from app.dicom import part10
from app.dicom.describe import describe
from app.errors import Conflict, ObjectNotFound
from app.index import redo
from app.index.entry import Entry
from app.index.redo import Draft
from app.jobs import Job
from app.models.collections import CLOSED, WAITING
from app.registry import deidentification, submissions
from app.registry.deidentification import IDENTIFIERS
from app.registry.submissions import Submission
from app.services import doors
from app.services.doors import Door
from app.storage import keys
from app.storage.spool import Spool
from app.threads import in_thread

JOB = "second-pass"
#: Instances whose changes are written in one transaction.
_TOGETHER = 256
#: Instances that a finding names.
_EXAMPLES = 10
#: Bytes written at a time.
_PIECE = 4 << 20


def ask(connection: Connection, submission: Submission) -> None:
    """Have a submission gone through, in the transaction that closes it."""
    deidentification.wait(connection, submission.id)
    jobs.enqueue(connection, JOB, f"{JOB}:{submission.id}", submission=submission.key)


async def carry_out(archive: Archive, job: Job) -> None:
    """Go through the submission, unless it was reopened, or gone through, meanwhile."""
    key = str(job.arguments["submission"])
    found = await archive.database.lookup(lambda connection: submissions.find(connection, key))
    if found is None or (found.state, found.deidentified) != (CLOSED, WAITING):
        return
    door = await doors.door(archive, found.collection_id, found.collection)
    with suppress(Conflict):
        await _clean(archive, door, found)
        findings = await archive.database.scan(lambda connection: _findings(connection, found.id))
        await archive.database.write(
            lambda connection: deidentification.passed(connection, found.id, findings)
        )


async def _clean(archive: Archive, door: Door, submission: Submission) -> None:
    drafts = await archive.database.scan(lambda connection: redo.drafts(connection, submission.id))
    rules = door.rules()
    for patient, own in groupby(drafts, key=lambda draft: draft.patient):
        cleaner = await _cleaner(archive, door, patient)
        some = list(own)
        for start in range(0, len(some), _TOGETHER):
            await _clean_some(archive, door, submission, rules, cleaner, some[start : start + _TOGETHER])


async def _cleaner(archive: Archive, door: Door, patient: str) -> Cleaner:
    """By all that is known of a patient, who is called so now. Dates have moved before, UIDs too."""
    lookup = door.seal.lookup(IDENTIFIERS, patient)
    found = await archive.database.lookup(
        lambda connection: deidentification.get(connection, door.collection, IDENTIFIERS, [lookup])
    )
    return Cleaner(doors.opened(door.seal, found.get(lookup)), 0, str)


async def _clean_some(
    archive: Archive,
    door: Door,
    submission: Submission,
    rules: Rules,
    cleaner: Cleaner,
    some: Sequence[Draft],
) -> None:
    entries: dict[int, Entry] = {}
    log: dict[str, object] = {}
    async for draft, entry, changes in _changed(archive, rules, cleaner, some):
        entries[draft.row] = entry
        log[draft.sop_instance_uid] = {"changes": [list(each) for each in changes], "pass": 2}
    if not entries:
        return

    def write(connection: Connection) -> None:
        redo.redo(connection, submission.id, entries)
        deidentification.log(connection, submission.id, door.policy.digest, log)

    try:
        await archive.database.write(write)
    except Conflict:
        await _delete(archive, (entry.row["object_key"] for entry in entries.values()))
        raise
    await _delete(archive, (draft.object_key for draft in some if draft.row in entries))


async def _changed(
    archive: Archive, rules: Rules, cleaner: Cleaner, some: Sequence[Draft]
) -> AsyncIterator[tuple[Draft, Entry, list[Change]]]:
    """Those that change, stored anew under a key of their own."""
    for draft in some:
        data = await archive.store.read(draft.object_key, 0, draft.size)
        async with archive.examining:
            cleaned = await in_thread(_cleaned, data, rules, cleaner)
        if cleaned is None:
            continue
        chunks, changes = cleaned
        async with archive.spools.open() as spool:
            for chunk in chunks:
                for start in range(0, len(chunk), _PIECE):
                    await spool.write(bytes(chunk[start : start + _PIECE]))
            yield draft, await _stored(archive, spool, draft), changes


def _cleaned(data: bytes, rules: Rules, cleaner: Cleaner) -> Any:
    return engine.cleaned_again(part10.read(data), rules, cleaner)


async def _stored(archive: Archive, spool: Spool, draft: Draft) -> Entry:
    spooled, key = await spool.finish(), keys.fresh()
    description = await in_thread(describe, spool.view())
    await archive.store.put(key, spooled)
    return Entry.of(description, key, spooled.size, spooled.sha256, spooled.crc32, draft.source)


async def _delete(archive: Archive, keys_of: Any) -> None:
    for key in keys_of:
        with suppress(ObjectNotFound):
            await archive.store.delete(key)


def _findings(connection: Connection, submission: int) -> list[dict[str, Any]]:
    """What a person has to look at: questions, how many instances each is about, and some of them."""
    asked: dict[str, list[str]] = {}
    for uid, said in deidentification.all_logged(connection, submission):
        for question in said.get("questions", ()):
            asked.setdefault(question, []).append(uid)
    return [
        {"question": question, "instances": len(uids), "for example": uids[:_EXAMPLES]}
        for question, uids in sorted(asked.items())
    ]
