"""Closed-loop clients that cost less than the server: raw sockets, one process each, buffers used again.

A client sends its next request when it has the whole answer to the one before. While the clock runs it
looks at the status and the length only; `fetch` gives the answer itself, for whoever wants to know that it is
right.
"""

import multiprocessing
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe

_PIECE = 1 << 20
_TIMEOUT = 120.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"
_NO_BODY = frozenset({204, 304})
_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its head, and the pieces of its body, which are not joined."""

    head: bytes
    body: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `data` is its body where that was kept."""

    status: int
    length: int
    first_byte: float
    head: bytes = b""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Times:
    """What one block of requests took: seconds until each first and last byte, and how many were right."""

    seconds: float
    each: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    right: int = 0
    client_cpu: float = 0


def get(path: str, accept: str) -> Request:
    """A GET of a path with an Accept header."""
    return Request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode())


def post(path: str, content_type: str, *pieces: bytes) -> Request:
    """A POST of pieces, as they are."""
    length = sum(map(len, pieces))
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/dicom+json\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    )
    return Request(head.encode(), pieces)


class Client:
    """One connection at a time, opened again where the server closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._buffer = memoryview(bytearray(_PIECE))
        self._socket: socket.socket | None = None

    def fetch(self, request: Request, *, keep: bool = True) -> Answer:
        """The answer, with its body unless that need not be kept."""
        connection = self._socket or self._open()
        began = time.perf_counter()
        connection.sendall(request.head)
        for piece in request.body:
            connection.sendall(piece)
        return self._receive(connection, began, keep)

    def renew(self) -> None:
        """Ask next over a new connection."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def _open(self) -> socket.socket:
        self._socket = socket.create_connection(("127.0.0.1", self._port), _TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _receive(self, connection: socket.socket, began: float, keep: bool) -> Answer:
        head, rest = self._head(connection)
        first_byte = time.perf_counter() - began
        status = int(head[9:12])
        keeper: list[bytes] | None = [rest] if keep else None
        stated, chunked = _LENGTH.search(head), _CHUNKED.search(head)
        length = len(rest)
        if status not in _NO_BODY:
            ends = _after(int(stated[1])) if stated else _at_last_chunk if chunked else _never
            length = self._body(connection, rest, ends, keeper)
        if _CLOSE.search(head) or not (stated or chunked or status in _NO_BODY):
            self.renew()
        data = b"".join(keeper or ())
        return Answer(status, length, first_byte, head, dechunked(data) if chunked else data)

    def _head(self, connection: socket.socket) -> tuple[bytes, bytes]:
        received = b""
        while b"\r\n\r\n" not in received:
            count = connection.recv_into(self._buffer)
            if not count:
                raise ConnectionError("the server closed the connection")
            received += self._buffer[:count]
        head, _, rest = received.partition(b"\r\n\r\n")
        return head + b"\r\n", rest

    def _body(self, connection: socket.socket, rest: bytes, ends: "Ends", kept: list[bytes] | None) -> int:
        """Receive until it ends, or until the server closes where nothing else says so; its length."""
        got, tail = len(rest), rest[-5:]
        while not ends(got, tail):
            count = connection.recv_into(self._buffer)
            if not count and ends is _never:
                break
            if not count:
                raise ConnectionError("the server closed the connection")
            got += count
            tail = (tail + bytes(self._buffer[max(0, count - 5) : count]))[-5:]
            if kept is not None:
                kept.append(bytes(self._buffer[:count]))
        return got


Ends = Callable[[int, bytes], bool]


def _after(length: int) -> Ends:
    return lambda got, tail: got >= length


def _at_last_chunk(got: int, tail: bytes) -> bool:
    return tail == _LAST_CHUNK


def _never(got: int, tail: bytes) -> bool:
    return False


def dechunked(data: bytes) -> bytes:
    """The content of a body in chunked transfer coding (RFC 9112 section 7.1)."""
    pieces, place = [], 0
    while place < len(data):
        end = data.index(b"\r\n", place)
        length = int(data[place:end].split(b";")[0], 16)
        pieces.append(data[end + 2 : end + 2 + length])
        place = end + 4 + length
    return b"".join(pieces)


def run(port: int, units: Sequence[Sequence[Sequence[Request]]], least: int, *, renew: bool = False) -> Times:
    """Let as many clients as `units` has entries run at once, each through its own units of requests.

    A unit is timed as one; an answer is right with status 200 and `least` bytes a unit or more. With `renew`
    each request has a connection of its own.
    """
    pipes, processes = [], []
    for work in units:
        ours, theirs = _fork.Pipe()
        process = _fork.Process(target=_client, args=(port, work, least, renew, theirs), daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
    for pipe in pipes:
        pipe.recv()
    began = time.perf_counter()
    for pipe in pipes:
        pipe.send("go")
    parts: list[Times] = [pipe.recv() for pipe in pipes]
    seconds = time.perf_counter() - began
    for process in processes:
        process.join()
    return Times(
        seconds,
        [each for part in parts for each in part.each],
        [each for part in parts for each in part.first_bytes],
        sum(part.right for part in parts),
        sum(part.client_cpu for part in parts),
    )


def _client(port: int, units: Sequence[Sequence[Request]], least: int, renew: bool, pipe: Pipe) -> None:
    client = Client(port)
    pipe.send("ready")
    pipe.recv()
    used, began = time.process_time(), time.perf_counter()
    each, first_bytes, right = [], [], 0
    for unit in units:
        start, good, length = time.perf_counter(), True, 0
        for request in unit:
            answer = client.fetch(request, keep=False)
            good, length = good and answer.status == 200, length + answer.length
            if renew:
                client.renew()
        each.append(time.perf_counter() - start)
        first_bytes.append(answer.first_byte)
        right += good and length >= least
    pipe.send(Times(time.perf_counter() - began, each, first_bytes, right, time.process_time() - used))
