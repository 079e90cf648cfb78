import asyncio
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from prometheus_client import REGISTRY
from starlette.requests import ClientDisconnect
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.routers import problems
from app.routers.middleware import middleware
from app.settings import Settings

UID = "1.2.840.99999.1"
PATIENT = "DOE^JANE"
ROUTE = "/dicom-web/studies/{study}/series/{series}"
TOKEN = "correct-horse-battery"


def archive(settings: Settings | None = None) -> FastAPI:
    """The smallest application that shows what the stack does."""
    router = APIRouter()

    @router.get("/studies/{study}/series/{series}")
    async def retrieve(study: str, series: str) -> Response:
        return Response(b"12345", media_type="application/octet-stream")

    @router.post("/studies")
    async def store(request: Request) -> Response:
        return Response(str(len(await request.body())))

    @router.get("/page")
    async def page() -> Response:
        return HTMLResponse("<p>", headers={"X-Frame-Options": "SAMEORIGIN"})

    @router.get("/broken/{study}")
    async def broken(study: str) -> Response:
        raise ValueError(PATIENT)

    @router.get("/cut/{study}")
    async def cut(study: str) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"x" * 10
            await asyncio.sleep(0.05)
            raise ValueError(PATIENT)

        return StreamingResponse(body(), headers={"Content-Length": "1000"})

    @router.get("/left")
    async def left() -> Response:
        raise ClientDisconnect

    app = FastAPI(middleware=middleware(settings or Settings(log_key="a key of this test")))
    app.include_router(router, prefix="/dicom-web")
    problems.install(app)
    return app


def client(app: FastAPI, url: str = "http://localhost:8080") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url)


async def exchange(method: str, path: str, **options: Any) -> tuple[httpx.Response, EventDict]:
    """One request to a local archive: its answer, and its log line."""
    with capture_logs() as events:
        async with client(archive()) as local:
            answer = await local.request(method, path, **options)
    return answer, next(event for event in events if event["event"] == "request")


async def test_one_line_says_what_happened() -> None:
    answer, event = await exchange("GET", f"/dicom-web/studies/{UID}/series/{UID}.1")
    assert answer.content == b"12345"
    assert event.pop("ms") >= 0
    path = event.pop("path")
    assert re.fullmatch("/dicom-web/studies/~[0-9a-f]{16}/series/~[0-9a-f]{16}", path)
    assert event == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": ROUTE,
        "query": (),
        "status": 200,
        "complete": True,
        "received": 0,
        "sent": 5,
    }


async def test_a_resource_is_recognised_only_with_the_key() -> None:
    async def path(key: str, uid: str) -> Any:
        app = archive(Settings(log_key=key))
        with capture_logs() as events:
            async with client(app) as local:
                await local.get(f"/dicom-web/studies/{uid}/series/1")
        return events[-1]["path"]

    assert await path("one", UID) == await path("one", UID)
    assert len({await path("one", UID), await path("two", UID), await path("one", UID + "1")}) == 3


@pytest.mark.parametrize(
    "path",
    [
        f"/dicom-web/studies/{UID}/series/{PATIENT}",
        f"/dicom-web/studies/{UID}/{PATIENT}",
        f"/{PATIENT}",
        f"/dicom-web/broken/{PATIENT}",
        f"/dicom-web/studies/{UID}/series/1?PatientName={PATIENT}&{PATIENT}&{PATIENT}=1&%44OE^JANE=2",
        f"/dicom-web/studies/{UID}/series/1?PatientName={PATIENT};{UID}",
    ],
)
async def test_nothing_of_the_patient_is_logged(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Cookie": PATIENT,
        "User-Agent": PATIENT,
        "X-Request-ID": UID,
    }
    with capture_logs() as events:
        async with client(archive()) as local:
            await local.get(path, headers=headers)
    said = repr(events) + "".join(capsys.readouterr())
    assert "'request'" in said
    assert not any(secret in said for secret in ("JANE", UID, TOKEN))


async def test_only_known_names_of_parameters_are_logged() -> None:
    query = "PatientID=1&00100010=2&0040A730.0040A043=3&includefield=all&limit=1&JANE&JANE=1&x=2"
    _, event = await exchange("GET", f"/dicom-web/studies/{UID}/series/1?{query}")
    known = ("PatientID", "00100010", "0040A730.0040A043", "includefield", "limit")
    assert event["query"] == (*known, "other", "other", "other")


async def test_endless_queries_make_short_lines() -> None:
    _, event = await exchange("GET", "/x?" + "&".join(f"a{n}=1" for n in range(5000)))
    assert len(event["query"]) == 32


async def test_unknown_paths_and_methods_have_one_name() -> None:
    _, event = await exchange("SMITH", f"/{UID}/a/b")
    assert (event["method"], event["route"], event["status"]) == ("other", "none", 404)
    assert re.fullmatch("~[0-9a-f]{16}", event["path"])


async def test_bytes_in_and_out() -> None:
    answer, event = await exchange("POST", "/dicom-web/studies", content=b"x" * 4321)
    assert answer.text == "4321"
    assert (event["received"], event["sent"]) == (4321, 4)


