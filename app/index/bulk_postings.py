"""The values of a bulk load: the dictionary's rows as they are met, and their postings, sorted at the end.

In memory are some 200 bytes for each distinct value and 8 for each posting: a million series with 150 values
each take 4 GB, and for a moment 1.4 more.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

# Only those who load come here, and no server.
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, insert, select

from app.database.loading import copy_binary, insert_rows
from app.index import tag_writer
from app.index.bulk import NewValue, Portion
from app.index.tables import SERIES_TAG_VALUE, TAG_PATH, TAG_VALUE

#: Postings that become Python's own numbers at once, for SQLite.
_AT_ONCE = 1 << 20
#: A row of PostgreSQL's binary COPY: how many columns, and the length of each before it.
_ROW = np.dtype([("columns", ">i2"), ("a", ">i4"), ("value", ">i4"), ("b", ">i4"), ("series", ">i4")])
_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


class Values:
    """The dictionary of values, as far as this load has met it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._paths: dict[tuple[str, str], int] = {
            (path, vr): row for row, path, vr in connection.execute(select(*TAG_PATH.c["id", "path", "vr"]))
        }
        last = select(func.coalesce(func.max(TAG_VALUE.c.id), 0))
        #: The last row of the dictionary.
        self.last: int = connection.execute(last).scalar_one()
        self._empty = self.last == 0
        self._rows: dict[str, int] = {}

    def rows(self, values: Sequence[NewValue]) -> NDArray[np.uint64]:
        """The rows of these values, by their numbers; made where there are none."""
        rows, new = self._rows, [value for value in values if value[2] not in self._rows]
        if not self._empty:
            found = tag_writer.known_values(self._connection, [value[2] for value in new])
            rows.update({digest: row for digest, row in found.items() if row is not None})
            new = [value for value in new if value[2] not in rows]
        self._make(new)
        return np.array([rows[value[2]] for value in values], dtype=np.uint64)

    def _make(self, new: Sequence[NewValue]) -> None:
        made = []
        for path, vr, digest, text, number in new:
            self.last += 1
            self._rows[digest] = self.last
            made.append((self.last, self._path(path, vr), digest, text, number))
        columns = ("id", "path_id", "digest", "text", "number")
        insert_rows(self._connection, TAG_VALUE, columns, made)

    def _path(self, path: str, vr: str) -> int:
        row = self._paths.get((path, vr))
        if row is None:
            made = insert(TAG_PATH).values(path=path, vr=vr).returning(TAG_PATH.c.id)
            row = self._paths[path, vr] = int(self._connection.execute(made).scalar_one())
        return row


class Postings:
    """Which series have which values, as one number each: the value's row above that of the series."""

    def __init__(self) -> None:
        self._held: list[NDArray[np.uint64]] = []

    def add(self, portion: Portion, rows: NDArray[np.uint64], first_series: int) -> None:
        """Those of a portion, whose values have these rows and whose series count from that row on."""
        values = rows[np.frombuffer(portion.postings, dtype=np.uint32)]
        counts = np.frombuffer(portion.counts, dtype=np.uint32)
        series = np.repeat(np.arange(first_series, first_series + len(counts), dtype=np.uint64), counts)
        self._held.append(values << np.uint64(32) | series)

    def write(self, connection: Connection) -> None:
        """Put them in, in the order of the table's key, and forget them."""
        if not self._held:
            return
        packed = np.concatenate(self._held)
        self._held = []
        packed.sort()
        on_sqlite = isinstance(connection.connection.driver_connection, sqlite3.Connection)
        for place in range(0, len(packed), _AT_ONCE):
            piece = packed[place : place + _AT_ONCE]
            values, series = piece >> np.uint64(32), piece & np.uint64(0xFFFFFFFF)
            (_to_sqlite if on_sqlite else _to_postgres)(connection, values, series)


def _to_sqlite(connection: Connection, values: NDArray[np.uint64], series: NDArray[np.uint64]) -> None:
    rows: Any = zip(values.tolist(), series.tolist(), strict=True)
    insert_rows(connection, SERIES_TAG_VALUE, ("value_id", "series_id"), rows)


def _to_postgres(connection: Connection, values: NDArray[np.uint64], series: NDArray[np.uint64]) -> None:
    rows = np.zeros(len(values), dtype=_ROW)
    rows["columns"], rows["a"], rows["b"] = 2, 4, 4
    rows["value"], rows["series"] = values, series
    data = _HEAD + rows.tobytes() + _END
    copy_binary(connection, SERIES_TAG_VALUE, ("value_id", "series_id"), data)
