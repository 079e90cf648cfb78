"""What decides who may see what, as the database has it, and as this process last read it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from app.access.callers import Caller
from app.access.decide import NONE, Capabilities, Granted, Unit, by_unit, changes_next
from app.database import Database
from app.database.statements import Statement
from app.models.types import now
from app.registry.tables import (
    ANALYSIS_SOURCE,
    COLLECTION,
    DEIDENTIFICATION,
    GRANT,
    GROUP,
    MEMBER,
    RIGHTS,
    UNIT,
)
from app.viewer import Capability, Viewer

#: The rolling collection that takes what is stored at the archive's own root.
INBOX = "inbox"
#: The kind of a collection whose series lie in the studies of others.
RESULT = "analysis-result"
#: Callers whose rights a process remembers until they change.
REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class Known:
    """A collection as every request needs it: its row, and its access units, the first of them its own."""

    id: int
    slug: str
    kind: str
    rolling: bool
    units: tuple[Unit, ...]
    latest_version: int = 0
    #: Whether what it is sent is de-identified at the door.
    deidentifies: bool = False

    def is_known_to(self, viewer: Viewer) -> bool:
        """Whether the viewer may know that there is such a collection: they may do something in it."""
        if viewer.named is not None and self.id not in viewer.named:
            return False
        if viewer.studies is not None:
            # Who follows a link to studies is told of the collections that it names.
            return viewer.named is not None
        return viewer.sees_all or any(viewer.knows(unit.id) for unit in self.units)


@dataclass(frozen=True, slots=True)
class Register:
    """Every collection by its slug, and every access unit by its row, when there were so many changes.

    `sources` has, for each analysis result's row, those of the collections in whose studies its series lie.
    `viewers` are those who came since, each with the moment until which they may do the same.
    """

    revision: int
    collections: Mapping[str, Known]
    units: Mapping[int, Unit]
    sources: Mapping[int, frozenset[int]]
    viewers: dict[Caller, tuple[datetime | None, Viewer]] = field(default_factory=dict)

    def results(self, collection: int) -> frozenset[int]:
        """The analysis results whose series lie in the collection's studies."""
        return frozenset(result for result, sources in self.sources.items() if collection in sources)


