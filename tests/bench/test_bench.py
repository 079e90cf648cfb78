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


def _short_form(folder: Path, *options: str) -> str:
    """What it writes."""
    written = folder / "table.md"
    short = ["--short", "--rounds", "1", "--seconds", "0.05", "--workers", "1", "--no-orthanc"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *short, *options, "--markdown", str(written)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wrong" not in written.read_text()
    return written.read_text()


def test_its_short_form_gets_right_answers_to_every_operation(tmp_path: Path) -> None:
    lines = _short_form(tmp_path).splitlines()
    for operation in (*searching(SHORT), *reading(SHORT), *storing()):
        assert any(
            re.match(rf"\| {re.escape(operation.name)} \| {operation.clients} \|", each) for each in lines
        )


def test_it_says_how_what_it_measures_grows(tmp_path: Path) -> None:
    written = _short_form(tmp_path, "--grown", "--only", "studies by UID")
    for instances in (200, 400):
        assert f"| studies by UID, of {instances} instances | 1 |" in written
    assert re.search(
        r"studies by UID, of 400 instances, clients: 1, to 200 .*: Reading Room \d\.\d\d x", written
    )


def test_it_compares_the_two_databases(tmp_path: Path, empty_postgres_url: str) -> None:
    written = _short_form(tmp_path, "--database", empty_postgres_url, "--only", "a frame of a CT")
    assert "| operation | clients | PostgreSQL | SQLite | ratio | reach |" in written
    assert re.search(r"\| a frame of a CT \| 1 \|.* \| 0.5 x \|", written)


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


def test_publication_is_measured(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'index.db'}"
    command = [sys.executable, "-m", "bench.publish", "40", "4", url]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = [line.split(" | ")[:2] for line in done.stdout.splitlines()[2:]]
    assert [each[1] for each in told] == ["40", "40", "4", "4"]
