"""Why somebody may do what they may do in a collection, unit by unit, and how they get to do more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from app.access import decide
from app.access.callers import Caller
from app.access.decide import NONE, Capabilities, Granted, Reason, Unit
from app.archive import Archive
from app.errors import Forbidden, NotFound
from app.models.types import now
from app.registry import agreements, collections, grants, people, requests, rights
from app.registry.agreements import Agreement
from app.registry.reach import reach
from app.registry.requests import Request
from app.registry.rights import Known
from app.services.owners import require_sign_in
from app.services.requests import takes
from app.services.roots import enter, known
from app.viewer import Capability, Viewer


@dataclass(frozen=True, slots=True)
class Explained:
    """One access unit: every rule that bears on it, what comes of them, and what to do for more.

    `withheld` is what the rules give and the token or link in use leaves out.
    """

    unit: Unit
    site: str | None
    rules: list[Reason]
    able: Capabilities
    withheld: Capabilities
    advice: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands in a collection: its units as they know them, and what they asked for last."""

    units: list[Explained]
    licence: str
    agreement: Agreement | None
    takes_requests: bool
    request: Request | None


async def explain(archive: Archive, caller: Caller, slug: str, person: int | None) -> list[Explained]:
    """The access units of a collection that the caller knows or, of somebody else's rights, owns.

    Raises NotSignedIn, NotFound, Forbidden.
    """
    register, viewer = await enter(archive, caller)
    collection = known(register, viewer, slug)
    if person is not None and by_link(caller):
        raise Forbidden("A link tells of nobody.")
    if person is None or person == viewer.person:
        return await _explained(archive, caller, collection, _known(collection, viewer))
    require_sign_in(caller)
    owned = [unit for unit in collection.units if viewer.holds(Capability.OWN, unit.id)]
    if not owned:
        raise Forbidden("What others may do is for those who own the collection.")
    found = await archive.database.lookup(lambda connection: people.get(connection, person))
    if found is None:
        raise NotFound("There is no such person.")
    return await _explained(archive, _as(found), collection, owned)


async def standing(archive: Archive, caller: Caller, slug: str) -> Standing:
    """How the caller stands in a collection. Raises NotSignedIn, NotFound."""
    register, viewer = await enter(archive, caller)
    collection = known(register, viewer, slug)
    person = reach(register, caller, viewer).person
    units = await _explained(archive, caller, collection, _known(collection, viewer))
    return await archive.database.lookup(
        lambda connection: _standing(connection, collection, viewer, person, units)
    )


def _standing(
    connection: Connection, collection: Known, viewer: Viewer, person: int | None, units: list[Explained]
) -> Standing:
    entry = collections.get(connection, collection.id)
    return Standing(
        units,
        entry.licence if entry else "",
        agreements.latest(connection, collection.id),
        takes(connection, collection, viewer),
        None if person is None else requests.last_of(connection, collection.id, person),
    )


def by_link(caller: Caller) -> bool:
    """Whether the caller is whoever has a link, and not its maker."""
    return caller.using.startswith("link:")


def _known(collection: Known, viewer: Viewer) -> list[Unit]:
    return [unit for unit in collection.units if viewer.knows(unit.id)]


def _as(person: people.Person) -> Caller:
    """A person as they are when they sign in; who is disabled cannot, and is a stranger."""
    if person.disabled:
        return Caller(person.subject)
    return Caller(person.subject, person.id, signed_in=True, everything=person.admin, audits=person.auditor)


async def _explained(
    archive: Archive, caller: Caller, collection: Known, units: Sequence[Unit]
) -> list[Explained]:
    person = caller.person if caller.signed_in else None

    def work(connection: Connection) -> tuple[list[Granted], Mapping[int, str]]:
        named = grants.sites(connection, collection.id)
        return rights.granted(connection, person), {row: name for name, row in named.items()}

    held, sites = await archive.database.lookup(work)
    return [_unit(caller, unit, held, sites.get(unit.site or 0)) for unit in units]


def _unit(caller: Caller, unit: Unit, held: Sequence[Granted], site: str | None) -> Explained:
    moment = now()
    rules = list(decide.explain(unit, held, signed_in=caller.signed_in, moment=moment))
    if caller.everything:
        rules.insert(0, Reason("The archive's owner and its administrators may do everything.", _EVERYTHING))
    given = NONE.union(*(rule.gives for rule in rules))
    able = caller.left(unit, given)
    if by_link(caller):
        # Who follows a link learns nothing of what its maker was granted.
        rules, given = [Reason("Your link gives this.", able)], able
    advice = None
    if given - able:
        advice = f"Your token or link leaves out: {_words(given - able)}. Use another one, or sign in."
    elif Capability.DOWNLOAD not in able:
        advice = decide.how_to_get_in(unit, moment, finds_only=Capability.VIEW not in able)
    return Explained(unit, site, rules, able, given - able, advice)


def _words(capable: Capabilities) -> str:
    return ", ".join(each.value for each in Capability if each in capable)


_EVERYTHING = frozenset(Capability)
