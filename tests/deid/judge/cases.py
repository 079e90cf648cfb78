"""One input beside its output, found by the UID map."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from tests.deid.key import Key


@dataclass
class Case:
    """An instance before and after; without an output, `after` is None."""

    uid: str
    patient: str
    source: Path
    before: Dataset
    output: Path | None = None
    after: Dataset | None = None

    @cached_property
    def pixels_before(self) -> NDArray[np.generic] | None:
        """Decoded: frames by rows by columns by samples; None where there are none."""
        return frames(self.before)

    @cached_property
    def pixels_after(self) -> NDArray[np.generic] | None:
        """Decoded likewise."""
        return frames(self.after) if self.after is not None else None


def frames(dataset: Dataset) -> NDArray[np.generic] | None:
    """Decoded pixels, frames by rows by columns by samples; None where they cannot be read."""
    try:
        pixels = dataset.pixel_array
        shape = (
            int(dataset.get("NumberOfFrames") or 1),
            dataset.Rows,
            dataset.Columns,
            dataset.SamplesPerPixel,
        )
        return pixels.reshape(shape)
    except Exception:
        return None


def cases(
    source: Path, output: Path, key: Key, uids: dict[str, str], paired: dict[str, Path] | None = None
) -> Iterator[Case]:
    """Every input of the key, in its order; `uids` maps SOP Instance UIDs, `paired` names outputs."""
    written = read_all(output) if paired is None else {}
    for uid, name in key.files.items():
        case = Case(uid, key.patients[uid], source / name, dcmread(source / name))
        if paired is None:
            case.output, case.after = written.get(uids.get(uid, uid), (None, None))
        elif uid in paired:
            case.output, case.after = paired[uid], dcmread(paired[uid], force=True)
        yield case


def read_all(folder: Path) -> dict[str, tuple[Path, Dataset]]:
    """The instances below a folder by SOP Instance UID; what is none is left out."""
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        try:
            dataset = dcmread(path)
            found[str(dataset.SOPInstanceUID)] = path, dataset
        except Exception:
            continue
    return found
