"""Which grants, groups and requests somebody sees: those of what they own, and their own."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, or_, select, true

from app.access.callers import Caller
from app.models.types import now
from app.registry.rights import Known, Register
from app.registry.tables import GRANT, MEMBER, REQUEST
from app.viewer import Capability, Viewer


@dataclass(frozen=True, slots=True)
class Reach:
    """Collections and sites (rows) that somebody knows, and those that they own."""

    everything: bool
    person: int | None
    known: frozenset[int]
    known_sites: frozenset[int]
    owned: frozenset[int]
    owned_sites: frozenset[int]

    @property
    def owns_any(self) -> bool:
        """Whether they own anything."""
        return self.everything or bool(self.owned or self.owned_sites)

    def grants(self) -> ColumnElement[bool]:
        """Grants where they own, and their own as far as they know where."""
        if self.everything:
            return true()
        where = GRANT.c.site_id.is_(None) | GRANT.c.site_id.in_(self.known_sites)
        own = and_(GRANT.c.collection_id.in_(self.known), where, _granted_to(self.person))
        return or_(GRANT.c.collection_id.in_(self.owned), GRANT.c.site_id.in_(self.owned_sites), own)

    def requests(self) -> ColumnElement[bool]:
        """Requests that were submitted to what they own, and their own as far as they know where."""
        known = true() if self.everything else REQUEST.c.collection_id.in_(self.known)
        owned = true() if self.everything else REQUEST.c.collection_id.in_(self.owned)
        mine = false() if self.person is None else and_(REQUEST.c.person_id == self.person, known)
        return or_(mine, and_(owned, REQUEST.c.submitted_at.is_not(None)))


def reach(register: Register, caller: Caller, viewer: Viewer) -> Reach:
    """What the caller reaches of all there is. A token or link for less than its person reaches nothing of
    what is theirs alone.
    """
    known = [each for each in register.collections.values() if each.is_known_to(viewer)]
    units = [unit for each in known for unit in each.units if viewer.knows(unit.id)]
    owned_sites = (unit.site for unit in units if viewer.holds(Capability.OWN, unit.id))
    return Reach(
        viewer.sees_all,
        caller.person if caller.signed_in and not caller.narrowed else None,
        frozenset(each.id for each in known),
        frozenset(unit.site for unit in units if unit.site),
        frozenset(each.id for each in known if _owns(viewer, each)),
        frozenset(filter(None, owned_sites)),
    )


def _owns(viewer: Viewer, collection: Known) -> bool:
    """Whether the viewer owns the collection, not just one of its sites."""
    return any(unit.site is None and viewer.holds(Capability.OWN, unit.id) for unit in collection.units)


def _granted_to(person: int | None) -> ColumnElement[bool]:
    if person is None:
        return false()
    lasting = MEMBER.c.ends_at.is_(None) | (MEMBER.c.ends_at > now())
    member = and_(MEMBER.c.group_id == GRANT.c.group_id, MEMBER.c.person_id == person, lasting)
    return or_(
        GRANT.c.person_id == person, select(MEMBER.c.person_id).where(member).correlate(GRANT).exists()
    )
