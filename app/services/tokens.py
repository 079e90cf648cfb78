"""Personal tokens and share links: what somebody hands on of what they may do themselves."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from app.access.callers import Caller
from app.access.secrets import LINK, PERSONAL, SHOWN, digest, make
from app.archive import Archive
from app.dicom.resource import Resource
from app.errors import Conflict, Forbidden, InvalidRequest, NotFound, NotSignedIn
from app.index import carts, facts, locate
from app.index.scope import ARCHIVE, Scope
from app.models.types import now
from app.registry import audit, share_links, tokens
from app.registry.audit import Act
from app.registry.rights import Known, Register
from app.registry.share_links import ShareLink
from app.registry.tokens import Token
from app.services.accounts import owner_digest
from app.services.roots import enter, known, open_cart, require
from app.viewer import Capability, Viewer

LONGEST = timedelta(days=366)


def require_themselves(caller: Caller) -> None:
    """Raises NotSignedIn, or Forbidden for who comes with a token or a link: those do not make others."""
    if not caller.signed_in:
        raise NotSignedIn
    if caller.narrowed or caller.using.startswith(("personal:", "link:")):
        raise Forbidden("Sign in yourself for this: a token or a link does not make others.")


async def make_token(
    archive: Archive,
    caller: Caller,
    name: str,
    scopes: Sequence[Capability],
    collections: Iterable[str],
    expires_at: datetime,
) -> tuple[Token, str]:
    """A new token, and its secret. Raises Forbidden, InvalidRequest, and NotFound for a collection."""
    require_themselves(caller)
    _check_end(expires_at)
    register, viewer = await enter(archive, caller)
    within = [known(register, viewer, slug).id for slug in collections]
    secret, owner = make(PERSONAL), _owner(archive, caller)

    def write(connection: Connection) -> Token:
        row = tokens.make(connection, caller.person, name, _kept(secret), scopes, within, expires_at, owner)
        audit.enter(connection, caller.name, "token.create", token=row)
        return _token(connection, caller, row)

    return await archive.database.write(write), secret


async def token_of(archive: Archive, caller: Caller, row: int) -> Token:
    """One of the caller's tokens. Raises Forbidden, NotFound."""
    require_themselves(caller)
    return await archive.database.lookup(lambda connection: _token(connection, caller, row))


async def renew_token(archive: Archive, caller: Caller, row: int) -> tuple[Token, str]:
    """Another secret for a token, for as long again. A token may renew itself. Raises NotFound, Conflict."""
    if caller.using != f"personal:{row}":
        require_themselves(caller)
    secret, owner = make(PERSONAL), _owner(archive, caller)

    def write(connection: Connection) -> Token:
        token = _token(connection, caller, row)
        if token.revoked_at or token.expires_at <= now():
            raise Conflict("The token has ended: make another.")
        lasting = token.expires_at - token.created_at
        tokens.renew(connection, row, _kept(secret), now() + lasting, owner)
        audit.enter(connection, caller.name, "token.rotate", token=row)
        return _token(connection, caller, row)

    return await archive.database.write(write), secret


async def revoke_token(archive: Archive, caller: Caller, row: int) -> None:
    """Take a token back; a token may take itself back. Raises NotFound."""
    if caller.using != f"personal:{row}":
        require_themselves(caller)

    def write(connection: Connection) -> None:
        _token(connection, caller, row)
        tokens.revoke(connection, row)
        audit.enter(connection, caller.name, "token.revoke", token=row)

    await archive.database.write(write)


