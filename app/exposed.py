"""A port at which a process that serves nobody tells Prometheus what it counts."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hmac import compare_digest
from socket import AI_PASSIVE, SOCK_STREAM, getaddrinfo
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from app import metrics
from app.errors import Misconfigured
from app.settings import Settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Handler(WSGIRequestHandler):
    #: Seconds that a client may be silent.
    timeout = 10

    def log_message(self, *_: Any) -> None:
        """Who scrapes is not logged."""


class _Server(ThreadingMixIn, WSGIServer):
    """One thread for each that asks: who is slow keeps nobody waiting, and not the process when it ends."""

    daemon_threads = True

    def __init__(self, family: int, address: tuple[Any, ...]) -> None:
        self.address_family = family
        super().__init__(address[:2], _Handler)


@contextmanager
def exposed(settings: Settings) -> Iterator[None]:
    """Answer at `work_metrics_port`, if there is one, until the block ends. Raises Misconfigured."""
    if settings.work_metrics_port is None:
        yield
        return
    with _bound(settings.host, settings.work_metrics_port) as server:
        server.set_app(_application(settings))
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def _bound(host: str, port: int) -> WSGIServer:
    try:
        family, *_, address = getaddrinfo(host.strip("[]") or None, port, type=SOCK_STREAM, flags=AI_PASSIVE)[
            0
        ]
        return _Server(family, address)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno and error.errno > 0 else "no such address"
        raise Misconfigured(
            f"Cannot listen on {host} port {port} ({reason}): stop what uses it, or choose another with "
            "READINGROOM_WORK_METRICS_PORT."
        ) from None


def _application(settings: Settings) -> Application:
    token = settings.metrics_token
    expected = f"Bearer {token.get_secret_value()}".encode() if token else None

    def answer(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        # A header is bytes, which WSGI hands over as Latin-1.
        given = request.get("HTTP_AUTHORIZATION", "").encode("latin-1")
        if expected is not None and not compare_digest(given, expected):
            start("401 Unauthorized", [("WWW-Authenticate", "Bearer"), ("Content-Length", "0")])
            return []
        start("200 OK", [("Content-Type", metrics.CONTENT_TYPE), ("Cache-Control", "no-store")])
        return [metrics.text()]

    return answer
