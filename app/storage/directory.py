"""Directories whose entries survive a power cut."""

import itertools
import threading
from contextlib import suppress
from pathlib import Path

from app.storage import keys
from app.storage.disk import FileSystem

# A directory is in use for half a minute, so a few are enough for clocks that disagree and for restores.
_REMEMBERED = 256


def make(disk: FileSystem, path: Path) -> None:
    """A directory that is there and stays there.

    The parent is synced even when the directory exists: its maker, perhaps another process, may not have come
    to that yet, and an object in a directory that a power cut takes away is lost with it.
    """
    with suppress(FileExistsError):
        disk.mkdir(path)
    disk.fsync_directory(path.parent)


class Directory:
    """A directory whose new entries several threads make durable together."""

    def __init__(self, disk: FileSystem, path: Path) -> None:
        self.path = path
        self._disk = disk
        self._changed = threading.Condition()
        self._tickets = itertools.count()
        self._durable = 0
        self._syncing = False

    def sync(self) -> None:
        """Make durable every change of entries before the call. Raises OSError.

        An fsync that began after my ticket was drawn has done my work; one that ran by then may not have.
        """
        ticket = next(self._tickets)
        with self._changed:
            self._changed.wait_for(lambda: not self._syncing or ticket < self._durable)
            if ticket < self._durable:
                return
            self._syncing, drawn = True, next(self._tickets)
        try:
            self._disk.fsync_directory(self.path)
            self._durable = drawn
        finally:
            with self._changed:
                self._syncing = False
                self._changed.notify_all()


class Directories:
    """The directories of objects below a root, made as keys need them."""

    def __init__(self, disk: FileSystem, root: Path) -> None:
        self.root = root
        self._disk = disk
        self._lock = threading.Lock()
        self._known: dict[str, Directory] = {}

    def of(self, key: str) -> Directory:
        """The directory of a key's object, durably there. Raises OSError.

        The root is never made: where it is missing a disk is not mounted, and its place takes nothing.
        """
        name = keys.directory(key)
        with self._lock:
            return self._known.get(name) or self._make(name)

    def forget(self, key: str) -> None:
        """Make the key's directory anew when it is next wanted: somebody may have removed it."""
        with self._lock:
            self._known.pop(keys.directory(key), None)

    def _make(self, name: str) -> Directory:
        path = self.root / name
        make(self._disk, path.parent)
        make(self._disk, path)
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[name] = Directory(self._disk, path)
        return self._known[name]
