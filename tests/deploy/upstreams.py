"""Servers behind a proxy that do one thing, and remember what reached them."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket


class Upstream(socketserver.ThreadingTCPServer):
    """Hands each request's connection to `act` once its head is there; `heads` are those that came."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, act: Callable[[socket, bytes], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.act, self.heads = act, list[bytes]()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Upstream)
        taken = b""
        while b"\r\n\r\n" not in taken:
            if not (piece := self.request.recv(1 << 16)):
                return
            taken += piece
        head, _, body = taken.partition(b"\r\n\r\n")
        self.server.heads.append(head)
        self.server.act(self.request, body)


@contextmanager
def upstream(act: Callable[[socket, bytes], None]) -> Iterator[Upstream]:
    """One that listens until the block ends."""
    with Upstream(act) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def answering(connection: socket, _body: bytes) -> None:
    """It is well."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def dying(connection: socket, _body: bytes) -> None:
    """It takes the request and is gone."""
    connection.settimeout(0.2)
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        pass
