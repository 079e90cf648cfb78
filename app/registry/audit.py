"""The audit: who did what, in chains of which each entry holds the digest of the one before it.

Nothing of a chain is kept in memory: whatever is rolled back, or run again, leaves it as it stands in the
database. Who appends has the chain to themselves until their transaction ends; on SQLite any writer does.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from secrets import token_hex
from typing import Any

import orjson
from sqlalchemy import BigInteger, Connection, bindparam, func, insert, select

from app.database.statements import Statement
from app.models.types import now
from app.registry.tables import AUDIT_ANCHOR, AUDIT_ENTRY

#: The chain of this process: processes do not wait for each other.
CHAIN = token_hex(8)
#: The first entry of a chain, which names the newest anchor there was; and that of a clean end.
BEGUN, ENDED = "chain.begin", "chain.end"
#: Who anchors has the anchors to themselves by this advisory lock; the number is arbitrary.
ANCHORING = 0x416E_6368_6F72_696E
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Act:
    """What an entry says: who did what, in which collection; never a patient's values, never a secret."""

    who: str
    what: str
    collection: int | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def enter(
    connection: Connection, who: str, what: str, collection: int | None = None, **details: object
) -> None:
    """Write an entry, in the transaction of what it is about: both are durable, or neither.

    Let it come last in the transaction: others of this process that enter something wait for its end.
    """
    append(connection, (Act(who, what, collection, details),))


def append(connection: Connection, acts: Iterable[Act]) -> None:
    """Write entries one after the other; before the first of this process, that its chain begins."""
    _wait(connection, int(CHAIN, 16))
    head = _HEAD.rows(connection, {"of": CHAIN})
    last, before = head[0] if head else (0, b"")
    rows = []
    for number, act in enumerate([*([] if head else [_beginning(connection)]), *acts], last + 1):
        values = _values(number, act)
        before = digest(before, values.values())
        rows.append({**values, "digest": before})
    if rows:
        _ENTER.run(connection, rows)


def begin(connection: Connection) -> None:
    """Anchor the chains of processes that have ended, and begin this one's."""
    anchor(connection)
    append(connection, ())


def anchor(connection: Connection) -> int:
    """Write down where each chain stands that went on since it was last anchored; how many those are."""
    _wait(connection, ANCHORING)
    last, before = newest_anchor(connection) or (0, b"")
    rows = []
    for place, (chain, number, entry) in enumerate(connection.execute(_MOVED), last + 1):
        values = {"id": place, "chain": chain, "number": number, "at": now(), "entry": bytes(entry)}
        before = digest(before, values.values())
        rows.append({**values, "digest": before})
    if rows:
        connection.execute(insert(AUDIT_ANCHOR), rows)
    return len(rows)


def newest_anchor(connection: Connection) -> tuple[int, bytes] | None:
    """The place and digest of the newest anchor, or None."""
    row = connection.execute(_NEWEST_ANCHOR).first()
    return (row.id, bytes(row.digest)) if row else None


def digest(before: bytes, values: Iterable[Any]) -> bytes:
    """The digest of an entry or anchor after the one whose digest is `before`.

    `values` are those of its row in their order, without the digest; anything that a row may hold.
    """
    return sha256(before + orjson.dumps([_form(value) for value in values], default=repr)).digest()


def _form(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else moment(value)


def moment(at: Any) -> Any:
    """A moment in the one form that goes into digests: as SQLite keeps it, in UTC with microseconds."""
    if not isinstance(at, datetime):
        return at
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _beginning(connection: Connection) -> Act:
    last = newest_anchor(connection)
    after = {"anchor": last[0], "digest": last[1].hex()} if last else {}
    return Act(SYSTEM, BEGUN, None, {"version": version("readingroom"), **after})


def _values(number: int, act: Act) -> dict[str, Any]:
    details = json.dumps(act.details, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return {
        "chain": CHAIN,
        "number": number,
        "at": now(),
        "who": plain(act.who),
        "what": plain(act.what),
        "collection_id": act.collection,
        "details": _encoded(details),
    }


def plain(text: str) -> str:
    """What both databases keep as it is: PostgreSQL has no NUL in a text, and UTF-8 no lone surrogate."""
    return _encoded(text).decode().replace("\0", "?")


def _encoded(text: str) -> bytes:
    return text.encode(errors="replace")


def _wait(connection: Connection, key: int) -> None:
    """Until the transaction of whoever came before has ended; what it wrote is seen by the next statement."""
    if connection.dialect.name == "postgresql":
        connection.execute(_TURN, {"key": key - (1 << 64) if key >> 63 else key})


def _moved() -> Any:
    """Each chain's last entry, where it is not anchored: by an index scan for each chain, not one of all."""
    tables = entry, _ = AUDIT_ENTRY, AUDIT_ANCHOR
    chains = select(func.min(entry.c.chain).label("chain")).cte("chains", recursive=True)
    following = select(func.min(entry.c.chain)).where(entry.c.chain > chains.c.chain)
    chains = chains.union_all(
        select(following.correlate(chains).scalar_subquery()).where(chains.c.chain.is_not(None))
    )
    numbers = [select(func.max(each.c.number)).where(each.c.chain == chains.c.chain) for each in tables]
    last, marked = (each.correlate(chains).scalar_subquery() for each in numbers)
    joined = chains.join(entry, (entry.c.chain == chains.c.chain) & (entry.c.number == last))
    found = select(*entry.c["chain", "number", "digest"]).select_from(joined)
    return found.where(entry.c.number > func.coalesce(marked, 0)).order_by(entry.c.chain)


_TURN = select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger)))
_HEAD = Statement(
    select(*AUDIT_ENTRY.c["number", "digest"])
    .where(AUDIT_ENTRY.c.chain == bindparam("of"))
    .order_by(AUDIT_ENTRY.c.number.desc())
    .limit(1)
)
_COLUMNS = ("chain", "number", "at", "who", "what", "collection_id", "details", "digest")
_ENTER = Statement(insert(AUDIT_ENTRY), _COLUMNS)
_MOVED = _moved()
_NEWEST_ANCHOR = select(*AUDIT_ANCHOR.c["id", "digest"]).order_by(AUDIT_ANCHOR.c.id.desc()).limit(1)
