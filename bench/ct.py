"""CT instances as scanners send them: 151 top-level elements, 512 by 512 pixels of 16 bits.

Each is its template with some values written over, all of a fixed length, so that making one costs little
more than copying it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian

from bench.header import HEADER

SIDE = 512
_UID_DIGITS = 38


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance by its numbers: of the study in the archive, of the series in it, of itself in that."""

    study: int
    series: int
    number: int
    side: int = SIDE
    frames: int = 0

    @property
    def study_uid(self) -> str:
        """Its Study Instance UID."""
        return _uid(1, self.study)

    @property
    def series_uid(self) -> str:
        """Its Series Instance UID."""
        return _uid(2, self.study, self.series)

    @property
    def uid(self) -> str:
        """Its SOP Instance UID."""
        return _uid(3, self.study, self.series, self.number)

    @property
    def path(self) -> str:
        """Where it is, below a DICOMweb root."""
        return f"{series_path(self.study, self.series)}/instances/{self.uid}"

    def encoded(self) -> bytes:
        """The instance as a file (PS3.10)."""
        template = _template(self.side, self.frames)
        return template.filled(self._values())

    def _values(self) -> dict[str, str]:
        return {
            "study": self.study_uid,
            "series": self.series_uid,
            "instance": self.uid,
            "patient": patient_id(self.study),
            "name": f"Bench^{self.study:09}",
            "accession": accession_number(self.study),
            "date": f"20{self.study % 25:02}{self.study % 12 + 1:02}{self.study % 28 + 1:02}",
            "series number": f"{self.series:06}",
            "number": f"{self.number:06}",
            "place": f"{self.number:06}",
        }


def patient_id(study: int) -> str:
    """The one patient of a study."""
    return f"PATIENT-{study:08}"


def accession_number(study: int) -> str:
    """The accession number of a study."""
    return f"ACC{study:011}"


def study_path(study: int) -> str:
    """Where a study is, below a DICOMweb root."""
    return f"/studies/{_uid(1, study)}"


def series_path(study: int, series: int) -> str:
    """Where a series is, below a DICOMweb root."""
    return f"{study_path(study)}/series/{_uid(2, study, series)}"


@cache
def pixels(side: int = SIDE, frames: int = 1) -> bytes:
    """A round body in air with some noise: native, `frames` times `side` by `side` int16."""
    row, column = np.ogrid[:side, :side]
    body = np.hypot(row - side / 2, column - side / 2) < side * 0.4
    noise = np.random.default_rng(7).normal(0, 20, (frames, side, side))
    return (np.where(body, 40, -1000) + noise).astype("<i2").tobytes()


def _uid(*numbers: int) -> str:
    digits = "".join(f"{number:09}" for number in numbers)
    return "2.25." + ("1" + digits).ljust(_UID_DIGITS, "7")


#: What each value is in the template: found nowhere else in it, and as long as what is written over it.
_MARKS = {
    "study": _uid(901, 1),
    "series": _uid(902, 1),
    "instance": _uid(903, 1),
    "patient": "PATIENT-99999999",
    "name": "Bench^999999999",
    "accession": "ACC99999999999",
    "date": "19110203",
    "series number": "911911",
    "number": "922922",
    "place": "933933",
}


@dataclass(frozen=True, slots=True)
class _Template:
    data: bytes
    places: tuple[tuple[int, str], ...]

    def filled(self, values: dict[str, str]) -> bytes:
        made = bytearray(self.data)
        for place, name in self.places:
            made[place : place + len(values[name])] = values[name].encode()
        return bytes(made)


@cache
def _template(side: int, frames: int) -> _Template:
    target = BytesIO()
    _dataset(side, frames).save_as(target, enforce_file_format=True)
    data = target.getvalue()
    header = data[: data.index(pixels(side, frames or 1))]
    return _Template(data, tuple(sorted(_places(header))))


def _places(header: bytes) -> Iterator[tuple[int, str]]:
    for name, mark in _MARKS.items():
        place = header.find(mark.encode())
        while place >= 0:
            yield place, name
            place = header.find(mark.encode(), place + 1)


def _dataset(side: int, frames: int) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = EnhancedCTImageStorage if frames else CTImageStorage
    for keyword, value in HEADER.items():
        setattr(dataset, keyword, value)
    dataset.SOPInstanceUID, dataset.StudyInstanceUID = _MARKS["instance"], _MARKS["study"]
    dataset.SeriesInstanceUID, dataset.PatientID = _MARKS["series"], _MARKS["patient"]
    dataset.PatientName, dataset.AccessionNumber = _MARKS["name"], _MARKS["accession"]
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = _MARKS["date"]
    dataset.SeriesNumber, dataset.InstanceNumber = _MARKS["series number"], _MARKS["number"]
    dataset.ImagePositionPatient = ["-175", "-175", _MARKS["place"]]
    dataset.SliceLocation = _MARKS["place"]
    dataset.Rows = dataset.Columns = side
    if frames:
        dataset.NumberOfFrames = frames
    dataset.PixelData = pixels(side, frames or 1)
    return dataset
