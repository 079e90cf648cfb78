"""Puts described instances into a place: one transaction for a request, a few statements for any number.

Writers of one collection, or of one submission, take turns. Study and series rows are made from the first
stored instance of each; what later ones say otherwise is for curators to find, and never an overwrite. What
lies at other places is neither read nor touched: who stores learns nothing of it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Select, bindparam, insert, select, update

from app.database.statements import Statement
from app.errors import Forbidden, NotFound
from app.index import columns, tag_writer
from app.index.entry import Columns, Entry
from app.index.revisions import thaw
from app.index.tables import (
    ACCESS_UNIT,
    COLLECTION,
    INSTANCE,
    REQUEST_ATTRIBUTES,
    SERIES,
    STUDY,
    SUBMISSION,
    listed,
    one_of,
)
from app.index.tag_values import Tags, merge
from app.models.collections import OPEN
from app.models.types import now

__all__ = ["Entry", "Outcome", "Place", "existing", "upsert"]


class Outcome(StrEnum):
    """What became of one entry."""

    STORED = "stored"
    #: The place holds these very bytes already; nothing was written.
    IDENTICAL = "identical"
    #: The place holds other content under this SOP Instance UID; nothing was changed.
    CONFLICT = "conflict"
    #: The place holds the series under another study; nothing was changed.
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class Place:
    """Where instances go: an access unit of a rolling collection, or a submission that will go there."""

    collection: int
    access_unit: int
    submission: int | None = None

    @property
    def parameters(self) -> Columns:
        """What statements about what lies here are executed with."""
        return {"collection": self.collection, "unit": self.access_unit, "submission": self.submission}


def existing(connection: Connection, place: Place, uids: Iterable[str]) -> dict[str, bytes]:
    """The sha256 of those SOP Instance UIDs that lie at this place."""
    statement = _INSTANCES[place.submission is not None]
    return dict(statement.rows(connection, {**place.parameters, "instances": listed(uids)}))


def upsert(connection: Connection, place: Place, entries: Sequence[Entry]) -> list[Outcome]:
    """Put the entries into a place, within the caller's transaction; one outcome for each.

    Entries are taken in order: of several with one SOP Instance UID the first is stored. Raises NotFound
    where there is no such place, Forbidden where the collection is not rolling or the submission not open.
    """
    revision = _take_turn(connection, place)
    held = _Held.look(connection, place, entries)
    outcomes = [held.judge(entry) for entry in entries]
    stored = [entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome is Outcome.STORED]
    if stored:
        series_rows = held.thawed(connection, revision, {entry.series for entry in stored})
        _insert(connection, place, revision, series_rows, _told_whole(stored))
    return outcomes


@dataclass(frozen=True, slots=True)
class _Held:
    """What the place holds of the UIDs at hand; it grows as entries are judged."""

    digests: dict[str, bytes]
    studies: dict[str, str]
    series_rows: dict[str, int]
    frozen: frozenset[str]

    @classmethod
    def look(cls, connection: Connection, place: Place, entries: Sequence[Entry]) -> Self:
        digests = existing(connection, place, {entry.instance for entry in entries})
        values = {**place.parameters, "series": listed({entry.series for entry in entries})}
        rows = _SERIES[place.submission is not None].rows(connection, values)
        studies, series = {each[0]: each[1] for each in rows}, {each[0]: each[2] for each in rows}
        return cls(digests, studies, series, frozenset(each[0] for each in rows if each[3]))

    def thawed(self, connection: Connection, revision: Columns, series: set[str]) -> dict[str, int]:
        """The series' rows; of what is added to and was frozen, those of revisions that can be added to."""
        version = revision["added_version"]
        new = {uid: thaw(connection, self.series_rows[uid], version) for uid in sorted(series & self.frozen)}
        return self.series_rows | new

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


def _take_turn(connection: Connection, place: Place) -> Columns:
    """Lock the place's row (SQLite has but one writer at a time anyway); what the rows made there share."""
    shared: Columns = {
        "collection_id": place.collection,
        "access_unit_id": place.access_unit,
        "submission_id": place.submission,
        "added_version": None,
        "removed_version": None,
        "replaces": None,
        "created_at": now(),
    }
    if place.submission is None:
        return {**shared, "added_version": _version(connection, place)}
    for [state] in _SUBMISSION.rows(connection, place.parameters):
        if state == OPEN:
            return shared
        raise Forbidden("This submission takes nothing more: it is no longer open.")
    raise NotFound


def _version(connection: Connection, place: Place) -> int:
    for rolling, latest_version in _TURN.rows(connection, place.parameters):
        if rolling:
            return int(latest_version) + 1
        raise Forbidden("This collection changes by published versions only: store into a submission to it.")
    raise NotFound


def _insert(
    connection: Connection, place: Place, revision: Columns, held: dict[str, int], stored: Sequence[Entry]
) -> None:
    counts = Counter(entry.series for entry in stored)
    sizes = Counter[str]()
    for entry in stored:
        sizes[entry.series] += entry.row["size"]
    first = {entry.series: entry for entry in reversed(stored) if entry.series not in held}
    rows = held | _insert_series(connection, place, revision, counts, sizes, first)
    instances = [
        {**entry.row, "series_row": rows[entry.series], "created_at": revision["created_at"]}
        for entry in stored
    ]
    _INSERT_INSTANCE.run(connection, instances)
    grown = [
        {"row": held[uid], "more": more, "bytes": sizes[uid]} for uid, more in counts.items() if uid in held
    ]
    if grown:
        _GROW.run(connection, grown)
    new: dict[int, list[Tags]] = defaultdict(list)
    for entry in stored:
        new[rows[entry.series]].append(entry.tags)
    made = {rows[uid] for uid in first}
    tag_writer.write(connection, {row: merge(found) for row, found in new.items()}, made)


