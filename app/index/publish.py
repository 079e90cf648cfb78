"""Publication: drafts become live and what is withdrawn ceases to be, as one version of a collection.

All in the caller's transaction. Of a draft that corrects nothing only study and series rows change, however
many instances it has. Of one that corrects part of a series, the instances that stay are copied into the new
revision: rows, never objects. What lies there already with the same bytes is no change, and left out.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, delete, exists, select, update

from app.errors import Conflict, NotFound
from app.index import revisions, study_rows, tag_writer
from app.index.tables import INSTANCE, SERIES, STUDY, among, in_history, listed, named, one_of
from app.index.tag_values import Tags

#: Instances that are looked for in one statement.
TOGETHER = 2_000
#: A message names so many of what it is about.
NAMED = 10


class Leaving(NamedTuple):
    """What is to be withdrawn: a study, a series of it, or an instance; empty parts are all of it."""

    study: str
    series: str = ""
    instance: str = ""


class _Overlap(NamedTuple):
    """A draft instance, and the live one of its SOP Instance UID."""

    draft_row: int
    draft_instance: int
    live_row: int
    live_instance: int
    live_unit: int
    same: bool


def publish(
    connection: Connection,
    collection: int,
    version: int,
    submissions: Iterable[int],
    leaving: Iterable[Leaving] = (),
) -> list[tuple[Leaving, int]]:
    """Leave these out of this version of the collection, and put submissions' drafts into it; the address and
    access unit of every series or instance that was left out.

    What was sent to be published is never what is left out: that is what lay there before. Nothing that was
    acknowledged is dropped, only closed. Raises Conflict where drafts lie in another study, or in several
    access units, than what they correct, and where nothing would change; NotFound where something to be left
    out is not live in the collection.
    """
    left, studies = _withdraw(connection, collection, version, leaving)
    came: set[int] = set()
    for submission in submissions:
        studies |= _publish(connection, collection, submission, version, came)
    study_rows.settle(connection, studies, version)
    if not _differs(connection, collection, version):
        raise Conflict("There is nothing to publish: approve a submission, or name one.")
    freeze(connection, collection, version)
    return left


def _publish(
    connection: Connection, collection: int, submission: int, version: int, came: set[int]
) -> set[int]:
    """Put the drafts of one in, whose rows join those that `came`; the study rows of what they changed."""
    drafts = {row.id: row for row in connection.execute(_DRAFTS, {"submission": submission})}
    overlaps = _overlaps(connection, collection, submission, drafts)
    live = _live(connection, collection, {row.series_instance_uid for row in drafts.values()})
    _refuse_other_studies(drafts.values(), live)
    unchanged = {each.draft_instance: each.draft_row for each in overlaps if each.same}
    corrections = [each for each in overlaps if each.draft_instance not in unchanged]
    targets = _targets(drafts.values(), live, corrections)
    drafts = _without_unchanged(connection, drafts, unchanged)
    _refuse_rivals(drafts, corrections, came)
    came |= drafts.keys()
    gone: dict[int, set[int]] = defaultdict(set)
    for each in corrections:
        gone[each.live_row].add(each.live_instance)
    partners = {
        found.id: draft
        for draft in drafts.values()
        for found in live.get(draft.series_instance_uid, ())
        if found.access_unit_id == targets[draft.id]
    }
    corrected = {draft.id for draft in partners.values()}
    _flip(connection, version, drafts, {row: targets[row] for row in drafts.keys() - corrected})
    drafted: dict[int, Tags] = {}
    changed = {
        _leave(connection, row, version, gone[row], drafted, partners.get(row))
        for row in sorted(gone.keys() | partners.keys())
    }
    # Of all of them at once: each by itself would take a statement or three.
    tag_writer.write(connection, drafted)
    study_rows.drop_drafts(connection, submission)
    return changed


def _withdraw(
    connection: Connection, collection: int, version: int, leaving: Iterable[Leaving]
) -> tuple[list[tuple[Leaving, int]], set[int]]:
    """What was left out, and the study rows that it lay in."""
    left: dict[tuple[Leaving, int], None] = {}
    gone: dict[int, set[int] | None] = {}
    missing: list[str] = []
    for each in leaving:
        rows = _rows_of(connection, collection, each)
        if not rows:
            missing.append("/".join(filter(None, each)))
        for row, series, unit, instance in rows:
            left[Leaving(each.study, series, each.instance), unit] = None
            before = gone.setdefault(row, set())
            gone[row] = None if instance is None or before is None else before | {instance}
    if missing:
        raise NotFound(f"The collection does not hold: {', '.join(missing[:NAMED])}. Nothing was published.")
    studies = {_leave(connection, row, version, each, {}) for row, each in gone.items()}
    return list(left), studies


def _leave(
    connection: Connection,
    row: int,
    version: int,
    gone: Collection[int] | None,
    drafted: dict[int, Tags],
    partner: Row[Any] | None = None,
) -> int:
    """Put into the place of a live series row one without the instances `gone` (None: all of them), and with
    those of the draft `partner`; the study row of both. What is yet to be written into the tag index, of
    drafts with which something stays, goes into `drafted`.
    """
    place: Any = connection.execute(_PLACE_OF, {"row": row}).one()
    left = gone is not None and place.number_of_series_related_instances > len(gone)
    if partner is None and left:
        revisions.revise(connection, row, version, gone or ())
        return int(place.study_row)
    revisions.close(connection, row, version)
    if partner is not None:
        _put(connection, partner, version, place, row)
        if left:
            drafted[partner.id] = tag_writer.carried(connection, partner.id)
            _merge(connection, row, gone or (), partner)
    return int(place.study_row)


def _differs(connection: Connection, collection: int, version: int) -> bool:
    """Whether this version holds anything else than the one before it."""
    came = (SERIES.c.added_version == version) & SERIES.c.removed_version.is_(None)
    left = (SERIES.c.removed_version == version) & (SERIES.c.added_version < version)
    return any(
        connection.execute(select(SERIES.c.id).where(in_history(collection), each).limit(1)).first()
        for each in (came, left)
    )


def freeze(connection: Connection, collection: int, version: int) -> None:
    """Say that the revisions which came with this version never change."""
    came = in_history(collection), SERIES.c.added_version == version
    connection.execute(update(SERIES).where(*came).values(frozen=True))


def _is_live(rows: Any) -> tuple[Any, ...]:
    return rows.c.added_version.is_not(None), rows.c.removed_version.is_(None)


def _live(connection: Connection, collection: int, series: Collection[str]) -> dict[str, list[Row[Any]]]:
    rows = select(SERIES).where(
        SERIES.c.collection_id == collection, *_is_live(SERIES), among(SERIES.c.series_instance_uid, series)
    )
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(rows.order_by(SERIES.c.id)):
        found[row.series_instance_uid].append(row)
    return found


def _overlaps(
    connection: Connection, collection: int, submission: int, drafts: dict[int, Row[Any]]
) -> list[_Overlap]:
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
            overlaps.append(_Overlap._make((own, instance, *live, same)))
    return overlaps


def _refuse_other_studies(drafts: Iterable[Row[Any]], live: dict[str, list[Row[Any]]]) -> None:
    wrong = [
        draft.series_instance_uid
        for draft in drafts
        for found in live.get(draft.series_instance_uid, ())
        if found.study_instance_uid != draft.study_instance_uid
    ]
    if wrong:
        raise Conflict(f"The collection holds these series as part of other studies: {_told(wrong)}.")


def _refuse_rivals(drafts: dict[int, Row[Any]], corrections: Iterable[_Overlap], came: set[int]) -> None:
    rivals = {each.draft_row for each in corrections if each.live_row in came}
    if rivals:
        named = _told([drafts[row].series_instance_uid for row in rivals])
        raise Conflict(
            f"Two of the submissions hold other content of the same instances: publish one first. {named}"
        )


def _targets(
    drafts: Iterable[Row[Any]], live: dict[str, list[Row[Any]]], corrections: Iterable[_Overlap]
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
            f"What these series correct lies in several access units: move it into one first. {_told(torn)}"
        )
    return targets


def _without_unchanged(
    connection: Connection, drafts: dict[int, Row[Any]], unchanged: dict[int, int]
) -> dict[int, Row[Any]]:
    """The drafts that are left when these instances, each with its series' row, are dropped."""
    if not unchanged:
        return drafts
    connection.execute(delete(INSTANCE).where(among(INSTANCE.c.id, unchanged)))
    rows = set(unchanged.values())
    empty = {row for row in rows if not revisions.count(connection, row)}
    revisions.drop(connection, empty)
    for row in rows - empty:
        revisions.tell_anew(connection, row)
    tag_writer.refill(connection, rows - empty)
    return {row: draft for row, draft in drafts.items() if row not in empty}


