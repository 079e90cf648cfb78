"""Puts portions of whole series in: set by set, within one transaction of `app.database.loading.load`.

What is there afterwards is what the ordinary writer would have made of the same instances in the same order,
where it would have stored them all. Where it would not, nothing is stored: Conflict.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, Table, func, select, text
from sqlalchemy.exc import IntegrityError

from app.database.loading import driver_value, insert_rows
from app.errors import Conflict
from app.index import bulk_indexes, rollups
from app.index.bulk import OF_INSTANCE, OF_REQUEST, OF_SERIES, OF_STUDY, PLACED, Portion, uncollected
from app.index.bulk_postings import Postings, Values
from app.index.bulk_triggers import resting
from app.index.entry import Columns
from app.index.tables import (
    INSTANCE,
    REQUEST_ATTRIBUTES,
    SERIES,
    SERIES_TAG_VALUE,
    STUDY,
    TAG_PATH,
    TAG_VALUE,
    listed,
    one_of,
)
from app.index.writer import Place, known_uids, rows_of_studies, take_turn

_TABLES = (STUDY, SERIES, REQUEST_ATTRIBUTES, INSTANCE, TAG_PATH, TAG_VALUE, SERIES_TAG_VALUE)
_NUMBERED = (STUDY, SERIES, REQUEST_ATTRIBUTES, INSTANCE)


def load(connection: Connection, portions: Iterable[Portion], told: Callable[[int], None]) -> None:
    """Put all portions in; `told` hears of how many series after each.

    Raises Conflict where a series or an instance is there already, or comes twice; NotFound and Forbidden as
    `writer.upsert` does.
    """
    _lock(connection)
    empty = connection.execute(select(SERIES.c.id).limit(1)).first() is None
    dropped = bulk_indexes.drop(connection) if empty else None
    try:
        first_instance = _put(connection, portions, told, empty)
        if dropped:
            dropped.make(connection)
        _refuse_repeated(connection, first_instance)
        for recompute in FOLLOWING:
            recompute(connection)
    except IntegrityError as error:
        raise Conflict("A series that was to be loaded is there already, or came twice.") from error


def _put(
    connection: Connection, portions: Iterable[Portion], told: Callable[[int], None], empty: bool
) -> int:
    """All rows; the first of the instances."""
    loading = _Loading(connection, empty)
    with resting(connection), uncollected():
        for portion in portions:
            loading.add(portion)
            told(len(portion.series))
        loading.finish()
    return loading.first_instance


class _Loading:
    """Rows on their way in; ids are given here, as the tables are locked."""

    def __init__(self, connection: Connection, empty: bool) -> None:
        self._connection, self._empty = connection, empty
        self._last = {table.name: _last(connection, table) for table in _NUMBERED}
        self.first_instance = self._last[INSTANCE.name] + 1
        self._places: dict[Place, Columns] = {}
        self._seen: dict[str, set[str]] = {STUDY.name: set(), SERIES.name: set()}
        self._studies: dict[tuple[Place, str], int] = {}
        self._values, self._postings = Values(connection), Postings()

    def add(self, portion: Portion) -> None:
        """Put in the rows of a portion, and keep its postings."""
        studies = self._study_rows(portion)
        first = self._last[SERIES.name] + 1
        revisions = [self._revision(place) for place in portion.places]
        new = self._new(SERIES, portion.series_uids)
        rows = [
            (*self._placed(SERIES, revision, new(uid)), False, study, *values)
            for revision, uid, study, values in zip(
                revisions, portion.series_uids, studies, portion.series, strict=True
            )
        ]
        insert_rows(self._connection, SERIES, (*PLACED, "frozen", "study_row", *OF_SERIES), rows)
        self._below(portion, revisions, first)
        self._postings.add(portion, self._values.rows(portion.new_values), first)

    def finish(self) -> None:
        """Put in the postings, and let the database go on numbering after these rows."""
        self._postings.write(self._connection)
        if self._connection.dialect.name == "postgresql":
            for name, last in {**self._last, TAG_VALUE.name: self._values.last}.items():
                self._connection.execute(_RENUMBER, {"of": name, "last": max(last, 1)})

    def _below(self, portion: Portion, revisions: list[Columns], first: int) -> None:
        items = [
            (self._next(REQUEST_ATTRIBUTES), row, *item)
            for row, held in enumerate(portion.requests, first)
            for item in held
        ]
        insert_rows(self._connection, REQUEST_ATTRIBUTES, ("id", "series_row", *OF_REQUEST), items)
        instances = [
            (self._next(INSTANCE), row, revision["created_at"], *values)
            for row, (revision, held) in enumerate(zip(revisions, portion.instances, strict=True), first)
            for values in held
        ]
        insert_rows(self._connection, INSTANCE, ("id", "series_row", "created_at", *OF_INSTANCE), instances)

    def _study_rows(self, portion: Portion) -> list[int]:
        """The row of each series' study, made where there is none."""
        if not self._empty:
            self._look(portion)
        made = []
        new = self._new(STUDY, portion.study_uids)
        for place, uid, values in zip(portion.places, portion.study_uids, portion.studies, strict=True):
            if values is not None and (place, uid) not in self._studies:
                made.append((*self._placed(STUDY, self._revision(place), new(uid)), *values))
                self._studies[place, uid] = made[-1][0]
        insert_rows(self._connection, STUDY, (*PLACED, *OF_STUDY), made)
        return [self._studies[key] for key in zip(portion.places, portion.study_uids, strict=True)]

    def _look(self, portion: Portion) -> None:
        by_place: dict[Place, set[str]] = {}
        for place, uid in zip(portion.places, portion.study_uids, strict=True):
            if (place, uid) not in self._studies:
                by_place.setdefault(place, set()).add(uid)
        for place, uids in by_place.items():
            found = rows_of_studies(self._connection, place, uids)
            self._studies |= {(place, uid): row for uid, row in found.items()}

    def _revision(self, place: Place) -> Columns:
        if place not in self._places:
            shared = take_turn(self._connection, place)
            shared["created_at"] = driver_value(self._connection, SERIES, "created_at", shared["created_at"])
            self._places[place] = shared
        return self._places[place]

    def _new(self, table: Table, uids: list[str]) -> Callable[[str], bool]:
        """Whether a UID of these was never seen in the table before; asked once for each."""
        seen = self._seen[table.name]
        if not self._empty:
            seen |= known_uids(self._connection, table, uids)

        def new(uid: str) -> bool:
            before = len(seen)
            seen.add(uid)
            return len(seen) > before

        return new

    def _placed(self, table: Table, revision: Columns, first: bool) -> tuple[Any, ...]:
        return (self._next(table), *[revision[name] for name in PLACED[1:-1]], first)

    def _next(self, table: Table) -> int:
        self._last[table.name] += 1
        return self._last[table.name]


