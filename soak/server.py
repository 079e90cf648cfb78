"""The real server process that a soak runs against, and what it left behind."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from tests.ports import free_port

SECONDS_TO_START = 60
SECONDS_TO_END = 60


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server: its port, its folder and its process."""

    port: int
    data: Path
    process: psutil.Process

    @property
    def log(self) -> Path:
        """What it said."""
        return self.data.with_name("log")

    def errors(self) -> list[str]:
        """The lines of its log that tell of an error."""
        return [line for line in self.log.read_text().splitlines() if '"level":"error"' in line]

    def memory(self) -> int:
        """Bytes of memory of its own, of the server alone: its codec processes come and go.

        Without what is mapped from files: each connection maps the database, which grows as it should.
        """
        info = self.process.memory_info()
        return int(info.rss - getattr(info, "shared", 0))

    def descriptors(self) -> int:
        """Open files and connections."""
        return int(self.process.num_fds())


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Serving]:
    """Serve from `folder` on a free port until the block ends."""
    data, port = folder / "data", free_port()
    command = [sys.executable, "-m", "app", "serve", "--data", str(data), "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        _wait(process, port)
        yield Serving(port, data, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(SECONDS_TO_END)


@dataclass(frozen=True, slots=True)
class Remains:
    """What lies in the folder of a server that has ended; all but `rows` should be 0."""

    rows: int
    rows_without_object: int
    objects_without_row: int
    temporary: int
    miscounted: int


def remains(data: Path) -> Remains:
    """Compare the rows with the objects, the counts with the rows, and look for temp files."""
    with sqlite3.connect(data / "readingroom.sqlite") as database:
        keys = {key for (key,) in database.execute("SELECT object_key FROM instance")}
        (miscounted,) = database.execute(_MISCOUNTED).fetchone()
    lying = {path.name for path in (data / "objects" / "objects").rglob("*") if path.is_file()}
    temporary = [path for folder in data.rglob("temp") for path in folder.rglob("*") if path.is_file()]
    return Remains(len(keys), len(keys - lying), len(lying - keys), len(temporary), miscounted)


_MISCOUNTED = """
SELECT count(*) FROM series WHERE number_of_series_related_instances
    != (SELECT count(*) FROM instance WHERE instance.series_row = series.id)
"""


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the server did not start; its log says why")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
