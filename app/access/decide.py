"""The rule: units, grants and a moment in, the caller's capabilities in each unit out, with the reason."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from app.access.roles import ROLES, TIERS
from app.viewer import Capability

Capabilities = frozenset[Capability]
NONE: Capabilities = frozenset()
_FIND = frozenset({Capability.FIND})


@dataclass(frozen=True, slots=True)
class Unit:
    """An access unit as its row has it."""

    id: int
    collection: int
    site: int | None
    tier: str
    embargo_until: date | None
    hidden: bool


@dataclass(frozen=True, slots=True)
class Granted:
    """A role that the caller holds until before its end; `site` None is all of the collection.

    `to` says in words to whom it was granted: to them, to a group they are in, to everybody.
    """

    role: str
    collection: int
    site: int | None
    starts_at: datetime
    ends_at: datetime | None
    to: str = "personally"


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that was looked at: in words, and what it gives."""

    rule: str
    gives: Capabilities


def embargo_ends(unit: Unit) -> datetime | None:
    """When the unit's embargo ends: at 00:00 UTC of its day."""
    return datetime.combine(unit.embargo_until, time(), UTC) if unit.embargo_until else None


def explain(unit: Unit, granted: Iterable[Granted], *, signed_in: bool, moment: datetime) -> Iterator[Reason]:
    """Every rule that bears on the unit, whether it gives anything or not."""
    for grant in granted:
        if grant.collection == unit.collection and grant.site in (None, unit.site):
            yield _of_grant(grant, moment)
    yield _of_tier(unit, signed_in, moment)


def capabilities(
    unit: Unit, granted: Iterable[Granted], *, signed_in: bool, moment: datetime
) -> Capabilities:
    """What the caller may do in the unit."""
    found = explain(unit, granted, signed_in=signed_in, moment=moment)
    return NONE.union(*(reason.gives for reason in found))


def changes_next(units: Iterable[Unit], granted: Iterable[Granted], moment: datetime) -> datetime | None:
    """The next moment at which anything begins or ends by itself."""
    ends = [embargo_ends(unit) for unit in units]
    times = [*ends, *(at for grant in granted for at in (grant.starts_at, grant.ends_at))]
    return min((at for at in times if at and at > moment), default=None)


def by_unit(
    units: Iterable[Unit], granted: Iterable[Granted], *, signed_in: bool, moment: datetime
) -> Mapping[int, Capabilities]:
    """The capabilities in every unit in which there are any."""
    own: dict[int, list[Granted]] = {}
    for grant in granted:
        own.setdefault(grant.collection, []).append(grant)
    found = {
        unit.id: capabilities(unit, own.get(unit.collection, ()), signed_in=signed_in, moment=moment)
        for unit in units
    }
    return {unit: capable for unit, capable in found.items() if capable}


def how_to_get_in(unit: Unit, moment: datetime, *, finds_only: bool) -> str:
    """What someone is told who may find what lies in the unit, or look at it, and wants more."""
    ends = embargo_ends(unit)
    if not finds_only:
        return "You may look at this, but not take it whole: ask the collection's owner for the role reader."
    if unit.hidden:
        return "This is for members: ask the collection's owner for a role, or use a token that includes it."
    if ends and moment < ends:
        return f"There is an embargo until {unit.embargo_until}: until then only the metadata are public."
    return _WAYS_IN[unit.tier]


_WAYS_IN = {
    "open": "Your token or link does not include this.",
    "registered": "The metadata are public; for the data sign in.",
    "request": "The metadata are public; the data are for those who asked for access and were granted it.",
    "private": "The metadata are public; the data are for members: ask the collection's owner for a role.",
}


def _of_grant(grant: Granted, moment: datetime) -> Reason:
    role = f"The role {grant.role}, granted {grant.to},"
    if moment < grant.starts_at:
        return Reason(f"{role} begins at {_told(grant.starts_at)}.", NONE)
    if not grant.ends_at:
        return Reason(f"{role} holds.", ROLES[grant.role])
    if moment < grant.ends_at:
        return Reason(f"{role} holds until {_told(grant.ends_at)}.", ROLES[grant.role])
    return Reason(f"{role} ended at {_told(grant.ends_at)}.", NONE)


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _of_tier(unit: Unit, signed_in: bool, moment: datetime) -> Reason:
    ends = embargo_ends(unit)
    if ends and moment < ends:
        told = f"There is an embargo until {unit.embargo_until}."
        return Reason(told, NONE if unit.hidden else _FIND)
    stranger, registered = TIERS[unit.tier]
    gives = registered if signed_in else stranger
    if unit.hidden and gives == _FIND:
        gives = NONE
    who = "whoever has signed in" if signed_in else "strangers"
    what = ", ".join(each.value for each in Capability if each in gives) or "nothing"
    return Reason(f"The tier {unit.tier} gives {who}: {what}.", gives)
