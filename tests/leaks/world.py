"""Small archives drawn at random, and a slow answer to who may do what in them, written from the design.

Nothing here looks at the archive's own rule: tiers, roles and embargoes are spelled out once more.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import strategies as st

FIND, VIEW, DOWNLOAD = "metadata.read", "pixel.read", "download"
ANNOTATE, SUBMIT, CURATE, OWN = "annotate", "submit", "curate", "grant"
EVERYTHING = frozenset({FIND, VIEW, DOWNLOAD, ANNOTATE, SUBMIT, CURATE, OWN})
_TAKES = frozenset({FIND, VIEW, DOWNLOAD})
ROLES = {
    "viewer": frozenset({FIND, VIEW}),
    "reader": _TAKES,
    "annotator": _TAKES | {ANNOTATE},
    "submitter": frozenset({SUBMIT}),
    "curator": _TAKES | {ANNOTATE, CURATE},
    "owner": _TAKES | {ANNOTATE, CURATE, OWN},
}
#: From when until when a grant or membership holds, in days from now.
ALWAYS, ENDED, LATER = (-9, None), (-9, -1), (1, None)
PEOPLE = 3
STUDIES, SERIES = ("1.2.1", "1.2.2", "1.2.3"), 3


@dataclass(frozen=True)
class Unit:
    """An access unit; `site` None is the collection's own."""

    collection: int
    site: int | None
    tier: str
    embargo: int | None
    hidden: bool


@dataclass(frozen=True)
class Grant:
    """`to` is a person's number, `group`, `registered` or `anyone`."""

    to: int | str
    role: str
    collection: int
    site: int | None
    days: tuple[int, int | None]
    revoked: bool = False


@dataclass(frozen=True)
class Held:
    """An instance in a unit. What it says of its patient and study is that unit's alone."""

    unit: int
    study: str
    series: str
    instance: str
    said: str


@dataclass(frozen=True)
class Draft:
    """An instance that a person sent to a unit, in a submission of its own, and that is not published."""

    person: int
    held: Held


@dataclass(frozen=True)
class Caller:
    """Who asks: a stranger, a person by number, or the owner; perhaps by something that narrows."""

    name: str
    person: int | None = None
    owner: bool = False
    collection: int | None = None
    studies: frozenset[str] | None = None
    capabilities: frozenset[str] | None = None


@dataclass(frozen=True)
class World:
    """Collections are numbers; `rolling` says which show at once what they are sent. The last one may be an
    analysis result of the first."""

    rolling: tuple[bool, ...]
    units: tuple[Unit, ...]
    grants: tuple[Grant, ...]
    members: tuple[tuple[int, tuple[int, int | None]], ...]
    held: tuple[Held, ...]
    drafts: tuple[Draft, ...] = ()
    analysed: bool = False
    #: Addresses that were in a collection's first version, and are not in its second, which is the latest.
    withdrawn: frozenset[tuple[int, str, str, str]] = frozenset()

    def able(self, caller: Caller, unit: Unit) -> frozenset[str]:
        """What the caller may do in the unit."""
        if caller.collection not in (None, unit.collection):
            return frozenset()
        found = EVERYTHING if caller.owner else self._granted(caller, unit) | self._of_tier(caller, unit)
        return found if caller.capabilities is None else found & caller.capabilities

    def _granted(self, caller: Caller, unit: Unit) -> frozenset[str]:
        found: set[str] = set()
        for grant in self.grants:
            here = grant.collection == unit.collection and grant.site in (None, unit.site)
            if here and not grant.revoked and _holds(grant.days) and self._is_to(grant, caller):
                found |= ROLES[grant.role]
        return frozenset(found)

    def _is_to(self, grant: Grant, caller: Caller) -> bool:
        if grant.to == "anyone":
            return True
        if caller.person is None:
            return False
        if grant.to == "group":
            return any(person == caller.person and _holds(days) for person, days in self.members)
        return grant.to in ("registered", caller.person)

    def _of_tier(self, caller: Caller, unit: Unit) -> frozenset[str]:
        told = frozenset() if unit.hidden else frozenset({FIND})
        if unit.embargo is not None and unit.embargo > 0:
            return told
        if unit.tier == "open" or (unit.tier == "registered" and caller.person is not None):
            return _TAKES
        return told

    def held_by(self, caller: Caller, right: str) -> list[Held]:
        """What is published, and not withdrawn, with which the caller may do this."""
        return [each for each in self.ever_held_by(caller, right) if not self.is_withdrawn(each)]

    def is_withdrawn(self, held: Held) -> bool:
        """Whether only the first version has it."""
        collection = self.units[held.unit].collection
        return (collection, held.study, held.series, held.instance) in self.withdrawn

    def ever_held_by(self, caller: Caller, right: str) -> list[Held]:
        """What was published, whether or not it was withdrawn."""
        return [
            each
            for each in self.held
            if right in self.able(caller, self.units[each.unit])
            and (caller.studies is None or each.study in caller.studies)
        ]

    def may_do_anything(self, caller: Caller) -> bool:
        """Whether the caller has signed in, or there is something for strangers."""
        signed_in = caller.owner or caller.person is not None
        return signed_in or any(self.able(caller, unit) for unit in self.units)

    def _sees(self, caller: Caller, draft: Draft) -> bool:
        may = self.able(caller, self.units[draft.held.unit])
        own = (
            caller.person == draft.person
            and caller.studies is None
            and not may.isdisjoint({SUBMIT, ANNOTATE})
        )
        return own or CURATE in may

    def without_what_is_hidden(self, caller: Caller) -> "World":
        """The archive as it would be if what the caller may not know of had never been."""
        kept = [unit for unit in range(len(self.units)) if self.able(caller, self.units[unit])]
        return replace(
            self,
            held=tuple(self.ever_held_by(caller, FIND)),
            drafts=tuple(draft for draft in self.drafts if self._sees(caller, draft)),
            units=tuple(
                unit if place in kept else replace(unit, collection=-1)
                for place, unit in enumerate(self.units)
            ),
        )


