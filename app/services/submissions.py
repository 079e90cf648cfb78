"""Submissions as their submitters and curators look after them; they are read at their DICOMweb roots."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, or_, true

from app.access.callers import Caller
from app.archive import Archive
from app.errors import NotFound
from app.index import totals
from app.index.scope import Scope
from app.index.totals import Totals
from app.registry import submissions
from app.registry.submissions import Submission
from app.registry.tables import COLLECTION, SUBMISSION
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
