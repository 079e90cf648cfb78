"""Collections: made, read, changed and listed. Who may do so is decided above."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict, InvalidRequest
from app.models.types import now
from app.registry.record import WORDS, Record, folded, searchable
from app.registry.tables import ANALYSIS_SOURCE, COLLECTION, TERM

#: What a collection, or a site of one, may be called: it stands in addresses.
SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
WHAT_IS_A_SLUG = (
    "A slug has 1 to 100 lower-case letters, digits, dots, hyphens and underscores, and begins with a letter "
    "or digit."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One collection as its row has it."""

    id: int
    slug: str
    kind: str
    title: str
    licence: str
    doi: str
    rolling: bool
    latest_version: int
    record: Record
    revision: int
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """What listed collections must have: these columns, for each field a code or words, words in the text,
    and for each field just this text.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    exact: Mapping[str, str] = field(default_factory=dict)


class Tally(NamedTuple):
    """A value, how many collections have it, and the row of one that has."""

    value: str
    collections: int
    example: int


def create(connection: Connection, slug: str, values: Mapping[str, Any], record: Record) -> int:
    """Make a collection; its row. Raises InvalidRequest, and Conflict where there is one of this name."""
    if not SLUG.fullmatch(slug):
        raise InvalidRequest(WHAT_IS_A_SLUG)
    made = insert(COLLECTION).values(slug=slug, record=_form(record), **values).returning(COLLECTION.c.id)
    try:
        with connection.begin_nested():
            row = int(connection.execute(made).scalar_one())
    except IntegrityError:
        raise Conflict(f"There is a collection {slug} already.") from None
    _index(connection, row, values["title"], record)
    return row


def get(connection: Connection, collection: int) -> Entry | None:
    """The collection of this row, or None."""
    return next(iter(_entries(connection, COLLECTION.c.id == collection)), None)


def of(connection: Connection, rows: Iterable[int]) -> list[Entry]:
    """The collections of these rows."""
    return _entries(connection, COLLECTION.c.id.in_(list(rows)))


def change(connection: Connection, entry: Entry, values: Mapping[str, Any], record: Record) -> None:
    """Write what is new. Raises Conflict where the collection was changed since `entry` was read."""
    changed = connection.execute(
        update(COLLECTION)
        .where(COLLECTION.c.id == entry.id, COLLECTION.c.revision == entry.revision)
        .values({**values, "record": _form(record), "revision": entry.revision + 1, "changed_at": now()})
    )
    if not changed.rowcount:
        raise Conflict("The collection was changed meanwhile: read it again.")
    connection.execute(delete(TERM).where(TERM.c.collection_id == entry.id))
    _index(connection, entry.id, values.get("title", entry.title), record)


def page(
    connection: Connection, visible: Iterable[int], filters: Filters, after: str, limit: int | None
) -> list[Entry]:
    """Those of the visible that have what is asked for, in order of their slugs."""
    return _entries(connection, *_chosen(visible, filters), COLLECTION.c.slug > after, limit=limit)


def matching(
    connection: Connection, visible: Iterable[int], filters: Filters
) -> dict[int, tuple[str, datetime]]:
    """The rows of all of these, with their slugs and when they were changed."""
    rows = select(*COLLECTION.c["id", "slug", "changed_at"]).where(*_chosen(visible, filters))
    return {row: (slug, at) for row, slug, at in connection.execute(rows.order_by(COLLECTION.c.slug))}


def tally(connection: Connection, visible: Iterable[int], filters: Filters, name: str) -> list[Tally]:
    """How many of these have which value of a column, or of a field of the record in its folded form; the
    most frequent first.
    """
    number = func.count(COLLECTION.c.id.distinct())
    value = COLLECTION.c.get(name, TERM.c.text)
    rows = select(value, number, func.min(COLLECTION.c.id)).where(*_chosen(visible, filters), value != "")
    if name not in COLLECTION.c:
        rows = rows.where(TERM.c.collection_id == COLLECTION.c.id, TERM.c.field == name)
    found = [Tally(*row) for row in connection.execute(rows.group_by(value))]
    return sorted(found, key=lambda each: (-each.collections, each.value))


def relate(connection: Connection, analysis_result: int, sources: Iterable[int]) -> None:
    """Say in whose studies an analysis result's series lie."""
    connection.execute(delete(ANALYSIS_SOURCE).where(ANALYSIS_SOURCE.c.analysis_result_id == analysis_result))
    rows = [{"analysis_result_id": analysis_result, "collection_id": source} for source in sources]
    if rows:
        connection.execute(insert(ANALYSIS_SOURCE), rows)


def _chosen(visible: Iterable[int], filters: Filters) -> list[ColumnElement[bool]]:
    asked = [COLLECTION.c[name] == value for name, value in filters.columns.items()]
    return [COLLECTION.c.id.in_(list(visible)), *asked, *_carrying(filters)]


def _carrying(filters: Filters) -> list[ColumnElement[bool]]:
    wanted = [(name, text) for name, text in filters.terms.items()]
    wanted += [(WORDS, word) for word in folded(filters.words).split()]
    exact = [_holds(name, TERM.c.text == folded(text)) for name, text in filters.exact.items()]
    return [*exact, *(_has(name, text) for name, text in wanted)]


def _has(name: str, text: str) -> ColumnElement[bool]:
    return _holds(name, (TERM.c.code == text) | TERM.c.text.contains(folded(text), autoescape=True))


def _holds(name: str, told: ColumnElement[bool]) -> ColumnElement[bool]:
    held = select(TERM.c.id).where(TERM.c.collection_id == COLLECTION.c.id, TERM.c.field == name, told)
    return held.correlate(COLLECTION).exists()


def _index(connection: Connection, row: int, title: str, record: Record) -> None:
    connection.execute(insert(TERM), [{"collection_id": row, **each} for each in searchable(title, record)])


def _form(record: Record) -> bytes:
    return record.model_dump_json(exclude_defaults=True).encode()


def _entries(connection: Connection, *chosen: ColumnElement[bool], limit: int | None = None) -> list[Entry]:
    rows = select(COLLECTION).where(*chosen).order_by(COLLECTION.c.slug).limit(limit)
    return [_entry(row) for row in connection.execute(rows)]


def _entry(row: Row[Any]) -> Entry:
    values = {name: getattr(row, name) for name in Entry.__slots__ if name != "record"}
    return Entry(**values, record=Record.model_validate_json(row.record))
