"""The benchmark of de-identification: its instances, its worker, its tables."""

import json
import subprocess
import sys
from pathlib import Path

from pydicom import dcmread

from bench.deid import speed, table
from bench.deid.tools import OURS, WORKER, Made, seen
from tests.deid.corpus.made import make
from tests.deid.judge.maps import Maps
from tests.deid.judge.score import score


def test_an_instance_has_the_elements_that_it_is_said_to_have(tmp_path: Path) -> None:
    speed._fill(tmp_path / "few", 2)
    first, second = (dcmread(path) for path in sorted((tmp_path / "few").iterdir()))
    assert sum(1 for _ in first.iterall()) == speed.ELEMENTS
    assert (first.Rows, first.Columns, first.BitsAllocated) == (512, 512, 16)
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID


def test_the_speeds_are_told_as_ratios() -> None:
    told = table.speeds({OURS: 0.004, "other 1.0": 0.010})
    assert "| Reading Room | 4.00 | 250 | 1.00 x |" in told
    assert "| other 1.0 | 10.00 | 100 | 2.50 x |" in told


def test_a_copy_has_the_scores_of_one(tmp_path: Path) -> None:
    key = make(tmp_path / "source", patients=1)
    pairs = {tmp_path / "source" / name: tmp_path / "source" / name for name in key.files.values()}
    paired = {uid: tmp_path / "source" / name for uid, name in key.files.items()}
    maps = seen(Made(pairs))
    assert all(old == new for old, new in maps.uids.items())
    told = table.scores({"copy": score(tmp_path / "source", tmp_path / "source", key, maps, False, paired)})
    assert "| pixels_hidden | 9 | 0.00 |" in told
    assert "| pixels_retained | 12 | 100.00 |" in told
    assert "| dciodvfy | 0 | - |" in told


def test_its_own_maps_come_first() -> None:
    own = Maps({"1.2": "2.25.1"}, {"A": "B"})
    assert seen(Made(maps=own)) is own


def test_the_worker_tells_what_went_wrong(tmp_path: Path) -> None:
    """By input, as JSON; what a tool prints itself is not in it."""
    (tmp_path / "dcmanon.py").write_text(
        "class Anonymizer:\n"
        "    def anonymize(self, path):\n"
        "        print('noise')\n"
        "        if 'bad' in path:\n"
        "            raise ValueError('no good')\n"
        "        return b'made'\n"
    )
    pairs = [("good", str(tmp_path / "good.out")), ("bad", str(tmp_path / "bad.out"))]
    done = subprocess.run(
        [sys.executable, WORKER, "dcmanon"],
        input=json.dumps(pairs),
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == {"bad": "ValueError: no good"}
    assert (tmp_path / "good.out").read_bytes() == b"made"
    assert not (tmp_path / "bad.out").exists()
