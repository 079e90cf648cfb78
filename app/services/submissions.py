"""Submissions as their submitters and curators look after them; they are read at their DICOMweb roots."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, false, or_, true

from app.access.callers import Caller
from app.archive import Archive
from app.dicom.resource import Resource
from app.errors import Conflict, Forbidden, InvalidRequest, NotFound
from app.index import locate, totals
from app.index.scope import Scope
from app.index.totals import Totals
from app.models.collections import APPROVED, CLOSED, OPEN
from app.registry import audit, deidentification, submissions, versions
from app.registry.submissions import Submission
from app.registry.tables import COLLECTION, SUBMISSION
from app.registry.versions import Withdrawal
from app.services import second_pass_jobs
from app.services.roots import SENDING, enter, known, may_see
from app.viewer import OWNER, Capability, Viewer


@dataclass(frozen=True, slots=True)
class Sent:
    """A submission, when it was opened, and what is in it."""

    submission: Submission
    opened_at: datetime
    totals: Totals


async def page(
    archive: Archive, caller: Caller, collection: str | None, after: str, limit: int
) -> list[tuple[Submission, datetime]]:
    """Those that the caller may see, in the order in which they were opened, behind that of the key `after`.

    Raises NotSignedIn, NotFound.
    """
    register, viewer = await enter(archive, caller)
    condition = _visible(viewer)
    if collection is not None:
        condition = and_(condition, COLLECTION.c.id == known(register, viewer, collection).id)
    behind = (await _seen(archive, viewer, after)).id if after else 0
    return await archive.database.scan(
        lambda connection: submissions.page(connection, condition, behind, limit)
    )


async def one(archive: Archive, caller: Caller, key: str) -> Sent:
    """One submission. Raises NotSignedIn, NotFound."""
    _, viewer = await enter(archive, caller)
    found = await _seen(archive, viewer, key)
    own = SUBMISSION.c.id == found.id
    [(submission, opened_at)] = await archive.database.lookup(
        lambda connection: submissions.page(connection, own, 0, 1)
    )
    counted = await archive.database.scan(
        lambda connection: totals.count(connection, Scope(submission=found.id, alone=True), OWNER)
    )
    return Sent(submission, opened_at, counted)


#: What is done with a submission: by whom, beside the curators, from which states into which.
ACTS = {
    "close": (True, (OPEN,), CLOSED),
    "reopen": (True, (CLOSED, APPROVED), OPEN),
    "approve": (False, (OPEN, CLOSED), APPROVED),
}


async def act(archive: Archive, caller: Caller, key: str, what: str) -> None:
    """Put a submission into another state: ACTS. Raises NotSignedIn, NotFound, Forbidden, Conflict."""
    found, curating = await mine(archive, caller, key)
    by_submitter, before, after = ACTS[what]
    if not (by_submitter or curating):
        raise Forbidden("Submissions are approved by those who curate where they go.")

    def write(connection: Connection) -> None:
        versions.turn(connection, found.id, before, after)
        if deidentification.of(connection, found.collection_id):
            _deidentified(connection, found, what)
        said = {"submission": found.key}
        audit.enter(connection, caller.name, f"submission.{what}", collection=found.collection_id, **said)

    await archive.database.write(write)


def _deidentified(connection: Connection, found: Submission, what: str) -> None:
    """Ask for the second pass where a submission is closed, wait for it before it is approved."""
    if what == "close":
        second_pass_jobs.ask(connection, found)
    elif what == "reopen":
        deidentification.reset(connection, found.id)
    elif list(deidentification.not_passed(connection, [found.id])):
        raise Conflict("The second pass of de-identification is not through: close the submission, and wait.")


async def withdrawals(archive: Archive, caller: Caller, key: str) -> list[Withdrawal]:
    """What a submission proposes to withdraw. Raises NotSignedIn, NotFound."""
    found, _ = await mine(archive, caller, key)
    return await archive.database.lookup(lambda connection: versions.proposed(connection, found.id))


async def propose(archive: Archive, caller: Caller, key: str, wanted: Sequence[Withdrawal]) -> None:
    """Say what is to be withdrawn when the submission is published: of what the caller may find there.

    Raises NotSignedIn, NotFound, InvalidRequest for what is hidden as for what is unknown, and Conflict.
    """
    found, _ = await mine(archive, caller, key)
    _, viewer = await enter(archive, caller)
    scope = Scope(found.collection_id)
    for each in wanted:
        resource = Resource(each.study, each.series or None, each.instance or None)
        if not await archive.database.lookup(
            lambda connection, at=resource: locate.access_unit(connection, scope, viewer, at)  # type: ignore[misc]
        ):
            named = "/".join(filter(None, (each.study, each.series, each.instance)))
            raise InvalidRequest(f"You may find nothing at {named} in the collection.")

    def write(connection: Connection) -> None:
        versions.propose(connection, found.id, wanted)
        said = {"submission": found.key, "withdrawals": len(wanted)}
        audit.enter(connection, caller.name, "submission.withdraw", collection=found.collection_id, **said)

    await archive.database.write(write)


async def mine(archive: Archive, caller: Caller, key: str) -> tuple[Submission, bool]:
    """The submission, and whether the caller curates where it goes. Raises NotSignedIn, NotFound."""
    _, viewer = await enter(archive, caller)
    found = await _seen(archive, viewer, key)
    return found, viewer.holds(Capability.CURATE, found.access_unit_id)


async def _seen(archive: Archive, viewer: Viewer, key: str) -> Submission:
    found = await archive.database.lookup(lambda connection: submissions.find(connection, key))
    if found is None or not may_see(found, viewer):
        raise NotFound
    return found


def _visible(viewer: Viewer) -> ColumnElement[bool]:
    """The same as `roots.may_see` of each."""
    if viewer.sees_all:
        return true()
    unit = SUBMISSION.c.access_unit_id
    sending = frozenset[int]().union(*(viewer.where(each) for each in SENDING))
    own = and_(SUBMISSION.c.person_id == viewer.person, unit.in_(sorted(sending)))
    return or_(own if viewer.person else false(), unit.in_(sorted(viewer.where(Capability.CURATE))))