def _holds(days: tuple[int, int | None]) -> bool:
    start, end = days
    return start <= 0 and (end is None or end > 0)


def shift(days: int) -> timedelta:
    """So many days."""
    return timedelta(days=days)


_UNITS = st.builds(
    Unit,
    collection=st.just(0),
    site=st.none(),
    tier=st.sampled_from(("open", "registered", "request", "private")),
    embargo=st.sampled_from((None, None, -2, 2)),
    hidden=st.booleans(),
)
_MEMBERS = st.tuples(st.integers(0, PEOPLE - 1), st.sampled_from((ALWAYS, ENDED)))
_DAYS = st.sampled_from((ALWAYS, ALWAYS, ENDED, LATER))


def _grants(collections: int) -> st.SearchStrategy[Grant]:
    strangers = st.sampled_from(("anyone", "registered"))
    to = st.sampled_from((*range(PEOPLE), *range(PEOPLE), "group"))
    role = st.sampled_from(tuple(ROLES))
    place = {"collection": st.integers(0, collections - 1), "site": st.sampled_from((None, None, 0))}
    revoked = st.sampled_from((False, False, True))
    few = st.builds(Grant, to=strangers, role=st.sampled_from(("viewer", "reader")), days=_DAYS, **place)
    many = st.builds(Grant, to=to, role=role, days=_DAYS, revoked=revoked, **place)
    return st.one_of(many, many, many, few)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Two or three collections, each with a unit of its own, perhaps one of a site; studies shared by all."""
    collections = draw(st.integers(2, 3))
    units: list[Unit] = []
    for collection in range(collections):
        units.append(replace(draw(_UNITS), collection=collection))
        if draw(st.booleans()):
            units.append(replace(draw(_UNITS), collection=collection, site=0))
    places = st.tuples(
        st.integers(0, len(units) - 1), st.sampled_from(STUDIES), st.integers(1, SERIES), st.integers(1, 2)
    )
    held = [_held(*each) for each in draw(st.lists(places, min_size=2, max_size=9, unique=True))]
    sent = draw(st.lists(st.tuples(st.integers(0, PEOPLE - 1), places), max_size=2))
    drafts = [Draft(person, _held(*each, said="draft")) for person, each in sent]
    gone = draw(st.lists(st.sampled_from(held), max_size=2))
    withdrawn = {(units[each.unit].collection, each.study, each.series, each.instance) for each in gone}
    return World(
        tuple(draw(st.booleans()) for _ in range(collections)),
        tuple(units),
        tuple(draw(st.lists(_grants(collections), max_size=8))),
        tuple(draw(st.lists(_MEMBERS, max_size=2, unique_by=_person))),
        tuple(held),
        tuple(drafts),
        draw(st.booleans()),
        frozenset(withdrawn),
    )


def _person(member: tuple[int, object]) -> int:
    return member[0]


def _held(unit: int, study: str, series: int, number: int, said: str = "held") -> Held:
    own = f"{study}.{series}"
    return Held(unit, study, own, f"{own}.{number}", f"{said}x{unit}x{study}x{series}")


def callers(world: World) -> list[Caller]:
    """A stranger, every person, the owner; and the owner's and a person's links and tokens."""
    people = [Caller(f"person {number}", number) for number in range(PEOPLE)]
    studies = frozenset({STUDIES[0]})
    return [
        Caller("stranger"),
        *people,
        Caller("owner", owner=True),
        Caller("token", 0, capabilities=frozenset({FIND, VIEW}), collection=0),
        Caller("link", owner=True, capabilities=frozenset({FIND, VIEW}), studies=studies, collection=0),
    ]
