"""What collections hold, counted: for a viewer, of what they may see and of nothing else.

Each collection is counted by itself. Where its access units share a study, series or instance, the row of it
that was made first, of those that the viewer sees, is counted, as searches in the collection do.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, case, false, func, or_, select

from app.index.scope import Scope, series_conditions, study_conditions
from app.index.tables import ACCESS_UNIT, INSTANCE, SERIES, STUDY, SUBMISSION, among, named
from app.index.visible import same_series
from app.viewer import Viewer


@dataclass(slots=True)
class Facts:
    """The size of a collection, and in how many series which modality, body part and manufacturer occur.

    Patients without an ID are not counted.
    """

    patients: int = 0
    studies: int = 0
    series: int = 0
    instances: int = 0
    bytes: int = 0
    modalities: Counter[str] = field(default_factory=Counter)
    body_parts: Counter[str] = field(default_factory=Counter)
    manufacturers: Counter[str] = field(default_factory=Counter)


def facts(connection: Connection, scope: Scope, viewer: Viewer) -> dict[int, Facts]:
    """The facts of every collection of the scope in which the viewer sees anything, by its row."""
    found: dict[int, Facts] = defaultdict(Facts)
    studies = STUDY.c.study_instance_uid, func.nullif(STUDY.c.patient_id, "")
    counts = [func.count(each.distinct()) for each in studies]
    rows = select(STUDY.c.collection_id, *counts).where(*study_conditions(scope, viewer))
    for collection, *numbers in connection.execute(rows.group_by(STUDY.c.collection_id)):
        found[collection].studies, found[collection].patients = numbers
    for collection, *values in connection.execute(_series(scope, viewer)):
        _add(found[collection], *values)
    return dict(found)


def holding(connection: Connection, viewer: Viewer, modality: str) -> set[int]:
    """The collections in which the viewer sees a series of this modality."""
    rows = select(SERIES.c.collection_id).distinct()
    seen = series_conditions(Scope(), viewer)
    return set(connection.scalars(rows.where(SERIES.c.modality == modality, *seen)))


def modalities(connection: Connection, viewer: Viewer) -> dict[str, set[int]]:
    """For each modality the collections in which the viewer sees a series of it."""
    found: dict[str, set[int]] = defaultdict(set)
    rows = select(SERIES.c.modality, SERIES.c.collection_id).distinct()
    seen = series_conditions(Scope(), viewer)
    for modality, collection in connection.execute(rows.where(SERIES.c.modality != "", *seen)):
        found[modality].add(collection)
    return dict(found)


def people(connection: Connection, viewer: Viewer, collections: Iterable[int]) -> dict[int, tuple[int, int]]:
    """How many patients and studies the viewer sees in each of these collections."""
    values = func.nullif(STUDY.c.patient_id, ""), STUDY.c.study_instance_uid
    counts = [func.count(each.distinct()) for each in values]
    own = among(STUDY.c.collection_id, collections), *study_conditions(Scope(), viewer)
    rows = select(STUDY.c.collection_id, *counts).where(*own).group_by(STUDY.c.collection_id)
    return {row: (patients, studies) for row, patients, studies in connection.execute(rows)}


def received(
    connection: Connection, collection: int, viewer: Viewer, sites: Iterable[int], curated: Iterable[int]
) -> dict[int, tuple[int, int, int]]:
    """For each of these sites of a collection, how many studies it has: of all, live, and as drafts.

    Counted are those in the `curated` access units, those that the viewer finds, and those they sent.
    """
    live, draft = STUDY.c.added_version.is_not(None), STUDY.c.added_version.is_(None)
    uid = STUDY.c.study_instance_uid
    counts = [func.count(each.distinct()) for each in (uid, case((live, uid)), case((draft, uid)))]
    sent = select(SUBMISSION.c.id).where(SUBMISSION.c.person_id == viewer.person)
    seen = or_(
        among(STUDY.c.access_unit_id, curated),
        and_(*study_conditions(Scope(collection), viewer)),
        false() if viewer.person is None else STUDY.c.submission_id.in_(sent),
    )
    rows = (
        select(ACCESS_UNIT.c.site_id, *counts)
        .join_from(STUDY, ACCESS_UNIT, ACCESS_UNIT.c.id == STUDY.c.access_unit_id)
        .where(
            STUDY.c.collection_id == collection,
            among(ACCESS_UNIT.c.site_id, sites),
            STUDY.c.removed_version.is_(None),
            seen,
        )
        .group_by(ACCESS_UNIT.c.site_id)
    )
    return {site: (received, live, drafts) for site, received, live, drafts in connection.execute(rows)}


def _add(
    found: Facts, modality: str, body_part: str, manufacturer: str, series: int, instances: Any, size: Any
) -> None:
    found.series += series
    found.instances += int(instances)
    found.bytes += int(size)
    for counter, value in (
        (found.modalities, modality),
        (found.body_parts, body_part),
        (found.manufacturers, manufacturer),
    ):
        if value:
            counter[value] += series


def _series(scope: Scope, viewer: Viewer) -> Any:
    """Counts of the series that answer for their addresses, in groups of what is alike."""
    groups = SERIES.c["collection_id", "modality", "body_part_examined", "manufacturer"]
    instances: ColumnElement[int] = SERIES.c.number_of_series_related_instances
    size: ColumnElement[int] = SERIES.c.size
    conditions = series_conditions(scope, viewer)
    if not scope.alone:
        conditions.append(_is_first(scope, viewer))
        shared = _shared(scope, viewer)
        instances = case((shared, _of_all(func.count(), scope, viewer)), else_=instances)
        size = case((shared, _of_all(func.sum(INSTANCE.c.size), scope, viewer)), else_=size)
    counts = func.count(), func.sum(instances), func.sum(size)
    return select(*groups, *counts).where(*conditions).group_by(*groups)


def _is_first(scope: Scope, viewer: Viewer) -> ColumnElement[bool]:
    earlier = named(SERIES, "earlier_series")
    rows = select(earlier.c.id).where(
        _same(earlier, SERIES), earlier.c.id < SERIES.c.id, *series_conditions(scope, viewer, earlier)
    )
    return ~rows.correlate(SERIES).exists()


def _shared(scope: Scope, viewer: Viewer) -> ColumnElement[bool]:
    other = named(SERIES, "other_series")
    rows = select(other.c.id).where(
        _same(other, SERIES), other.c.id != SERIES.c.id, *series_conditions(scope, viewer, other)
    )
    return rows.correlate(SERIES).exists()


def _of_all(counted: ColumnElement[Any], scope: Scope, viewer: Viewer) -> Any:
    """What is counted of the instances at SERIES's address in its collection, each once: its first row."""
    any_series, instance = named(SERIES, "any_series"), named(INSTANCE, "earlier_instance")
    its_series = named(SERIES, "its_series")
    earlier = (
        select(instance.c.id)
        .join_from(instance, its_series, its_series.c.id == instance.c.series_row)
        .where(
            instance.c.sop_instance_uid == INSTANCE.c.sop_instance_uid,
            instance.c.id < INSTANCE.c.id,
            _same(its_series, any_series),
            *series_conditions(scope, viewer, its_series),
        )
    )
    rows = (
        select(counted)
        .select_from(INSTANCE.join(any_series, any_series.c.id == INSTANCE.c.series_row))
        .where(
            _same(any_series, SERIES),
            *series_conditions(scope, viewer, any_series),
            ~earlier.correlate(INSTANCE, any_series).exists(),
        )
    )
    return rows.correlate(SERIES).scalar_subquery()


def _same(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Two rows are of one series in one collection."""
    return and_(same_series(one, other), one.c.collection_id == other.c.collection_id)
