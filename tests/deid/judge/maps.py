"""From old to new: UIDs and Patient IDs, as a tool tells them or as its outputs show them."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset, dcmread

from tests.deid.judge.paths import find, values, walk

STANDARD = "1.2.840.10008."


@dataclass(slots=True)
class Maps:
    """Old to new."""

    uids: dict[str, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)


def told(folder: Path) -> Maps:
    """As in a crosswalk: `uid.csv` and `patient.csv`, each with the columns id_old and id_new."""
    return Maps(_read(folder / "uid.csv"), _read(folder / "patient.csv"))


def _read(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["id_old"]: row["id_new"] for row in csv.DictReader(file)}


def shown(pairs: Iterable[tuple[Path, Path]]) -> Maps:
    """By what stands at the same path in input and output; where they disagree, what came first."""
    maps = Maps()
    for before, after in pairs:
        _compare(dcmread(before), dcmread(after, force=True), maps)
    return maps


def _compare(before: Dataset, after: Dataset, maps: Maps) -> None:
    maps.patients.setdefault(str(before.get("PatientID")), str(after.get("PatientID") or ""))
    for path, element in walk(before):
        other = find(after, path) if element.VR == "UI" else None
        if other is not None:
            for old, new in zip(values(element), values(other), strict=False):
                if not old.startswith(STANDARD):
                    maps.uids.setdefault(old, new)
