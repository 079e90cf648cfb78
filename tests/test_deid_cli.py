"""The submitter's commands, as they are typed."""

import csv
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.deid_cli import FOR_A_PERSON
from app.submitter import work
from tests import instances
from tests.submitter.made import POLICY, SECRETS, content, fill, in_this_process

RUN = CliRunner()


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a source, a policy and a key."""
    fill(tmp_path / "source")
    (tmp_path / "lung.yaml").write_text(POLICY)
    (tmp_path / "key").write_bytes(bytes(range(32)))
    return tmp_path


def command(place: Path, *more: str, policy: str = "lung.yaml") -> list[str]:
    return [
        "deid",
        str(place / "source"),
        str(place / "out"),
        "--policy",
        str(place / policy) if policy.endswith("yaml") else policy,
        "--key-file",
        str(place / "key"),
        *more,
    ]


def invoke(*arguments: str) -> Result:
    return RUN.invoke(app, list(arguments))


def refused(*arguments: str) -> str:
    """What a command that fails says, without a traceback."""
    result = invoke(*arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.stderr


def test_all_done(place: Path) -> None:
    result = invoke(*command(place))
    assert result.exit_code == 0, result.output
    assert "6 of 6 files" in result.stdout
    assert len(content(place / "out")) == 6
    assert sorted(path.name for path in (place / "out-record").iterdir()) == [
        "certificate.html",
        "certificate.json",
        "journal.jsonl",
        "log.jsonl",
        "reasons.csv",
    ]


def test_run_may_be_said(place: Path) -> None:
    assert invoke("deid", "run", *command(place)[1:]).exit_code == 0


def test_something_needs_a_person(place: Path) -> None:
    (place / "source" / "notes.txt").write_text("no instance")
    result = invoke(*command(place))
    assert result.exit_code == FOR_A_PERSON == 3
    assert "reasons.csv" in result.stdout
    with (place / "out-record" / "reasons.csv").open(newline="") as file:
        assert [Path(row["file"]).name for row in csv.DictReader(file)] == ["notes.txt"]
    assert invoke(*command(place)).exit_code == FOR_A_PERSON


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--key-file", "nowhere"], "readingroom deid key nowhere"),
        (["--policy", "nowhere.yaml"], "basic, tcia"),
        (["--patients", "nowhere.csv"], "id_old and id_new"),
        (["--record", "SOURCE"], "three folders"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(place: Path, wrong: list[str], says: str) -> None:
    more = [str(place / "source") if each == "SOURCE" else each for each in wrong]
    assert says in refused(*command(place), *more)
    assert not (place / "out").exists()


def test_a_key_that_is_too_short(place: Path) -> None:
    (place / "key").write_bytes(b"short")
    assert "32" in refused(*command(place))
    assert not content(place / "out")


def test_a_policy_that_is_none(place: Path) -> None:
    (place / "lung.yaml").write_text("name: x\noptions: [nothing]\n")
    assert "options" in refused(*command(place))
    (place / "lung.yaml").write_bytes(b"\xff\xfe\x00")
    assert "no file that can be read" in refused(*command(place))


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("id_old,id_new\nMRN-1,A\nMRN-2,A\n", "two patients one"),
        ("id_old,id_new\nMRN-1,A\nMRN-1,B\n", "one patient two"),
        ("id_old,id_new\nMRN-1,A\nMRN-2\n", "no CSV"),
        ("old,new\nMRN-1,A\n", "no CSV"),
        ("id_old,id_new\nMRN-1,A^B\nMRN-2,C\n", "no identifier"),
        ("id_old,id_new\nMRN-1,\nMRN-2,C\n", "no identifier"),
        ("id_old,id_new\nMRN-1,A\n", "does not name one"),
    ],
)
def test_tables_of_patients(place: Path, table: str, says: str) -> None:
    (place / "lung.yaml").write_text(POLICY + "patient_ids: {scheme: table}\n")
    (place / "patients.csv").write_text(table)
    said = refused(*command(place), "--patients", str(place / "patients.csv"))
    assert says in said
    assert "MRN" not in said
    (place / "patients.csv").write_text("\ufeffid_old,id_new\nMRN-1 ,A\nMRN-2,B\nMRN-2,B\n", "utf-8")
    assert invoke(*command(place), "--patients", str(place / "patients.csv")).exit_code == 0


def test_a_key_is_new_and_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert invoke("deid", "key", str(path)).exit_code == 0
    assert len(path.read_bytes()) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert "No key was made" in refused("deid", "key", str(path))
    assert path.read_bytes() == before
    assert invoke("deid", "key", str(tmp_path / "other")).exit_code == 0
    assert (tmp_path / "other").read_bytes() != before


@pytest.mark.parametrize(
    ("policy", "attribute", "says"),
    [
        ("tcia", "PatientName", ["PatientName", "→  patient-id"]),
        ("tcia", "00181200", ["→  remove", "PS3.15 retain-device-identity: K"]),
        ("basic", "00181200", ["→  remove", "PS3.15 basic profile: X"]),
        (
            "tcia",
            "00290010[SIEMENS CSA HEADER]",
            ["00290010[SIEMENS CSA HEADER]", "TCIA's knowledge base: remove"],
        ),
        ("tcia", "00110010[/bold]", ["00110010[/bold]", "private and unknown"]),
        ("basic", "RequestAttributesSequence.PatientID", ["→"]),
        ("tcia", "60003000", ["→  remove"]),
        ("tcia", "PixelData", ["→  keep"]),
    ],
)
def test_explain(policy: str, attribute: str, says: list[str]) -> None:
    result = invoke("deid", "explain", policy, attribute)
    assert result.exit_code == 0, result.output
    for sentence in says:
        assert sentence in result.stdout


def test_explain_by_class() -> None:
    enhanced = "1.2.840.10008.5.1.4.1.1.2.1"
    assert "→  remove" in invoke("deid", "explain", "basic", "DeviceSerialNumber", "--sop-class", CT).stdout
    assert (
        "→  dummy" in invoke("deid", "explain", "basic", "DeviceSerialNumber", "--sop-class", enhanced).stdout
    )


CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize("attribute", ["Nothing", "0010", "", "00110010", "PatientName.PatientID", "[/x]"])
def test_explain_knows_attributes_alone(attribute: str) -> None:
    assert "is no attribute" in refused("deid", "explain", "tcia", attribute)


def test_analyze(place: Path) -> None:
    result = invoke("analyze", str(place / "source"))
    assert result.exit_code == 0, result.output
    assert "6 files: 2 patients" in result.stdout
    as_json = json.loads(invoke("analyze", str(place / "source"), "--json").stdout)
    assert as_json["instances"] == 6
    assert not (place / "out").exists()
    for secret in SECRETS:
        assert secret.decode() not in result.stdout.lower()


def test_brackets_in_folders_are_no_markup(place: Path) -> None:
    target = place / "[red]out[/x]"
    arguments = command(place)
    arguments[2] = str(target)
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    assert "[red]out[/x]" in result.stdout


def test_a_crash_of_one_instance_is_no_traceback_of_values(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not a fact ends the run; what was done by then is kept."""

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(work, "_written", broken)
    result = invoke(*command(place))
    assert result.exit_code == 1
    assert not content(place / "out")


