"""What searching by attributes without a column costs: `python -m bench.tags [database]`, two minutes.

Fills an index with 500 studies of 4 series with 25 instances each (SQLite in a temporary folder, or the empty
database whose address is given) and searches it. Printed are medians of the wall time.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from app.database import Database, migrate
from app.dicom.description import Description, Json
from app.dicom.frames import FrameIndex
from app.dicom.resource import Resource
from app.errors import InvalidQuery
from app.index.scope import ARCHIVE
from app.index.search import search
from app.index.writer import Entry, Place, upsert
from app.query import qido
from app.query.ast import Level
from app.viewer import OWNER

STUDIES, SERIES, INSTANCES = 500, 4, 25
#: Studies that are stored in one transaction.
TOGETHER = 5
TIMES = 7

QUERIES: tuple[tuple[str, str], ...] = (
    ("everywhere the same", "InstitutionName=General"),
    ("one value of 20", "StationName=CT07"),
    ("list of three of 20", "StationName=CT07%5CCT08%5CCT09"),
    ("wildcard, one of 20", "StationName=*7"),
    ("one value of 2,000", "DeviceSerialNumber=SN00777"),
    ("wildcard, 100 of 2,000", "DeviceSerialNumber=SN007*"),
    ("range, 5 % of series", "ExposureTime=100-200"),
    ("a number in each series", "SliceLocation=12"),
    ("name, one of 2,000", "OperatorsName=Operator^00777"),
    ("name, wildcard", "OperatorsName=operator^0077*"),
    ("private, one of 20", "00090002[BENCH]=7"),
    ("in a sequence, one of 20", "AnatomicRegionSequence.CodeValue=T-07"),
    (
        "in one item, one of 20",
        "AnatomicRegionSequence.CodeValue=T-07&AnatomicRegionSequence.CodeMeaning=Region%207",
    ),
    ("with a column's key", "StationName=CT07&PatientID=P0026"),
    ("more than 64 in each series", "AcquisitionTime=101500.000077"),
    ("the same in one study", "AcquisitionTime=101500.000077&StudyInstanceUID=1.2.27"),
    ("no such value", "StationName=nowhere"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Median milliseconds of a search, and how many results its page has; None where it is refused."""

    wall: float
    results: int | None


def entries(study: int) -> Iterator[Entry]:
    """The instances of one study."""
    for series in range(SERIES):
        for number in range(INSTANCES):
            yield _entry(study, study * SERIES + series, number)


def _entry(study: int, series: int, number: int) -> Entry:
    address = Resource(f"1.2.{study}", f"1.2.{study}.{series}", f"1.2.{study}.{series}.{number}")
    made = _attributes(address, study, series, number)
    description = Description(
        address,
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.840.10008.1.2.1",
        made,
        {"7FE00010": (1000, 512)},
        FrameIndex.native(1000, 4096, 1),
    )
    return Entry.of(description, f"key-{address.instance}", 1512, sha256(repr(address).encode()).digest(), 7)


def _attributes(address: Resource, study: int, series: int, number: int) -> Json:
    place = series % 20
    region = {"00080100": _element("SH", f"T-{place:02}"), "00080104": _element("LO", f"Region {place}")}
    return {
        "00080016": _element("UI", "1.2.840.10008.5.1.4.1.1.2"),
        "00080018": _element("UI", address.instance),
        "00080020": _element("DA", "20240229"),
        "00080032": _element("TM", *(f"101500.{number * 4 + part:06}" for part in range(4))),
        "00080060": _element("CS", "CT"),
        "00080080": _element("LO", "General"),
        "00081010": _element("SH", f"CT{place:02}"),
        "00081070": _element("PN", {"Alphabetic": f"Operator^{series:05}"}),
        "00082218": _element("SQ", region, {"00080100": _element("SH", "T-other")}),
        "00090010": _element("LO", "BENCH"),
        "00091002": _element("IS", place),
        "00100010": _element("PN", {"Alphabetic": f"Patient^{study:04}"}),
        "00100020": _element("LO", f"P{study:04}"),
        "00181000": _element("LO", f"SN{series:05}"),
        "00181150": _element("IS", series),
        "0020000D": _element("UI", address.study),
        "0020000E": _element("UI", address.series),
        "00200013": _element("IS", number),
        "00201041": _element("DS", float(number)),
        # What else a CT has, the same in all of a series.
        **{f"0018{tag:04X}": _element("LO", f"{tag} {place}") for tag in (*_PLAIN,)},
    }


_PLAIN = (0x0010, 0x0022, 0x0024, 0x1008, 0x1010, 0x1012, 0x1014, 0x1016, 0x1018, 0x1019, 0x1020, 0x1030)


def _element(vr: str, *values: Any) -> Json:
    return {"vr": vr, "Value": list(values)}


async def fill(database: Database) -> float:
    """Put everything in; the seconds that it takes."""
    began = time.perf_counter()
    for first in range(0, STUDIES, TOGETHER):
        batch = [entry for study in range(first, first + TOGETHER) for entry in entries(study)]
        await database.write(lambda connection, batch=batch: upsert(connection, Place(1, 1), batch))
    return time.perf_counter() - began


async def measure(database: Database, level: Level, raw: str) -> Cost:
    """The cost of one search; the first is not counted."""
    query = qido.parse(level, Resource(), qido.read(f"{raw}&limit=100".encode()))
    walls: list[float] = []
    results: int | None = None
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        try:
            page = await database.scan(lambda connection: search(connection, query, ARCHIVE, OWNER))
            results = len(page.rows) + page.remaining
        except InvalidQuery:
            results = None
        walls.append((time.perf_counter() - began) * 1000)
    return Cost(median(walls[1:]), results)


async def run(address: str) -> Table:
    """Fill, search, and write down what it costs."""
    await migrate(address)
    database = await Database.open(address)
    try:
        seconds = await fill(database)
        table = Table("key", *(level.name.lower() for level in Level), title="Medians, ms wall (results)")
        for name, raw in QUERIES:
            costs = [await measure(database, level, raw) for level in Level]
            table.add_row(name, *map(_cell, costs))
        rate = STUDIES * SERIES * INSTANCES / seconds
        table.caption = f"{STUDIES * SERIES * INSTANCES:,} instances, put in at {rate:,.0f} a second"
        return table
    finally:
        await database.close()


def _cell(cost: Cost) -> str:
    return f"{cost.wall:.1f} ({'400' if cost.results is None else f'{cost.results:,}'})"


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory(prefix="readingroom-bench-") as folder:
        address = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{Path(folder) / 'index.db'}"
        Console().print(asyncio.run(run(address)))


if __name__ == "__main__":
    main()
