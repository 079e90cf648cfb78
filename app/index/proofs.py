"""Which instances' objects were read and found to be what was stored, and when; which were not.

Instances are proven row after row, in spans of some hundred: a mark on each row would write the index anew
with every round. A span is proven again as a whole.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, exists, func, insert, select, update

from app.index.named import Named
from app.index.tables import INSTANCE, SERIES, among
from app.models import Damage as Damages
from app.models.types import now

_TABLES = Damages.metadata.tables
PROVEN_SPAN: Table = _TABLES["proven_span"]
DAMAGE: Table = _TABLES["damage"]
#: Instances of a new span at most, and their bytes unless one alone has more.
MOST, MOST_BYTES = 500, 1 << 30
#: What can be wrong with an object.
MISSING, UNREADABLE, WRONG_SIZE, WRONG_DIGEST = "missing", "unreadable", "wrong size", "wrong digest"


class Due(NamedTuple):
    """Instances to be proven: a span that is there (row) or a new one, from one instance row to another."""

    span: int | None
    first_row: int
    last_row: int
    instances: Sequence[Named]


class Damage(NamedTuple):
    """An instance whose object is not what was stored: where it lies, what is wrong, since when."""

    id: int
    instance: int
    object_key: str
    size: int
    study: str
    series: str
    sop_instance_uid: str
    kind: str
    found_at: datetime


class State(NamedTuple):
    """How many instances are proven, of how many bytes; since when the one that waits longest is."""

    instances: int
    bytes: int
    oldest: datetime | None
    damaged: int


def due(connection: Connection, before: datetime) -> Due | None:
    """The span that was proven longest ago, before that moment; else instances as old that are in none."""
    rows = select(*PROVEN_SPAN.c["id", "first_row", "last_row"]).where(PROVEN_SPAN.c.proven_at < before)
    span = connection.execute(rows.order_by(PROVEN_SPAN.c.proven_at).limit(1)).first()
    if span:
        within = INSTANCE.c.id.between(span.first_row, span.last_row)
        found = connection.execute(_NAMED.where(within).order_by(INSTANCE.c.id)).all()
        return Due(span.id, span.first_row, span.last_row, [Named._make(row[:-1]) for row in found])
    return _new(connection, before)


def _new(connection: Connection, before: datetime) -> Due | None:
    last = connection.scalar(select(func.max(PROVEN_SPAN.c.last_row))) or 0
    rows = _NAMED.where(INSTANCE.c.id > last).order_by(INSTANCE.c.id).limit(MOST)
    taken: list[Named] = []
    size = 0
    for row in connection.execute(rows):
        size += row.size
        if row.created_at >= before or (taken and size > MOST_BYTES):
            break
        taken.append(Named._make(row[:-1]))
    return Due(None, last + 1, taken[-1].row, taken) if taken else None


def proven(connection: Connection, span: Due, damaged: Mapping[int, str]) -> None:
    """Keep that these were read just now, and what was wrong with some (instance rows)."""
    size = sum(each.size for each in span.instances)
    row = {"proven_at": now(), "instances": len(span.instances), "bytes": size}
    if span.span is not None:
        connection.execute(update(PROVEN_SPAN).where(PROVEN_SPAN.c.id == span.span).values(**row))
    else:
        place = {"first_row": span.first_row, "last_row": span.last_row}
        connection.execute(insert(PROVEN_SPAN).values(**row, **place))
    looked_at(connection, [each.row for each in span.instances], damaged)
    gone = ~exists().where(INSTANCE.c.id == DAMAGE.c.instance_row)
    connection.execute(delete(DAMAGE).where(gone))


def looked_at(connection: Connection, rows: Sequence[int], damaged: Mapping[int, str]) -> None:
    """Keep what is wrong with some of these instances (rows), and forget what was with the others."""
    known = select(DAMAGE.c.instance_row, DAMAGE.c.kind).where(among(DAMAGE.c.instance_row, rows))
    before = {row.instance_row: row.kind for row in connection.execute(known)}
    changed = [row for row, kind in before.items() if damaged.get(row) != kind]
    connection.execute(delete(DAMAGE).where(among(DAMAGE.c.instance_row, changed)))
    new = [
        {"instance_row": row, "kind": kind, "found_at": now()}
        for row, kind in damaged.items()
        if before.get(row) != kind
    ]
    if new:
        connection.execute(insert(DAMAGE), new)


def damaged(connection: Connection, after: int) -> Sequence[Named]:
    """Instances that were damaged when they were read last, those that follow this row."""
    rows = _NAMED.select_from(_DAMAGED).where(INSTANCE.c.id > after).order_by(INSTANCE.c.id).limit(MOST)
    return [Named._make(row[:-1]) for row in connection.execute(rows)]


def state(connection: Connection) -> State:
    """How it stands with all of them."""
    spans = PROVEN_SPAN.c
    oldest: Any = func.min(spans.proven_at, type_=spans.proven_at.type)
    row = connection.execute(
        select(func.coalesce(func.sum(spans.instances), 0), func.coalesce(func.sum(spans.bytes), 0), oldest)
    ).one()
    return State(int(row[0]), int(row[1]), row[2], count(connection))


def count(connection: Connection) -> int:
    """How many instances are damaged."""
    return connection.scalar(select(func.count()).select_from(_DAMAGED)) or 0


def page(connection: Connection, after: int, limit: int) -> list[Damage]:
    """Damaged instances, in the order in which they were found; what was purged since is not among them."""
    rows = (
        select(DAMAGE.c.id, *INSTANCE.c["id", "object_key", "size"])
        .add_columns(*SERIES.c["study_instance_uid", "series_instance_uid"])
        .add_columns(INSTANCE.c.sop_instance_uid, *DAMAGE.c["kind", "found_at"])
        .select_from(_DAMAGED.join(SERIES, SERIES.c.id == INSTANCE.c.series_row))
    )
    found = connection.execute(rows.where(DAMAGE.c.id > after).order_by(DAMAGE.c.id).limit(limit))
    return [Damage._make(row) for row in found]


def lacking(connection: Connection, after: int, most: int = MOST) -> tuple[int, list[Named]]:
    """Of the instances that follow this row those without an MD5; the last row that was looked at."""
    rows = select(INSTANCE.c.id).where(INSTANCE.c.id > after).order_by(INSTANCE.c.id).limit(most)
    last = connection.scalar(select(func.max(rows.subquery().c.id))) or after
    within = INSTANCE.c.id > after, INSTANCE.c.id <= last, INSTANCE.c.md5.is_(None)
    found = connection.execute(_NAMED.where(*within).order_by(INSTANCE.c.id)).all()
    return last, [Named._make(row[:-1]) for row in found]


def fill(connection: Connection, md5s: Mapping[Named, bytes]) -> None:
    """Keep the MD5 of instances whose objects are still those that were read."""
    for each, md5 in md5s.items():
        same = INSTANCE.c.id == each.row, INSTANCE.c.object_key == each.object_key
        connection.execute(update(INSTANCE).where(*same, INSTANCE.c.md5.is_(None)).values(md5=md5))


_DAMAGED = DAMAGE.join(INSTANCE, INSTANCE.c.id == DAMAGE.c.instance_row)
_NAMED = select(*INSTANCE.c["id", "object_key", "size", "sha256", "crc32", "created_at"])
