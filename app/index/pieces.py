"""Metadata of frozen series, kept in pieces of many instances: one row is read instead of hundreds.

A piece is asked for by its instances: rows, addresses and digests, in order. Whoever may not see one of them,
or sees another revision, asks for something else; where anything was purged, nothing matches. What lies in a
piece is what lies in its instances' rows (`locate.descriptions`), each BulkDataURI with its address.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

import zstandard
from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, func, insert, select

from app.database.statements import Statement
from app.index.locate import Located
from app.index.tables import SERIES, SERIES_METADATA, among, in_history

#: Instances of one piece at most, and of a series that has pieces at least.
MOST, LEAST = 500, 64
#: Rows of series that one statement goes through.
WINDOW = 20_000
#: How a stored BulkDataURI begins. In a JSON string the quotes would be escaped, so it stands nowhere else.
PLACEHOLDER = b'"BulkDataURI":"@'
_LEVEL = 9


class Piece(NamedTuple):
    """Some instances of a series, and what is said of them."""

    key: bytes
    instances: int
    documents: bytes


def runs(rows: Sequence[Located]) -> Iterator[tuple[Sequence[Located], bool]]:
    """The rows cut as pieces are, each with whether there may be one."""
    for _, own in groupby(rows, key=lambda row: (row.study, row.series)):
        series = list(own)
        for start in range(0, len(series), MOST):
            yield series[start : start + MOST], len(series) >= LEAST


def find(connection: Connection, rows: Sequence[Located]) -> bytes | None:
    """The DICOM JSON of these instances, in order, each on a line; None where no piece has just these."""
    found = _FIND.rows(connection, {"key": _key(rows)})
    return zstandard.ZstdDecompressor().decompress(found[0][0]) if found else None


def make(rows: Sequence[Located], described: Iterable[bytes]) -> Piece:
    """The piece of these instances, by their DICOM JSON, which has no line's end."""
    documents = b"\n".join(
        (PLACEHOLDER + f"/{row.path}".encode()).join(json.split(PLACEHOLDER))
        for row, json in zip(rows, described, strict=True)
    )
    return Piece(_key(rows), len(rows), zstandard.ZstdCompressor(_LEVEL).compress(documents))


def put(connection: Connection, series: int, pieces: Sequence[Piece]) -> bool:
    """Keep the pieces of a whole series, unless some of it was purged since; whether they are kept."""
    count = select(SERIES.c.number_of_series_related_instances).where(SERIES.c.id == series)
    # Who purges waits until they are there, and takes them along; or they are not kept.
    left = connection.scalar(count.with_for_update())
    whole = bool(left) and left == sum(piece.instances for piece in pieces)
    if whole:
        drop(connection, [series])
        rows = [{"series_row": series, **piece._asdict()} for piece in pieces]
        connection.execute(insert(SERIES_METADATA), rows)
    return whole


def drop(connection: Connection, series: Iterable[int]) -> None:
    """Keep nothing of these series."""
    connection.execute(delete(SERIES_METADATA).where(among(SERIES_METADATA.c.series_row, series)))


def lacking(connection: Connection, after: int) -> list[int]:
    """Frozen series that are large enough and have no pieces, among the rows that follow."""
    window = SERIES.c.id > after, SERIES.c.id <= after + WINDOW
    return _lacking(connection, *window)


def lacking_of(connection: Connection, collection: int, version: int) -> list[int]:
    """The same of those that came with a version of a collection."""
    return _lacking(connection, in_history(collection), SERIES.c.added_version == version)


def stale(connection: Connection, after: int) -> list[int]:
    """Series of which pieces say more than there is: an earlier version of this program purged some of it."""
    kept = select(SERIES_METADATA.c.series_row, func.sum(SERIES_METADATA.c.instances).label("instances"))
    window = SERIES_METADATA.c.series_row > after, SERIES_METADATA.c.series_row <= after + WINDOW
    each = kept.where(*window).group_by(SERIES_METADATA.c.series_row).subquery()
    rows = select(SERIES.c.id).join_from(each, SERIES, SERIES.c.id == each.c.series_row)
    other = SERIES.c.number_of_series_related_instances != each.c.instances
    return list(connection.scalars(rows.where(other)))


def _lacking(connection: Connection, *where: ColumnElement[bool]) -> list[int]:
    large = SERIES.c.number_of_series_related_instances >= LEAST
    kept = exists().where(SERIES_METADATA.c.series_row == SERIES.c.id)
    rows = select(SERIES.c.id).where(SERIES.c.frozen, large, *where, ~kept).order_by(SERIES.c.id)
    return list(connection.scalars(rows))


def _key(rows: Sequence[Located]) -> bytes:
    digest = blake2b("".join([f"{row.row} {row.path}\n" for row in rows]).encode(), digest_size=32)
    digest.update(b"".join([row.sha256 for row in rows]))
    return digest.digest()


_FIND = Statement(select(SERIES_METADATA.c.documents).where(SERIES_METADATA.c.key == bindparam("key")))
