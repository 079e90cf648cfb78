"""Signing in with a browser: by password, by the OpenID provider, or by a link; and out again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from app.access.callers import Caller
from app.access.secrets import SESSION, digest, make
from app.archive import Archive
from app.errors import Forbidden, InvalidToken, NotFound
from app.models.types import now
from app.openid.journeys import Journey
from app.registry import audit, people, share_links, tokens
from app.services import passwords
from app.services.accounts import caller_of, link_of, meet
from app.services.roots import enter
from app.services.tokens import collections_with, enter_link
from app.turnstile import Policy
from app.viewer import Capability

if TYPE_CHECKING:
    from app.openid.provider import Provider

#: Attempts to sign in, with one name and from one address.
BY_NAME, BY_ADDRESS = Policy("sign-in-name", 10, 900), Policy("sign-in-address", 50, 900)


@dataclass(frozen=True, slots=True)
class Session:
    """What a browser's cookie holds, and for how many seconds."""

    secret: str
    seconds: int


async def with_password(archive: Archive, name: str, password: str, address: str) -> int:
    """The person of an account here. Raises InvalidToken, TooMany."""
    if not archive.settings.accounts:
        raise NotFound
    name = name.strip().lower()
    # Counted before anything is compared: who tries at once in parallel is counted too.
    archive.turnstile.enter(BY_ADDRESS, address)
    allowance = archive.turnstile.enter(BY_NAME, name[:100])
    found = None
    if name.isascii() and name.isprintable():
        found = await archive.database.lookup(lambda connection: people.password(connection, name))
    person, kept = found or (0, None)
    if not await passwords.matches(kept, password):
        raise InvalidToken("The name or the password is wrong.", allowance)
    archive.turnstile.forget(BY_NAME, name[:100])
    return person


def provider(archive: Archive) -> "Provider":
    """The OpenID provider. Raises NotFound where there is none."""
    if archive.provider is None:
        raise NotFound
    return archive.provider


async def with_provider(archive: Archive, journey: Journey, query: Mapping[str, str], back: str) -> int:
    """Who came back from the provider. Raises InvalidToken, ProviderUnavailable, Forbidden."""
    claimed = await provider(archive).arrival(journey, query, back)
    met = await meet(archive, claimed)
    if met.disabled:
        raise Forbidden("Your account is disabled here: ask the archive's administrators.")
    told = {"name": claimed.name, "email": claimed.email}
    await archive.database.write(lambda connection: people.change(connection, met.id, told))
    return met.id


async def may_look(archive: Archive, caller: Caller, slug: str | None) -> bool:
    """Whether a page that shows a collection, or the archive, has anything to show before they sign in."""
    if caller.signed_in:
        return True
    register = await archive.rights.register()
    shown = (await archive.rights.viewer(caller, register)).where(Capability.VIEW)
    if slug is None:
        return bool(shown)
    found = register.collections.get(slug)
    return found is not None and any(unit.id in shown for unit in found.units)


async def begin(archive: Archive, person: int, before: str | None) -> Session:
    """A new session of somebody, never the one that the browser had before, which ends."""
    secret, lasting = make(SESSION), timedelta(hours=archive.settings.session_hours)

    def write(connection: Connection) -> None:
        if before:
            tokens.end_session(connection, digest(before))
        tokens.begin_session(connection, digest(secret), now() + lasting, person)
        audit.enter(connection, f"person:{person}", "session.begin")

    await archive.database.write(write)
    return Session(secret, int(lasting.total_seconds()))


async def follow(archive: Archive, link: str) -> Session:
    """A session that shows what a link does, which counts as one use. Raises InvalidToken."""
    borne = await link_of(archive, link)
    caller = borne and caller_of(archive, borne)
    if not borne or not borne.link or not caller:
        raise InvalidToken("This link has ended, or was taken back: ask whoever sent it for another.")
    row, who = borne.link, caller.name
    register, viewer = await enter(archive, caller)
    secret, lasting = make(SESSION), timedelta(hours=archive.settings.session_hours)

    def write(connection: Connection) -> None:
        if not share_links.use(connection, row):
            raise InvalidToken("This link was opened as often as it may be: ask whoever sent it for another.")
        tokens.begin_session(connection, digest(secret), now() + lasting, None, row)
        reached = caller.collections or collections_with(connection, register, viewer, caller.studies or ())
        enter_link(connection, who, "link.open", reached, row)

    await archive.database.write(write)
    return Session(secret, int(lasting.total_seconds()))


async def end(archive: Archive, secret: str) -> None:
    """Sign out: what the browser's cookie held stands for nobody from now on."""

    def write(connection: Connection) -> None:
        person = tokens.end_session(connection, digest(secret))
        if person is not None:
            audit.enter(connection, f"person:{person}", "session.end")

    await archive.database.write(write)
