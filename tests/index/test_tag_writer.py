"""The tag index is the same however its values came into it."""

from typing import Any

from alembic import command
from sqlalchemy import Connection, inspect, select

from app.database import check_revision, migrate, revisions
from app.index.tables import SERIES, SERIES_TAG_VALUE, TAG_PATH, TAG_VALUE
from app.index.tag_values import MOST
from app.index.writer import Outcome
from tests.index.entries import element, entry, inbox, upsert
from tests.index.test_corpus import corpus


def postings(connection: Connection) -> set[tuple[Any, ...]]:
    """Every value of every series, with all that is kept of it."""
    rows = (
        select(
            SERIES.c.series_instance_uid,
            TAG_PATH.c.path,
            TAG_PATH.c.vr,
            TAG_VALUE.c.digest,
            TAG_VALUE.c.text,
            TAG_VALUE.c.number,
        )
        .join_from(SERIES_TAG_VALUE, TAG_VALUE, TAG_VALUE.c.id == SERIES_TAG_VALUE.c.value_id)
        .join(TAG_PATH, TAG_PATH.c.id == TAG_VALUE.c.path_id)
        .join(SERIES, SERIES.c.id == SERIES_TAG_VALUE.c.series_id)
    )
    found = [tuple(row) for row in connection.execute(rows)]
    assert len(found) == len(set(found))
    return set(found)


async def test_the_migration_indexes_what_is_stored_already(database: Any, database_url: str) -> None:
    """Down to the revision before the tag index and up again: as if the archive had always had it."""
    entries = [each for _, each in corpus()]

    def store(connection: Connection) -> set[tuple[Any, ...]]:
        outcomes = upsert(connection, inbox(connection), entries)
        assert outcomes.count(Outcome.STORED) > 100
        return postings(connection)

    def down(connection: Connection) -> set[str]:
        command.downgrade(revisions._config(connection=connection), "0001")
        return set(inspect(connection).get_table_names())

    before = await database.write(store)
    assert len(before) > 4_000
    assert not {"tag_path", "tag_value", "series_tag_value"} & await database.write(down)
    await migrate(database_url)
    await check_revision(database_url)
    assert await database.write(postings) == before


async def test_one_by_one_and_together_are_the_same(database: Any) -> None:
    """Whatever the batches: also where a path overflows in the midst of them."""
    made = [
        entry(
            "1",
            "1.1",
            f"1.1.{number}",
            x00080032=element("TM", f"10{number % 60:02}{number // 60:02}"),
            x00081010=element("SH", "A", f"B{number % 7}"),
            x00180060=element("DS", number // 2),
        )
        for number in range(MOST + 2)
    ]

    def store(connection: Connection, step: int) -> set[tuple[Any, ...]]:
        with connection.begin_nested() as point:
            for place in range(0, len(made), step):
                upsert(connection, inbox(connection), made[place : place + step])
            found = postings(connection)
            point.rollback()
        return found

    one, seven, all_at_once = [
        await database.write(lambda connection, step=step: store(connection, step))
        for step in (1, 7, len(made))
    ]
    assert one == seven == all_at_once
    assert [row[4] for row in one if row[1] == "00080032"] == [""]
    assert len([row for row in one if row[1] == "00180060"]) == MOST // 2 + 1
