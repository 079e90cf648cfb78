"""What the machine can do at best: the floors that no archive on it goes below."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.client import get, run
from bench.ct import Instance
from bench.peers import NGINX, nginx

_WRITES = 60


def floors(rounds: int, instances: int) -> dict[str, str]:
    """Of one file server and one durable writer, in words: what it is, and how fast."""
    return dict((*_served(rounds, instances), *_written(rounds)))


def _served(rounds: int, instances: int) -> Iterator[tuple[str, str]]:
    if not NGINX.exists():
        return
    instance = Instance(0, 1, 1).encoded()
    for what, document, requests in (("one instance", instance, 400), ("a series", instance * instances, 4)):
        with nginx(document) as peer:
            for clients in (1, 8):
                unit = (get("/document", "*/*"),)
                blocks = [run(peer.port, [[unit] * requests] * clients, len(document)) for _ in range(rounds)]
                rate = median(block.right / block.seconds for block in blocks)
                speed = f"{rate:,.0f} a second, {rate * len(document) / 1e6:,.0f} MB/s"
                yield f"nginx, {what} as a file, clients: {clients}", speed


def _written(rounds: int) -> Iterator[tuple[str, str]]:
    data = Instance(0, 1, 1).encoded()
    with TemporaryDirectory(prefix="bench-floor-") as folder:
        numbers = count()
        for writers in (1, 8):
            rates = [_write(Path(folder), data, writers, numbers) for _ in range(rounds)]
            yield f"write and fsync an instance, writers: {writers}", f"{median(rates):,.0f} a second"


def _write(folder: Path, data: bytes, writers: int, numbers: "count[int]") -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda _: _durable(folder / str(next(numbers)), data), range(_WRITES)))
    return _WRITES / (time.perf_counter() - began)


def _durable(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(data)
        os.fsync(file.fileno())
