"""Puts described instances into a place: one transaction for a request, a few statements for any number.

Writers of one collection, or of one submission, take turns. Study and series rows are made from the first
stored instance of each; what later ones say otherwise is for curators to find, and never an overwrite. What
lies at other places is not touched, and read only for whether it has a UID: who stores learns nothing of it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Sequence

from sqlalchemy import Connection, bindparam, insert, update

from app.database.statements import Statement
from app.index import columns, tag_writer
from app.index.entry import Columns, Entry
from app.index.held import Held, Outcome, existing, known_uids, rows_of_studies
from app.index.made_rows import series_row, study_row
from app.index.places import Place, take_turn
from app.index.tables import INSTANCE, REQUEST_ATTRIBUTES, SERIES, STUDY
from app.index.tag_values import Tags, merge

__all__ = [
    "Entry",
    "Outcome",
    "Place",
    "existing",
    "known_uids",
    "rows_of_studies",
    "take_turn",
    "upsert",
]


def upsert(connection: Connection, place: Place, entries: Sequence[Entry]) -> list[Outcome]:
    """Put the entries into a place, within the caller's transaction; one outcome for each.

    Entries are taken in order: of several with one SOP Instance UID the first is stored. Raises NotFound
    where there is no such place, Forbidden where the collection is not rolling or the submission not open.
    """
    revision = take_turn(connection, place)
    held = Held.look(connection, place, entries)
    outcomes = [held.judge(entry) for entry in entries]
    stored = [entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome is Outcome.STORED]
    if stored:
        series_rows = held.thawed(connection, revision, {entry.series for entry in stored})
        _insert(connection, place, revision, series_rows, _told_whole(stored))
    return outcomes


def _told_whole(stored: Sequence[Entry]) -> list[Entry]:
    """The entries, of which one may leave to another only what that one, stored too, says before it."""
    kept = {id(entry) for entry in stored}
    return [entry if entry.like is None or id(entry.like) in kept else entry.whole() for entry in stored]


def _insert(
    connection: Connection, place: Place, revision: Columns, held: dict[str, int], stored: Sequence[Entry]
) -> None:
    counts = Counter(entry.series for entry in stored)
    sizes = Counter[str]()
    for entry in stored:
        sizes[entry.series] += entry.row["size"]
    first = _first(stored, lambda entry: entry.series, held)
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
    elsewhere = known_uids(connection, SERIES, first)
    made = [
        series_row(revision, entry, studies[entry.study], counts[uid], sizes[uid], uid not in elsewhere)
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


def _first(entries: Sequence[Entry], uid: Callable[[Entry], str], held: Container[str]) -> dict[str, Entry]:
    """The first entry of each UID that has no row yet, in the order in which they came."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if uid(entry) not in held:
            found.setdefault(uid(entry), entry)
    return found


def _studies(
    connection: Connection, place: Place, revision: Columns, entries: Sequence[Entry]
) -> dict[str, int]:
    """The rows of the entries' studies by UID, made where they are missing."""
    held = rows_of_studies(connection, place, {entry.study for entry in entries})
    first = _first(entries, lambda entry: entry.study, held)
    if not first:
        return held
    elsewhere = known_uids(connection, STUDY, first)
    rows = [study_row(revision, entry, uid not in elsewhere) for uid, entry in first.items()]
    made = connection.execute(_INSERT_STUDY, rows)
    return held | {row.study_instance_uid: row.id for row in made}


_INSERT_STUDY = insert(STUDY).returning(STUDY.c.id, STUDY.c.study_instance_uid)
_INSERT_SERIES = insert(SERIES).returning(SERIES.c.id, SERIES.c.series_instance_uid)
#: MD5 is filled in behind.
_INSERT_INSTANCE = Statement(insert(INSTANCE), sorted({*INSTANCE.c.keys()} - {"id", "md5"}))
_GROW = Statement(
    update(SERIES)
    .where(SERIES.c.id == bindparam("row"))
    .values(
        number_of_series_related_instances=SERIES.c.number_of_series_related_instances + bindparam("more"),
        size=SERIES.c.size + bindparam("bytes"),
    )
)
