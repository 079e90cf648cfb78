"""Metrics: of several workers together, by names that are known beforehand, for those who may read them."""

import functools
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, select, update

from app import metrics
from app.database import Database
from app.errors import Conflict, DatabaseUnavailable, RemoteRefused
from app.jobs import JOB, Job, Worker, enqueue
from app.models.types import now
from app.services import background
from app.settings import Settings
from tests.house import house as archive
from tests.instances import ct, part10
from tests.routers.conftest import house as house
from tests.routers.conftest import settings as settings
from tests.routers.house import House

WORKER = """
import os, sys
from app import metrics
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


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"readingroom_{name}", labels) or 0.0


async def test_work_on_the_database_is_counted_by_its_way(database: Database) -> None:
    ways = ("lookup", "brief", "scan", "write")

    def now() -> list[float]:
        seconds = [counted("database_seconds_count", way=way) for way in ways]
        return [*seconds, *(counted("database_wait_seconds_count", way=way) for way in ways[2:])]

    before = now()
    brief = functools.partial(database.brief, what="a test")
    for run in (database.lookup, brief, database.scan, database.write):
        assert await run(lambda connection: connection.scalar(select(1))) == 1
    assert [a - b for a, b in zip(now(), before, strict=True)] == [1] * 6


async def test_what_fails_is_counted_by_its_type(database: Database) -> None:
    def fail(connection: Connection) -> None:
        raise Conflict("CANARY4711")

    before = counted("database_failures_total", way="write", error="Conflict")
    with pytest.raises(Conflict):
        await database.write(fail)
    assert counted("database_failures_total", way="write", error="Conflict") == before + 1
    assert b"CANARY4711" not in metrics.text()


async def test_there_are_no_more_series_the_more_is_asked(house: House) -> None:
    """Labels come from what is known beforehand: routes, ways, kinds."""

    async def ask(number: int) -> set[str]:
        owner = house.owner
        head = {"content-type": "application/dicom"}
        body = part10(ct(study=f"1.{number}", series=f"1.{number}.1", instance=f"1.{number}.1.1"))
        path = f"/dicom-web/studies/1.{number}"
        assert (await owner.post("/dicom-web/studies", content=body, headers=head)).status_code == 200
        for each in (
            path,
            f"{path}/metadata",
            f"{path}/{number}",
            f"/{number}",
            f"/dicom-web/studies?PatientID={number}",
        ):
            await owner.get(each)
        return {f"{sample.name} {sample.labels}" for sample in every((await owner.get("/metrics")).text)}

    _, first, *later = [await ask(number) for number in range(4711, 4716)]
    assert not any("471" in each for each in first)
    assert all(each == first for each in later)


def every(text: str) -> list[Any]:
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(each.labels.values()): each.value for each in every(text) if each.name == f"readingroom_{name}"
    }


async def test_jobs_are_told_of_all_machines_together(house: House) -> None:
    def ask(connection: Connection) -> None:
        enqueue(connection, "one", "waits")
        enqueue(connection, "one", "fails")
        enqueue(connection, "two", "is done")

    def late(connection: Connection) -> None:
        past = now() - timedelta(seconds=100)
        connection.execute(update(JOB).where(JOB.c.key == "waits").values(run_at=past, kind="three"))

    async def fail(_: Job) -> None:
        raise RemoteRefused("no")

    async def be_done(_: Job) -> None:
        """As it is."""

    await house.archive.database.write(ask)
    await house.archive.database.write(late)
    # Another process, for all that this one knows.
    other = await Database.open(house.archive.settings.database_url)
    await Worker(other, {"one": fail, "two": be_done}).drain()
    await other.close()
    text = (await house.owner.get("/metrics")).text
    assert values(text, "jobs") == {("one", "failed"): 1, ("three", "waiting"): 1}
    assert values(text, "job_attempts_total") == {("one", "failed"): 1, ("two", "done"): 1}
    assert 100 <= values(text, "job_overdue_seconds")["three",] < 200
    assert values(text, "job_seconds_total").keys() == {("one", "failed"), ("two", "done")}
    assert (values(text, "damaged_instances"), values(text, "database_up")) == ({(): 0}, {(): 1})


TOKEN = "0123456789abcdef-for-prometheus"


@pytest.mark.parametrize(
    ("token", "sent", "status", "all_of_it"),
    [
        (None, "", 200, False),
        (TOKEN, "", 401, False),
        (TOKEN, "Bearer wrong", 401, False),
        (TOKEN, "Bearer W\xf6rt", 401, False),
        (TOKEN, f"Bearer {TOKEN}", 200, True),
    ],
)
async def test_who_may_read_them(
    tmp_path: Path, sqlite_url: str, token: str | None, sent: str, status: int, all_of_it: bool
) -> None:
    chosen = Settings(data=tmp_path / "data", database=sqlite_url, metrics_token=token, jobs=False)
    async with archive(chosen) as opened:
        answer = await opened.browser.get("/metrics", headers={"authorization": sent.encode("latin-1")})
        assert answer.status_code == status
        assert ("readingroom_requests_total" in answer.text) is (status == 200)
        assert ("readingroom_damaged_instances" in answer.text) is all_of_it


async def test_they_say_that_the_database_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "measured", AsyncMock(side_effect=DatabaseUnavailable))
    text = (await house.owner.get("/metrics")).text
    assert values(text, "database_up") == {(): 0}
    assert "readingroom_requests_total" in text
