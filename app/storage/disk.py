"""How bytes become durable on a POSIX file system, and what its errors mean."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.errors import StoreUnavailable
from app.storage import keys

Chunk = bytes | bytearray | memoryview

_DAY = 86_400
_FULL = {errno.ENOSPC, errno.EDQUOT}


def _create(path: Path) -> int:
    """A new file to write to, whose mode lets nobody write to it again."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o440)


def _mkdir(path: Path) -> None:
    os.mkdir(path, 0o750)


def _fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class FileSystem:
    """The calls that change a disk, in one place so that each can be watched and made to fail."""

    create: Callable[[Path], int] = _create
    write: Callable[[int, Chunk], int] = os.write
    fsync: Callable[[int], None] = os.fsync
    link: Callable[[Path, Path], None] = os.link
    fsync_directory: Callable[[Path], None] = _fsync_directory
    mkdir: Callable[[Path], None] = _mkdir
    unlink: Callable[[Path], None] = os.unlink


DISK = FileSystem()


def fact(error: OSError) -> StoreUnavailable:
    """What an OSError means, in a sentence for the operator: the disk is full, or it does not work."""
    if error.errno in _FULL:
        return StoreUnavailable("The disk of the object store is full; free some space, then try again.")
    name = errno.errorcode.get(error.errno or 0, "unknown error")
    return StoreUnavailable(f"The disk of the object store does not work ({name}); try again later.")


@contextmanager
def facts() -> Iterator[None]:
    """Raise StoreUnavailable for every OSError inside."""
    try:
        yield
    except OSError as error:
        raise fact(error) from error


class TempFile:
    """A new file in a temp folder, written once. Its methods raise OSError."""

    def __init__(self, disk: FileSystem, folder: Path) -> None:
        self._disk = disk
        self.path = folder / keys.fresh()
        self._descriptor: int | None = disk.create(self.path)

    def write(self, chunk: Chunk) -> None:
        """Write the whole chunk: one call may take less (2 GiB at most, or what a full disk has left)."""
        assert self._descriptor is not None
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._disk.write(self._descriptor, rest) :]

    def close(self) -> None:
        """No more is written."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def remove(self) -> None:
        """Close and remove the file; where that fails, it is swept later."""
        with suppress(OSError):
            self.close()
        with suppress(OSError):
            self._disk.unlink(self.path)


def sync_file(disk: FileSystem, path: Path) -> None:
    """Make durable what was written to a file and closed since."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        disk.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path, older_than: float = _DAY) -> int:
    """Remove what crashed processes left in a temp folder; returns how many files.

    Only files not written to for `older_than` seconds: other processes may be at work in the same folder.
    """
    swept = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_file(follow_symlinks=False) and time.time() - entry.stat().st_mtime > older_than:
                    os.unlink(entry.path)
                    swept += 1
    return swept
