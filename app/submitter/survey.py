"""The first pass: whose every file is, and what identifies them, before one is written."""

import mmap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.deid import engine
from app.deid.text import Identifiers, harvest
from app.dicom import part10
from app.dicom.part10 import Part10
from app.errors import Fact, InvalidInstance

_STUDY, _SERIES, _INSTANCE = 0x0020000D, 0x0020000E, 0x00080018


@dataclass(frozen=True, slots=True)
class Seen:
    """One instance of the source."""

    path: Path
    patient: str
    study: str
    series: str
    instance: str
    removed: bool
    identifiers: Identifiers


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is no instance, and why."""

    path: Path
    reason: str


def files(source: Path) -> list[Path]:
    """Every file below a folder, or the one file, in a lasting order; links are not followed."""
    if source.is_file():
        return [source]
    return sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())


@contextmanager
def opened(path: Path) -> Iterator[Part10]:
    """A file as an instance. Raises InvalidInstance where it is none."""
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise InvalidInstance("The file is empty.") from None
    except OSError as error:
        raise InvalidInstance(f"The file cannot be read: {error.strerror}.") from None
    yield part10.read(data)


def look(path: Path) -> Seen | Unreadable:
    """What the first pass keeps of a file."""
    try:
        with opened(path) as instance:
            return Seen(
                path,
                engine.patient_of(instance),
                instance.text(_STUDY),
                instance.text(_SERIES),
                engine.require(instance, _INSTANCE),
                engine.is_removed(instance),
                harvest(engine.texts(instance)),
            )
    except Fact as fact:
        return Unreadable(path, fact.detail)


def of_patients(seen: Iterable[Seen]) -> dict[str, Identifiers]:
    """What identifies each patient, from all of their instances."""
    found: dict[str, Identifiers] = {}
    for each in seen:
        found[each.patient] = found.get(each.patient, Identifiers()) | each.identifiers
    return found
