"""The folder of a backup: `backup.json` says what of it counts, and is written last.

Beside it lie the copy of the database, the list of the objects that it names, and those under `objects/`.
"""

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from app.database.files import sync
from app.errors import Misconfigured

MANIFEST = "backup.json"
#: What it is until it is written.
PART = f"{MANIFEST}.part"
FORMAT = 1
#: What copies are called: the moment follows.
_COPIES = ("database-", "objects-")


@dataclass(frozen=True, slots=True)
class Need:
    """Something secret, never in a backup, that the restored archive needs: its name, and what for."""

    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is: of which archive, when, and by which files; no `database` where none is finished.

    `rows` has the number of rows of every table; `missing` counts the objects that the archive itself lacked.
    """

    archive: str
    kind: str
    at: str = ""
    version: str = ""
    database: str = ""
    database_sha256: str = ""
    listed: str = ""
    listed_sha256: str = ""
    objects: int = 0
    bytes: int = 0
    rows: dict[str, int] | None = None
    missing: int = 0
    needs: tuple[Need, ...] = ()
    webhooks: int = 0
    format: int = FORMAT

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """That of a folder; None where it has none. Raises Misconfigured."""
        try:
            said: dict[str, Any] = orjson.loads((folder / MANIFEST).read_bytes())
            needs = tuple(Need(**each) for each in said.pop("needs"))
            found = cls(**said, needs=needs)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError):
            raise Misconfigured(f"{folder / MANIFEST} cannot be read.") from None
        if found.format != FORMAT or Path(found.database).name != found.database:
            raise Misconfigured("The backup was made by another Reading Room: use that version.")
        return found

    def write(self, folder: Path) -> None:
        """Put it in place of the one before, durably. Raises OSError."""
        part = folder / PART
        part.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))
        sync(part)
        os.replace(part, folder / MANIFEST)
        sync(folder)


def prepare(folder: Path, archive: str, kind: str) -> Manifest:
    """Make the folder ready for a backup of this archive; the one that it holds, perhaps an unfinished one.

    Raises Misconfigured where it holds that of another archive, or anything else; OSError.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = Manifest.read(folder)
    if found is None:
        if any(each.name != PART for each in folder.iterdir()):
            raise Misconfigured(f"{folder} holds something else: give an empty folder, or that of a backup.")
        found = Manifest(archive, kind)
        found.write(folder)
    if found.archive != archive:
        raise Misconfigured(f"{folder} holds the backup of another archive: give another folder.")
    return found


def tidy(folder: Path, manifest: Manifest) -> None:
    """Remove what earlier backups, and broken ones, left beside what counts. Raises OSError."""
    for each in folder.iterdir():
        if each.name.startswith(_COPIES) and each.name not in (manifest.database, manifest.listed):
            each.unlink()


def digest(path: Path) -> str:
    """The SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
