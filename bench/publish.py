"""What publication costs: `python -m bench.publish [INSTANCES] [SERIES] [DATABASE]`, a Markdown table.

Seconds of the one transaction, for a draft of new instances, one that corrects all of them, and ones that
correct or add one instance in each series. On a new SQLite file where no database is named; one that is named
has to be empty.
"""

import asyncio
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from app.database import Database, migrate
from app.dicom.describe import describe
from app.index import publish, writer
from app.index.entry import Entry
from app.index.writer import Place
from app.registry import collections, sites, submissions, versions
from app.registry.record import Record
from bench import ct
from bench.corpus import SMALL

#: Instances that are put into the draft in one transaction.
TOGETHER = 2_000
SERIES_A_STUDY = 4


@dataclass(frozen=True, slots=True)
class Draft:
    """What is sent: in each series the instances of these numbers, with this content."""

    name: str
    content: str
    numbers: Iterable[int]


async def main(instances: int, series: int, url: str) -> None:
    """Publish one draft after the other, and print what each took."""
    await migrate(url)
    database = await Database.open(url)
    each = instances // series
    drafts = (
        Draft("new", "a", range(each)),
        Draft("all corrected", "b", range(each)),
        Draft("one of each series corrected", "c", range(1)),
        Draft("one added to each series", "d", range(each, each + 1)),
    )
    print(f"| draft | instances | {instances:,} instances in {series:,} series: seconds |\n|---|---|---|")
    collection, unit = await database.write(_make)
    for draft in drafts:
        submission = await database.write(
            lambda connection: submissions.open_of(connection, collection, unit, None)
        )
        place = Place(collection, unit, submission.id)
        addresses = [(number, own) for number in range(series) for own in draft.numbers]
        for start in range(0, len(addresses), TOGETHER):
            entries = [_entry(*address, draft.content) for address in addresses[start : start + TOGETHER]]
            await database.write(lambda connection, e=entries, p=place: writer.upsert(connection, p, e))  # type: ignore[misc]
        if url.startswith("postgres"):
            # As its own housekeeping does, which a new database has not seen yet.
            await database.write(lambda connection: connection.exec_driver_sql("ANALYZE"))
        begun = time.perf_counter()
        await database.write(lambda connection, key=submission.key: _publish(connection, collection, key))  # type: ignore[misc]
        print(f"| {draft.name} | {len(addresses):,} | {time.perf_counter() - begun:.2f} |", flush=True)
    await database.close()


def _make(connection: Connection) -> tuple[int, int]:
    row = collections.create(connection, "bench", {"title": "Bench"}, Record())
    return row, sites.create_unit(connection, row, None, {"tier": "private", "hidden": True})


def _publish(connection: Connection, collection: int, key: str) -> None:
    number = versions.begin(connection, collection)
    publish.publish(connection, collection, number, versions.take(connection, collection, [key], number))
    versions.add(connection, collection, number, "", "bench")


def _entry(series: int, number: int, content: str) -> Entry:
    """A CT slice with the header of a real one; its digest is made up of what it is to hold."""
    made = ct.Instance(series // SERIES_A_STUDY, series % SERIES_A_STUDY, number, SMALL)
    data = made.encoded()
    return Entry.of(
        describe(data),
        f"{made.uid}-{content}",
        len(data),
        sha256(f"{made.uid} {content}".encode()).digest(),
        0,
    )


if __name__ == "__main__":
    instances, series, *named = (*sys.argv[1:], *("100000", "1000")[len(sys.argv) - 1 :])
    with TemporaryDirectory() as folder:
        url = named[0] if named else f"sqlite:///{Path(folder) / 'index.db'}"
        asyncio.run(main(int(instances), int(series), url))
