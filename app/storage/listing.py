"""Walking a folder of objects in order of key."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.storage import keys


def folders(parent: Path, prefix: str) -> tuple[str, ...]:
    """Names of the folders in `parent` that start with `prefix`, in order; none when it is gone meanwhile."""
    with _entries(parent) as entries:
        return tuple(
            sorted(entry.name for entry in entries if entry.name.startswith(prefix) and entry.is_dir())
        )


def objects(folder: Path, prefix: str) -> tuple[tuple[str, int], ...]:
    """Key and size of each object in `folder` whose key starts with `prefix`, in order of key."""
    with _entries(folder) as entries:
        return tuple(sorted(_sizes(entry for entry in entries if entry.name.startswith(prefix))))


def _sizes(entries: Iterator[os.DirEntry[str]]) -> Iterator[tuple[str, int]]:
    for entry in entries:
        # A stranger in our folder is left alone, and so is what is deleted while we look.
        with suppress(FileNotFoundError):
            if keys.is_key(entry.name) and entry.is_file(follow_symlinks=False):
                yield entry.name, entry.stat().st_size


@contextmanager
def _entries(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    try:
        found = os.scandir(folder)
    except FileNotFoundError:
        yield iter(())
        return
    with found:
        yield found