def _insert_series(
    connection: Connection,
    place: Place,
    revision: Columns,
    counts: Counter[str],
    sizes: Counter[str],
    first: dict[str, Entry],
) -> dict[str, int]:
    """Make the missing series, each from its first entry; UID to row."""
    if not first:
        return {}
    studies = _studies(connection, place, revision, list(first.values()))
    made = [
        _series_row(revision, entry, studies[entry.study], counts[uid], sizes[uid])
        for uid, entry in first.items()
    ]
    rows = {row.series_instance_uid: row.id for row in connection.execute(_INSERT_SERIES, made)}
    requests = [
        {**item, "series_row": rows[uid]}
        for uid, entry in first.items()
        for item in columns.request_attributes(entry.attributes)
    ]
    if requests:
        connection.execute(insert(REQUEST_ATTRIBUTES), requests)
    return rows


def _studies(
    connection: Connection, place: Place, revision: Columns, entries: Sequence[Entry]
) -> dict[str, int]:
    """The rows of the entries' studies by UID, made where they are missing."""
    values = {**place.parameters, "studies": listed({entry.study for entry in entries})}
    held: dict[str, int] = dict(_STUDIES[place.submission is not None].rows(connection, values))
    first = {entry.study: entry for entry in reversed(entries) if entry.study not in held}
    if not first:
        return held
    made = connection.execute(_INSERT_STUDY, [_study_row(revision, entry) for entry in first.values()])
    return held | {row.study_instance_uid: row.id for row in made}


def _study_row(revision: Columns, entry: Entry) -> Columns:
    return {
        **columns.study_columns(entry.attributes),
        **revision,
        "study_instance_uid": entry.study,
        "attributes": columns.study_attributes(entry.attributes),
    }


def _series_row(revision: Columns, entry: Entry, study_row: int, instances: int, size: int) -> Columns:
    return {
        **columns.series_columns(entry.attributes),
        **revision,
        "study_instance_uid": entry.study,
        "series_instance_uid": entry.series,
        "study_row": study_row,
        "number_of_series_related_instances": instances,
        "size": size,
        "attributes": columns.series_attributes(entry.attributes),
    }


def _here(table: Any, draft: bool) -> tuple[ColumnElement[bool], ...]:
    """What the rows of a place fulfil: live ones of an access unit, or drafts of a submission."""
    if draft:
        own = table.c.submission_id == bindparam("submission")
        return own, table.c.added_version.is_(None), table.c.removed_version.is_(None)
    own = table.c.collection_id == bindparam("collection")
    unit = table.c.access_unit_id == bindparam("unit")
    return own, unit, table.c.added_version.is_not(None), table.c.removed_version.is_(None)


def _of_places(find: Callable[[bool], Select[Any]]) -> tuple[Statement, Statement]:
    """The statement for what is shown at once, and that for drafts."""
    return Statement(find(False)), Statement(find(True))


_TURN = Statement(
    select(COLLECTION.c.rolling, COLLECTION.c.latest_version)
    .join(ACCESS_UNIT, ACCESS_UNIT.c.collection_id == COLLECTION.c.id)
    .where(COLLECTION.c.id == bindparam("collection"), ACCESS_UNIT.c.id == bindparam("unit"))
    .with_for_update(key_share=True, of=COLLECTION)
)
_SUBMISSION = Statement(
    select(SUBMISSION.c.state)
    .where(
        SUBMISSION.c.id == bindparam("submission"),
        SUBMISSION.c.collection_id == bindparam("collection"),
        SUBMISSION.c.access_unit_id == bindparam("unit"),
    )
    .with_for_update(key_share=True)
)
_INSTANCES = _of_places(
    lambda draft: (
        select(INSTANCE.c.sop_instance_uid, INSTANCE.c.sha256)
        .join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(*_here(SERIES, draft), one_of(INSTANCE.c.sop_instance_uid, "instances"))
    )
)
_STUDIES = _of_places(
    lambda draft: select(STUDY.c.study_instance_uid, STUDY.c.id).where(
        *_here(STUDY, draft), one_of(STUDY.c.study_instance_uid, "studies")
    )
)
_SERIES = _of_places(
    lambda draft: select(*SERIES.c["series_instance_uid", "study_instance_uid", "id", "frozen"]).where(
        *_here(SERIES, draft), one_of(SERIES.c.series_instance_uid, "series")
    )
)
_INSERT_STUDY = insert(STUDY).returning(STUDY.c.id, STUDY.c.study_instance_uid)
_INSERT_SERIES = insert(SERIES).returning(SERIES.c.id, SERIES.c.series_instance_uid)
_INSERT_INSTANCE = Statement(insert(INSTANCE), [each.name for each in INSTANCE.c if not each.primary_key])
_GROW = Statement(
    update(SERIES)
    .where(SERIES.c.id == bindparam("row"))
    .values(
        number_of_series_related_instances=SERIES.c.number_of_series_related_instances + bindparam("more"),
        size=SERIES.c.size + bindparam("bytes"),
    )
)
