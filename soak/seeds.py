"""The sound instances that a soak starts from: real ones that are small, of many transfer syntaxes."""

from dataclasses import dataclass
from pathlib import Path

import pydicom.data

from app.dicom import part10
from app.errors import InvalidInstance

LARGEST = 48 << 10
_STUDY, _SERIES, _INSTANCE = 0x0020000D, 0x0020000E, 0x00080018
_TEST_FILES = Path(pydicom.data.__file__).parent / "test_files"


@dataclass(frozen=True, slots=True)
class Seed:
    """An instance and its UIDs."""

    data: bytes
    study: str
    series: str
    instance: str

    def renamed(self, number: int) -> tuple[bytes, str]:
        """The instance under a UID of its own, as long as before; and `study/series/instance`."""
        digits = str(abs(number)).zfill(len(self.instance) - 6)
        uid = f"2.25.9{digits}"
        if len(uid) != len(self.instance):
            return self.data, f"{self.study}/{self.series}/{self.instance}"
        return self.data.replace(self.instance.encode(), uid.encode()), f"{self.study}/{self.series}/{uid}"


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
    return Seed(data, *uids) if all(uids) else None
