"""Who the caller is: what came with a request, resolved to a Caller."""

from collections.abc import Sequence
from dataclasses import replace
from hmac import compare_digest
from typing import NoReturn

from sqlalchemy import Connection

from app.access.callers import OWNER, STRANGER, Caller
from app.access.secrets import LINK, PERSONAL, SESSION, Credentials, digest
from app.archive import Archive
from app.errors import Conflict, InvalidToken
from app.openid.journeys import Claimed
from app.registry import audit, people, tokens
from app.registry.people import Met
from app.registry.tokens import Borne
from app.turnstile import Policy
from app.viewer import Capability

#: Tokens that are not known, from one address: the owner's might be guessed so. Nobody guesses those made
#: here, which are not counted: who holds one that has ended keeps nobody else at their address out.
UNKNOWN_TOKENS = Policy("unknown-tokens", 60, 60)
#: What a link lets its bearer do.
LINK_GIVES = {
    Capability.VIEW: frozenset({Capability.FIND, Capability.VIEW}),
    Capability.DOWNLOAD: frozenset({Capability.FIND, Capability.VIEW, Capability.DOWNLOAD}),
}


async def identify(archive: Archive, brought: Credentials) -> Caller:
    """The caller who brought these credentials.

    In local mode that is the owner, and without any credentials a stranger. Raises InvalidToken for what is
    not known or has ended, TooMany where such came too often, and ProviderUnavailable.
    """
    if archive.settings.local_mode:
        return OWNER
    if brought.token is not None:
        return await _of_token(archive, brought.token, brought.address)
    if brought.link is not None:
        return await _of_link(archive, brought.link)
    cookies = [each for each in (brought.followed, brought.session) if each is not None]
    return await _of_cookies(archive, cookies) if cookies else STRANGER


async def _of_token(archive: Archive, token: str, address: str) -> Caller:
    owner = archive.settings.owner_token
    if owner and compare_digest(digest(token), digest(owner.get_secret_value())):
        # Who may have guessed is not told that they have.
        return OWNER if archive.turnstile.look(UNKNOWN_TOKENS, address).left else _refuse(archive, address)
    if token.startswith(LINK):
        return await _of_link(archive, token)
    if token.startswith(PERSONAL):
        return await _of_row(archive, token, tokens.PERSONAL) or _unknown()
    if not token or token.startswith(SESSION):
        raise InvalidToken
    if archive.provider and token.count(".") == 2:
        return await _of_jwt(archive, token, address)
    return _refuse(archive, address)


async def _of_cookies(archive: Archive, secrets: Sequence[str]) -> Caller:
    """Whom the first of them stands for that still stands for anybody."""
    for each in secrets:
        if caller := await _of_row(archive, each, tokens.SESSION):
            return caller
    raise InvalidToken


async def _of_row(archive: Archive, secret: str, kind: str) -> Caller | None:
    sha256 = digest(secret)
    borne = await archive.database.lookup(lambda connection: tokens.by_token(connection, sha256, kind))
    caller = borne and caller_of(archive, borne)
    if not borne or not caller:
        return None
    if borne.token is not None and borne.stale:
        archive.uses.note(borne.token)
    return caller


def _unknown() -> NoReturn:
    raise InvalidToken


async def _of_link(archive: Archive, secret: str) -> Caller:
    borne = await link_of(archive, secret)
    if borne and borne.counted:
        raise InvalidToken("This link may be opened so many times only: open it in a browser, as a page.")
    return (borne and caller_of(archive, borne)) or _unknown()


async def link_of(archive: Archive, secret: str) -> Borne | None:
    """What a link's secret stands for, unless it has ended."""
    sha256 = digest(secret)
    return await archive.database.lookup(lambda connection: tokens.by_link(connection, sha256))


def caller_of(archive: Archive, borne: Borne) -> Caller | None:
    """The bearer of a token, a session or a link: its person, narrowed; None where there is no such owner."""
    if borne.person is None:
        whole: Caller | None = OWNER if borne.owner and borne.owner == owner_digest(archive) else None
    else:
        whole = _person(borne.person, borne.admin, borne.auditor)
    return whole and replace(
        whole,
        # Who audits is told of everybody: nothing that is narrowed does.
        audits=whole.audits and not (borne.capabilities or borne.collections or borne.link),
        capabilities=LINK_GIVES[borne.capability] if borne.capability else borne.capabilities,
        collections=borne.collections,
        studies=borne.studies,
        cart=borne.cart,
        using=f"link:{borne.link}" if borne.link else f"{borne.kind}:{borne.token}",
    )


def owner_digest(archive: Archive) -> bytes | None:
    """What is kept with what the owner makes: it ends when their token is another. None without an owner."""
    if archive.settings.local_mode:
        return digest("local")
    token = archive.settings.owner_token
    return digest(f"owner {token.get_secret_value()}") if token else None


async def _of_jwt(archive: Archive, token: str, address: str) -> Caller:
    assert archive.provider
    try:
        claimed = await archive.provider.verify(token)
    except InvalidToken:
        _refuse(archive, address)
    met = await meet(archive, claimed)
    if met.disabled:
        _refuse(archive, address)
    return replace(_person(met.id, met.admin, met.auditor), using="jwt")


async def meet(archive: Archive, claimed: Claimed) -> Met:
    """Whom the provider vouches for: their row is made when they come first."""
    issuer, subject = claimed.issuer, claimed.subject
    met = await archive.database.lookup(lambda connection: people.meet(connection, issuer, subject))
    if met:
        return met

    def make(connection: Connection) -> Met:
        person = people.add(connection, issuer, subject, name=claimed.name, email=claimed.email)
        audit.enter(connection, f"person:{person}", "person.create", person=person)
        return Met(person, admin=False, auditor=False, disabled=False)

    try:
        return await archive.database.write(make)
    except Conflict:
        # Two of their requests came first.
        return await meet(archive, claimed)


def _person(person: int, admin: bool, auditor: bool) -> Caller:
    name = f"person:{person}"
    return Caller(name, person, signed_in=True, everything=admin, audits=admin or auditor)


def _refuse(archive: Archive, address: str) -> NoReturn:
    raise InvalidToken(allowance=archive.turnstile.enter(UNKNOWN_TOKENS, address))
