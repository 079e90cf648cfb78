"""Metrics of several workers: each a process, all telling of the same archive."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

WORKER = """
import os, sys
from app.routers import metrics
metrics.observe("/x", "GET", "2xx", 0.1, 5, 7)
metrics.IN_FLIGHT.inc()
if sys.argv[1] == "killed":
    os.kill(os.getpid(), 9)
print(metrics.text().decode())
"""


def worker(folder: Path, end: str) -> str:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    command = [sys.executable, "-c", WORKER, end]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def samples(text: str) -> dict[str, float]:
    families = text_string_to_metric_families(text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_workers_are_summed_and_the_dead_forgotten(tmp_path: Path) -> None:
    for _ in range(2):
        assert worker(tmp_path, "killed") == ""
    told = samples(worker(tmp_path, "alive"))
    assert told["readingroom_requests_total"] == 3
    assert told["readingroom_sent_bytes_total"] == 21
    assert told["readingroom_requests_in_flight"] == 1
