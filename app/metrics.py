"""For Prometheus: what each process counts and times, by names that are known beforehand.

No label holds a value of a request or an instance: routes are templates, statuses classes.
"""

import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from time import perf_counter
from types import TracebackType

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

#: What an index answers takes microseconds.
SHORT = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)

CONTENT_TYPE = CONTENT_TYPE_LATEST
REQUESTS = Counter("readingroom_requests", "Requests answered.", ["route", "method", "status"])
DURATION = Histogram(
    "readingroom_request_seconds", "From request to last byte.", ["route", "method"], buckets=SECONDS
)
IN_FLIGHT = Gauge("readingroom_requests_in_flight", "Requests being answered.", multiprocess_mode="livesum")
RECEIVED = Counter("readingroom_received_bytes", "Bytes of request bodies.")
SENT = Counter("readingroom_sent_bytes", "Bytes of response bodies.")
DATABASE = Histogram(
    "readingroom_database_seconds", "Work on the database, waits included.", ["way"], buckets=SHORT
)
WAITS = Histogram(
    "readingroom_database_wait_seconds", "Until a connection or a turn was free.", ["way"], buckets=SHORT
)
FAILURES = Counter("readingroom_database_failures", "Work on the database that raised.", ["way", "error"])
STORE = Histogram(
    "readingroom_store_seconds", "Operations of the object store.", ["operation"], buckets=SHORT
)
STORE_BYTES = Counter("readingroom_store_bytes", "Bytes read from and put into the store.", ["operation"])
STORE_FAILURES = Counter(
    "readingroom_store_failures", "Operations of the store that raised.", ["operation", "error"]
)


def observe(route: str, method: str, status: str, seconds: float, received: int, sent: int) -> None:
    """Count one answered request; `status` is a class such as `2xx`."""
    requests, duration = _of(route, method, status)
    requests.inc()
    duration.observe(seconds)
    RECEIVED.inc(received)
    SENT.inc(sent)


# Finding a labelled metric costs more than counting in it; there are as many as routes, methods and classes.
@cache
def _of(route: str, method: str, status: str) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(route, method, status), DURATION.labels(route, method)


class Timed:
    """Times a block and counts the errors that it raises, by their type. Made for each block anew."""

    __slots__ = ("_began", "_failures", "_label", "_seconds")

    def __init__(self, seconds: Histogram, failures: Counter, label: str) -> None:
        self._seconds, self._failures, self._label = _child(seconds, label), failures, label

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._seconds.observe(perf_counter() - self._began)
        # Who stops reading, or goes away, is no failure.
        if kind and issubclass(kind, Exception):
            self._failures.labels(self._label, kind.__name__).inc()


def waited(way: str, began: float) -> None:
    """Count a wait for the database that began at this time of `perf_counter` and is over."""
    _child(WAITS, way).observe(perf_counter() - began)


@cache
def _child(histogram: Histogram, label: str) -> Histogram:
    return histogram.labels(label)


class _Told:
    """Metrics that were made elsewhere, such as of what the database says."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def text(more: Iterable[Metric] = ()) -> bytes:
    """All metrics in Prometheus' text format, and `more`; of all workers together where there are several."""
    return _own() + generate_latest(_Told(more))


def _own() -> bytes:
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return generate_latest(REGISTRY)
    _forget_the_dead(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _forget_the_dead(folder: Path) -> None:
    # A worker that was killed cannot take back the requests it had in flight.
    for path in folder.glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
