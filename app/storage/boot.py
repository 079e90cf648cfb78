"""Folders for what need not outlive the machine's running: one for each boot."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
#: Lies in the folder of each boot, locked by every process that uses it.
_USED = "used"


@cache
def current() -> str:
    """The name of this boot; where the system has none, a new one for each process, which trusts no other."""
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return str(uuid4())


def claim(folder: Path) -> tuple[Path, int]:
    """The folder in `folder` of this boot, and a descriptor: until it is closed nobody drops that folder.

    Folders of other boots that nobody uses are removed. Raises OSError.
    """
    own = folder / current()
    own.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock"):
        for each in folder.iterdir():
            if each != own and each.name != "lock":
                _drop(each)
        own.mkdir(exist_ok=True)
        used = os.open(own / _USED, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        fcntl.flock(used, fcntl.LOCK_SH)
    return own, used


@contextmanager
def locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """One thread of one process at a time; a process that ends lets go. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _drop(path: Path) -> None:
    """Remove a file, or a folder unless a process uses it: one of another machine, or of no named boot."""
    with suppress(OSError):
        if not path.is_dir():
            path.unlink()
            return
        with locked(path / _USED, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(path)
