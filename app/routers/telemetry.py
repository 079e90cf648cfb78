"""What is told of each request: a log line, metrics, a span."""

import re
from contextlib import nullcontext
from secrets import token_hex
from time import perf_counter
from typing import TYPE_CHECKING

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.logs import told
from app.routers import counted
from app.routers.problems import problem
from app.routers.responses import ZERO_COPY
from app.routers.traces import Trace
from app.routers.traces import trace as traced
from app.traces import SERVER, span

if TYPE_CHECKING:
    from app.traces.collector import Mark

log = structlog.get_logger("readingroom")

#: Polled every few seconds by machines: logged only at level debug.
POLLED = frozenset({"/healthz", "/readyz", "/metrics"})
#: No dots: a UID does not get into the log by way of a request id.
_REQUEST_ID = re.compile("[A-Za-z0-9_-]{8,64}")


class Telemetry:
    """A request id, one log line, the metrics; and 500 for what nobody caught.

    An exception ends here: handed on, the server would log its message, which may hold a patient's values.
    Where the response had begun, the connection is cut, so that the caller sees that it is incomplete.
    """

    def __init__(self, app: ASGIApp, key: bytes) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        polled = scope["path"] in POLLED
        parent = Headers(scope=scope).get("traceparent", "")
        with nullcontext() if polled else span("request", SERVER, parent) as mark:
            await self._observed(scope, receive, send, mark)

    async def _observed(self, scope: Scope, receive: Receive, send: Send, mark: "Mark | None") -> None:
        exchange = _Exchange(receive, send, _request_id(Headers(scope=scope)))
        known = {"request_id": exchange.request_id} | ({"trace_id": mark.trace_id} if mark else {})
        tokens = structlog.contextvars.bind_contextvars(**known)
        metrics.IN_FLIGHT.inc()
        try:
            await self._answer(scope, exchange)
        finally:
            metrics.IN_FLIGHT.dec()
            self._tell(scope, exchange, mark)
            structlog.contextvars.reset_contextvars(**tokens)

    async def _answer(self, scope: Scope, exchange: "_Exchange") -> None:
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            exchange.left = True
        except Exception as error:
            log.error("request failed", **told(error))
            if not exchange.status:
                await problem(500, f"Something went wrong here. Its request id is {exchange.request_id}.")(
                    scope, exchange.receive, exchange.send
                )

    def _tell(self, scope: Scope, exchange: "_Exchange", mark: "Mark | None") -> None:
        trace = traced(scope, self._key)
        seconds = perf_counter() - exchange.began
        status = "left" if exchange.left else f"{exchange.status // 100}xx" if exchange.status else "none"
        metrics.observe(trace.route, trace.method, status, seconds, exchange.received, exchange.sent)
        whole = exchange.complete and not exchange.left
        counted.count(scope, trace.route, exchange.status, exchange.received, exchange.sent, whole=whole)
        if mark:
            _mark(mark, trace, exchange.status)
        tell = log.error if exchange.status >= 500 else log.debug if trace.route in POLLED else log.info
        tell(
            "request",
            method=trace.method,
            route=trace.route,
            path=trace.path,
            query=trace.query,
            status=exchange.status or None,
            complete=exchange.complete,
            received=exchange.received,
            sent=exchange.sent,
            ms=round(seconds * 1000, 2),
        )


def _mark(mark: "Mark", trace: Trace, status: int) -> None:
    """Say of a span what the log says, but for what would tell one instance from another."""
    said: dict[str, str | int] = {"http__request__method": trace.method, "http__route": trace.route}
    if status:
        said["http__response__status_code"] = status
    mark.say(f"{trace.method} {trace.route}", failed=status >= 500, **said)


class _Exchange:
    """One request and its response as they pass: what went in and out, and how it ended."""

    __slots__ = ("_receive", "_send", "began", "complete", "left", "received", "request_id", "sent", "status")

    def __init__(self, receive: Receive, send: Send, request_id: str) -> None:
        self._receive, self._send, self.request_id = receive, send, request_id
        self.began = perf_counter()
        self.status = self.received = self.sent = 0
        self.complete = self.left = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
        elif not self.complete:
            self.left = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
        elif message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        elif message["type"] == ZERO_COPY:
            self.sent += message["count"]
        await self._send(message)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else token_hex(16)
