"""What codecs do when strangers' bytes get the better of them: run only in the pool's processes."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from app.errors import CannotEncode, InvalidInstance


def sound(data: bytes) -> bytes:
    return data[::-1]


def process() -> bytes:
    return str(os.getpid()).encode()


def abort() -> None:
    os.abort()


def segmentation_fault() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(0)


def hang() -> None:
    # Nothing of Python runs in here, as in a codec that loops for ever; signals that Python handles are lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    ctypes.CDLL(None).sleep(600)


def spin() -> None:
    while True:
        pass


def bomb() -> bytes:
    kept = []
    while True:
        kept.append(bytes(64 << 20))


def native_bomb() -> None:
    malloc = ctypes.CDLL(None).malloc
    malloc.restype = ctypes.c_void_p
    malloc.argtypes = [ctypes.c_size_t]
    while address := malloc(256 << 20):
        ctypes.memset(address, 1, 4096)
    ctypes.string_at(0)


def prints() -> bytes:
    os.write(1, b"a codec prints what it likes\n" * 10_000)
    os.write(2, b"warning: bad huffman code\n" * 10_000)
    print("more of it", flush=True)
    print("and more", file=sys.stderr, flush=True)
    return b"sound" + os.read(0, 10)


def refuse() -> None:
    raise InvalidInstance("Not this one.")


def cannot_encode() -> None:
    raise CannotEncode("Nor this.")


def fault() -> None:
    raise RuntimeError("patient's values stand here")


def recursion() -> None:
    recursion()


def writes(path: Path, size: int) -> None:
    with path.open("wb") as out:
        for _ in range(size >> 20):
            out.write(bytes(1 << 20))


def forges(reply: bytes) -> None:
    """Write a reply to the pool's own socket, as code in a process that was taken over might."""
    os.write(int(sys.argv[1]), reply)
    time.sleep(600)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def waits(source: Path, target: Path, uid: str) -> None:
    time.sleep(60)


def hangs(target: Path, frame: object, uid: str) -> None:
    hang()


#: Seconds that each frame takes an idle codec.
DAWDLING = 0.5


def dawdles(target: Path, frame: object, uid: str) -> None:
    time.sleep(DAWDLING)
    target.write_bytes(b"a frame")
