"""The benchmark itself: its short form runs, and tells right answers from wrong ones."""

import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from bench.client import dechunked
from bench.corpus import SHORT
from bench.ct import SIDE, Instance, pixels
from bench.operations import reading, searching, storing


def test_its_short_form_gets_right_answers_to_every_operation(tmp_path: Path) -> None:
    written = tmp_path / "table.md"
    options = ["--short", "--rounds", "1", "--seconds", "0.05", "--workers", "1", "--no-orthanc"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *options, "--markdown", str(written)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = written.read_text().splitlines()
    assert "wrong" not in written.read_text()
    for operation in (*searching(SHORT), *reading(SHORT), *storing()):
        assert any(
            re.match(rf"\| {re.escape(operation.name)} \| {operation.clients} \|", each) for each in lines
        )


@pytest.mark.parametrize(
    "instance", [Instance(1, 2, 3), Instance(99_999_999, 1, 499), Instance(0, 3, 1, frames=3)]
)
def test_a_made_up_instance_is_what_it_says(instance: Instance) -> None:
    read = pydicom.dcmread(BytesIO(instance.encoded()))
    assert read.StudyInstanceUID == instance.study_uid
    assert read.SeriesInstanceUID == instance.series_uid
    assert read.SOPInstanceUID == read.file_meta.MediaStorageSOPInstanceUID == instance.uid
    assert (read.InstanceNumber, read.Rows) == (instance.number, SIDE)
    assert read.PixelData == pixels(SIDE, instance.frames or 1)
    assert len(read) >= 150


def test_chunks_are_put_together() -> None:
    assert dechunked(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") == b"abcde"
