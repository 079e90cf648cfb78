"""Puts the values of stored instances into the tag index: a few statements for any number of instances.

The first statement asks what a series does not hold yet; where it holds all, nothing else happens.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Connection, and_, bindparam, delete, exists, func, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from app.index.stored_form import decode_json
from app.index.tables import (
    INSTANCE,
    SERIES_TAG_VALUE,
    TAG_PATH,
    TAG_VALUE,
    Items,
    listed,
    number_part,
    one_of,
    text_part,
)
from app.index.tag_values import INDEXED, MOST, Path, Tags, digest, mark, merge, tags
from app.query.kinds import Form

Columns = dict[str, Any]


class _Posting(NamedTuple):
    """A value that a series does not hold yet; no form where it is the mark of its path."""

    series: int
    digest: str
    path: Path
    form: Form | None


def write(connection: Connection, found: Mapping[int, Tags]) -> None:
    """Add to each series (by row) the values of its new instances, within the caller's transaction."""
    asked = {(each.series, each.digest): each for each in _postings(found)}
    values = [[each.series, each.digest, mark(each.path)] for each in asked.values()]
    rows = connection.execute(_MISSING, {"asked": orjson.dumps(values).decode()}).all()
    if rows:
        _add(connection, [asked[row.series, row.digest] for row in rows])


def fill(connection: Connection) -> None:
    """Index every instance that is stored, series by series."""
    for series in connection.scalars(select(INSTANCE.c.series_row).distinct()).all():
        forms = connection.scalars(select(INSTANCE.c.dicom_json).where(INSTANCE.c.series_row == series))
        write(connection, {series: merge([tags(orjson.loads(decode_json(form))) for form in forms])})


def _postings(found: Mapping[int, Tags]) -> Iterable[_Posting]:
    for series, of_series in found.items():
        for path, held in of_series.items():
            if held is None:
                yield _Posting(series, mark(path), path, None)
            else:
                for form in held:
                    yield _Posting(series, digest(path, form.text), path, form)


def _add(connection: Connection, missing: list[_Posting]) -> None:
    paths = _paths(connection, {each.path for each in missing})
    held = _counts(connection, {each.series for each in missing}, paths)
    by_place: dict[tuple[int, Path], list[_Posting]] = defaultdict(list)
    for each in missing:
        by_place[each.series, each.path].append(each)
    adding: list[_Posting] = []
    emptied: list[Columns] = []
    for (series, path), new in by_place.items():
        before = held.get((series, paths[path]), 0)
        if before + len(new) <= MOST and new[0].form:
            adding += new
            continue
        adding.append(_Posting(series, mark(path), path, None))
        emptied += [{"series": series, "path": paths[path]}] if before else []
    if emptied:
        connection.execute(_EMPTY, emptied)
    _insert(connection, adding, paths)


def _paths(connection: Connection, asked: set[Path]) -> dict[Path, int]:
    """The paths' rows, made where they are missing."""
    parameters = {"paths": listed({path for path, _ in asked})}

    def known() -> dict[Path, int]:
        return {(row.path, row.vr): row.id for row in connection.execute(_PATHS, parameters)}

    found = known()
    new = sorted(asked - found.keys())
    if not new:
        return found
    _insert_new(connection, TAG_PATH, [{"path": path, "vr": vr} for path, vr in new])
    return known()


def _counts(
    connection: Connection, series: set[int], paths: Mapping[Path, int]
) -> dict[tuple[int, int], int]:
    rows = connection.execute(
        _COUNTS,
        {"series": orjson.dumps(list(series)).decode(), "ids": orjson.dumps(list(paths.values())).decode()},
    )
    return {(row.series_id, row.path_id): row.held for row in rows}


def _insert(connection: Connection, postings: list[_Posting], paths: Mapping[Path, int]) -> None:
    values = {
        each.digest: {
            "digest": each.digest,
            "path_id": paths[each.path],
            "text": each.form.text[:INDEXED] if each.form else "",
            "number": each.form.number if each.form else None,
        }
        for each in postings
    }
    known = set(connection.scalars(_KNOWN, {"digests": listed(values)}))
    # In one order for all writers: of two that add the same values, one waits for the other, and never both.
    new = [values[each] for each in sorted(values.keys() - known)]
    if new:
        _insert_new(connection, TAG_VALUE, new)
    asked = orjson.dumps([[each.series, each.digest] for each in postings]).decode()
    connection.execute(_POST, {"asked": asked})


def _insert_new(connection: Connection, table: Any, rows: list[Columns]) -> None:
    """Insert the rows, but those that another writer made meanwhile."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


_ASKED = Items(bindparam("asked"))
_SERIES, _DIGEST, _MARK = number_part(0), text_part(1), text_part(2)
_MISSING = (
    select(_SERIES.label("series"), _DIGEST.label("digest"))
    .select_from(_ASKED)
    .where(
        ~exists(
            select(SERIES_TAG_VALUE.c.value_id)
            .join(TAG_VALUE, TAG_VALUE.c.id == SERIES_TAG_VALUE.c.value_id)
            .where(
                SERIES_TAG_VALUE.c.series_id == _SERIES,
                or_(TAG_VALUE.c.digest == _DIGEST, TAG_VALUE.c.digest == _MARK),
            )
        )
    )
)
_PATHS = select(TAG_PATH).where(one_of(TAG_PATH.c.path, "paths"))
_KNOWN = select(TAG_VALUE.c.digest).where(one_of(TAG_VALUE.c.digest, "digests"))
_OF_SERIES = SERIES_TAG_VALUE.join(TAG_VALUE, TAG_VALUE.c.id == SERIES_TAG_VALUE.c.value_id)
_COUNTS = (
    select(SERIES_TAG_VALUE.c.series_id, TAG_VALUE.c.path_id, func.count().label("held"))
    .select_from(_OF_SERIES)
    .where(one_of(SERIES_TAG_VALUE.c.series_id, "series"), one_of(TAG_VALUE.c.path_id, "ids"))
    .group_by(SERIES_TAG_VALUE.c.series_id, TAG_VALUE.c.path_id)
)
_POST = insert(SERIES_TAG_VALUE).from_select(
    ["value_id", "series_id"],
    select(TAG_VALUE.c.id, _SERIES).select_from(_ASKED.join(TAG_VALUE, TAG_VALUE.c.digest == _DIGEST)),
)
_held = SERIES_TAG_VALUE.alias("held")
_EMPTY = delete(SERIES_TAG_VALUE).where(
    SERIES_TAG_VALUE.c.series_id == bindparam("series", type_=BigInteger),
    SERIES_TAG_VALUE.c.value_id.in_(
        select(_held.c.value_id)
        .join(TAG_VALUE, TAG_VALUE.c.id == _held.c.value_id)
        .where(
            and_(
                _held.c.series_id == bindparam("series", type_=BigInteger),
                TAG_VALUE.c.path_id == bindparam("path", type_=BigInteger),
            )
        )
    ),
)
