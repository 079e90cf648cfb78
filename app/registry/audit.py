"""The audit: who did what, in chains of which each entry holds the digest of the one before it."""

from hashlib import sha256
from secrets import token_hex

import orjson
from sqlalchemy import Connection, insert, select

from app.models.types import now
from app.registry.tables import AUDIT_ENTRY

#: The chain of this process: processes do not wait for each other.
CHAIN = token_hex(8)


def enter(
    connection: Connection, who: str, what: str, collection: int | None = None, **details: object
) -> None:
    """Write an entry, in the transaction of what it is about: both are durable, or neither."""
    last = select(AUDIT_ENTRY.c.number, AUDIT_ENTRY.c.digest).where(AUDIT_ENTRY.c.chain == CHAIN)
    found = connection.execute(last.order_by(AUDIT_ENTRY.c.number.desc()).limit(1)).first()
    number, before = (found.number + 1, found.digest) if found else (1, b"")
    told = {
        "chain": CHAIN,
        "number": number,
        "at": now(),
        "who": who,
        "what": what,
        "collection_id": collection,
    }
    written = orjson.dumps(details, option=orjson.OPT_SORT_KEYS)
    digest = sha256(before + orjson.dumps(told) + written).digest()
    connection.execute(insert(AUDIT_ENTRY).values(**told, details=written, digest=digest))
