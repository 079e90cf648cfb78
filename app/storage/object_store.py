"""What every object store does and promises: the contract that `tests/storage/conformance.py` holds.

An object is a run of bytes under a fresh key (`app.storage.keys`). It is whole and never changes, from the
moment it is visible until it is deleted; the row that names it is written after it, so an object without a
row is waste, and a row without its object a defect.

Every method raises InvalidKey for what is not a key, and StoreUnavailable when the store does not answer or
is full; nothing else but what it names. A put that was cancelled has no effect.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.storage.spool import Spooled

#: The size of the pieces that `stream` gives, in bytes; the last one is what remains.
PIECE = 4 << 20


@dataclass(frozen=True, slots=True)
class FileRange:
    """Bytes that lie in an open file, most likely in memory; good until the next piece is asked for."""

    descriptor: int
    offset: int
    length: int

    def fileno(self) -> int:
        """The open file, as `os.sendfile` takes it."""
        return self.descriptor

    def __len__(self) -> int:
        return self.length


class ObjectStore(Protocol):
    """Where bytes lie. One per process, used from one event loop, by any number of tasks at once."""

    @property
    def temp(self) -> Path:
        """A local folder for spools and passing copies; a local store takes files from there as they are."""

    async def put(self, key: str, spooled: Spooled) -> None:
        """Keep the bytes under a key, durably by the time it returns.

        Create-only: raises ObjectExists when the key is taken, and of several writers of one key exactly one
        succeeds. Until it is whole an object cannot be seen; a put that fails or is cancelled leaves none.
        Leaves the spool as it is: its owner discards it.
        """

    async def put_all(self, objects: Sequence[tuple[str, Spooled]]) -> None:
        """`put` for several keys at once, all of them or none: most stores have less to do for each then."""

    async def read(self, key: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`, in one piece.

        Raises ObjectNotFound, or ObjectTruncated when the object ends before (and then allocates nothing).
        """

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The same bytes (to the end by default) in pieces of `PIECE`, so that memory stays bounded.

        Raises as `read` does, at the first piece: once that is there, only a failing disk or network can
        interrupt. Who stops early closes it (`contextlib.aclosing`).
        """

    def ranges(self, key: str, offset: int, length: int) -> AsyncGenerator[bytes | FileRange, None]:
        """As `stream`, but pieces that lie in a file need not be read: whoever sends them lets the kernel."""

    async def head(self, key: str) -> int:
        """The object's size in bytes. Raises ObjectNotFound."""

    def list(self, prefix: str = "") -> AsyncIterator[tuple[str, int]]:
        """Key and size of every object whose key starts with the prefix, in order of key.

        What was there when it began and still is, is given once; what comes or goes meanwhile, perhaps.
        """

    async def delete(self, key: str) -> None:
        """Remove an object, durably by the time it returns; silent when there is none."""

    def local_path(self, key: str) -> Path | None:
        """The object's own file, to be read only; None where objects are not files, whether there or not.

        Raises ObjectNotFound where they are files and this one is missing.
        """

    async def link(self, key: str, seconds: int) -> str | None:
        """An address where anybody fetches the object from the store itself, for so many seconds.

        Nothing is asked of the store; None where it gives no such address, or cannot now.
        """

    async def check(self) -> None:
        """Raises StoreUnavailable unless objects can be put and read now."""

    async def close(self) -> None:
        """Let go of what the store holds; it is not used afterwards."""