async def make_link(
    archive: Archive,
    caller: Caller,
    collection: str | None,
    studies: Sequence[str],
    cart: str | None,
    capability: Capability,
    expires_at: datetime,
    most_uses: int | None,
    note: str,
) -> tuple[ShareLink, str]:
    """A new link to what the caller may see themselves, and its secret.

    Raises Forbidden, InvalidRequest, and NotFound for what there is not, or not for them.
    """
    require_themselves(caller)
    _check_end(expires_at)
    if (collection is None and not studies) is (cart is None):
        raise InvalidRequest(
            "Say what the link shows: a collection, studies, studies of a collection, or a cart."
        )
    shown = (await open_cart(archive, caller, cart))[2] if cart else None
    found = await _require_shown(archive, caller, collection, studies, capability)
    register, viewer = await enter(archive, caller)
    secret = make(LINK)
    values: dict[str, Any] = {
        "capability": capability.value,
        "expires_at": expires_at,
        "most_uses": most_uses,
        "note": note,
    }
    values["owner"] = _owner(archive, caller)

    def write(connection: Connection) -> ShareLink:
        within = found.id if found else None
        row = share_links.make(connection, caller.person, digest(secret), within, studies, shown, **values)
        if shown:
            reached = {each.collection for each in carts.parts(connection, shown.id, viewer)}
        else:
            reached = {within} if within else collections_with(connection, register, viewer, studies)
        enter_link(connection, caller.name, "link.create", reached, row)
        return _link(connection, caller, row)

    return await archive.database.write(write), secret


async def link_of(archive: Archive, caller: Caller, row: int) -> ShareLink:
    """One of the caller's links. Raises Forbidden, NotFound."""
    require_themselves(caller)
    return await archive.database.lookup(lambda connection: _link(connection, caller, row))


async def revoke_link(archive: Archive, caller: Caller, row: int) -> None:
    """Take a link back. Raises NotFound."""
    require_themselves(caller)

    def write(connection: Connection) -> None:
        _link(connection, caller, row)
        share_links.revoke(connection, row)
        audit.enter(connection, caller.name, "link.revoke", link=row)

    await archive.database.write(write)


async def _require_shown(
    archive: Archive, caller: Caller, slug: str | None, studies: Iterable[str], capability: Capability
) -> Known | None:
    """The collection. Raises NotFound or Forbidden unless the caller may do this there, with each study."""
    register, viewer = await enter(archive, caller)
    found = known(register, viewer, slug) if slug is not None else None
    if found:
        require(viewer, found, capability)
    scope, able = Scope(found.id) if found else ARCHIVE, viewer.at(capability)
    for study in studies:
        resource = Resource(study)
        if not await archive.database.lookup(
            lambda connection, at=resource: locate.access_unit(connection, scope, able, at)  # type: ignore[misc]
        ):
            raise NotFound(f"There is no study {study} here that you may share so.")
    return found


def collections_with(
    connection: Connection, register: Register, viewer: Viewer, studies: Iterable[str]
) -> set[int]:
    """The collections in which the viewer finds any of these studies."""
    units = frozenset(register.units) if viewer.sees_all else viewer.units
    narrowed = replace(viewer, sees_all=False, units=units, studies=frozenset(studies))
    return set(facts.facts(connection, ARCHIVE, narrowed))


def enter_link(connection: Connection, who: str, what: str, reached: Iterable[int], row: int) -> None:
    """Enter what is done with a link in the audit of each collection that it reaches."""
    acts = [Act(who, what, each, {"link": row}) for each in sorted(reached)]
    audit.append(connection, acts or [Act(who, what, None, {"link": row})])


def _check_end(expires_at: datetime) -> None:
    if not now() < expires_at <= now() + LONGEST:
        raise InvalidRequest("It ends at a moment to come, within a year: give `expires_at` so.")


def _owner(archive: Archive, caller: Caller) -> bytes | None:
    return owner_digest(archive) if caller.person is None else None


def _kept(secret: str) -> tuple[str, bytes]:
    return secret[:SHOWN], digest(secret)


def _token(connection: Connection, caller: Caller, row: int) -> Token:
    found = tokens.get(connection, caller.person, row)
    if found is None:
        raise NotFound
    return found


def _link(connection: Connection, caller: Caller, row: int) -> ShareLink:
    found = share_links.get(connection, caller.person, row)
    if found is None:
        raise NotFound
    return found
