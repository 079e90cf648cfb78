"""Traces reach a real collector, whole and without a patient's value; without one nothing is loaded."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import traces
from app.errors import Misconfigured
from app.threads import in_thread
from tests.bodies import content_type, multipart
from tests.collector import Collected, attributes, collector
from tests.hostile.test_privacy import CANARY, canaries
from tests.instances import part10
from tests.live import wait_until
from tests.test_server import served

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
UID = "2.25.4711471147114711"
NEW = {"slug": "chest", "title": "chest", "licence": "CC-BY-4.0", "tier": "open", "hidden": False}
SERVER, CONSUMER = 2, 5


def ask(url: str) -> None:
    """Store canaries, look for them, publish them, and ask for what is wrong."""
    dataset = canaries()
    del dataset.file_meta
    dataset.SOPInstanceUID = UID
    head = {"Content-Type": content_type(), "traceparent": f"00-{TRACE}-{SPAN}-01", "X-Request-Id": CANARY}
    with httpx.Client(base_url=url, headers={"User-Agent": CANARY}) as client:
        assert client.post("/api/v1/collections", json=NEW).status_code == 201
        root = "/collections/chest/dicom-web"
        whole = multipart([part10(dataset)])
        assert client.post(f"{root}/studies", content=whole, headers=head).status_code == 200
        key = client.get("/api/v1/submissions?collection=chest").json()["items"][0]["key"]
        done = client.post(
            "/api/v1/collections/chest/versions",
            json={"submissions": [key]},
            headers=head | {"Content-Type": "application/json"},
        )
        assert done.status_code == 201
        for path in (
            f"?PatientName={CANARY}",
            f"?{CANARY}={CANARY}",
            f"/{UID}/{CANARY}",
            f"/1.2.3/series/1.2.3.4/instances/{UID}",
            f"/1.2.3/series/1.2.3.4/instances/{UID}/metadata",
        ):
            client.get(f"{root}/studies{path}")
        client.request(CANARY, f"{root}/studies")
        client.get("/healthz")


def waited_for(found: Collected, *names: str) -> None:
    wait_until(lambda: all(map(found.named, names)), 30)


def test_a_request_is_followed_into_database_store_and_jobs(tmp_path: Path) -> None:
    with collector() as found:
        chosen = {"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        with served(tmp_path, **chosen) as archive:
            ask(archive.url)
            waited_for(found, "job webhook.announce")
            archive.stop()
        resource = found.requests[0].resource_spans[0].resource
        assert attributes(resource)["service.name"] == "readingroom"
        stow = "POST /collections/{collection}/dicom-web/studies"
        [sent] = found.named(stow)
        assert (sent.trace_id.hex(), sent.parent_span_id.hex(), sent.kind) == (TRACE, SPAN, SERVER)
        assert attributes(sent)["http.response.status_code"] == 200
        assert attributes(sent)["http.route"] == "/collections/{collection}/dicom-web/studies"
        below = [each.name for each in found.spans if each.parent_span_id == sent.span_id]
        assert {"database write", "database lookup", "store put"} <= set(below)
        [published] = found.named("POST /api/v1/collections/{collection}/versions")
        [announced] = found.named("job webhook.announce")
        assert announced.trace_id == published.trace_id
        assert announced.kind == CONSUMER
        assert any(each.parent_span_id == announced.span_id for each in found.named("database write"))
        assert found.named("store stream")
        assert not any("health" in each.name for each in found.spans)
        assert f'"trace_id":"{TRACE}"' in archive.logged


def test_no_value_of_a_request_or_a_patient_is_in_any_span(tmp_path: Path) -> None:
    with collector() as found:
        chosen = {"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        with served(tmp_path, **chosen) as archive:
            ask(archive.url)
            waited_for(found, "GET /collections/{collection}/dicom-web/studies")
            archive.stop()
        assert found.named("GET none")
        for word in (CANARY, UID, "1.2.3.4", "PatientName", "chest"):
            assert word not in found.said


def test_an_error_is_told_by_its_type_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        traces.start()
        try:
            with (
                pytest.raises(ValueError, match=CANARY),
                traces.span("outer"),
                traces.span("inner", apart=True),
            ):
                raise ValueError(f"{CANARY}^Jane")
        finally:
            traces.stop()
        outer, inner = sorted(found.spans, key=lambda each: each.name, reverse=True)
        assert inner.parent_span_id == outer.span_id
        assert attributes(inner) == {"error.type": "ValueError"}
        assert inner.status.code == 2
        assert CANARY not in found.said


async def test_threads_and_tasks_belong_to_what_began_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        traces.start()

        async def begin() -> None:
            with traces.span("in a task"):
                await asyncio.sleep(0)

        try:
            with traces.span("outer"):
                assert await in_thread(traces.traceparent) == traces.traceparent() != ""
                await asyncio.create_task(begin())
            assert traces.traceparent() == ""
        finally:
            traces.stop()
        [outer], [inner] = found.named("outer"), found.named("in a task")
        assert inner.parent_span_id == outer.span_id


@pytest.mark.parametrize(
    "given", ["", "rubbish", "00-0-0-00", f"00-{'0' * 32}-{SPAN}-01", "00-" + "f" * 9000]
)
def test_a_parent_that_is_none_begins_a_trace_of_its_own(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    with collector() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        traces.start()
        try:
            with traces.span("one", traces.SERVER, given):
                passed_on = traces.traceparent()
        finally:
            traces.stop()
        [span] = found.spans
        assert not span.parent_span_id
        assert passed_on.startswith(f"00-{span.trace_id.hex()}-{span.span_id.hex()}-")


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
    ],
)
def test_it_is_wanted_where_a_collector_is_named(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], wanted: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert traces.wanted() is wanted


def test_what_it_needs_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "app.traces.collector", None)
    with pytest.raises(Misconfigured, match=r"readingroom\[traces\]"):
        traces.start()


def test_without_a_collector_nothing_of_it_is_loaded() -> None:
    code = (
        "import app.worker, sys; from app import traces; traces.start();"
        "heavy = 'opentelemetry.sdk', 'opentelemetry.exporter', 'google.protobuf';"
        "print([each for each in sys.modules if each.startswith(heavy)])"
    )
    said: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
