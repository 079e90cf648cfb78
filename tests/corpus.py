"""The real files that tests run on: those in the wheels of `pydicom` and `pydicom-data`."""

from functools import cache
from pathlib import Path
from warnings import catch_warnings

import data_store
import pydicom.data
from pydicom import dcmread
from pydicom.misc import is_dicom

IDENTIFIERS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
FOLDERS = (Path(pydicom.data.__file__).parent / "test_files", Path(data_store.__file__).parent / "data")


@cache
def files() -> tuple[Path, ...]:
    """Every DICOM Part 10 file in the two packages (those with a preamble), in a fixed order."""
    found = (path for folder in FOLDERS for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple(path for path in found if is_dicom(path))


@cache
def readable() -> tuple[Path, ...]:
    """Those that pydicom itself reads and that name a study, series and instance."""
    return tuple(path for path in files() if _complete(path))


def _complete(path: Path) -> bool:
    # What pydicom only warns of it does read; under pytest the warning would be an error.
    with catch_warnings(action="ignore"):
        try:
            dataset = dcmread(path, stop_before_pixels=True)
            return all(dataset.get(keyword) for keyword in IDENTIFIERS)
        except Exception:
            return False
