"""All series of a collection as JSON, in one answer: `python -m bench.scale.whole URL FOLDER SLUG`.

In a process of its own, whose memory is the server's; it prints rows, seconds, bytes and the most memory.
"""

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import orjson

from app.logs import handler
from bench.scale.door import opened

#: More than any collection has.
EVERYTHING = 10**9
#: What each result has once.
_ITS_OWN = b'"0020000E":'


@dataclass(frozen=True, slots=True)
class Streamed:
    """What came of it."""

    rows: int
    seconds: float
    cpu: float
    megabytes: float
    #: Memory of its own, and with the pages of the database's file that SQLite maps, which are the system's.
    own: float
    peak: float


def streamed(url: str, folder: Path, slug: str) -> Streamed:
    """Run it in another process."""
    command = [sys.executable, "-m", "bench.scale.whole", url, str(folder), slug]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Streamed(**orjson.loads(done.stdout))


async def _read(url: str, folder: Path, slug: str) -> Streamed:
    taken = _Taken()
    async with opened(url, folder, {}) as door:
        path = f"/collections/{slug}/dicom-web/series"
        began, cpu = time.perf_counter(), time.process_time()
        answer = await door.ask("owner", path, f"limit={EVERYTHING}", taken.take)
        took = time.perf_counter() - began, time.process_time() - cpu
    assert answer.status == 200, answer.body
    return Streamed(taken.rows, *took, taken.size / 1e6, taken.own, _mebibytes("VmHWM"))


class _Taken:
    """Counts what comes, and looks what memory the program has meanwhile."""

    def __init__(self) -> None:
        self.rows, self.size, self.own = 0, 0, 0.0

    def take(self, piece: bytes) -> None:
        self.rows += piece.count(_ITS_OWN)
        self.size += len(piece)
        self.own = max(self.own, _mebibytes("RssAnon"))


def _mebibytes(name: str) -> float:
    """Of this program alone: what `getrusage` tells counts the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    """Read it all, and print what it took."""
    handler("ERROR", "json")
    url, folder, slug = sys.argv[1:]
    print(orjson.dumps(asyncio.run(_read(url, Path(folder), slug))).decode())


if __name__ == "__main__":
    main()
