"""What differs between two versions of a collection, for a viewer: computed from the revisions, not kept."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from app.index.scope import seen
from app.index.stored_form import decode_json
from app.index.tables import INSTANCE, SERIES, in_history
from app.models.types import Key
from app.viewer import Viewer

Kind = Literal["added", "replaced", "withdrawn"]
#: The place of an item in the list, after which others follow: a series' UID and its access unit.
Cursor = tuple[str, int]
START: Cursor = ("", 0)


class Change(NamedTuple):
    """One series that differs: how many revisions of it either version has, and what lay and lies in them."""

    series: str
    unit: int
    study: str
    modality: str
    before: int
    after: int
    instances_before: int
    instances_after: int
    bytes_before: int
    bytes_after: int

    @property
    def kind(self) -> Kind:
        """What became of the series."""
        if not self.before:
            return "added"
        return "replaced" if self.after else "withdrawn"


class Counts(NamedTuple):
    """How many series were added, replaced and withdrawn; how many instances there are more (or fewer)."""

    added: int
    replaced: int
    withdrawn: int
    instances: int
    bytes: int


class Held(NamedTuple):
    """An instance as a revision holds it."""

    row: int
    sha256: bytes
    size: int


def page(
    connection: Connection, viewer: Viewer, collection: int, since: int, until: int, after: Cursor, limit: int
) -> list[Change]:
    """The series that differ between two versions, by UID and access unit. Version 0 held nothing."""
    rows = _pairs(viewer, collection, since, until)
    place = rows.c.series, rows.c.unit
    found = (
        select(rows)
        .where(tuple_(*place) > tuple_(after[0], literal(after[1], Key)))
        .order_by(*place)
        .limit(limit)
    )
    return [Change(*row) for row in connection.execute(found)]


def one(
    connection: Connection, viewer: Viewer, collection: int, since: int, until: int, series: str
) -> list[Change]:
    """The same of one series, in each access unit."""
    rows = _pairs(viewer, collection, since, until)
    return [
        Change(*row)
        for row in connection.execute(select(rows).where(rows.c.series == series).order_by(rows.c.unit))
    ]


def count(connection: Connection, viewer: Viewer, collection: int, since: int, until: int) -> Counts:
    """How much differs between two versions."""
    rows = _pairs(viewer, collection, since, until)
    new, old = rows.c.before == 0, rows.c.after == 0
    numbers = (
        func.count().filter(new),
        func.count().filter(and_(~new, ~old)),
        func.count().filter(old),
        func.coalesce(func.sum(rows.c.instances_after - rows.c.instances_before), 0),
        func.coalesce(func.sum(rows.c.bytes_after - rows.c.bytes_before), 0),
    )
    return Counts(*map(int, connection.execute(select(*numbers)).one()))


def held(
    connection: Connection, viewer: Viewer, collection: int, change: Change, since: int, until: int
) -> tuple[dict[str, Held], dict[str, Held]]:
    """The instances by UID, before and after, of the revisions that only one of the versions has."""
    columns = INSTANCE.c["sop_instance_uid", "id", "sha256", "size"]
    own = SERIES.c.series_instance_uid == change.series, SERIES.c.access_unit_id == change.unit
    rows = (
        select(*columns)
        .join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(*own, in_history(collection), *seen(viewer, SERIES))
        .order_by(INSTANCE.c.sop_instance_uid)
    )
    sides = (rows.where(*_only(since, until, new=new)) for new in (False, True))
    before, after = ({uid: Held(*rest) for uid, *rest in connection.execute(side)} for side in sides)
    return before, after


def attributes(connection: Connection, pairs: Mapping[int, int]) -> list[tuple[str, str, str, int]]:
    """Which attributes differ between instances (rows before: after): path, a value of each, in how many.

    Paths are keys of DICOM JSON, joined by points with the numbers of items. Values are JSON; of those that
    are long, and of bulk data, as much as fits a line.
    """
    differing: Counter[str] = Counter()
    examples: dict[str, tuple[str, str]] = {}
    for old, new in pairs.items():
        one, other = (dict(_leaves(_json(connection, row))) for row in (old, new))
        for path in one.keys() | other.keys():
            if one.get(path) != other.get(path):
                differing[path] += 1
                examples.setdefault(path, (_short(one.get(path)), _short(other.get(path))))
    return [(path, *examples[path], differing[path]) for path in sorted(differing)]


def _json(connection: Connection, row: int) -> Any:
    return orjson.loads(
        decode_json(
            connection.execute(select(INSTANCE.c.dicom_json).where(INSTANCE.c.id == row)).scalar_one()
        )
    )


def _leaves(data_set: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, element in data_set.items():
        items = element.get("Value") if element.get("vr") == "SQ" else None
        if items is None:
            yield above + key, {name: value for name, value in element.items() if name != "BulkDataURI"}
        for number, item in enumerate(items or (), 1):
            yield from _leaves(item, f"{above}{key}.{number}.")


def _short(element: Any, most: int = 120) -> str:
    if element is None:
        return ""
    text = orjson.dumps(element.get("Value", element)).decode()
    return text if len(text) <= most else text[: most - 1] + "…"


def _pairs(viewer: Viewer, collection: int, since: int, until: int) -> FromClause:
    """A row for each series and access unit whose revisions differ: those of both versions side by side."""
    sides = [_side(viewer, collection, since, until, new=new) for new in (False, True)]
    both = union_all(*sides).subquery("both")
    address = both.c.series, both.c.unit
    more = [func.max(both.c[name]).label(name) for name in ("study", "modality")]
    sums = [func.sum(both.c[name]).label(name) for name in Change._fields[4:]]
    return select(*address, *more, *sums).group_by(*address).subquery("pairs")


def _side(viewer: Viewer, collection: int, since: int, until: int, *, new: bool) -> Select[Any]:
    """The revisions of one of the versions that the other has not."""
    own = literal(1), SERIES.c.number_of_series_related_instances, SERIES.c.size
    pair = [(each, literal(0)) if not new else (literal(0), each) for each in own]
    numbers = [
        part.label(name)
        for name, part in zip(Change._fields[4:], [p for both in pair for p in both], strict=True)
    ]
    address = SERIES.c.series_instance_uid.label("series"), SERIES.c.access_unit_id.label("unit")
    said = SERIES.c.study_instance_uid.label("study"), SERIES.c.modality
    shown = in_history(collection), *seen(viewer, SERIES)
    return select(*address, *said, *numbers).where(*_only(since, until, new=new), *shown)


def _only(since: int, until: int, *, new: bool) -> list[ColumnElement[bool]]:
    added, removed = SERIES.c.added_version, SERIES.c.removed_version
    if new:
        return [added > since, added <= until, or_(removed.is_(None), removed > until)]
    return [added <= since, removed > since, removed <= until]
