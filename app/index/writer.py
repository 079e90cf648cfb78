"""Puts described instances into a collection: one transaction for a request, a few statements for any number.

Writers of one collection take turns. Study and series rows are made from the first stored instance of each;
what later ones say otherwise is for curators to find, and never an overwrite.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Self

from sqlalchemy import Connection, bindparam, func, insert, select, update

from app.database.statements import Statement
from app.errors import Forbidden, NotFound
from app.index import columns, tag_writer
from app.index.entry import Columns, Entry
from app.index.scope import Scope, parameters, series_conditions, shape
from app.index.tables import (
    ACCESS_UNIT,
    COLLECTION,
    INSTANCE,
    REQUEST_ATTRIBUTES,
    SERIES,
    STUDY,
    listed,
    one_of,
)
from app.index.tag_values import Tags, merge
from app.models.types import now
from app.viewer import OWNER, Viewer

__all__ = ["Entry", "Outcome", "existing", "upsert"]


class Outcome(StrEnum):
    """What became of one entry."""

    STORED = "stored"
    #: The collection holds these very bytes already; nothing was written.
    IDENTICAL = "identical"
    #: The collection holds other content under this SOP Instance UID; nothing was changed.
    CONFLICT = "conflict"
    #: The collection holds the series under another study; nothing was changed.
    MISMATCH = "mismatch"


def existing(
    connection: Connection, collection: int, viewer: Viewer, uids: Iterable[str]
) -> dict[str, bytes]:
    """The sha256 of those SOP Instance UIDs that the collection holds, as far as the viewer may see."""
    scope = Scope(collection)
    values = {**parameters(scope, viewer), "instances": listed(uids)}
    return dict(_instances(shape(scope, viewer)).rows(connection, values))


def upsert(connection: Connection, collection: int, entries: Sequence[Entry]) -> list[Outcome]:
    """Put the entries into a rolling collection, within the caller's transaction; one outcome for each.

    Entries are taken in order: of several with one SOP Instance UID the first is stored. Raises NotFound
    where there is no such collection, Forbidden where it is not rolling.
    """
    place = _take_turn(connection, collection)
    held = _Held.look(connection, collection, entries)
    outcomes = [held.judge(entry) for entry in entries]
    stored = [entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome is Outcome.STORED]
    if stored:
        _insert(connection, place, held.series_rows, _told_whole(stored))
    return outcomes


@dataclass(frozen=True, slots=True)
class _Place:
    """Where new rows go."""

    collection: int
    access_unit: int
    version: int
    moment: datetime

    @property
    def revision(self) -> Columns:
        return {
            "collection_id": self.collection,
            "submission_id": None,
            "added_version": self.version,
            "removed_version": None,
            "replaces": None,
            "created_at": self.moment,
        }


@dataclass(frozen=True, slots=True)
class _Held:
    """What the collection holds of the UIDs at hand; it grows as entries are judged."""

    digests: dict[str, bytes]
    studies: dict[str, str]
    series_rows: dict[str, int]

    @classmethod
    def look(cls, connection: Connection, collection: int, entries: Sequence[Entry]) -> Self:
        digests = existing(connection, collection, OWNER, {entry.instance for entry in entries})
        series = {entry.series for entry in entries}
        rows = _SERIES.rows(connection, {"collection": collection, "series": listed(series)})
        return cls(digests, {uid: study for uid, study, _ in rows}, {uid: row for uid, _, row in rows})

    def judge(self, entry: Entry) -> Outcome:
        known = self.digests.get(entry.instance)
        if known is not None:
            return Outcome.IDENTICAL if known == entry.sha256 else Outcome.CONFLICT
        if self.studies.setdefault(entry.series, entry.study) != entry.study:
            return Outcome.MISMATCH
        self.digests[entry.instance] = entry.sha256
        return Outcome.STORED


def _told_whole(stored: Sequence[Entry]) -> list[Entry]:
    """The entries, of which one may leave to another only what that one, stored too, says before it."""
    kept = {id(entry) for entry in stored}
    return [entry if entry.like is None or id(entry.like) in kept else entry.whole() for entry in stored]


def _take_turn(connection: Connection, collection: int) -> _Place:
    """Lock the collection's row (SQLite has but one writer at a time anyway)."""
    for rolling, latest_version, access_unit in _TURN.rows(connection, {"collection": collection}):
        if rolling:
            return _Place(collection, access_unit, latest_version + 1, now())
        raise Forbidden("This collection changes by published versions only: store into a submission to it.")
    raise NotFound


