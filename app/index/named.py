"""Which objects rows name, in pages: of any number of rows a few are in memory."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Table, bindparam, func, select

from app.index.tables import INSTANCE, among

#: Rows in one page.
PAGE = 500
#: Whatever names an object does so in a column of this name.
NAMING: tuple[Table, ...] = tuple(
    table for table in INSTANCE.metadata.sorted_tables if "object_key" in table.c
)


class Named(NamedTuple):
    """What an instance's row says of its object."""

    row: int
    object_key: str
    size: int
    sha256: bytes
    crc32: int


def page(connection: Connection, after: int, most: int = PAGE) -> list[Named]:
    """The instances that follow this row."""
    return [Named._make(row) for row in connection.execute(_PAGE, {"after": after, "most": most})]


def again(connection: Connection, rows: Collection[int]) -> list[Named]:
    """What these rows say now; those that are gone are left out."""
    return [Named._make(row) for row in connection.execute(_COLUMNS.where(among(INSTANCE.c.id, rows)))]


def keys(connection: Connection, table: Table, after: int, most: int = PAGE) -> Sequence[tuple[int, str]]:
    """Rows that follow this one in one of NAMING, and the keys that they name, perhaps empty ones."""
    rows = select(table.c.id, table.c.object_key).where(table.c.id > after).order_by(table.c.id).limit(most)
    return [(row, key or "") for row, key in connection.execute(rows)]


def last(connection: Connection, table: Table = INSTANCE) -> int:
    """The number of the last row: about how many there are."""
    return int(connection.scalar(select(func.max(table.c.id))) or 0)


_COLUMNS = select(*INSTANCE.c["id", "object_key", "size", "sha256", "crc32"])
_PAGE = _COLUMNS.where(INSTANCE.c.id > bindparam("after")).order_by(INSTANCE.c.id).limit(bindparam("most"))
