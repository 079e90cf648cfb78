import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from app import metrics
from app.archive import Archive
from app.database import migrate
from app.errors import DatabaseUnavailable, StoreUnavailable
from app.routers import health
from app.routers.dependencies import get_archive
from app.settings import Settings


@dataclass
class Machine:
    """A database or a store that answers, fails or hangs."""

    error: Exception | None = None
    seconds: float = 0

    async def ping(self) -> None:
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error

    check = ping


@dataclass
class Machines:
    database: Machine = field(default_factory=Machine)
    store: Machine = field(default_factory=Machine)


def client(archive: object) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(health.router)
    app.dependency_overrides[get_archive] = lambda: archive
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


async def ready(machines: Machines) -> httpx.Response:
    with capture_logs():
        async with client(machines) as local:
            return await local.get("/readyz")


async def test_up() -> None:
    async with client(None) as local:
        answer = await local.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "up"})
    assert answer.headers["cache-control"] == "no-store"


async def test_ready() -> None:
    answer = await ready(Machines())
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


async def test_a_real_archive_is_ready_until_its_store_is_gone(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    await migrate(settings.database_url)
    archive = await Archive.open(settings)
    try:
        async with client(archive) as local:
            assert (await local.get("/readyz")).status_code == 200
            (tmp_path / "objects").rename(tmp_path / "elsewhere")
            with capture_logs():
                assert (await local.get("/readyz")).json()["unavailable"] == ["store"]
    finally:
        await archive.close()


@pytest.mark.parametrize(
    ("machines", "unavailable"),
    [
        (Machines(database=Machine(DatabaseUnavailable("secret host"))), ["database"]),
        (Machines(store=Machine(StoreUnavailable())), ["store"]),
        (Machines(Machine(DatabaseUnavailable()), Machine(StoreUnavailable())), ["database", "store"]),
        (Machines(store=Machine(RuntimeError("bug"))), ["store"]),
    ],
)
async def test_not_ready_names_what_does_not_answer(machines: Machines, unavailable: list[str]) -> None:
    answer = await ready(machines)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["unavailable"] == unavailable
    assert "secret" not in answer.text


async def test_a_machine_that_hangs_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    answer = await ready(Machines(store=Machine(seconds=30)))
    assert answer.json()["unavailable"] == ["store"]


async def test_metrics_are_in_prometheus_format() -> None:
    metrics.observe("/of/this/test/{study}", "GET", "2xx", 0.2, 10, 20)
    async with client(None) as local:
        answer = await local.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain")
    labels = {"route": "/of/this/test/{study}", "method": "GET", "status": "2xx"}
    counted = [sample for sample in families["readingroom_requests"].samples if sample.labels == labels]
    assert {sample.name: sample.value for sample in counted}["readingroom_requests_total"] == 1
    assert {
        "readingroom_request_seconds",
        "readingroom_requests_in_flight",
        "readingroom_sent_bytes",
    } <= families.keys()
