"""Which attributes occur with which values: counted as the caller sees them, and nothing else."""

from typing import Any

from sqlalchemy import Connection, delete, select

from app.index import occurrences, tag_values
from app.index.occurrences import Occurrence, Value
from app.index.scope import ARCHIVE, Scope
from app.index.tables import SERIES_TAG_VALUE, TAG_VALUE
from app.viewer import OWNER, Viewer
from tests.index.entries import collect, element, entry, inbox, upsert

STATION, KVP, TIME = "00081010", "00180060", "00080032"
EVERY = {"limit": 1000, "offset": 0}


def put(connection: Connection, *, secret: bool = True) -> dict[str, int]:
    """Two collections: what is open, and what only some may see, if any; the units by collection."""
    other, (unit,) = collect(connection, "other")
    upsert(
        connection,
        inbox(connection),
        [
            entry("1", "1.1", "1.1.1", x00081010=element("SH", "A"), x00180060=element("DS", 100)),
            entry("1", "1.1", "1.1.2", x00081010=element("SH", "A", "B")),
            entry("1", "1.2", "1.2.1", x00081010=element("SH", "A")),
            entry("2", "2.1", "2.1.1", x00081010=element("SH", "B")),
            *_with_many_times("2", "2.2"),
        ],
    )
    hidden = entry(
        "3", "3.1", "3.1.1", x00081010=element("SH", "A", "SECRET"), x00181030=element("LO", "HIDDEN")
    )
    upsert(connection, other, [hidden] if secret else [])
    return {"inbox": 1, "other": unit}


def _with_many_times(study: str, series: str) -> list[Any]:
    return [
        entry(
            study,
            series,
            f"{series}.{number}",
            x00080032=element("TM", f"10{number % 60:02}{number // 60:02}"),
        )
        for number in range(tag_values.MOST + 1)
    ]


def found(connection: Connection, scope: Scope, viewer: Viewer) -> dict[str, Occurrence]:
    """All that occurs, by key; page by page it is the same."""
    every = occurrences.attributes(connection, scope, viewer, matching="", **EVERY)
    pages = [
        occurrences.attributes(connection, scope, viewer, matching="*", limit=1, offset=place)
        for place in range(len(every) + 1)
    ]
    assert [one for page in pages for one in page] == every
    return {one.path: one for one in every}


async def test_attributes_and_values_are_counted(database: Any) -> None:
    def look(connection: Connection) -> Any:
        put(connection)
        values = occurrences.values(connection, ARCHIVE, OWNER, STATION, **EVERY)
        return found(connection, ARCHIVE, OWNER), values

    every, values = await database.write(look)
    most = tag_values.MOST + 1
    assert every[STATION] == Occurrence(STATION, "SH", 3, 4, 5, 0)
    assert every[KVP] == Occurrence(KVP, "DS", 1, 1, 2, 0)
    assert every[TIME] == Occurrence(TIME, "TM", 1, 1, most, 1)
    assert values == [
        Value("A", None, 2, 3, 4),
        Value("B", None, 2, 2, 3),
        Value("SECRET", None, 1, 1, 1),
    ]


async def test_who_sees_some_units_learns_nothing_of_the_others(database: Any) -> None:
    """Not a key, a value, nor a count: all is as in an archive that never held the rest."""

    def look(connection: Connection, *, secret: bool) -> Any:
        units = put(connection, secret=secret)
        viewer = Viewer("reader", units=frozenset({units["inbox"]}))
        return [
            (
                found(connection, scope, one),
                [occurrences.values(connection, scope, one, path, **EVERY) for path in (STATION, "00181030")],
                occurrences.attribute(connection, scope, one, "00181030"),
            )
            for scope in (ARCHIVE, Scope(inbox(connection)))
            for one in (viewer, Viewer("nobody"))
        ]

    held, never = [
        await database.write(
            lambda connection, secret=secret: _undone(connection, lambda: look(connection, secret=secret))
        )
        for secret in (True, False)
    ]
    assert held == never
    (every, values, hidden), (nothing, no_values, _), *_ = held
    assert every[STATION] == Occurrence(STATION, "SH", 2, 3, 4, 0)
    assert values == [[Value("A", None, 1, 2, 3), Value("B", None, 2, 2, 3)], []]
    assert (hidden, nothing, no_values) == ([], {}, [[], []])


def _undone(connection: Connection, work: Any) -> Any:
    """What the work says, and the database as before."""
    with connection.begin_nested() as point:
        said = work()
        point.rollback()
    return said


async def test_a_value_that_no_series_holds_any_more_is_not_shown(database: Any) -> None:
    def look(connection: Connection) -> Any:
        put(connection)
        secret = select(TAG_VALUE.c.id).where(TAG_VALUE.c.text.in_(("SECRET", "HIDDEN")))
        connection.execute(delete(SERIES_TAG_VALUE).where(SERIES_TAG_VALUE.c.value_id.in_(secret)))
        values = occurrences.values(connection, ARCHIVE, OWNER, STATION, **EVERY)
        return found(connection, ARCHIVE, OWNER), values

    every, values = await database.write(look)
    assert "00181030" not in every
    assert [value.text for value in values] == ["A", "B"]