def _insert(connection: Connection, place: _Place, held: dict[str, int], stored: Sequence[Entry]) -> None:
    counts = Counter(entry.series for entry in stored)
    first = {entry.series: entry for entry in reversed(stored) if entry.series not in held}
    rows = held | _insert_series(connection, place, counts, first)
    instances = [
        {**entry.row, "series_row": rows[entry.series], "created_at": place.moment} for entry in stored
    ]
    _INSERT_INSTANCE.run(connection, instances)
    grown = [{"row": held[uid], "more": more} for uid, more in counts.items() if uid in held]
    if grown:
        _GROW.run(connection, grown)
    new: dict[int, list[Tags]] = defaultdict(list)
    for entry in stored:
        new[rows[entry.series]].append(entry.tags)
    made = {rows[uid] for uid in first}
    tag_writer.write(connection, {row: merge(found) for row, found in new.items()}, made)


def _insert_series(
    connection: Connection, place: _Place, counts: Counter[str], first: dict[str, Entry]
) -> dict[str, int]:
    """Make the missing series, each from its first entry; UID to row."""
    if not first:
        return {}
    studies = _studies(connection, place, list(first.values()))
    made = [_series_row(place, entry, studies[entry.study], counts[uid]) for uid, entry in first.items()]
    rows = {row.series_instance_uid: row.id for row in connection.execute(_INSERT_SERIES, made)}
    requests = [
        {**item, "series_row": rows[uid]}
        for uid, entry in first.items()
        for item in columns.request_attributes(entry.attributes)
    ]
    if requests:
        connection.execute(insert(REQUEST_ATTRIBUTES), requests)
    return rows


def _studies(connection: Connection, place: _Place, entries: Sequence[Entry]) -> dict[str, int]:
    """The rows of the entries' studies by UID, made where they are missing."""
    values = {"collection": place.collection, "studies": listed({entry.study for entry in entries})}
    held: dict[str, int] = dict(_STUDIES.rows(connection, values))
    first = {entry.study: entry for entry in reversed(entries) if entry.study not in held}
    if not first:
        return held
    made = connection.execute(_INSERT_STUDY, [_study_row(place, entry) for entry in first.values()])
    return held | {row.study_instance_uid: row.id for row in made}


def _study_row(place: _Place, entry: Entry) -> Columns:
    return {
        **columns.study_columns(entry.attributes),
        **place.revision,
        "study_instance_uid": entry.study,
        "attributes": columns.study_attributes(entry.attributes),
    }


def _series_row(place: _Place, entry: Entry, study_row: int, instances: int) -> Columns:
    return {
        **columns.series_columns(entry.attributes),
        **place.revision,
        "study_instance_uid": entry.study,
        "series_instance_uid": entry.series,
        "study_row": study_row,
        "access_unit_id": place.access_unit,
        "number_of_series_related_instances": instances,
        "attributes": columns.series_attributes(entry.attributes),
    }


@cache
def _instances(seen: tuple[Scope, Viewer]) -> Statement:
    return Statement(
        select(INSTANCE.c.sop_instance_uid, INSTANCE.c.sha256)
        .join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(*series_conditions(*seen), one_of(INSTANCE.c.sop_instance_uid, "instances"))
    )


def _live(table: Any) -> tuple[Any, ...]:
    here = table.c.collection_id == bindparam("collection")
    return here, table.c.added_version.is_not(None), table.c.removed_version.is_(None)


_UNIT = select(func.min(ACCESS_UNIT.c.id)).where(ACCESS_UNIT.c.collection_id == COLLECTION.c.id)
_TURN = Statement(
    select(COLLECTION.c.rolling, COLLECTION.c.latest_version, _UNIT.scalar_subquery())
    .where(COLLECTION.c.id == bindparam("collection"))
    .with_for_update(key_share=True, of=COLLECTION)
)
_STUDIES = Statement(
    select(STUDY.c.study_instance_uid, STUDY.c.id).where(
        *_live(STUDY), one_of(STUDY.c.study_instance_uid, "studies")
    )
)
_SERIES = Statement(
    select(SERIES.c.series_instance_uid, SERIES.c.study_instance_uid, SERIES.c.id).where(
        *_live(SERIES), one_of(SERIES.c.series_instance_uid, "series")
    )
)
_INSERT_STUDY = insert(STUDY).returning(STUDY.c.id, STUDY.c.study_instance_uid)
_INSERT_SERIES = insert(SERIES).returning(SERIES.c.id, SERIES.c.series_instance_uid)
_INSERT_INSTANCE = Statement(insert(INSTANCE), [each.name for each in INSTANCE.c if not each.primary_key])
_GROW = Statement(
    update(SERIES)
    .where(SERIES.c.id == bindparam("row"))
    .values(
        number_of_series_related_instances=SERIES.c.number_of_series_related_instances + bindparam("more")
    )
)
