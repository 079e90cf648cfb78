"""`readingroom deid` on the whole corpus, judged: what issue F asks of it."""

import csv
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.deid.corpus.made import make
from tests.deid.judge.leaks import Search
from tests.deid.judge.maps import told
from tests.deid.judge.programs import installed
from tests.deid.judge.score import Score, score
from tests.deid.key import Action, Key
from tests.required import lacking

if find_spec("rapidocr") is None:
    # Without a reader of texts in pixels, images wait for a person and are no outputs.
    lacking("rapidocr is not here: `make install` has it")

#: All of one worker: the corpus is made and de-identified once. Not beside Chromium: each takes both cores.
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("heavy"),
]
ALL = (Action.UID_CHANGED, Action.UID_CONSISTENT, Action.PATID_CONSISTENT, Action.DATE_SHIFTED)
MEASURES = (
    "outputs", "leak scan", "links", "standard UIDs", "intervals", "flags", "file meta",
    "private blocks", "readable",
    "pixels outside boxes",
)  # fmt: skip
#: Exit statuses: all done, and something needs a person (here: the letters that were taken out).
DONE, PERSON = 0, 3
LEAST = 99.9


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command: what it was given and gave."""

    source: Path
    output: Path
    crosswalk: Path
    key: Key
    status: int


def deidentified(source: Path, folder: Path, key_file: Path) -> tuple[Path, int]:
    """What the command makes of it, and its exit status."""
    output = folder / "output"
    command = [sys.executable, "-m", "app", "deid", str(source), str(output), "--policy", "tcia"]
    command += ["--key-file", str(key_file), "--crosswalk", str(folder / "crosswalk")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in {DONE, PERSON}, done.stdout + done.stderr
    return output, done.returncode


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The command, run on the whole corpus."""
    folder = tmp_path_factory.mktemp("judged")
    key = make(folder / "source")
    subprocess.run([sys.executable, "-m", "app", "deid", "key", str(folder / "key")], check=True)
    output, status = deidentified(folder / "source", folder, folder / "key")
    return Run(folder / "source", output, folder / "crosswalk", key, status)


@pytest.fixture(scope="module")
def judged(run: Run) -> Score:
    """The judgement of it; with dciodvfy where that is installed."""
    return score(run.source, run.output, run.key, told(run.crosswalk))


def _failures(judged: Score, measure: str) -> list[str]:
    found = [failure for failure in judged.failures if failure.measure == measure]
    return [f"{failure.instance} {failure.path} {failure.told}" for failure in found[:20]]


def test_the_letters_need_a_person(run: Run) -> None:
    assert run.status == PERSON


def test_the_types_of_checks(judged: Score) -> None:
    assert judged.total.total > 50_000
    assert judged.total.share >= LEAST, judged.failures[:20]


@pytest.mark.parametrize("action", Action)
def test_each_type_of_check(judged: Score, action: Action) -> None:
    tally = judged.actions[action.value]
    assert tally.total
    assert tally.share >= (100 if action in ALL else LEAST), _failures(judged, action.value)


@pytest.mark.parametrize("measure", MEASURES)
def test_each_measure(judged: Score, measure: str) -> None:
    tally = judged.measures[measure]
    assert tally.total
    assert tally.passed == tally.total, _failures(judged, measure)


def test_no_new_error_of_dciodvfy(judged: Score) -> None:
    if installed("dciodvfy") is None:
        lacking("dciodvfy is not here: install the development requirements")
    assert judged.measures["dciodvfy"].total
    assert _failures(judged, "dciodvfy") == []


def test_the_maps_are_one_to_one_and_name_only_what_was_there(run: Run) -> None:
    for name in ("uid.csv", "patient.csv"):
        with (run.crosswalk / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len({row["id_old"] for row in rows}) == len({row["id_new"] for row in rows}) == len(rows)
    assert set(told(run.crosswalk).patients) == set(run.key.patients.values())


def test_the_same_key_makes_the_same_bytes(run: Run, tmp_path: Path) -> None:
    """Of one patient alone, in another place, as of all together."""
    patient = Path(next(iter(run.key.files.values()))).parts[0]
    shutil.copytree(run.source / patient, tmp_path / "elsewhere" / patient)
    again, _ = deidentified(tmp_path / "elsewhere", tmp_path, run.source.parent / "key")
    outputs = {path.relative_to(again): path for path in again.rglob("*") if path.is_file()}
    assert len(outputs) == sum(name.startswith(patient) for name in run.key.files.values())
    assert [
        name for name, path in outputs.items() if path.read_bytes() != (run.output / name).read_bytes()
    ] == []


def test_another_key_makes_others(run: Run, tmp_path: Path) -> None:
    part = _part(run, tmp_path)
    subprocess.run([sys.executable, "-m", "app", "deid", "key", str(tmp_path / "key")], check=True)
    deidentified(part, tmp_path, tmp_path / "key")
    others, whole = told(tmp_path / "crosswalk"), told(run.crosswalk)
    assert others.uids
    assert not set(others.uids.values()) & set(whole.uids.values())


def test_one_study_alone_gets_the_same_identifiers(run: Run, tmp_path: Path) -> None:
    deidentified(_part(run, tmp_path), tmp_path, run.source.parent / "key")
    alone, whole = told(tmp_path / "crosswalk"), told(run.crosswalk)
    assert alone.uids
    assert alone.uids.items() <= whole.uids.items()
    assert alone.patients.items() <= whole.patients.items()


def test_what_is_told_of_it_names_nobody(run: Run) -> None:
    """Neither the certificate nor the log; the reasons and the quarantine are the submitter's own."""
    record = run.output.with_name(f"{run.output.name}-record")
    search = Search({text for texts in run.key.canaries.values() for text in texts}, root=run.key.root)
    for name in ("certificate.html", "certificate.json", "log.jsonl"):
        assert search.found((record / name).read_bytes()) == set(), name


def _part(run: Run, folder: Path) -> Path:
    """One study of one patient."""
    name = Path(next(iter(run.key.files.values())))
    shutil.copytree(run.source / name.parent, folder / "part")
    return folder / "part"
