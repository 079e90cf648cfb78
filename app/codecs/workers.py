"""The pool's end of its codec processes: starting, asking and ending them."""

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.dicom.pixels import LARGEST_FRAME

_LENGTH = struct.Struct("<Q")
_PIECE = 1 << 20
#: A longer answer than the largest frame is none.
_LONGEST = LARGEST_FRAME + 1
#: A process that has answered so many calls is replaced, lest what codecs leak adds up.
_CALLS = 2000


class Died(Exception):  # noqa: N818 (it states a fact)
    """The process ended, or answered what no answer is."""


class Worker:
    """One codec process and the socket to it. It answers one call at a time."""

    def __init__(self) -> None:
        self.calls = 0
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "app.codecs.worker", str(theirs.fileno())]
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module)
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        ours.setblocking(False)
        self._socket = ours
        self._ready = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ready(self) -> None:
        """Wait until its codecs are loaded. Raises Died where it ended instead."""
        if self._ready:
            return
        try:
            await self._receive(1)
        except OSError as error:
            raise Died from error
        self._ready = True

    async def ask(self, call: bytes) -> bytes:
        """The answer to a call. Raises Died; after that, or when it is cancelled, end the process."""
        self.calls += 1
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._socket, _LENGTH.pack(len(call)))
            await loop.sock_sendall(self._socket, call)
            (length,) = _LENGTH.unpack(await self._receive(_LENGTH.size))
            if not 0 < length <= _LONGEST:
                raise Died
            return await self._receive(length)
        except OSError as error:
            raise Died from error

    async def _receive(self, length: int) -> bytes:
        loop = asyncio.get_running_loop()
        received = bytearray()
        while len(received) < length:
            piece = await loop.sock_recv(self._socket, min(_PIECE, length - len(received)))
            if not piece:
                raise Died
            received += piece
        return bytes(received)

    def kill(self) -> None:
        """End the process, whatever it is doing: who waits for its answer gets Died."""
        self._process.kill()

    def end(self) -> None:
        """End the process when nobody waits for it any more."""
        self.kill()
        self._socket.close()

    def reap(self) -> None:
        """Wait until an ended process is gone; it may have much memory to give back."""
        self._process.wait()


class Workers:
    """The processes of one pool: those that wait for a call, and those that are answering one."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Worker]:
        """A process while the block lasts; it is replaced when the block is left by an exception."""
        async with self._lent(self._idle.pop() if self._idle else Worker()) as worker:
            yield worker

    @asynccontextmanager
    async def _lent(self, worker: Worker) -> AsyncIterator[Worker]:
        self._busy.add(worker)
        sound = False
        try:
            await worker.ready()
            yield worker
            sound = worker.calls < _CALLS
        finally:
            # Nothing is awaited in here: a cancelled request must not cost the pool a process.
            self._busy.discard(worker)
            self._give_back(worker, sound)

    async def start(self) -> None:
        """Start a process, unless there is one, and wait until its codecs are loaded."""
        if not self._idle and not self._busy:
            with suppress(Died):
                async with self._lent(Worker()):
                    pass

    def _give_back(self, worker: Worker, sound: bool) -> None:
        if sound and not self._closed:
            self._idle.append(worker)
            return
        worker.end()
        asyncio.get_running_loop().run_in_executor(None, worker.reap)
        if not self._closed:
            self._idle.append(Worker())

    async def close(self) -> None:
        """End every process."""
        self._closed = True
        idle, self._idle = self._idle, []
        busy = list(self._busy)
        for worker in idle:
            worker.end()
        for worker in busy:
            worker.kill()
        for worker in (*idle, *busy):
            await asyncio.to_thread(worker.reap)
