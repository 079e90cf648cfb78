"""Tokens: looked up by digest in one statement, made, listed, renewed and taken back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from app.database.statements import Statement
from app.models.types import UtcDateTime, now
from app.registry.tables import PERSON, SHARE_LINK, TOKEN
from app.viewer import Capability

PERSONAL, SESSION = "personal", "session"
#: When a token was last used is known to the minute.
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Borne:
    """What a secret that was looked up stands for: a token, a session, or a link of somebody.

    `person` None is the owner, of whose token `owner` is the digest; `kind` is that of a token.
    `studies`, `capability` and whether its uses are `counted` are a link's; `stale` says that when it was
    last used should be written anew.
    """

    token: int | None
    kind: str
    link: int | None
    person: int | None
    owner: bytes | None
    admin: bool
    auditor: bool
    capabilities: frozenset[Capability] | None
    collections: frozenset[int] | None
    studies: frozenset[str] | None
    cart: int | None
    capability: Capability | None
    counted: bool
    stale: bool


@dataclass(frozen=True, slots=True)
class Token:
    """One personal token as its row has it."""

    id: int
    name: str
    beginning: str
    scopes: tuple[Capability, ...]
    collections: tuple[int, ...]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def by_token(connection: Connection, sha256: bytes, kind: str) -> Borne | None:
    """What a token or session of this digest stands for, unless it has ended."""
    moment = now()
    values = {"sha256": sha256, "kind": kind, "now": moment, "then": moment - USED_EVERY}
    return next(map(_borne, _BY_TOKEN.rows(connection, values)), None)


def by_link(connection: Connection, sha256: bytes) -> Borne | None:
    """What a link of this digest stands for, unless it has ended."""
    return next(map(_borne, _BY_LINK.rows(connection, {"sha256": sha256, "now": now()})), None)


def make(
    connection: Connection,
    person: int | None,
    name: str,
    secret: tuple[str, bytes],
    scopes: Iterable[Capability],
    collections: Iterable[int],
    expires_at: datetime,
    owner: bytes | None = None,
) -> int:
    """Make a personal token, of whose secret the beginning and the digest are kept; its row."""
    beginning, sha256 = secret
    narrowed = {
        "scopes": orjson.dumps([each.value for each in scopes]),
        "collections": orjson.dumps(list(collections)),
    }
    return _insert(
        connection,
        person_id=person,
        owner=owner,
        kind=PERSONAL,
        name=name,
        beginning=beginning,
        sha256=sha256,
        expires_at=expires_at,
        **narrowed,
    )


def begin_session(
    connection: Connection, sha256: bytes, expires_at: datetime, person: int | None, link: int | None = None
) -> int:
    """A browser's session, of somebody or by a link; those of the same that have ended are forgotten."""
    same = TOKEN.c.person_id.is_not_distinct_from(person) & TOKEN.c.share_link_id.is_not_distinct_from(link)
    over = or_(TOKEN.c.expires_at < now(), TOKEN.c.revoked_at.is_not(None))
    connection.execute(delete(TOKEN).where(TOKEN.c.kind == SESSION, same, over))
    return _insert(
        connection,
        person_id=person,
        share_link_id=link,
        kind=SESSION,
        name="",
        beginning="",
        sha256=sha256,
        expires_at=expires_at,
        scopes=b"[]",
        collections=b"[]",
    )


def end_session(connection: Connection, sha256: bytes) -> int | None:
    """End it; its person, where it stood for one."""
    own = (TOKEN.c.sha256 == sha256) & (TOKEN.c.kind == SESSION) & TOKEN.c.revoked_at.is_(None)
    ended = update(TOKEN).where(own).values(revoked_at=now()).returning(TOKEN.c.person_id)
    return connection.execute(ended).scalar()


def end_all(connection: Connection, person: int, *kinds: str) -> None:
    """Take back every token of somebody that is of one of these kinds."""
    own = (TOKEN.c.person_id == person) & TOKEN.c.kind.in_(kinds) & TOKEN.c.revoked_at.is_(None)
    connection.execute(update(TOKEN).where(own).values(revoked_at=now()))


def page(connection: Connection, person: int | None, after: int, limit: int) -> list[Token]:
    """Somebody's personal tokens, in the order in which they were made; those taken back too."""
    rows = select(*_COLUMNS).where(_own(person), TOKEN.c.id > after).order_by(TOKEN.c.id).limit(limit)
    return [_token(row) for row in connection.execute(rows)]


def get(connection: Connection, person: int | None, token: int) -> Token | None:
    """Somebody's personal token of this row, or None."""
    found = connection.execute(select(*_COLUMNS).where(_own(person), TOKEN.c.id == token)).first()
    return _token(found) if found else None


