"""Publication: drafts become live and what is withdrawn ceases to be, as one version of a collection.

All in the caller's transaction. Of a draft that corrects nothing only study and series rows change, however
many instances it has. Of one that corrects part of a series, the instances that stay are copied into the new
revision: rows, never objects. What lies there already with the same bytes is no change, and left out.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, delete, exists, select, update

from app.errors import Conflict, NotFound
from app.index import revisions, study_rows, tag_writer
from app.index.drafts import Drafts, is_live, look, told
from app.index.tables import INSTANCE, SERIES, STUDY, among, in_history, named
from app.index.tag_values import Tags


class Leaving(NamedTuple):
    """What is to be withdrawn: a study, a series of it, or an instance; empty parts are all of it."""

    study: str
    series: str = ""
    instance: str = ""


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
    found = look(connection, collection, submission, came)
    drafts = _without_unchanged(connection, found)
    came |= drafts.keys()
    gone: dict[int, set[int]] = defaultdict(set)
    for each in found.corrections:
        gone[each.live_row].add(each.live_instance)
    partners = {
        live.id: draft
        for draft in drafts.values()
        for live in found.live.get(draft.series_instance_uid, ())
        if live.access_unit_id == found.targets[draft.id]
    }
    corrected = {draft.id for draft in partners.values()}
    _flip(connection, version, drafts, {row: found.targets[row] for row in drafts.keys() - corrected})
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
        raise NotFound(f"The collection does not hold: {told(missing)}. Nothing was published.")
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


def _without_unchanged(connection: Connection, found: Drafts) -> dict[int, Row[Any]]:
    """The drafts that are left when what lies there already is dropped."""
    drafts, unchanged = found.rows, found.unchanged
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
    found = connection.execute(rows.where(SERIES.c.collection_id == collection, *is_live(SERIES), *address))
    return [(*row[:3], row[3] if leaving.instance else None) for row in found]


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
        *is_live(_held),
    )
    .correlate(STUDY)
)
_LIVE_STUDY = (
    select(STUDY.c.id)
    .where(
        STUDY.c.study_instance_uid == SERIES.c.study_instance_uid,
        STUDY.c.collection_id == SERIES.c.collection_id,
        STUDY.c.access_unit_id == SERIES.c.access_unit_id,
        *is_live(STUDY),
    )
    .correlate(SERIES)
    .scalar_subquery()
)
