"""What collections hold, counted: for a viewer, of what they may see and of nothing else.

Each collection is counted by itself. Where its access units share a study, series or instance, the row of it
that was made first, of those that the viewer sees, is counted, as searches in the collection do.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, FromClause, Select, and_, case, false, func, or_, select

from app.index import counted, rollups
from app.index.scope import ARCHIVE, Scope, cell_conditions, series_conditions, study_conditions
from app.index.tables import ACCESS_UNIT, SERIES, SERIES_ROLLUP, STUDY, SUBMISSION, among
from app.viewer import Viewer


class Cell(NamedTuple):
    """Series of a collection that are alike, how many, with their instances and bytes. Missing is empty."""

    collection: int
    modality: str
    body_part: str
    manufacturer: str
    series: int
    instances: int
    bytes: int


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
    for collection, numbers in people(connection, scope, viewer).items():
        found[collection].patients, found[collection].studies = numbers
    for cell in cells(connection, scope, viewer):
        _add(found[cell.collection], cell)
    return dict(found)


def cells(connection: Connection, scope: Scope, viewer: Viewer) -> list[Cell]:
    """What the viewer sees of the scope, series that are alike counted together; by what they say."""
    rows = _kept(scope, viewer).series(scope, viewer)
    return sorted(Cell(*row[:4], *map(int, row[4:])) for row in connection.execute(rows))


def people(
    connection: Connection, scope: Scope, viewer: Viewer, of: Iterable[int] | None = None
) -> dict[int, tuple[int, int]]:
    """How many patients and studies the viewer sees in each collection of the scope, or of these, by its
    row.
    """
    rows = _kept(scope, viewer).people(scope, viewer, of)
    return {row: (patients, int(studies)) for row, patients, studies in connection.execute(rows)}


def holding(connection: Connection, viewer: Viewer, modality: str) -> set[int]:
    """The collections in which the viewer sees a series of this modality."""
    return modalities(connection, viewer).get(modality, set())


def modalities(connection: Connection, viewer: Viewer) -> dict[str, set[int]]:
    """For each modality the collections in which the viewer sees a series of it."""
    found: dict[str, set[int]] = defaultdict(set)
    for modality, collection in connection.execute(_modalities(viewer)):
        found[modality].add(collection)
    return dict(found)


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


def _kept(scope: Scope, viewer: Viewer) -> Any:
    """Where it is counted: in roll-ups, as far as they go."""
    return rollups if rollups.kept(scope, viewer) else counted


def _modalities(viewer: Viewer) -> Select[Any]:
    kept = rollups.kept(ARCHIVE, viewer)
    rows: FromClause = SERIES_ROLLUP if kept else SERIES
    seen = (cell_conditions if kept else series_conditions)(ARCHIVE, viewer, rows)
    return select(*rows.c["modality", "collection_id"]).distinct().where(rows.c.modality != "", *seen)


def _add(found: Facts, cell: Cell) -> None:
    found.series += cell.series
    found.instances += cell.instances
    found.bytes += cell.bytes
    for counter, value in (
        (found.modalities, cell.modality),
        (found.body_parts, cell.body_part),
        (found.manufacturers, cell.manufacturer),
    ):
        if value:
            counter[value] += cell.series