def _last(connection: Connection, table: Table) -> int:
    found: int = connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()
    return found


def _lock(connection: Connection) -> None:
    """Nobody else numbers rows meanwhile; on SQLite there is but one writer."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in _TABLES)
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")


def _refuse_repeated(connection: Connection, first: int) -> None:
    """No place holds a SOP Instance UID twice, nor a series under two studies: the writer refuses that."""
    uid = INSTANCE.c.sop_instance_uid
    repeated = select(uid).group_by(uid).having(func.count() > 1, func.max(INSTANCE.c.id) >= first)
    uids = connection.execute(repeated).scalars().all()
    place = SERIES.c["collection_id", "access_unit_id", "submission_id"]
    twice = (
        select(uid)
        .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(one_of(uid, "uids"), SERIES.c.removed_version.is_(None))
        .group_by(*place, uid)
        .having(func.count() > 1)
        .limit(1)
    )
    if uids and connection.execute(twice, {"uids": listed(uids)}).first():
        raise Conflict("An instance that was to be loaded is there already, or came twice.")


_RENUMBER = text("SELECT setval(pg_get_serial_sequence(:of, 'id'), :last)")
#: What is computed over all rows, set by set, once they are in.
FOLLOWING: tuple[Callable[[Connection], None], ...] = (rollups.recompute,)
