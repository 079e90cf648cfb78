"""The audit's entries as they are read: by whom, about what, from when to when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, and_, literal, or_, select, true, tuple_

from app.registry.tables import AUDIT_ENTRY

#: The moment and row of an entry: entries come in their order, the newest first.
Cursor = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as its row has it."""

    id: int
    chain: str
    number: int
    at: datetime
    who: str
    what: str
    collection_id: int | None
    details: dict[str, Any]
    digest: bytes


@dataclass(frozen=True, slots=True)
class Readable:
    """The entries that somebody may read: all, those of some collections, and those about themselves."""

    everything: bool = False
    collections: frozenset[int] = frozenset()
    who: str | None = None

    def condition(self) -> Any:
        """As a condition."""
        if self.everything:
            return true()
        return or_(AUDIT_ENTRY.c.collection_id.in_(self.collections), AUDIT_ENTRY.c.who == self.who)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The entries that somebody asks for, from the moment `since` up to `until`."""

    collection: int | None = None
    who: str | None = None
    what: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def condition(self) -> Any:
        """As a condition."""
        row = AUDIT_ENTRY.c
        equal = {row.collection_id: self.collection, row.who: self.who, row.what: self.what}
        conditions = [column == value for column, value in equal.items() if value is not None]
        if self.since:
            conditions.append(row.at >= self.since)
        if self.until:
            conditions.append(row.at < self.until)
        return and_(true(), *conditions)


def page(
    connection: Connection, readable: Readable, wanted: Wanted, before: Cursor | None, limit: int
) -> list[Entry]:
    """The newest entries before this one."""
    row = AUDIT_ENTRY.c
    found = select(AUDIT_ENTRY).where(readable.condition(), wanted.condition())
    if before:
        at, last = before
        found = found.where(
            tuple_(row.at, row.id) < tuple_(literal(at, row.at.type), literal(last, row.id.type))
        )
    found = found.order_by(row.at.desc(), row.id.desc()).limit(limit)
    return [_entry(each._asdict()) for each in connection.execute(found)]


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(**{**row, "details": orjson.loads(row["details"])})
