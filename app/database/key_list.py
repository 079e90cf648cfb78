"""A list of objects on disk: for more keys than fit in memory, whatever database and store they come from.

A file of SQLite, written by one process and thrown away, or kept beside a backup.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Self

from app.database.facts import database_file
from app.database.files import sync

#: Keys in one statement, or one page.
BATCH = 500


class Listed(NamedTuple):
    """An object: its key, its size in bytes, its SHA-256 where that is known, whether a row names it."""

    key: str
    size: int
    sha256: bytes = b""
    named: bool = False


class KeyList:
    """Its methods block. Raises DatabaseUnavailable where the disk is full or does not work."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with database_file():
            path.touch(0o600)
            self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -32000"):
                self._file.execute(f"PRAGMA {pragma}")
            self._file.execute(_TABLE)

    def add(self, objects: Iterable[Listed]) -> None:
        """Put objects in; what it has stays as it is."""
        with self._at_once():
            self._file.executemany("INSERT OR IGNORE INTO listed VALUES (?, ?, ?, ?)", objects)

    def find(self, keys: Sequence[str]) -> dict[str, Listed]:
        """What it has of these keys."""
        found = (
            row for start in range(0, len(keys), BATCH) for row in self._find(keys[start : start + BATCH])
        )
        return {row[0]: Listed(*row) for row in found}

    def mark(self, keys: Mapping[str, bytes]) -> None:
        """Mark these as named by a row, as far as it has them; with the digests of those that were read."""
        values = [(digest, key) for key, digest in keys.items()]
        with self._at_once():
            self._file.executemany("UPDATE listed SET named = 1, sha256 = ? WHERE key = ?", values)

    def page(self, after: str = "", *, unnamed: bool = False) -> list[Listed]:
        """The next ones in order of key; only those that no row names, where so is asked."""
        only = "AND NOT named" if unnamed else ""
        sql = f"SELECT * FROM listed WHERE key > ? {only} ORDER BY key LIMIT {BATCH}"  # noqa: S608
        with database_file():
            return [Listed(*row) for row in self._file.execute(sql, (after,))]

    def total(self) -> tuple[int, int]:
        """How many objects, and how many bytes."""
        with database_file():
            ((count, size),) = self._file.execute("SELECT count(*), coalesce(sum(size), 0) FROM listed")
            return count, size

    def settle(self) -> None:
        """Have what it holds survive a power cut."""
        with database_file():
            sync(self._path)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _find(self, keys: Sequence[str]) -> list[Any]:
        marks = ",".join("?" * len(keys))
        with database_file():
            return self._file.execute(f"SELECT * FROM listed WHERE key IN ({marks})", keys).fetchall()  # noqa: S608

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        with database_file():
            self._file.execute("BEGIN")
            yield
            self._file.execute("COMMIT")


@contextmanager
def passing(folder: Path) -> Iterator[KeyList]:
    """A list in a folder, gone with the block."""
    with database_file():
        folder.mkdir(parents=True, exist_ok=True)
        place = TemporaryDirectory(prefix="keys-", dir=folder, ignore_cleanup_errors=True)
    with place as name, KeyList(Path(name) / "keys.sqlite") as made:
        yield made


_TABLE = (
    "CREATE TABLE IF NOT EXISTS listed (key TEXT PRIMARY KEY, size INTEGER NOT NULL, "
    "sha256 BLOB NOT NULL, named INTEGER NOT NULL) WITHOUT ROWID"
)
