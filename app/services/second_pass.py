"""The second pass of de-identification: a closed submission, by all that is known of its patients by then.

A job; it may run twice. What a person has to decide is said in the submission's findings, and holds it.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from app.archive import Archive
from app.deid.engine import Question
from app.deid.text import Cleaner
from app.errors import Conflict, ObjectNotFound
from app.index import redo
from app.index.redo import Draft
from app.models.collections import CLOSED, WAITING
from app.registry import deidentification, submissions
from app.registry.deidentification import IDENTIFIERS
from app.registry.submissions import Submission
from app.services import patients
from app.services.door import Door, open_door
from app.services.once_more import Pass
from app.services.turns_at_objects import staying

#: Instances that a finding names.
_EXAMPLES = 10


async def carry_out(archive: Archive, key: str) -> None:
    """Go through the submission, unless it was reopened, or gone through, meanwhile."""
    found = await archive.database.lookup(lambda connection: submissions.find(connection, key))
    if found is None or (found.state, found.deidentified) != (CLOSED, WAITING):
        return
    door = await open_door(archive, found.collection_id, found.collection)
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
        for _, series in groupby(own, key=lambda draft: draft.series_row):
            pass_ = Pass(archive, rules, cleaner)
            await _clean_series(archive, door, submission, pass_, list(series))


async def _cleaner(archive: Archive, door: Door, patient: str) -> Cleaner:
    """By all that is known of a patient, who is called so now. Dates have moved before, UIDs too."""
    lookup = door.seal.lookup(IDENTIFIERS, patient)
    found = await archive.database.lookup(
        lambda connection: deidentification.get(connection, door.collection, IDENTIFIERS, [lookup])
    )
    return Cleaner(patients.opened(door.seal, found.get(lookup)), 0, str)


async def _clean_series(
    archive: Archive, door: Door, submission: Submission, pass_: Pass, series: Sequence[Draft]
) -> None:
    finished = [each async for each in pass_.over(series)]
    entries = {each.draft.row: each.entry for each in finished if each.entry}
    log = {each.draft.sop_instance_uid: each.logged() for each in finished}

    def write(connection: Connection) -> None:
        redo.redo(connection, submission.id, entries)
        deidentification.log(connection, submission.id, door.policy.digest, log)

    try:
        await archive.database.write(write)
    except Conflict:
        await _delete(archive, (entry.row["object_key"] for entry in entries.values()))
        raise
    await _delete(archive, (each.object_key for each in series if each.row in entries))


async def _delete(archive: Archive, object_keys: Iterable[str]) -> None:
    if await staying(archive.database):
        return  # they are for a sweep: perhaps a backup has yet to copy them
    for key in object_keys:
        with suppress(ObjectNotFound):
            await archive.store.delete(key)


def _findings(connection: Connection, submission: int) -> list[dict[str, Any]]:
    """What a person has to look at: questions, how many instances each is about, and some of them."""
    last: dict[str, list[str]] = {}
    for uid, said in deidentification.all_logged(connection, submission):
        # The second pass answers what the first one asked about pixels, or asks it again.
        last[uid] = (
            [each for each in last.get(uid, []) if each != Question.BURNED_IN] if "pass" in said else []
        )
        last[uid] += said.get("questions", ())
    asked: dict[str, list[str]] = {}
    for uid, questions in last.items():
        for question in questions:
            asked.setdefault(question, []).append(uid)
    return [
        {"question": question, "instances": len(uids), "for example": uids[:_EXAMPLES]}
        for question, uids in sorted(asked.items())
    ]
