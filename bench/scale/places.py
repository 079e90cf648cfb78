"""Where the sample goes: a SQLite file, or a PostgreSQL server of this run alone."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.postgres import cluster

ENGINES = ("SQLite", "PostgreSQL")
_MEBIBYTES = psutil.virtual_memory().total >> 20
#: As its manual advises: a quarter of the machine's memory for its own pages.
_SERVER = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": f"{_MEBIBYTES // 4}MB",
    "effective_cache_size": f"{_MEBIBYTES // 2}MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_parallel_maintenance_workers": "2",
    "random_page_cost": "1.1",
}


@dataclass(frozen=True, slots=True)
class Place:
    """The address of an empty database, and the seconds of CPU that it has cost until now."""

    engine: str
    url: str
    cpu: Callable[[], float]


@contextmanager
def place(engine: str, folder: Path) -> Iterator[Place]:
    """An empty database, gone at the end."""
    if engine == ENGINES[0]:
        yield Place(engine, f"sqlite:///{folder / 'index.db'}", time.process_time)
        return
    with cluster(_SERVER) as server:
        server.run("CREATE DATABASE scale")
        main = psutil.Process(server.server.pid)

        def cpu() -> float:
            its = [each.cpu_times() for each in main.children()]
            return time.process_time() + sum(each.user + each.system for each in its)

        yield Place(engine, server.url("scale"), cpu)
