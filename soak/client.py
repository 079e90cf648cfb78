"""One request on one connection, and what came of it."""

import asyncio
import socket
import struct
from dataclasses import dataclass

from soak.requests import Sent

HANG_SECONDS = 120.0
#: Of a longer answer no more is read: the client then leaves.
ENOUGH = 4 << 20
#: How long a client that sent half a request still listens.
_LISTEN = 0.2
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Came:
    """The status, 0 where the connection was closed without one; whether the client waited in vain."""

    status: int
    hung: bool = False


async def send(port: int, sent: Sent) -> Came:
    """Send, and read the answer; those that are not whole are given up with a reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(HANG_SECONDS if sent.whole else _LISTEN):
            writer.write(sent.data)
            return Came(await _status(reader))
    except TimeoutError:
        return Came(0, hung=sent.whole)
    except OSError:
        return Came(0)
    finally:
        _reset(writer)


async def _status(reader: asyncio.StreamReader) -> int:
    line = await reader.readline()
    words = line.split(b" ", 2)
    got = len(line)
    while got < ENOUGH and (piece := await reader.read(1 << 16)):
        got += len(piece)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None and not writer.transport.is_closing():
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
