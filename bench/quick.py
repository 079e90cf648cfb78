"""What storing, searching and retrieving cost on this machine: `make bench`, half a minute.

Starts an archive on an empty folder, stores a made-up CT of 100 slices one by one, and asks for it again.
Printed are medians over blocks of requests from one client on one connection: the server's CPU time and the
client's wall time.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
import numpy as np
import psutil
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from rich.console import Console
from rich.table import Table

SLICES = 100
ROWS = COLUMNS = 512
BLOCKS = 7
PER_BLOCK = 100
NATIVE = 'multipart/related; type="application/octet-stream"'


@dataclass(frozen=True, slots=True)
class Cost:
    """Median milliseconds of one request."""

    name: str
    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class Archive:
    """A running archive, and the client that asks it."""

    process: psutil.Process
    client: httpx.Client

    def cpu(self) -> float:
        """Seconds of CPU that the server has used, with its children."""
        each = [self.process, *self.process.children(recursive=True)]
        return sum(times.user + times.system for times in (process.cpu_times() for process in each))


def slices() -> Iterator[tuple[str, bytes]]:
    """A CT series: the path of each instance below the root, and its bytes."""
    noise = np.random.default_rng(7)
    study, series = generate_uid(), generate_uid()
    for number in range(1, SLICES + 1):
        dataset = _header(study, series, number)
        dataset.PixelData = noise.integers(0, 4096, (ROWS, COLUMNS), np.uint16).tobytes()
        target = BytesIO()
        dataset.save_as(target, enforce_file_format=True)
        yield f"/studies/{study}/series/{series}/instances/{dataset.SOPInstanceUID}", target.getvalue()


def _header(study: str, series: str, number: int) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = "BENCH-1", "Bench^Quick", "19700101"
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID, dataset.AccessionNumber = (
        "20240229",
        "101530",
        "1",
        "A1",
    )
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "CT", 1, number
    dataset.StudyDescription, dataset.SeriesDescription = "CT CHEST", "AXIAL 1.0"
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness, dataset.KVP = [0.7, 0.7], 1, 120
    dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = ROWS, COLUMNS, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    return dataset


@contextmanager
def archive(folder: Path) -> Iterator[Archive]:
    """An archive on an empty folder, stopped at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("READINGROOM_")}
    command = [sys.executable, "-m", "app", "serve", "--data", str(folder), "--port", "0"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout
    try:
        line = next((line for line in process.stdout if "DICOMweb" in line), "")
        if not line:
            raise SystemExit((folder / "log").read_text())
        with httpx.Client(base_url=line.split()[1], timeout=60) as client:
            yield Archive(psutil.Process(process.pid), client)
    finally:
        process.terminate()
        process.wait()


def measure(name: str, archive: Archive, request: Callable[[int], httpx.Response], per_block: int) -> Cost:
    """The cost of a request, which is given its number; the first is not counted."""
    numbers = count()
    request(next(numbers)).raise_for_status()
    cpu, wall = [], []
    for _ in range(BLOCKS):
        began, used = time.perf_counter(), archive.cpu()
        for _ in range(per_block):
            request(next(numbers)).raise_for_status()
        wall.append((time.perf_counter() - began) / per_block * 1000)
        cpu.append((archive.cpu() - used) / per_block * 1000)
    return Cost(name, median(cpu), median(wall))


def costs(archive: Archive) -> Iterator[Cost]:
    """Every cost, in the order in which a study meets them."""
    client, made = archive.client, list(slices())
    paths = [path for path, _ in made]
    series = paths[0].partition("/instances")[0]
    dicom = {"Content-Type": "application/dicom", "Accept": "application/dicom+json"}
    yield measure(
        "STOW, one 0.5 MB instance",
        archive,
        lambda n: client.post("/studies", content=made[n][1], headers=dicom),
        SLICES // BLOCKS - 1,
    )
    yield measure(
        "QIDO, studies by PatientID", archive, lambda n: client.get("/studies?PatientID=BENCH-*"), PER_BLOCK
    )
    stored = (SLICES // BLOCKS - 1) * BLOCKS + 1
    yield measure(
        f"QIDO, {stored} instances", archive, lambda n: client.get(f"{series}/instances"), PER_BLOCK // 4
    )
    yield measure(
        "metadata, one instance", archive, lambda n: client.get(f"{paths[n % stored]}/metadata"), PER_BLOCK
    )
    yield measure(
        f"metadata, {stored} instances", archive, lambda n: client.get(f"{series}/metadata"), PER_BLOCK // 4
    )
    yield measure(
        "frame, 0.5 MB",
        archive,
        lambda n: client.get(f"{paths[n % stored]}/frames/1", headers={"Accept": NATIVE}),
        PER_BLOCK,
    )


def main() -> None:
    """Measure and print."""
    table = Table("request", "ms CPU of the server", "ms wall", title="Medians, one client")
    for column in table.columns[1:]:
        column.justify = "right"
    with TemporaryDirectory(prefix="readingroom-bench-") as folder, archive(Path(folder)) as running:
        for cost in costs(running):
            table.add_row(cost.name, f"{cost.cpu:.2f}", f"{cost.wall:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
