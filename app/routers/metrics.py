"""For Prometheus: counts and times by route template, method and status class. No request's values."""

import os
from functools import cache
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

CONTENT_TYPE = CONTENT_TYPE_LATEST
REQUESTS = Counter("readingroom_requests", "Requests answered.", ["route", "method", "status"])
DURATION = Histogram(
    "readingroom_request_seconds", "From request to last byte.", ["route", "method"], buckets=SECONDS
)
IN_FLIGHT = Gauge("readingroom_requests_in_flight", "Requests being answered.", multiprocess_mode="livesum")
RECEIVED = Counter("readingroom_received_bytes", "Bytes of request bodies.")
SENT = Counter("readingroom_sent_bytes", "Bytes of response bodies.")


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


def text() -> bytes:
    """All metrics in Prometheus' text format; of all workers together where there are several."""
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