def _flip(connection: Connection, version: int, drafts: dict[int, Row[Any]], targets: dict[int, int]) -> None:
    """Make drafts live that correct nothing: their studies first, where the collection does not hold them."""
    elsewhere = {row: unit for row, unit in targets.items() if drafts[row].access_unit_id != unit}
    here = targets.keys() - elsewhere.keys()
    new = among(STUDY.c.id, {drafts[row].study_row for row in here}), ~exists(_HELD_STUDY)
    connection.execute(update(STUDY).where(*new).values(added_version=version))
    flipped = update(SERIES).where(among(SERIES.c.id, here))
    connection.execute(flipped.values(added_version=version, study_row=_LIVE_STUDY))
    for row, unit in elsewhere.items():
        study = revisions.study_of(connection, drafts[row].study_row, unit, {"added_version": version})
        place = {"access_unit_id": unit, "study_row": study, "added_version": version}
        connection.execute(update(SERIES).where(SERIES.c.id == row).values(**place))


def _put(connection: Connection, draft: Row[Any], version: int, place: Any, replaced: int) -> None:
    """Make a draft live in the place of a series row."""
    values = {"access_unit_id": place.access_unit_id, "study_row": place.study_row}
    values |= {"added_version": version, "replaces": replaced}
    connection.execute(update(SERIES).where(SERIES.c.id == draft.id).values(**values))


