"""What de-identification at the door keeps: policies, what only a key opens, the log, how far it is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import zstandard
from sqlalchemy import Connection, delete, exists, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.errors import Conflict
from app.models.collections import CLOSED, HELD, PASSED, WAITING
from app.models.types import now
from app.registry import rights
from app.registry.tables import COLLECTION, DEIDENTIFICATION, DEIDENTIFICATION_LOG, SEALED, SUBMISSION

#: What is sealed: identifiers and what took their place, and what is known of patients.
PATIENT, UID, IDENTIFIERS = "patient", "uid", "identifiers"


#: Rows of the log read at once.
_TOGETHER = 1_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """A collection's policy as its row has it."""

    policy: str
    digest: str
    key_check: bytes


def of(connection: Connection, collection: int) -> Chosen | None:
    """The policy of a collection, or None where it takes what it is sent as it is."""
    columns = DEIDENTIFICATION.c["policy", "digest", "key_check"]
    row = connection.execute(select(*columns).where(DEIDENTIFICATION.c.collection_id == collection)).first()
    return Chosen(*row) if row else None


def choose(connection: Connection, collection: int, chosen: Chosen) -> None:
    """Give a collection a policy, or another one.

    Raises Conflict where the collection is rolling, or holds what another key de-identified.
    """
    turn = select(COLLECTION.c.rolling).where(COLLECTION.c.id == collection).with_for_update(key_share=True)
    if connection.execute(turn).scalar_one():
        raise Conflict("A rolling collection shows at once what it is sent: make it publish versions first.")
    before = of(connection, collection)
    if before and before.key_check != chosen.key_check and has_sealed(connection, collection):
        raise Conflict("The collection has data under another key: bring that key back.")
    connection.execute(delete(DEIDENTIFICATION).where(DEIDENTIFICATION.c.collection_id == collection))
    values = {name: getattr(chosen, name) for name in Chosen.__slots__}
    connection.execute(insert(DEIDENTIFICATION).values(collection_id=collection, changed_at=now(), **values))
    rights.changed(connection)


def drop(connection: Connection, collection: int) -> None:
    """Have a collection take what it is sent as it is. Raises Conflict while a submission is under way."""
    under_way = SUBMISSION.c.collection_id == collection, SUBMISSION.c.state != "published"
    logged = exists().where(DEIDENTIFICATION_LOG.c.submission_id == SUBMISSION.c.id)
    if connection.scalar(select(func.count()).select_from(SUBMISSION).where(*under_way, logged)):
        raise Conflict("A submission to it is not published yet: publish it first, or purge what is in it.")
    connection.execute(delete(DEIDENTIFICATION).where(DEIDENTIFICATION.c.collection_id == collection))
    rights.changed(connection)


def has_sealed(connection: Connection, collection: int) -> bool:
    """Whether anything was de-identified for this collection."""
    return bool(connection.scalar(select(exists().where(SEALED.c.collection_id == collection))))