class Rights:
    """What each caller may do; read from the database anew when the count of changes has moved."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._register: Register | None = None

    async def register(self) -> Register:
        """All collections and access units as they are now."""
        count = await self._database.lookup(revision)
        if self._register is None or self._register.revision != count:
            self._register = await self._database.lookup(register)
        return self._register

    async def viewer(self, caller: Caller, register: Register) -> Viewer:
        """What the caller may do at this moment."""
        if caller.everything and not caller.narrowed:
            return Viewer(caller.name, sees_all=True, person=caller.person)
        moment = now()
        until, viewer = register.viewers.get(caller, (moment, None))
        if viewer is None or (until and until <= moment):
            person = caller.person if caller.signed_in else None
            held = await self._database.lookup(lambda connection: granted(connection, person))
            viewer = _viewer(caller, register.units.values(), held, moment)
            _remember(register, caller, changes_next(register.units.values(), held, moment), viewer)
        return viewer


def _remember(register: Register, caller: Caller, until: datetime | None, viewer: Viewer) -> None:
    if len(register.viewers) >= REMEMBERED:
        register.viewers.clear()
    register.viewers[caller] = until, viewer


def _viewer(caller: Caller, units: Iterable[Unit], held: Sequence[Granted], moment: datetime) -> Viewer:
    found = _capable(caller, units, held, moment)
    may = {each: frozenset(unit for unit, able in found.items() if each in able) for each in Capability}
    return Viewer(
        caller.name,
        units=may[Capability.FIND],
        studies=caller.studies,
        named=caller.collections,
        person=caller.person,
        may={capability: units for capability, units in may.items() if units},
    )


def _capable(
    caller: Caller, units: Iterable[Unit], held: Sequence[Granted], moment: datetime
) -> Mapping[int, Capabilities]:
    everything, units = frozenset(Capability), tuple(units)
    found = by_unit(units, held, signed_in=caller.signed_in, moment=moment)
    return {
        unit.id: caller.left(unit, everything if caller.everything else found.get(unit.id, NONE))
        for unit in units
    }


def revision(connection: Connection) -> int:
    """The count of changes: where it is the same, so is everything that `register` and `granted` read."""
    [(found,)] = _REVISION.rows(connection)
    return int(found)


def changed(connection: Connection) -> None:
    """Say, in the transaction that changes a collection, unit, grant, group or person, that it does."""
    connection.execute(update(RIGHTS).values(revision=RIGHTS.c.revision + 1))


def register(connection: Connection) -> Register:
    """All of it. The count is read first: what changes meanwhile is read again for the next request."""
    count = revision(connection)
    units = {row.id: Unit(*row) for row in connection.execute(_UNITS)}
    own: dict[int, list[Unit]] = {}
    for unit in units.values():
        own.setdefault(unit.collection, []).append(unit)
    rows = connection.execute(_COLLECTIONS)
    collections = {row.slug: _known(row, own.get(row.id, ())) for row in rows}
    sources: dict[int, set[int]] = {each.id: set() for each in collections.values() if each.kind == RESULT}
    for result, source in connection.execute(_SOURCES):
        sources.setdefault(result, set()).add(source)
    return Register(count, collections, units, {row: frozenset(own) for row, own in sources.items()})


def _known(row: Any, units: Iterable[Unit]) -> Known:
    own = row.id, row.slug, row.kind, row.rolling
    return Known(*own, tuple(units), row.latest_version, row.deidentifies)


def granted(connection: Connection, person: int | None) -> list[Granted]:
    """The grants that are not revoked of a person, or of a stranger, whenever they hold.

    What is granted to a group ends for a member at the latest when the membership does.
    """
    rows = connection.execute(_GRANTS, {"person": person})
    return [
        Granted(
            role, collection, site, starts_at, min(filter(None, ends), default=None), _TO[to].format(group)
        )
        for to, group, role, collection, site, starts_at, *ends in rows
    ]


_TO = {
    "person": "personally",
    "group": "to the group {}",
    "registered": "to everyone who has signed in",
    "anyone": "to anyone",
}


_REVISION = Statement(select(RIGHTS.c.revision))
_UNITS = select(*UNIT.c["id", "collection_id", "site_id", "tier", "embargo_until", "hidden"]).order_by(
    UNIT.c.site_id.is_not(None), UNIT.c.id
)
_SOURCES = select(ANALYSIS_SOURCE.c["analysis_result_id"], ANALYSIS_SOURCE.c["collection_id"])
#: In one order whatever was changed last: some lists keep it.
_COLLECTIONS = (
    select(
        *COLLECTION.c["id", "slug", "kind", "rolling", "latest_version"],
        DEIDENTIFICATION.c.collection_id.is_not(None).label("deidentifies"),
    )
    .join_from(COLLECTION, DEIDENTIFICATION, isouter=True)
    .order_by(COLLECTION.c.slug)
)
_PERSON = bindparam("person", type_=GRANT.c.person_id.type)
_MEMBERSHIP = (MEMBER.c.group_id == GRANT.c.group_id) & (MEMBER.c.person_id == _PERSON)
_GRANTS = (
    select(
        GRANT.c.to,
        GROUP.c.slug,
        *GRANT.c["role", "collection_id", "site_id", "starts_at", "ends_at"],
        MEMBER.c.ends_at.label("member_until"),
    )
    .select_from(GRANT.outerjoin(MEMBER, _MEMBERSHIP).outerjoin(GROUP, GROUP.c.id == GRANT.c.group_id))
    .where(
        GRANT.c.revoked_at.is_(None),
        or_(
            GRANT.c.person_id == _PERSON,
            MEMBER.c.person_id.is_not(None),
            GRANT.c.to == "anyone",
            (GRANT.c.to == "registered") & _PERSON.is_not(None),
        ),
    )
)
