"""One codec process: `python -m app.codecs.worker DESCRIPTOR` answers calls on that socket until it closes.

Its standard streams lead nowhere, so that a codec that prints disturbs nobody. Whoever asks ends it when a
call takes too long; should they be gone by then, an alarm does.
"""

import gc
import math
import pickle
import resource
import signal
import socket
import struct
import sys
from types import ModuleType

from app.codecs.answers import Call, answered
from app.dicom import encoders, picture, pixels, recompress, transcode

READY = b"\1"
LENGTH = struct.Struct("<Q")
#: Loaded before the first call; what they import is most of what makes a process slow to start.
_WARM: tuple[ModuleType, ...] = (encoders, picture, pixels, recompress, transcode)
#: Seconds after which an orphan's alarm goes off, beyond those of the call.
_GRACE = 5


def main(descriptor: int) -> None:
    """Answer calls until the other end is gone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=descriptor) as connection:
        connection.sendall(READY)
        while (asked := _received(connection)) is not None:
            answer = _within_limits(pickle.loads(asked))  # noqa: S301 (only the pool writes to this end)
            connection.sendall(LENGTH.pack(len(answer)))
            connection.sendall(answer)
            del asked, answer
            gc.collect()


def _within_limits(call: Call) -> bytes:
    resource.setrlimit(resource.RLIMIT_AS, (call.memory, call.memory))
    _, hardest = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (call.largest_file, hardest))
    signal.alarm(math.ceil(call.seconds) + _GRACE)
    try:
        return answered(call)
    finally:
        signal.alarm(0)


def _received(connection: socket.socket) -> bytes | None:
    head = connection.recv(LENGTH.size, socket.MSG_WAITALL)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = bytearray(length)
    view = memoryview(body)
    while view:
        size = connection.recv_into(view)
        if not size:
            return None
        view = view[size:]
    return bytes(body)


if __name__ == "__main__":
    main(int(sys.argv[1]))
