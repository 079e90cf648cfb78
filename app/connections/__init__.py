"""One TCP connection's patience: how long a client may keep the archive waiting, and how large a head may be.

uvicorn waits for ever for the end of a request head, for the next byte of its body, and for somebody to take
the next byte of its answer: a thousand such clients would be all that a worker serves. Here each of the three
has a clock, which runs only while it is the client that is waited for. Who is too slow is answered 408 where
no answer had begun, and cut off.
"""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.connections.file_sender import FileSender
from app.connections.patience import Clock, Patience

#: The request line and headers of one request; also the trailers of a chunked body.
MAX_HEAD_BYTES = 64 << 10
#: What a transport has sent at least when it asks for more: from its high to its low mark.
_DRAINED = 48 << 10
#: The ASGI extension by which an application has a range of a file sent.
ZERO_COPY = "http.response.zerocopysend"


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 over one connection, within bounds of time and of memory."""

    def __init__(self, *arguments: Any, patience: Patience, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        self._heading = 0.0
        self._in_head = True
        self._in_body = False
        # Bytes of this head by its fields, and raw ones since the parser last made anything of them.
        self._url_bytes = self._head_bytes = self._unread = 0
        self._refusal = HTTPStatus.BAD_REQUEST
        self._receiving, self._sending = Clock(), Clock()
        self._buffered = 0
        self._last = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a first request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self._patience.tick, self._look)
        self._files = FileSender(transport, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        if self._timer:
            self._timer.cancel()
        self._files.close()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head or trailers that do not end are refused (414, 431)."""
        if self.transport.is_closing():
            return
        if not self._in_body:
            self._in_head = True
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(self._too_large())

    def shutdown(self) -> None:
        """The server stops: every answer is the last of its connection from now on, and says so.

        A request may be on its way into an idle one, from a proxy that keeps it for the next: that it is
        taken, until the proxy has let go of its idle ones, is what makes a restart go unnoticed.
        """
        self._last = True
        idle = self.cycle is None or self.cycle.response_complete
        self.loop.call_later(self._patience.drain_seconds if idle else 0, super().shutdown)

    # What the parser says.

    def on_message_begin(self) -> None:
        """A request begins, perhaps right behind another."""
        super().on_message_begin()
        self._in_head, self._heading, self._head_bytes, self._url_bytes = True, 0.0, 0, 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._head_bytes += len(url)
        self._url_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; trailers are ignored, since the headers were already acted on."""
        if not self._in_body:
            self._head_bytes += len(name) + len(value) + 4
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Answer the request, unless its head is too large or means two things."""
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refusal = self._too_large()
            raise httptools.HttpParserError("the head is too large")
        self._in_head, self._in_body, self._heading, self._unread = False, True, 0.0, 0
        self._receiving.reset()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unread = 0
        self._receiving.moved += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_body, self._unread = False, 0
        super().on_message_complete()

    def resume_writing(self) -> None:
        """The client has taken most of what was waiting for it."""
        self._sending.moved += _DRAINED
        super().resume_writing()

    # What the application says.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # Not where something encrypts what the transport is given.
        cycle.scope["extensions"] = {ZERO_COPY: {}} if self.scheme == "http" else {}
        super()._start_asgi_task(cycle, partial(self._answered, cycle, app))

    async def _answered(
        self, cycle: RequestResponseCycle, app: Any, scope: Any, receive: Any, send: Any
    ) -> None:
        async def send_either(message: Any) -> None:
            if self._last and message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await (self._send_file(cycle, message) if message["type"] == ZERO_COPY else send(message))

        await app(scope, receive, send_either)

    async def _send_file(self, cycle: RequestResponseCycle, message: Any) -> None:
        """What the cycle does with a piece of a body, for one that lies in a file."""
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if cycle.disconnected:
            return
        count = message["count"]
        if count > cycle.expected_content_length:
            raise RuntimeError("Response content longer than Content-Length")
        cycle.expected_content_length -= count
        await self._files.send(message["file"].fileno(), message["offset"], count)

    # What the clocks say.

    def _look(self) -> None:
        self._timer = self.loop.call_later(self._patience.tick, self._look)
        if self._is_slow_reader():
            self.transport.abort()
        elif self.transport.is_closing() or self.flow.read_paused:
            return
        elif self._is_slow_writer():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _is_slow_reader(self) -> bool:
        """Whether an answer lies ready and is not taken."""
        before, self._buffered = self._buffered, self.transport.get_write_buffer_size()
        moved = self._files.take_sent() + max(0, before - self._buffered)
        if not self._buffered and not self._files.is_waiting:
            self._sending.reset()
            return False
        self._sending.moved += moved
        return self._sending.too_slow(self._patience)

    def _is_slow_writer(self) -> bool:
        """Whether the rest of a head or of a body is overdue."""
        if self._in_body:
            invited = not (self.cycle and self.cycle.waiting_for_100_continue)
            return invited and self._receiving.too_slow(self._patience)
        if not self._in_head:
            return False
        self._heading += self._patience.tick
        return self._heading > self._patience.head_seconds

    # What is said to who cannot go on.

    def _too_large(self) -> HTTPStatus:
        """Of a head that is too large: whether its address makes it so (414) or its fields do (431)."""
        if not self._in_body and self._url_bytes * 2 > MAX_HEAD_BYTES:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE

    def _refuse(self, status: HTTPStatus) -> None:
        self._refusal = status
        self.send_400_response(status.phrase)

    def send_400_response(self, msg: str) -> None:
        """Say why and close; an answer that has begun is cut: nothing may stand in its midst."""
        if self.cycle and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
            return
        self.transport.write(_problem(self._refusal))
        self.transport.close()


def _problem(status: HTTPStatus) -> bytes:
    body = orjson.dumps({"type": "about:blank", "title": status.phrase, "status": int(status)})
    head = (
        f"HTTP/1.1 {int(status)} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
