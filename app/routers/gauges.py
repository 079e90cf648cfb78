"""Metrics of the archive as a whole, whichever process is asked: jobs, and damaged instances."""

from collections.abc import Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from app.archive import Archive
from app.errors import DatabaseUnavailable
from app.services import background
from app.services.background import Measured


async def gauges(archive: Archive) -> Sequence[Metric]:
    """What the database says; where it is away, that it is."""
    up = GaugeMetricFamily("readingroom_database_up", "Whether the database answers.", value=1)
    try:
        measured = await background.measured(archive)
    except DatabaseUnavailable:
        return [GaugeMetricFamily("readingroom_database_up", "Whether the database answers.", value=0)]
    damaged = "Instances whose objects are not what was stored."
    return [
        up,
        GaugeMetricFamily("readingroom_damaged_instances", damaged, value=measured.damaged),
        *_queued(measured),
        *_ended(measured),
    ]


def _queued(measured: Measured) -> Sequence[Metric]:
    jobs = GaugeMetricFamily("readingroom_jobs", "Jobs that wait, run or failed.", labels=["kind", "state"])
    overdue = GaugeMetricFamily(
        "readingroom_job_overdue_seconds", "For how long the oldest has been due.", labels=["kind"]
    )
    for each in measured.queued:
        jobs.add_metric([each.kind, each.state], each.jobs)
        if each.state == "waiting":
            overdue.add_metric([each.kind], each.overdue)
    return jobs, overdue


def _ended(measured: Measured) -> Sequence[Metric]:
    labels = ["kind", "outcome"]
    attempts = CounterMetricFamily("readingroom_job_attempts", "Attempts at jobs that ended.", labels=labels)
    seconds = CounterMetricFamily("readingroom_job_seconds", "Seconds that they took.", labels=labels)
    for each in measured.ended:
        attempts.add_metric([each.kind, each.outcome], each.attempts)
        seconds.add_metric([each.kind, each.outcome], each.seconds)
    return attempts, seconds
