"""What the index takes on disk: for each series with its values, and for each instance beside its JSON."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, text

from app.index.tables import INSTANCE, SERIES

# Page by page: dbstat's own sums of a table are of 32 bits.
_SQLITE = text(
    "SELECT CASE WHEN name IN (SELECT name FROM sqlite_master WHERE tbl_name = 'instance') THEN 'instance' "
    "ELSE 'others' END AS of, sum(pgsize) FROM dbstat GROUP BY 1"
)
_POSTGRES = text(
    "SELECT CASE WHEN relname = 'instance' THEN 'instance' ELSE 'others' END AS of, "
    "sum(pg_total_relation_size(oid)) FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace GROUP BY 1"
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows, and bytes: of the whole, of everything but instances for each series, of each instance's row."""

    series: int
    instances: int
    total: int
    a_series: float
    an_instance: float


def sizes(connection: Connection) -> Sizes:
    """Looked up page by page on SQLite: it takes a while."""
    found = connection.execute(_SQLITE if connection.dialect.name == "sqlite" else _POSTGRES)
    held = {of: int(size) for of, size in found}
    series = connection.scalar(select(func.count()).select_from(SERIES)) or 1
    json = func.coalesce(func.sum(func.length(INSTANCE.c.dicom_json)), 0)
    instances, compressed = connection.execute(select(func.count(), json).select_from(INSTANCE)).one()
    beside = (held["instance"] - int(compressed)) / max(instances, 1)
    return Sizes(series, instances, sum(held.values()), held["others"] / series, beside)