def renew(
    connection: Connection,
    token: int,
    secret: tuple[str, bytes],
    expires_at: datetime,
    owner: bytes | None = None,
) -> None:
    """Give a token another secret: the one before ends now."""
    beginning, sha256 = secret
    new = {"beginning": beginning, "sha256": sha256, "created_at": now(), "expires_at": expires_at}
    connection.execute(update(TOKEN).where(TOKEN.c.id == token).values(used_at=None, owner=owner, **new))


def revoke(connection: Connection, token: int) -> None:
    """Take a token back."""
    live = (TOKEN.c.id == token) & TOKEN.c.revoked_at.is_(None)
    connection.execute(update(TOKEN).where(live).values(revoked_at=now()))


def used(connection: Connection, token: int) -> None:
    """Write that a token was used now."""
    connection.execute(update(TOKEN).where(TOKEN.c.id == token).values(used_at=now()))


def _insert(connection: Connection, **values: Any) -> int:
    row = insert(TOKEN).values(created_at=now(), **values).returning(TOKEN.c.id)
    return int(connection.execute(row).scalar_one())


def _own(person: int | None) -> ColumnElement[bool]:
    return TOKEN.c.person_id.is_not_distinct_from(person) & (TOKEN.c.kind == PERSONAL)


def _token(row: Any) -> Token:
    values = {name: getattr(row, name) for name in Token.__slots__}
    values["scopes"] = tuple(map(Capability, orjson.loads(row.scopes)))
    values["collections"] = tuple(orjson.loads(row.collections))
    return Token(**values)


def _borne(row: tuple[Any, ...]) -> Borne:
    token, kind, scopes, collections, link, within, linked, capability, counted, owner, person, *rest = row
    admin, auditor, stale = map(bool, rest)
    narrowed = frozenset(orjson.loads(collections or b"[]")) | ({linked} - {None})
    told = orjson.loads(within) if within else {}
    studies, cart = told.get("studies", ()), told.get("cart")
    return Borne(
        token,
        kind or "",
        link,
        person,
        owner,
        admin,
        auditor,
        frozenset(map(Capability, orjson.loads(scopes or b"[]"))) or None,
        narrowed or None,
        frozenset() if cart else frozenset(studies) or None,
        cart,
        Capability(capability) if capability else None,
        bool(counted),
        stale,
    )


_COLUMNS = [TOKEN.c[name] for name in Token.__slots__]
_NOW, _THEN = bindparam("now", type_=UtcDateTime()), bindparam("then", type_=UtcDateTime())
_DIGEST = bindparam("sha256", type_=LargeBinary())
_LINK = SHARE_LINK.c["id", "within", "collection_id", "capability"]
_PERSON = PERSON.c["id", "admin", "auditor"]
_COUNTED = SHARE_LINK.c.most_uses.is_not(None)
_ABLE = or_(PERSON.c.id.is_(None), PERSON.c.disabled.is_(False))
_LINKED = and_(SHARE_LINK.c.revoked_at.is_(None), SHARE_LINK.c.expires_at > _NOW)


def _statement_by_token() -> Select[Any]:
    whose = PERSON.c.id == func.coalesce(TOKEN.c.person_id, SHARE_LINK.c.person_id)
    joined = TOKEN.outerjoin(SHARE_LINK, SHARE_LINK.c.id == TOKEN.c.share_link_id).outerjoin(PERSON, whose)
    owner = func.coalesce(TOKEN.c.owner, SHARE_LINK.c.owner)
    stale = or_(TOKEN.c.used_at.is_(None), TOKEN.c.used_at < _THEN)
    told = select(*TOKEN.c["id", "kind", "scopes", "collections"], *_LINK, _COUNTED, owner, *_PERSON, stale)
    return told.select_from(joined).where(
        TOKEN.c.sha256 == _DIGEST,
        TOKEN.c.kind == bindparam("kind"),
        TOKEN.c.revoked_at.is_(None),
        TOKEN.c.expires_at > _NOW,
        or_(TOKEN.c.share_link_id.is_(None), _LINKED),
        _ABLE,
    )


def _statement_by_link() -> Select[Any]:
    joined = SHARE_LINK.outerjoin(PERSON, PERSON.c.id == SHARE_LINK.c.person_id)
    told = select(null(), null(), null(), null(), *_LINK, _COUNTED, SHARE_LINK.c.owner, *_PERSON, null())
    return told.select_from(joined).where(SHARE_LINK.c.sha256 == _DIGEST, _LINKED, _ABLE)


_BY_TOKEN, _BY_LINK = Statement(_statement_by_token()), Statement(_statement_by_link())