def put(
    connection: Connection, collection: int, kind: str, sealed: Mapping[bytes, bytes], *, anew: bool
) -> None:
    """Keep what is sealed, by lookup; what is there already stays, or with `anew` is written over."""
    rows = [
        {"collection_id": collection, "kind": kind, "lookup": lookup, "sealed": value}
        for lookup, value in sorted(sealed.items())
    ]
    if not rows:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement: Any = make(SEALED)
    key = ["collection_id", "kind", "lookup"]
    if anew:
        statement = statement.on_conflict_do_update(
            index_elements=key, set_={"sealed": statement.excluded.sealed}
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    connection.execute(statement, rows)


def get(connection: Connection, collection: int, kind: str, lookups: Iterable[bytes]) -> dict[bytes, bytes]:
    """What is sealed under these lookups."""
    found: dict[bytes, bytes] = {}
    wanted = list(lookups)
    for start in range(0, len(wanted), 500):
        some = wanted[start : start + 500]
        own = SEALED.c.collection_id == collection, SEALED.c.kind == kind, SEALED.c.lookup.in_(some)
        found |= {row.lookup: row.sealed for row in connection.execute(select(SEALED).where(*own))}
    return found


def all_of(connection: Connection, collection: int, kind: str) -> list[bytes]:
    """All that is sealed of a kind."""
    own = SEALED.c.collection_id == collection, SEALED.c.kind == kind
    return list(connection.scalars(select(SEALED.c.sealed).where(*own).order_by(SEALED.c.lookup)))


def count(connection: Connection, collection: int, kind: str) -> int:
    """How many there are of a kind, in a transaction that has the collection to itself."""
    turn = select(COLLECTION.c.id).where(COLLECTION.c.id == collection)
    connection.execute(turn.with_for_update(key_share=True))
    own = SEALED.c.collection_id == collection, SEALED.c.kind == kind
    return int(connection.scalar(select(func.count()).select_from(SEALED).where(*own)) or 0)


def forget(connection: Connection, collection: int) -> int:
    """Delete all that is sealed: from now on nobody can tell who was who. How much that was."""
    return connection.execute(delete(SEALED).where(SEALED.c.collection_id == collection)).rowcount


def log(connection: Connection, submission: int, digest: str, done: Mapping[str, object]) -> None:
    """Note what was done to instances, by their new UIDs: JSON each."""
    at, compressor = now(), zstandard.ZstdCompressor(level=3)
    rows = [
        {
            "submission_id": submission,
            "sop_instance_uid": uid,
            "policy": digest,
            "changes": compressor.compress(orjson.dumps(changes)),
            "at": at,
        }
        for uid, changes in done.items()
    ]
    if rows:
        connection.execute(insert(DEIDENTIFICATION_LOG), rows)


def all_logged(connection: Connection, submission: int) -> Iterator[tuple[str, Any]]:
    """What was done to the instances of a submission, in order: UID and JSON of each."""
    columns, after = DEIDENTIFICATION_LOG.c["id", "sop_instance_uid", "changes"], 0
    opener = zstandard.ZstdDecompressor()
    own = select(*columns).where(DEIDENTIFICATION_LOG.c.submission_id == submission)
    while rows := connection.execute(
        own.where(DEIDENTIFICATION_LOG.c.id > after).order_by(DEIDENTIFICATION_LOG.c.id).limit(_TOGETHER)
    ).all():
        for row in rows:
            yield row.sop_instance_uid, orjson.loads(opener.decompress(row.changes))
        after = rows[-1].id


def state(connection: Connection, submission: int) -> tuple[str, list[dict[str, Any]]]:
    """How far a submission is, and what a person has to look at."""
    columns = SUBMISSION.c["deidentified", "findings"]
    row = connection.execute(select(*columns).where(SUBMISSION.c.id == submission)).one()
    return row.deidentified, orjson.loads(row.findings)


def wait(connection: Connection, submission: int) -> None:
    """Say that the second pass of a submission is asked for."""
    own = SUBMISSION.c.id == submission
    connection.execute(update(SUBMISSION).where(own).values(deidentified=WAITING, findings=b"[]"))


def reset(connection: Connection, submission: int) -> None:
    """Say that a submission takes more: its second pass has to be made again."""
    connection.execute(update(SUBMISSION).where(SUBMISSION.c.id == submission).values(deidentified=""))


def passed(connection: Connection, submission: int, findings: list[dict[str, Any]]) -> None:
    """Say how the second pass ended, unless the submission was reopened meanwhile."""
    values = {"deidentified": HELD if findings else PASSED, "findings": orjson.dumps(findings)}
    own = SUBMISSION.c.id == submission, SUBMISSION.c.deidentified == WAITING, SUBMISSION.c.state == CLOSED
    connection.execute(update(SUBMISSION).where(*own).values(**values))


def release(connection: Connection, submission: int) -> None:
    """Say that a person looked at what was held. Raises Conflict where nothing is."""
    own = SUBMISSION.c.id == submission, SUBMISSION.c.deidentified == HELD
    if not connection.execute(update(SUBMISSION).where(*own).values(deidentified=PASSED)).rowcount:
        raise Conflict("Nothing is held in this submission: read it again.")


def not_passed(connection: Connection, submissions: Iterable[int]) -> Iterator[str]:
    """Of these submissions the keys of those whose collection de-identifies and that have not passed."""
    rows = select(SUBMISSION.c.key).join(
        DEIDENTIFICATION, DEIDENTIFICATION.c.collection_id == SUBMISSION.c.collection_id
    )
    return iter(
        connection.scalars(
            rows.where(SUBMISSION.c.id.in_(list(submissions)), SUBMISSION.c.deidentified != PASSED)
        )
    )