def started(place: Path, *more: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "app", *command(place, "--processes", "1", *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.timeout(240)
def test_a_real_run_goes_on_after_a_kill(place: Path) -> None:
    """With processes of its own: killed as soon as something is written, it goes on where it was."""
    fill(place / "source", patients=40, each=8)
    killed = started(place)
    end = time.monotonic() + 100
    while time.monotonic() < end and not content(place / "out"):
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert content(place / "out")
    again = started(place, "--crosswalk", str(place / "crosswalk"))
    out, err = again.communicate(timeout=200)
    assert again.returncode == 0, err.decode()
    assert b"320 of 320 files" in out
    whole = content(place / "out")
    assert len(whole) == 320
    for data in whole.values():
        for secret in SECRETS:
            assert secret not in data.lower()
    assert len((place / "crosswalk" / "patient.csv").read_text().splitlines()) == 41


def test_instances_of_real_life(place: Path) -> None:
    """An image that nobody looked at waits for a person, by the preset."""
    (place / "source" / "more.dcm").write_bytes(instances.part10(instances.ct(PatientID="MRN-1")))
    result = invoke(*command(place, policy="basic"))
    assert result.exit_code in (0, FOR_A_PERSON)
    assert len(content(place / "out")) + len(content(place / "out-record" / "to-decide")) == 7
