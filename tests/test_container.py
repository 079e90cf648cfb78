"""The image, as far as it can be judged without an engine to build it."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continuation lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines() if line.strip())
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def last_stage() -> list[tuple[str, str]]:
    every = instructions()
    start = max(place for place, (name, _) in enumerate(every) if name == "FROM")
    return every[start:]


def value(name: str) -> str:
    return next(rest for found, rest in last_stage() if found == name)


def test_the_runtime_is_a_stage_of_its_own() -> None:
    stages = [rest for name, rest in instructions() if name == "FROM"]
    base = "python:3.11.13-slim-bookworm"
    assert stages == [f"{base} AS build", "build AS viewer", base]
    assert not any("pip" in rest or "npm" in rest for name, rest in last_stage() if name == "RUN")
    assert value("COPY").startswith("--from=build ")


def test_it_brings_the_viewer() -> None:
    (fetched,) = [rest for name, rest in instructions() if "readingroom viewer" in rest]
    folder = fetched.split("--viewer ")[1]
    assert ("COPY", f"--from=viewer {folder} {folder}") in last_stage()
    assert f"READINGROOM_VIEWER={folder}" in value("ENV")


def test_dependencies_are_pinned_by_hash() -> None:
    installs = [rest for name, rest in instructions() if name == "RUN" and "pip install" in rest]
    assert any("--require-hashes -r requirements.lock" in install for install in installs)
    assert all("--require-hashes" in install or "--no-deps" in install for install in installs)


def test_it_does_not_run_as_root() -> None:
    assert value("USER") == "readingroom"
    order = [name for name, _ in last_stage()]
    assert order.index("USER") > order.index("RUN")
    assert order.index("USER") < order.index("ENTRYPOINT")


def test_it_keeps_its_data_in_a_volume_and_needs_a_token() -> None:
    environment = value("ENV")
    assert value("VOLUME") == "/data"
    assert "READINGROOM_DATA=/data" in environment
    assert "READINGROOM_HOST=0.0.0.0" in environment
    assert "TOKEN" not in environment
    assert value("EXPOSE") == "8080"


def test_its_health_is_checked_with_what_it_has() -> None:
    check = value("HEALTHCHECK")
    command = json.loads(check[check.index("CMD") + 3 :])
    assert command[:2] == ["python", "-c"]
    # Nothing listens there, so the check must fail, and not for a reason of its own.
    done = subprocess.run(
        [sys.executable, *command[1:]],
        env={"READINGROOM_PORT": "9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Connection refused" in done.stderr


def test_what_is_copied_is_let_through() -> None:
    allowed = {
        line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = {
        source.rstrip("/")
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.parametrize("needed", ["README.md", "LICENSE", "migrations"])
def test_the_wheel_has_what_it_is_built_from(needed: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    said = (
        str(project["project"]["readme"])
        + str(project["project"]["license-files"])
        + str(project["tool"]["hatch"])
    )
    assert needed in said
    assert any(needed in rest for name, rest in instructions() if name == "COPY")


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_requirement_has_a_hash_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    requirements = re.split(r"\n(?=[a-z0-9])", text)
    assert len(requirements) > 40
    assert [each for each in requirements if "--hash=sha256:" not in each] == []
