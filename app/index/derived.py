"""What study and series rows and the tag index say, compared with the instances that they follow from.

A row says what one of its instances says: that which was stored first, unless curation changed which it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Table,
    bindparam,
    func,
    literal_column,
    select,
)

from app.dicom.description import Json
from app.index import columns, revisions, study_rows, tag_writer
from app.index.stored_form import decode_json
from app.index.tables import (
    COLLECTION,
    INSTANCE,
    REQUEST_ATTRIBUTES,
    SERIES,
    SERIES_TAG_VALUE,
    STUDY,
    SUBMISSION,
    TAG_PATH,
    TAG_VALUE,
    among,
)
from app.index.tag_values import Tags, tags

#: Instances in one page.
PAGE = 200


class Finding(NamedTuple):
    """Something that is wrong: its kind, where it is (a row or a key, never a patient's value), and how."""

    kind: str
    where: str
    said: str
    row: int = 0
    #: Whether it could be told anew, and was.
    repaired: bool = False


def rows(connection: Connection, table: Table, after: int, most: int) -> Sequence[int]:
    """The rows of a table that follow this one."""
    return connection.scalars(
        select(table.c.id).where(table.c.id > after).order_by(table.c.id).limit(most)
    ).all()


def counts(connection: Connection, series: Sequence[int]) -> list[Finding]:
    """Series whose count or size is not that of their instances, which have none, or another study's row."""
    return [finding for row in connection.execute(_counted(series)) for finding in _of_counts(row)]


def _counted(series: Sequence[int]) -> Any:
    own = SERIES.c["id", "number_of_series_related_instances", "size"]
    study = STUDY.c.study_instance_uid == SERIES.c.study_instance_uid
    within = (study & (STUDY.c.collection_id == SERIES.c.collection_id)).label("within")
    held = func.count(INSTANCE.c.id).label("held"), func.coalesce(func.sum(INSTANCE.c.size), 0).label("bytes")
    return (
        select(*own, *held, within)
        .join_from(SERIES, STUDY, STUDY.c.id == SERIES.c.study_row)
        .outerjoin(INSTANCE, INSTANCE.c.series_row == SERIES.c.id)
        .where(among(SERIES.c.id, series))
        .group_by(SERIES.c.id, STUDY.c.id)
        .order_by(SERIES.c.id)
    )


def _of_counts(row: Row[Any]) -> Iterator[Finding]:
    where = f"series {row.id}"
    if not row.held:
        yield Finding("empty series", where, "it has no instance", row.id)
    elif (row.number_of_series_related_instances, row.size) != (row.held, int(row.bytes)):
        said = f"it says {row.number_of_series_related_instances} instances of {row.size} bytes"
        yield Finding("series count", where, f"{said}, and has {row.held} of {row.bytes}", row.id)
    if not row.within:
        yield Finding("misplaced series", where, "its study's row is that of another study", row.id)


def series(connection: Connection, row: int) -> list[Finding]:
    """Whether a series says what none of its instances says."""
    said = connection.execute(select(SERIES).where(SERIES.c.id == row)).first()
    own = INSTANCE.c.series_row == row
    if said is None or _is_told(connection, own, lambda form: _tells_series(connection, said, form)):
        return []
    return [Finding("series attributes", f"series {row}", "none of its instances says what it says", row)]


def study(connection: Connection, row: int) -> list[Finding]:
    """Whether a study says what no instance of its series says, or has no series."""
    said = connection.execute(select(STUDY).where(STUDY.c.id == row)).first()
    if said is None:
        return []
    its = select(SERIES.c.id).where(SERIES.c.study_row == row)
    if connection.execute(its.limit(1)).first() is None:
        return [Finding("empty study", f"study {row}", "it has no series", row)]
    if _is_told(connection, INSTANCE.c.series_row.in_(its), lambda form: _tells_study(said, form)):
        return []
    return [Finding("study attributes", f"study {row}", "none of its instances says what it says", row)]


def _is_told(connection: Connection, which: ColumnElement[bool], tells: Callable[[Json], bool]) -> bool:
    """Whether one of these instances tells so; also where there is none, which is another finding."""
    after = 0
    while page := _forms(connection, which, after, PAGE if after else 1):
        if any(tells(orjson.loads(decode_json(form))) for _, form in page):
            return True
        after = page[-1][0]
    return not after


def _forms(connection: Connection, which: ColumnElement[bool], after: int, most: int) -> list[Any]:
    # Not the column itself: a database would rather walk all instances in its order than sort these.
    row: ColumnElement[int] = INSTANCE.c.id + literal_column("0", BigInteger)
    found = select(INSTANCE.c.id, INSTANCE.c.dicom_json).where(which, row > after)
    return list(connection.execute(found.order_by(row).limit(most)))


def _tells_study(row: Row[Any], form: Json) -> bool:
    told = {**columns.study_columns(form), "attributes": columns.study_attributes(form)}
    return all(row._mapping[name] == value for name, value in told.items())


def _tells_series(connection: Connection, row: Row[Any], form: Json) -> bool:
    told = {**columns.series_columns(form), "attributes": columns.series_attributes(form)}
    return all(row._mapping[name] == value for name, value in told.items()) and _items(
        connection, row.id
    ) == sorted(tuple(sorted(item.items())) for item in columns.request_attributes(form))


def _items(connection: Connection, row: int) -> list[tuple[tuple[str, Any], ...]]:
    own = [each for each in REQUEST_ATTRIBUTES.c if each.name not in ("id", "series_row")]
    found = connection.execute(select(*own).where(REQUEST_ATTRIBUTES.c.series_row == row))
    return sorted(tuple(sorted(dict(item._mapping).items())) for item in found)


def carried(connection: Connection, row: int, after: str) -> tuple[str, list[Tags]]:
    """The values of a page of a series' instances, those that follow this UID; the last of their UIDs."""
    uid = INSTANCE.c.sop_instance_uid
    page = select(uid, INSTANCE.c.dicom_json).where(INSTANCE.c.series_row == row, uid > after)
    found = connection.execute(page.order_by(uid).limit(PAGE)).all()
    return (found[-1][0] if found else ""), [tags(orjson.loads(decode_json(form))) for _, form in found]


def indexed(connection: Connection, row: int, told: Tags) -> list[Finding]:
    """Whether the tag index has other values of a series than its instances carry.

    Of a path that is marked as overflowing it has the mark alone, and keeps that.
    """
    held = {digest: (path, vr, text) for digest, path, vr, text in connection.execute(_HELD, {"row": row})}
    marked = {(path, vr) for path, vr, text in held.values() if not text}
    missing = sum(digest not in held and value.path not in marked for digest, value in told.items())
    over = sum(digest not in told and bool(text) for digest, (_, _, text) in held.items())
    if not missing and not over:
        return []
    said = f"{missing} values are missing, {over} are of no instance"
    return [Finding("tag values", f"series {row}", said, row)]


def repair(connection: Connection, finding: Finding) -> bool:
    """Tell anew what follows from instances; False where it is nothing of that kind, or gone by now."""
    if finding.kind not in _REPAIRS:
        return False
    table = STUDY if finding.kind == "study attributes" else SERIES
    if not _take_turn(connection, table, finding.row):
        return False
    _REPAIRS[finding.kind](connection, finding.row)
    return True


def _take_turn(connection: Connection, table: Table, row: int) -> bool:
    """As those who store do: what they have not committed yet, they count themselves. Whether it has any."""
    place = select(*table.c["collection_id", "submission_id"]).where(table.c.id == row)
    for found in connection.execute(place).all():
        for above, own in ((COLLECTION, found.collection_id), (SUBMISSION, found.submission_id)):
            connection.execute(select(above.c.id).where(above.c.id == own).with_for_update(key_share=True))
    its = select(INSTANCE.c.id).join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
    of_it = SERIES.c.study_row == row if table is STUDY else SERIES.c.id == row
    return connection.execute(its.where(of_it).limit(1)).first() is not None


_REPAIRS: Mapping[str, Callable[[Connection, int], object]] = {
    "series count": revisions.count,
    "series attributes": revisions.tell_anew,
    "study attributes": lambda connection, row: study_rows.tell_anew(connection, [row]),
    "tag values": lambda connection, row: tag_writer.refill(connection, [row]),
}
_HELD = (
    select(TAG_VALUE.c.digest, TAG_PATH.c.path, TAG_PATH.c.vr, TAG_VALUE.c.text)
    .join_from(SERIES_TAG_VALUE, TAG_VALUE, TAG_VALUE.c.id == SERIES_TAG_VALUE.c.value_id)
    .join(TAG_PATH, TAG_PATH.c.id == TAG_VALUE.c.path_id)
    .where(SERIES_TAG_VALUE.c.series_id == bindparam("row"))
)