def _merge(connection: Connection, row: int, gone: Collection[int], partner: Row[Any]) -> None:
    """Give a draft what stays of the series row that it corrects."""
    revisions.copy_instances(connection, row, partner.id, gone)
    revisions.count(connection, partner.id)
    revisions.tell_anew(connection, partner.id)
    tag_writer.copy(connection, row, partner.id)
    tag_writer.lose(connection, partner.id, row, gone)


def _rows_of(
    connection: Connection, collection: int, leaving: Leaving
) -> list[tuple[int, str, int, int | None]]:
    """The live series rows at an address, their UIDs and access units, and of an instance its row."""
    address = [SERIES.c.study_instance_uid == leaving.study]
    if leaving.series:
        address.append(SERIES.c.series_instance_uid == leaving.series)
    rows = select(*SERIES.c["id", "series_instance_uid", "access_unit_id"])
    if leaving.instance:
        rows = rows.add_columns(INSTANCE.c.id).join_from(
            SERIES, INSTANCE, INSTANCE.c.series_row == SERIES.c.id
        )
        address.append(INSTANCE.c.sop_instance_uid == leaving.instance)
    found = connection.execute(rows.where(SERIES.c.collection_id == collection, *_is_live(SERIES), *address))
    return [(*row[:3], row[3] if leaving.instance else None) for row in found]


def _told(uids: Sequence[str]) -> str:
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
        *_is_live(SERIES),
    )
)
_PLACE_OF = select(
    *SERIES.c["access_unit_id", "study_row"],
    SERIES.c.number_of_series_related_instances,
).where(SERIES.c.id == bindparam("row"))
_held = named(STUDY, "held_study")
_HELD_STUDY = (
    select(_held.c.id)
    .where(
        _held.c.study_instance_uid == STUDY.c.study_instance_uid,
        _held.c.collection_id == STUDY.c.collection_id,
        _held.c.access_unit_id == STUDY.c.access_unit_id,
        *_is_live(_held),
    )
    .correlate(STUDY)
)
_LIVE_STUDY = (
    select(STUDY.c.id)
    .where(
        STUDY.c.study_instance_uid == SERIES.c.study_instance_uid,
        STUDY.c.collection_id == SERIES.c.collection_id,
        STUDY.c.access_unit_id == SERIES.c.access_unit_id,
        *_is_live(STUDY),
    )
    .correlate(SERIES)
    .scalar_subquery()
)
