"""What a submission's drafts would change in their collection: looked at before anything is published."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, select

from app.errors import Conflict
from app.index.tables import INSTANCE, SERIES, among, listed, one_of

#: Instances that are looked for in one statement.
TOGETHER = 2_000
#: A message names so many of what it is about.
NAMED = 10


class Overlap(NamedTuple):
    """A draft instance, and the live one of its SOP Instance UID."""

    draft_row: int
    draft_instance: int
    live_row: int
    live_instance: int
    live_unit: int
    same: bool


@dataclass(frozen=True, slots=True)
class Drafts:
    """A submission's drafts beside what the collection holds: series rows by row, live ones by UID.

    `unchanged` are draft instances that lie there with the same bytes, each with its series' row;
    `corrections` those that lie there with others. `targets` has the access unit into which each draft goes.
    """

    rows: dict[int, Row[Any]]
    live: dict[str, list[Row[Any]]]
    unchanged: dict[int, int]
    corrections: list[Overlap]
    targets: dict[int, int]


def look(connection: Connection, collection: int, submission: int, came: Collection[int]) -> Drafts:
    """What a submission's drafts would change. Raises Conflict where they do not fit what is there, or what
    `came` with others just now (series rows).
    """
    rows = {row.id: row for row in connection.execute(_DRAFTS, {"submission": submission})}
    overlaps = _overlaps(connection, collection, submission, rows)
    live = _live(connection, collection, {row.series_instance_uid for row in rows.values()})
    _refuse_other_studies(rows.values(), live)
    unchanged = {each.draft_instance: each.draft_row for each in overlaps if each.same}
    corrections = [each for each in overlaps if each.draft_instance not in unchanged]
    _refuse_rivals(rows, corrections, came)
    return Drafts(rows, live, unchanged, corrections, _targets(rows.values(), live, corrections))


def is_live(rows: Any) -> tuple[Any, ...]:
    """That rows of studies or series are live."""
    return rows.c.added_version.is_not(None), rows.c.removed_version.is_(None)


def _live(connection: Connection, collection: int, series: Collection[str]) -> dict[str, list[Row[Any]]]:
    rows = select(SERIES).where(
        SERIES.c.collection_id == collection, *is_live(SERIES), among(SERIES.c.series_instance_uid, series)
    )
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(rows.order_by(SERIES.c.id)):
        found[row.series_instance_uid].append(row)
    return found


def _overlaps(
    connection: Connection, collection: int, submission: int, drafts: dict[int, Row[Any]]
) -> list[Overlap]:
    drafted = connection.execute(_DRAFTED, {"submission": submission}).all()
    overlaps = []
    for start in range(0, len(drafted), TOGETHER):
        batch = {row.sop_instance_uid: row for row in drafted[start : start + TOGETHER]}
        wanted = {"collection": collection, "instances": listed(batch)}
        for uid, sha256, series, study, *live in connection.execute(_LIVE_INSTANCES, wanted):
            own, instance, _, digest = batch[uid]
            draft = drafts[own]
            address = draft.series_instance_uid, draft.study_instance_uid
            same = (digest, *address) == (sha256, series, study)
            overlaps.append(Overlap._make((own, instance, *live, same)))
    return overlaps


def _refuse_other_studies(drafts: Iterable[Row[Any]], live: dict[str, list[Row[Any]]]) -> None:
    wrong = [
        draft.series_instance_uid
        for draft in drafts
        for found in live.get(draft.series_instance_uid, ())
        if found.study_instance_uid != draft.study_instance_uid
    ]
    if wrong:
        raise Conflict(f"The collection holds these series as part of other studies: {told(wrong)}.")


def _refuse_rivals(
    drafts: dict[int, Row[Any]], corrections: Iterable[Overlap], came: Collection[int]
) -> None:
    rivals = {each.draft_row for each in corrections if each.live_row in came}
    if rivals:
        named = told([drafts[row].series_instance_uid for row in rivals])
        raise Conflict(
            f"Two of the submissions hold other content of the same instances: publish one first. {named}"
        )


def _targets(
    drafts: Iterable[Row[Any]], live: dict[str, list[Row[Any]]], corrections: Iterable[Overlap]
) -> dict[int, int]:
    """The access unit into which each draft goes: that of what it corrects, else its own."""
    corrected: dict[int, set[int]] = defaultdict(set)
    for each in corrections:
        corrected[each.draft_row].add(each.live_unit)
    targets, torn = {}, []
    for draft in drafts:
        units = corrected[draft.id] or {
            each.access_unit_id for each in live.get(draft.series_instance_uid, ())
        }
        if len(units) > 1 and draft.access_unit_id in units and not corrected[draft.id]:
            units = {draft.access_unit_id}
        if len(units) > 1:
            torn.append(draft.series_instance_uid)
        targets[draft.id] = min(units, default=draft.access_unit_id)
    if torn:
        raise Conflict(
            f"What these series correct lies in several access units: move it into one first. {told(torn)}"
        )
    return targets


def told(uids: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(uids) - NAMED} more" if len(uids) > NAMED else ""
    return ", ".join(sorted(uids)[:NAMED]) + more


_DRAFT = SERIES.c.added_version.is_(None), SERIES.c.removed_version.is_(None)
_DRAFTS = select(SERIES).where(SERIES.c.submission_id == bindparam("submission"), *_DRAFT)
_DRAFTED = (
    select(SERIES.c.id, INSTANCE.c.id, INSTANCE.c.sop_instance_uid, INSTANCE.c.sha256)
    .join_from(SERIES, INSTANCE, INSTANCE.c.series_row == SERIES.c.id)
    .where(SERIES.c.submission_id == bindparam("submission"), *_DRAFT)
)
_LIVE_INSTANCES = (
    select(
        *INSTANCE.c["sop_instance_uid", "sha256"],
        *SERIES.c["series_instance_uid", "study_instance_uid", "id"],
        INSTANCE.c.id,
        SERIES.c.access_unit_id,
    )
    .join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
    .where(
        one_of(INSTANCE.c.sop_instance_uid, "instances"),
        SERIES.c.collection_id == bindparam("collection"),
        *is_live(SERIES),
    )
)
