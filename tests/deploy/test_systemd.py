"""The units in deploy/systemd, read by systemd itself."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main

from app.cli import app as command
from app.settings import PREFIX, Settings
from tests.deploy.proxied import ROOT
from tests.required import lacking

UNITS = ROOT / "deploy" / "systemd"
PROGRAM = "/opt/readingroom/bin/readingroom"
#: systemd's own sum of what a unit could still do, from 0 to 10.
EXPOSED = 2.0


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as they stand, but that the program exists; the template with an instance."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    program = tmp_path / "readingroom"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace(PROGRAM, str(program)))
    shutil.copy(folder / "readingroom-api@.service", folder / "readingroom-api@8081.service")
    return folder


def analyze(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if not shutil.which("systemd-analyze"):
        lacking("There is no systemd here: apt-get install systemd.")
    return subprocess.run(
        ["systemd-analyze", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def names(folder: Path) -> list[str]:
    found = [f"./{path.name}" for each in ("service", "timer", "target") for path in folder.glob(f"*.{each}")]
    return [each for each in found if "@." not in each]


@pytest.mark.parametrize("alone", [False, True], ids=["many machines", "one machine"])
def test_systemd_takes_them(units: Path, alone: bool) -> None:
    if alone:
        shutil.move(units / "one-machine.conf", units / "readingroom-.service.d")
    done = analyze("verify", "--man=no", *names(units), folder=units)
    assert (done.returncode, done.stderr) == (0, "")
    unit = units / "readingroom-check.service"
    unit.write_text(unit.read_text().replace("Type=oneshot", "Type=oncely"))
    assert analyze("verify", "--man=no", *names(units), folder=units).stderr


def test_they_are_confined(units: Path) -> None:
    services = [each for each in names(units) if each.endswith(".service")]
    assert len(services) == 6
    for each in services:
        done = analyze("security", "--offline=true", "--no-pager", each, folder=units)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        assert found, done.stderr
        assert float(found[1]) <= EXPOSED, each


def test_timers_have_their_times(units: Path) -> None:
    for path in units.glob("*.timer"):
        assert path.with_suffix(".service").exists()
        (when,) = re.findall("OnCalendar=(.*)", path.read_text())
        assert analyze("calendar", when, folder=units).returncode == 0


def test_commands_and_settings_exist() -> None:
    known = typer.main.get_command(command).commands  # type: ignore[attr-defined]
    started = {
        line.split()[1]
        for path in UNITS.glob("*.service")
        for line in path.read_text().splitlines()
        if line.startswith(f"ExecStart={PROGRAM}")
    }
    assert started == {"serve", "work", "check", "sweep", "backup"}
    assert started <= known.keys()
    files = [*UNITS.glob("*.service"), *UNITS.rglob("*.conf"), UNITS / "settings.example"]
    said = {each for path in files for each in re.findall(rf"\b{PREFIX}(\w+)=", path.read_text())}
    assert len(said) > 8
    assert {each.lower() for each in said} <= Settings.model_fields.keys()


def test_jobs_are_the_workers() -> None:
    server = (UNITS / "readingroom-api@.service").read_text()
    assert "READINGROOM_JOBS=false" in server
    assert f"ExecStart={PROGRAM} serve\n" in server
    assert f"ExecStart={PROGRAM} work\n" in (UNITS / "readingroom-worker.service").read_text()


def test_secrets_are_credentials() -> None:
    """No secret stands in a unit or in the environment: each is a file that systemd hands over."""
    common = (UNITS / "readingroom-.service.d" / "common.conf").read_text()
    for name, path in re.findall(r"LoadCredential=(\w+):(\S+)", common):
        assert path == f"/etc/readingroom/{name}"
        assert f"=%d/{name}\n" in common
    assert not re.search("(TOKEN|PASSWORD|SECRET|DATABASE)=", common)
