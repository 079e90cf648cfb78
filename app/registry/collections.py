"""Collections: made, read, changed and listed. Who may do so is decided above."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict, InvalidRequest
from app.models.types import now
from app.registry.record import TERMS, Record, Term
from app.registry.tables import ANALYSIS_SOURCE, COLLECTION, TERM

#: What a collection may be called: it stands in addresses.
SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One collection as its row has it."""

    id: int
    slug: str
    kind: str
    title: str
    licence: str
    rolling: bool
    latest_version: int
    record: Record
    revision: int
    created_at: datetime
    changed_at: datetime


def create(connection: Connection, slug: str, values: Mapping[str, Any], record: Record) -> int:
    """Make a collection; its row. Raises InvalidRequest, and Conflict where there is one of this name."""
    if not SLUG.fullmatch(slug):
        raise InvalidRequest(
            "A slug has 1 to 100 lower-case letters, digits, dots, hyphens and underscores, and begins with "
            "a letter or digit."
        )
    form = record.model_dump_json(exclude_defaults=True).encode()
    try:
        with connection.begin_nested():
            row = connection.execute(
                insert(COLLECTION).values(slug=slug, record=form, **values).returning(COLLECTION.c.id)
            ).scalar_one()
    except IntegrityError:
        raise Conflict(f"There is a collection {slug} already.") from None
    _index(connection, row, record)
    return int(row)


def get(connection: Connection, slug: str) -> Entry | None:
    """The collection of this name, or None."""
    found = connection.execute(select(COLLECTION).where(COLLECTION.c.slug == slug)).first()
    return _entry(found) if found else None


def change(connection: Connection, entry: Entry, values: Mapping[str, Any], record: Record) -> None:
    """Write what is new. Raises Conflict where the collection was changed since `entry` was read."""
    changed = connection.execute(
        update(COLLECTION)
        .where(COLLECTION.c.id == entry.id, COLLECTION.c.revision == entry.revision)
        .values(
            {
                **values,
                "record": record.model_dump_json(exclude_defaults=True).encode(),
                "revision": entry.revision + 1,
                "changed_at": now(),
            }
        )
    )
    if not changed.rowcount:
        raise Conflict("The collection was changed meanwhile: read it again.")
    connection.execute(delete(TERM).where(TERM.c.collection_id == entry.id))
    _index(connection, entry.id, record)


def page(
    connection: Connection, visible: ColumnElement[bool], terms: Mapping[str, str], after: str, limit: int
) -> list[Entry]:
    """Those that are visible and carry each term (a code, or words of it), in order of their slugs."""
    rows = select(COLLECTION).where(visible, COLLECTION.c.slug > after, *_carrying(terms))
    return [_entry(row) for row in connection.execute(rows.order_by(COLLECTION.c.slug).limit(limit))]


def relate(connection: Connection, analysis_result: int, sources: Iterable[int]) -> None:
    """Say in whose studies an analysis result's series lie."""
    connection.execute(delete(ANALYSIS_SOURCE).where(ANALYSIS_SOURCE.c.analysis_result_id == analysis_result))
    rows = [{"analysis_result_id": analysis_result, "collection_id": source} for source in sources]
    if rows:
        connection.execute(insert(ANALYSIS_SOURCE), rows)


def _carrying(terms: Mapping[str, str]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for field, wanted in terms.items():
        told = (TERM.c.code == wanted) | TERM.c.text.contains(wanted.casefold(), autoescape=True)
        held = select(TERM.c.id).where(TERM.c.collection_id == COLLECTION.c.id, TERM.c.field == field, told)
        conditions.append(held.correlate(COLLECTION).exists())
    return conditions


def _index(connection: Connection, row: int, record: Record) -> None:
    found: list[tuple[str, Term]] = [(field, term) for field in TERMS for term in getattr(record, field)]
    values = [
        {
            "collection_id": row,
            "field": field,
            "scheme": term.scheme or "",
            "code": term.code or "",
            "text": term.text.casefold(),
        }
        for field, term in found
    ]
    if values:
        connection.execute(insert(TERM), values)


def count(connection: Connection, visible: ColumnElement[bool]) -> int:
    """How many are visible."""
    return int(connection.execute(select(func.count()).select_from(COLLECTION).where(visible)).scalar_one())


def _entry(row: Row[Any]) -> Entry:
    values = {name: getattr(row, name) for name in Entry.__slots__ if name != "record"}
    return Entry(**values, record=Record.model_validate_json(row.record))
