"""What is said between the pool and its processes.

A call goes out pickled. What comes back is never unpickled, since the process may have been taken over by the
bytes that it decoded: one byte that says what follows, then bytes, or the name and sentence of a fact.
"""

import errno
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app import errors
from app.errors import CannotDecode, Fact

_DONE, _REFUSED = b"\0", b"\1"
#: What a codec process may state.
_FACTS: dict[str, type[Fact]] = {
    fact.__name__: fact
    for fact in (
        errors.CannotDecode,
        errors.CannotEncode,
        errors.CodecFailed,
        errors.InvalidInstance,
        errors.InvalidRequest,
        errors.NotFound,
        errors.StoreUnavailable,
        errors.TooMuchToConvert,
    )
}
#: Errors of the disk that are no fault of the instance.
_DISK: dict[int, Fact] = {
    errno.EFBIG: errors.TooMuchToConvert(),
    errno.ENOSPC: errors.StoreUnavailable("The disk is full; free some space, then try again."),
    errno.EDQUOT: errors.StoreUnavailable("The disk is full; free some space, then try again."),
}


@dataclass(frozen=True, slots=True)
class Call:
    """What to do, and what it may take: bytes of address space, bytes of one file, seconds."""

    work: Callable[..., bytes | None]
    arguments: tuple[Any, ...]
    memory: int
    largest_file: int
    seconds: float

    def packed(self) -> bytes:
        """The call as it is sent."""
        return pickle.dumps(self)


def answered(call: Call) -> bytes:
    """Do what a call says, and give what is sent back: here, in the codec process."""
    try:
        return _DONE + (call.work(*call.arguments) or b"")
    except Fact as fact:
        return _refused(fact)
    except OSError as error:
        return _refused(_DISK.get(error.errno or 0) or _unexpected(error))
    except Exception as error:
        return _refused(_unexpected(error))


def opened(answer: bytes) -> bytes:
    """What a codec process gave, or the fact that it stated, raised. Raises CannotDecode for any other."""
    if answer[:1] == _DONE:
        return answer[1:]
    name, _, detail = answer[1:].decode(errors="replace").partition("\n")
    raise _FACTS.get(name, CannotDecode)(detail)


def _refused(fact: Fact) -> bytes:
    return _REFUSED + f"{type(fact).__name__}\n{fact.detail}".encode()


def _unexpected(error: Exception) -> Fact:
    # Of the machine's own troubles no instance is guilty.
    fact = errors.CodecFailed if isinstance(error, (MemoryError, OSError)) else CannotDecode
    kind = type(error).__name__
    return fact(f"The pixel data cannot be decoded ({kind}): ask for it with transfer-syntax=*.")