@pytest.mark.parametrize("given", ["abcd-1234", "01HZZZZZZZZZZZZZZZZZZZZZZZ", "x" * 64])
async def test_a_sane_request_id_is_kept(given: str) -> None:
    answer, _ = await exchange("GET", "/x", headers={"X-Request-ID": given})
    assert answer.headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", [None, "", "short", "x" * 65, UID, "a b c d e f g", 'id"}{"', "ключ-ключ"])
async def test_any_other_is_replaced(given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given.encode()}
    first, _ = await exchange("GET", "/x", headers=headers)
    second, _ = await exchange("GET", "/x", headers=headers)
    assert re.fullmatch("[0-9a-f]{32}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_the_request_id_is_on_every_line_of_its_request() -> None:
    merged: list[EventDict] = []

    def keep(_: Any, __: str, event: EventDict) -> EventDict:
        merged.append(structlog.contextvars.merge_contextvars(_, __, dict(event)))
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    try:
        async with client(archive()) as local:
            answer = await local.get("/dicom-web/broken/1")
    finally:
        structlog.reset_defaults()
    assert [event["event"] for event in merged] == ["request failed", "request"]
    assert {event["request_id"] for event in merged} == {answer.headers["x-request-id"]}
    assert structlog.contextvars.get_contextvars() == {}


async def test_what_nobody_caught_is_a_500_that_tells_nothing() -> None:
    with capture_logs() as events:
        async with client(archive()) as local:
            answer = await local.get(f"/dicom-web/broken/{UID}")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] in answer.json()["detail"]
    assert PATIENT not in answer.text
    assert [(event["event"], event["log_level"]) for event in events] == [
        ("request failed", "error"),
        ("request", "error"),
    ]


async def test_a_caller_who_left_is_no_error() -> None:
    with capture_logs() as events:
        async with client(archive()) as local:
            with pytest.raises(AssertionError):  # the transport's: nothing was answered
                await local.get("/dicom-web/left")
    assert [(event["event"], event["log_level"], event["status"]) for event in events] == [
        ("request", "info", None)
    ]


async def test_data_are_never_a_page() -> None:
    answer, _ = await exchange("GET", f"/dicom-web/studies/{UID}/series/1")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_page_may_say_otherwise() -> None:
    answer, _ = await exchange("GET", "/dicom-web/page")
    assert answer.headers.get_list("x-frame-options") == ["SAMEORIGIN"]
    assert answer.headers["content-security-policy"].startswith("frame-ancestors 'none'")


LOCAL = ["localhost", "localhost:8080", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:8080"]
FOREIGN = [
    "archive.example",
    "localhost.example",
    "127.0.0.1.example",
    "localhost@evil.example",
    "192.0.2.1",
    "0.0.0.0",
    "",
]


@pytest.mark.parametrize("host", LOCAL)
async def test_local_mode_answers_to_this_machine(host: str) -> None:
    answer, _ = await exchange("GET", "/dicom-web/page", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
async def test_local_mode_answers_to_no_other_name(host: str) -> None:
    answer, event = await exchange("GET", "/dicom-web/page", headers={"Host": host})
    assert answer.status_code == event["status"] == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert "READINGROOM_OWNER_TOKEN" in answer.json()["detail"]


@pytest.mark.parametrize("hosts", [[], [b"localhost", b"evil.example"], [b"localhost", b"localhost"]])
async def test_local_mode_wants_one_host(hosts: list[bytes]) -> None:
    statuses = []

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/dicom-web/page", "query_string": b"", "root_path": ""}
    await archive()({**scope, "headers": [(b"host", host) for host in hosts]}, receive, send)
    assert statuses[0] == 421


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "x-forwarded-anything"])
async def test_local_mode_takes_no_forwarded_request(name: str) -> None:
    answer, _ = await exchange("GET", "/dicom-web/page", headers={name: "127.0.0.1"})
    assert answer.status_code == 400
    assert "READINGROOM_TRUSTED_PROXIES" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "origin", "status"),
    [
        ("POST", "http://localhost:8080", 200),
        ("POST", "http://LOCALHOST:8080", 200),
        ("POST", "https://evil.example", 403),
        ("POST", "http://localhost:3000", 403),
        ("POST", "null", 403),
        ("POST", "http://[", 403),
        ("GET", "https://evil.example", 405),
    ],
)
async def test_local_mode_takes_no_writes_from_other_sites(method: str, origin: str, status: int) -> None:
    answer, _ = await exchange(method, "/dicom-web/studies", headers={"Origin": origin})
    assert answer.status_code == status
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_preflight_permits_nothing() -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer, _ = await exchange("OPTIONS", "/dicom-web/studies", headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_with_sign_in_any_name_will_do() -> None:
    app = archive(Settings(host="0.0.0.0", owner_token=TOKEN))
    async with client(app, "http://archive.example") as remote:
        answer = await remote.get("/dicom-web/page", headers={"X-Forwarded-For": "192.0.2.1"})
    assert answer.status_code == 200


async def test_requests_are_counted_by_route_method_and_class() -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0

    def counts() -> list[float]:
        return [
            value("readingroom_requests_total", route=ROUTE, method="GET", status="2xx"),
            value("readingroom_requests_total", route="none", method="GET", status="4xx"),
            value("readingroom_request_seconds_count", route=ROUTE, method="GET"),
            value("readingroom_sent_bytes_total"),
        ]

    before = counts()
    await exchange("GET", f"/dicom-web/studies/{UID}/series/1")
    await exchange("GET", f"/{UID}", headers={"Accept": "x/y"})
    now = counts()
    assert [after - earlier for earlier, after in zip(before[:3], now[:3], strict=True)] == [1, 1, 1]
    assert now[3] > before[3]
    assert value("readingroom_requests_in_flight") == 0


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(archive(), port=0, log_config=None, ws="none", proxy_headers=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    thread.join(20)


def test_a_response_that_fails_midway_is_cut(
    address: tuple[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(f"GET /dicom-web/cut/{UID} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b"x" * 10
    assert PATIENT not in caplog.text
    assert UID not in caplog.text
