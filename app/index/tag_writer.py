"""Puts the values of stored instances into the tag index: a few statements for any number of instances.

Of a series that held instances before, the first statement asks what it does not hold yet; where it holds
all, nothing else happens.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Connection, and_, bindparam, delete, exists, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from app.database.statements import Statement
from app.index.stored_form import decode_json
from app.index.tables import (
    INSTANCE,
    SERIES_TAG_VALUE,
    TAG_PATH,
    TAG_VALUE,
    among,
    listed,
    one_of,
    packed,
    pairs_of,
    rows_of,
)
from app.index.tag_values import INDEXED, MOST, Tags, Value, mark, merge, tags

#: Values on their way to a series, by its row.
_Missing = dict[int, list[Value]]
#: The dictionary's rows of values, by digest; None where it has none.
_Rows = dict[str, int | None]


def write(connection: Connection, found: Mapping[int, Tags], made: Collection[int] = ()) -> None:
    """Add to each series (by row) the merged values of its new instances, within the caller's transaction.

    The series `made` in this transaction hold nothing yet.
    """
    missing, known = _missing(connection, {row: held for row, held in found.items() if row not in made})
    missing = _within_bounds(connection, missing) if missing else missing
    missing |= {row: list(found[row].values()) for row in made}
    if missing:
        _add(connection, missing, known)


def fill(connection: Connection) -> None:
    """Index every instance that is stored, series by series."""
    for series in connection.scalars(select(INSTANCE.c.series_row).distinct()).all():
        write(connection, {series: carried(connection, series)}, {series})


def refill(connection: Connection, rows: Collection[int]) -> None:
    """Index series anew, of which some instances are there no more."""
    for series in rows:
        connection.execute(delete(SERIES_TAG_VALUE).where(SERIES_TAG_VALUE.c.series_id == series))
        write(connection, {series: carried(connection, series)}, {series})


def carried(connection: Connection, series: int, only: Collection[int] | None = None) -> Tags:
    """All values that instances of a series row carry, or only these of them (rows)."""
    held: Tags = {}
    for each in _each(connection, series, only):
        held = merge([held, each])
    return held


def _each(connection: Connection, series: int, only: Collection[int] | None = None) -> Iterator[Tags]:
    rows = select(INSTANCE.c.dicom_json).where(INSTANCE.c.series_row == series)
    if only is not None:
        rows = rows.where(among(INSTANCE.c.id, only))
    for form in connection.scalars(rows):
        yield tags(orjson.loads(decode_json(form)))


def copy(connection: Connection, series: int, into: int) -> None:
    """Give a series row the values of another, in the place of its own."""
    connection.execute(delete(SERIES_TAG_VALUE).where(SERIES_TAG_VALUE.c.series_id == into))
    connection.execute(_COPY, {"series": series, "into": into})


def lose(connection: Connection, series: int, before: int, gone: Collection[int]) -> None:
    """Take values from a series that but these instances (rows) of the row `before` it carried.

    Most values are carried by many: its instances are looked at until all have been found, or none is left.
    A mark stays: what holds fewer values than it says is looked at as well.
    """
    if not gone:
        return
    lost = {digest for digest, value in carried(connection, before, gone).items() if value.form}
    for each in _each(connection, series):
        lost -= each.keys()
        if not lost:
            return
    rows = select(TAG_VALUE.c.id).where(among(TAG_VALUE.c.digest, lost))
    own = SERIES_TAG_VALUE.c.series_id == series, SERIES_TAG_VALUE.c.value_id.in_(rows)
    connection.execute(delete(SERIES_TAG_VALUE).where(*own))


def _missing(connection: Connection, found: Mapping[int, Tags]) -> tuple[_Missing, _Rows]:
    """What the series do not hold yet, and the rows of those values."""
    missing: _Missing = defaultdict(list)
    known: _Rows = {}
    if found:
        for series, digest, row in _MISSING.rows(connection, {"asked": packed(found)}):
            missing[series].append(found[series][digest])
            known[digest] = row
    return dict(missing), known


def _within_bounds(connection: Connection, missing: _Missing) -> _Missing:
    """The values, but none of a path whose mark the series holds, and only the mark of one that overflows."""
    paths = {value.path[0] for values in missing.values() for value in values}
    rows = _COUNTS.rows(connection, {"series": listed(missing), "paths": listed(paths)})
    before = {(series, (path, vr)): held for series, path, vr, *held in rows}
    bounded: _Missing = {}
    emptied: list[dict[str, int]] = []
    for series, values in missing.items():
        counts = Counter(value.path for value in values)
        full = {value.path for value in values if value.form is None}
        marked = set()
        for path, more in counts.items():
            path_id, held, least = before.get((series, path), (0, 0, None))
            if least == "":  # it is the mark's text
                marked.add(path)
            elif held + more > MOST or path in full:
                full.add(path)
                emptied += [{"series": series, "path": path_id}] if held else []
        kept = [value for value in values if value.path not in full | marked]
        bounded[series] = kept + [mark(path) for path in full - marked]
    if emptied:
        connection.execute(_EMPTY, emptied)
    return bounded


def _add(connection: Connection, missing: _Missing, known: _Rows) -> None:
    values = {value.digest: value for held in missing.values() for value in held}
    rows = known | known_values(connection, values.keys() - known.keys())
    new = [values[digest] for digest in sorted(values) if rows.get(digest) is None]
    rows |= _make(connection, new)
    postings = [
        {"series": series, "values": listed(rows[value.digest] for value in held)}
        for series, held in missing.items()
    ]
    _POST.run(connection, postings)


def known_values(connection: Connection, digests: Collection[str]) -> _Rows:
    """The rows of these digests; None where there are none."""
    if not digests:
        return {}
    return dict.fromkeys(digests) | dict(_KNOWN.rows(connection, {"digests": listed(digests)}))


def _make(connection: Connection, new: list[Value]) -> _Rows:
    """The rows of new values, and of their paths where those are new; other writers may have been quicker.

    New ones come in one order: of two writers that add the same, one waits for the other, and never both.
    """
    if not new:
        return {}
    digests = {value.digest for value in new}
    _inserting(connection.dialect.name).values.run(connection, [_columns(value) for value in new])
    rows = known_values(connection, digests)
    if None not in rows.values():
        return rows
    paths = [{"path": path, "vr": vr} for path, vr in sorted({value.path for value in new})]
    _inserting(connection.dialect.name).paths.run(connection, paths)
    _inserting(connection.dialect.name).values.run(connection, [_columns(value) for value in new])
    return known_values(connection, digests)


def _columns(value: Value) -> dict[str, Any]:
    path, vr = value.path
    text, number = value.form or ("", None)
    return {"path": path, "vr": vr, "digest": value.digest, "text": text[:INDEXED], "number": number}


class _Inserting(NamedTuple):
    values: Statement
    paths: Statement


@cache
def _inserting(dialect: str) -> _Inserting:
    """The statements that make what is not there; a value whose path is not there is left out."""
    insert = (postgresql if dialect == "postgresql" else sqlite).insert
    value = select(
        TAG_PATH.c.id,
        *(bindparam(name, type_=TAG_VALUE.c[name].type) for name in ("digest", "text", "number")),
    ).where(
        TAG_PATH.c.path == bindparam("path", type_=TAG_PATH.c.path.type),
        TAG_PATH.c.vr == bindparam("vr", type_=TAG_PATH.c.vr.type),
    )
    values = insert(TAG_VALUE).from_select(["path_id", "digest", "text", "number"], value)
    paths = insert(TAG_PATH).on_conflict_do_nothing()
    return _Inserting(Statement(values.on_conflict_do_nothing()), Statement(paths, ["path", "vr"]))


_ASKED, _SERIES, _DIGEST = pairs_of("asked")
_held = SERIES_TAG_VALUE.alias("held")
_MISSING = Statement(
    select(_SERIES, _DIGEST, TAG_VALUE.c.id)
    .select_from(_ASKED.outerjoin(TAG_VALUE, TAG_VALUE.c.digest == _DIGEST))
    .where(
        ~exists(
            select(_held.c.value_id).where(_held.c.series_id == _SERIES, _held.c.value_id == TAG_VALUE.c.id)
        )
    )
)
_KNOWN = Statement(select(TAG_VALUE.c.digest, TAG_VALUE.c.id).where(one_of(TAG_VALUE.c.digest, "digests")))
_PATHS = select(TAG_PATH.c.id).where(one_of(TAG_PATH.c.path, "paths"))
_counts = (
    select(
        SERIES_TAG_VALUE.c.series_id,
        TAG_VALUE.c.path_id,
        func.count().label("held"),
        func.min(TAG_VALUE.c.text).label("least"),
    )
    .join(TAG_VALUE, TAG_VALUE.c.id == SERIES_TAG_VALUE.c.value_id)
    .where(one_of(SERIES_TAG_VALUE.c.series_id, "series"), TAG_VALUE.c.path_id.in_(_PATHS))
    .group_by(SERIES_TAG_VALUE.c.series_id, TAG_VALUE.c.path_id)
    .subquery("counts")
)
_COUNTS = Statement(
    select(
        _counts.c.series_id,
        TAG_PATH.c.path,
        TAG_PATH.c.vr,
        _counts.c.path_id,
        _counts.c.held,
        _counts.c.least,
    ).join(TAG_PATH, TAG_PATH.c.id == _counts.c.path_id)
)
_POST = Statement(
    insert(SERIES_TAG_VALUE).from_select(
        ["value_id", "series_id"], rows_of("values", bindparam("series", type_=BigInteger))
    )
)
_COPY = insert(SERIES_TAG_VALUE).from_select(
    ["value_id", "series_id"],
    select(SERIES_TAG_VALUE.c.value_id, bindparam("into", type_=BigInteger)).where(
        SERIES_TAG_VALUE.c.series_id == bindparam("series", type_=BigInteger)
    ),
)
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
