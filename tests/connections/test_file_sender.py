"""Files over a connection: in order with what is written, at the client's pace, and not when it has left."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import uvloop

from app.connections.file_sender import FileSender
from app.errors import ObjectTruncated
from tests.live import until
from tests.opened import CONTENT, opened

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs in the loop that uvicorn chooses, and in Python's own."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    with opened(tmp_path) as descriptor:
        yield descriptor


class _Server(asyncio.Protocol):
    """As a connection: it tells its sender when it is lost."""

    sender: FileSender

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.sender = FileSender(transport, asyncio.get_running_loop())

    def connection_lost(self, exc: Exception | None) -> None:
        self.sender.close()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.Transport, FileSender, socket.socket]]:
    """A transport, its sender, and the client's end."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.connect(listening.getsockname())
        client.setblocking(False)
        accepted, _ = listening.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        transport, server = await loop.connect_accepted_socket(_Server, accepted)
        try:
            yield transport, server.sender, client
        finally:
            transport.abort()
            await asyncio.sleep(0.01)


def sockets() -> int:
    """How many this process has open."""
    open_ = (os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
    return sum(each.startswith("socket:") for each in open_)


async def received(client: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        piece = await asyncio.get_running_loop().sock_recv(client, 1 << 16)
        if not piece:
            break
        got += piece
    return got


def test_all_arrives_in_order(run: Run, descriptor: int) -> None:
    async def work() -> None:
        random = Random(1)
        async with connected() as (transport, sender, client):
            ranges = [sorted(random.choices(range(len(CONTENT)), k=2)) for _ in range(12)]
            expected = b"".join(b"head %d" % start + CONTENT[start:end] for start, end in ranges)

            async def send() -> None:
                for start, end in ranges:
                    transport.write(b"head %d" % start)
                    await sender.send(descriptor, start, end - start)

            sending = asyncio.create_task(send())
            assert await received(client, len(expected)) == expected
            await sending
            assert sender.take_sent() == sum(end - start for start, end in ranges)
            assert sender.take_sent() == 0
            assert not sender.is_waiting

    run(work())


def test_a_file_waits_for_what_was_written_before(run: Run, descriptor: int) -> None:
    async def work() -> None:
        async with connected() as (transport, sender, client):
            transport.write(bytes(8 << 20))
            sending = asyncio.create_task(sender.send(descriptor, 0, 1000))
            await until(lambda: sender.is_waiting)
            assert await received(client, (8 << 20) + 1000) == bytes(8 << 20) + CONTENT[:1000]
            await sending

    run(work())


@pytest.mark.parametrize("end", ["client leaves", "connection is cut", "closed", "cancelled"])
def test_nobody_is_waited_for_in_vain(run: Run, descriptor: int, end: str) -> None:
    async def work() -> None:
        before = sockets()
        async with connected() as (transport, sender, client):
            sending = asyncio.create_task(sender.send(descriptor, 0, len(CONTENT)))
            await until(lambda: sender.is_waiting)
            if end == "client leaves":
                client.close()
            elif end == "connection is cut":
                transport.abort()
            elif end == "closed":
                transport.close()
            else:
                sending.cancel()
            await asyncio.wait([sending], timeout=60)
            assert sending.done()
            assert sending.cancelled() == (end == "cancelled")
            assert not sender.is_waiting
        assert sockets() == before

    run(work())


def test_a_file_that_lost_its_end(run: Run, descriptor: int) -> None:
    async def work() -> None:
        async with connected() as (_, sender, client):
            sending = asyncio.create_task(sender.send(descriptor, len(CONTENT) - 10, 11))
            assert await received(client, 10) == CONTENT[-10:]
            with pytest.raises(ObjectTruncated):
                await sending

    run(work())
