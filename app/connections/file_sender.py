"""Sending ranges of files: the kernel takes them from its memory to the socket, past this process.

Nothing is copied here and nothing is held for a client that takes its time.
"""

import asyncio
import os

from app.errors import ObjectTruncated


class FileSender:
    """Sends files over one connection, in turn with what its transport is given to write.

    The event loop watches the transport's socket for itself; a second descriptor of it tells when there is
    room for more.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._socket: int = transport.get_extra_info("socket").fileno()
        self._watched = -1
        self._room: asyncio.Future[None] | None = None
        self._sent = 0

    @property
    def is_waiting(self) -> bool:
        """Whether the client must take something before more can be sent."""
        return self._room is not None

    def take_sent(self) -> int:
        """Bytes that were sent since this was last asked."""
        sent, self._sent = self._sent, 0
        return sent

    async def send(self, descriptor: int, offset: int, count: int) -> None:
        """Send these bytes of a file, unless the connection is lost. Raises ObjectTruncated."""
        # What was written before goes first: the loop sends it at the end of a turn. Others get theirs, too.
        await asyncio.sleep(0)
        while self._transport.get_write_buffer_size() and not self._transport.is_closing():
            await self._until_room()
        end = offset + count
        while offset < end and not self._transport.is_closing():
            sent = self._send(descriptor, offset, end - offset)
            offset, self._sent = offset + sent, self._sent + sent
            if not sent and not self._transport.is_closing():
                await self._until_room()

    def close(self) -> None:
        """The connection is lost; nobody waits any longer."""
        self._end_wait()
        if self._watched >= 0:
            os.close(self._watched)

    def _send(self, descriptor: int, offset: int, count: int) -> int:
        """How many bytes there was room for."""
        try:
            sent = os.sendfile(self._socket, descriptor, offset, count)
        except BlockingIOError:
            return 0
        except ConnectionError:
            self._transport.abort()
            return 0
        if not sent:
            raise ObjectTruncated
        return sent

    async def _until_room(self) -> None:
        if self._watched < 0:
            self._watched = os.dup(self._socket)
        self._room = self._loop.create_future()
        self._loop.add_writer(self._watched, self._end_wait)
        try:
            await self._room
        finally:
            self._end_wait()

    def _end_wait(self) -> None:
        room, self._room = self._room, None
        if room:
            self._loop.remove_writer(self._watched)
            if not room.done():
                room.set_result(None)
