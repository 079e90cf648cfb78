"""The sound instances that a soak starts from: real ones that are small, of many transfer syntaxes."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import pydicom.data

from app.dicom import part10
from app.errors import InvalidInstance

LARGEST = 48 << 10
#: Instances that are sent by so many requests have their series in common.
TOGETHER = 5000
_STUDY, _SERIES, _INSTANCE = 0x0020000D, 0x0020000E, 0x00080018
_PIXEL_DATA = 0x7FE00010
_TEST_FILES = Path(pydicom.data.__file__).parent / "test_files"


@dataclass(frozen=True, slots=True)
class Seed:
    """An instance, its UIDs, and whether it has an image."""

    data: bytes
    study: str
    series: str
    instance: str
    pictured: bool

    def renamed(self, number: int) -> tuple[bytes, str]:
        """The instance under a UID of its own, as long as before; and `study/series/instance`.

        Most series are of some thousand requests, as many instances as people have in one; every fourth is
        one for the whole run, and grows large.
        """
        data, instance = _replaced(self.data, self.instance, f"9{abs(number)}")
        series, stays = self.series, zlib.crc32(self.series.encode())
        if stays % 4 and series not in self.study:
            data, series = _replaced(data, series, f"8{stays}{abs(number) // TOGETHER}")
        return data, f"{self.study}/{series}/{instance}"


def _replaced(data: bytes, uid: str, digits: str) -> tuple[bytes, str]:
    """The instance with another UID of the same length, where it can be read and has room for the digits."""
    other = f"2.25.{digits[0]}{digits[1:].zfill(len(uid) - 6)}"
    if len(other) != len(uid) or uid.encode() not in data:
        return data, uid
    return data.replace(uid.encode(), other.encode()), other


def corpus() -> tuple[Seed, ...]:
    """The small instances in the package `pydicom`, in a fixed order."""
    found = (_seed(path.read_bytes()) for path in sorted(_TEST_FILES.rglob("*")) if _small(path))
    return tuple(seed for seed in found if seed)


def _small(path: Path) -> bool:
    return path.is_file() and 200 < path.stat().st_size <= LARGEST


def _seed(data: bytes) -> Seed | None:
    try:
        read = part10.read(data)
    except InvalidInstance:
        return None
    uids = [read.text(tag) for tag in (_STUDY, _SERIES, _INSTANCE)]
    study, series, instance = uids
    return Seed(data, study, series, instance, read.get(_PIXEL_DATA) is not None) if all(uids) else None
