"""Fills an empty database with the sample, through the index's own bulk path."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import duckdb
from sqlalchemy import Connection

from app.database import migrate
from app.database.loading import load
from app.index import bulk, bulk_load
from app.index.bulk import Portion
from app.index.writer import Place
from bench.scale.archive import Archive, made
from bench.scale.series import SELECTED, Row, described
from bench.scale.source import MOST

#: Series in one portion.
TOGETHER = 400
#: Processes that make them ready, and portions that are ready before they are wanted.
PREPARING, AHEAD = 2, 6


@dataclass(frozen=True, slots=True)
class Filled:
    """What was loaded, and how long it took, of which how long the loader waited for what goes in."""

    archive: Archive
    series: int
    seconds: float
    waited: float


def fill(url: str, duck: duckdb.DuckDBPyConnection) -> Filled:
    """Make the schema, the collections, and everything in them."""
    asyncio.run(migrate(url))
    archive = load(url, lambda connection: made(connection, duck))
    began = time.perf_counter()
    coming = _Coming(duck, archive.places)

    def work(connection: Connection) -> int:
        count = 0

        def told(series: int) -> None:
            nonlocal count
            count += series

        bulk_load.load(connection, coming, told)
        return count

    series = load(url, work)
    return Filled(archive, series, time.perf_counter() - began, coming.waited)


class _Coming:
    """Portions in the source's order, made ready in processes of their own."""

    def __init__(self, duck: duckdb.DuckDBPyConnection, places: dict[str, Place]) -> None:
        self._rows = duck.execute(f"SELECT {SELECTED} FROM source JOIN shown USING (place) ORDER BY place")
        self._places = places
        self.waited = 0.0

    def __iter__(self) -> Iterator[Portion]:
        coming: deque[Future[Portion]] = deque()
        with ProcessPoolExecutor(PREPARING, get_context("spawn")) as processes:
            while rows := self._rows.fetchmany(TOGETHER):
                places = [self._places[row[0]] for row in rows]
                coming.append(processes.submit(_prepared, rows, places))
                if len(coming) > AHEAD:
                    yield self._next(coming)
            while coming:
                yield self._next(coming)

    def _next(self, coming: deque[Future[Portion]]) -> Portion:
        began = time.perf_counter()
        portion = coming.popleft().result()
        self.waited += time.perf_counter() - began
        return portion


def _prepared(rows: list[tuple[object, ...]], places: list[Place]) -> Portion:
    told = zip(rows, places, strict=True)
    return bulk.prepare(described(Row(*row), place, MOST) for row, place in told)  # type: ignore[arg-type]
