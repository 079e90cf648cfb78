"""What the README shows works."""

import os
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.settings import PREFIX, Settings
from tests.test_server import served

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run(program: str, url: str) -> None:
    exec(compile(program.replace(ADDRESS, url), "README.md", "exec"), {})


def test_the_session_in_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, *_ = blocks("python")
    with served(tmp_path) as archive:
        run(program, archive.url)
    assert capsys.readouterr().out == "1 instance, 32768 bytes of pixels\n"


def test_a_restricted_collection_as_four_callers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, program, _ = blocks("python")
    token = {"READINGROOM_OWNER_TOKEN": "0123456789abcdef0123456789abcdef"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(*token.popitem())
    with served(tmp_path, READINGROOM_OWNER_TOKEN=os.environ["READINGROOM_OWNER_TOKEN"]) as archive:
        for name in ("ana", "ben"):
            number = people("add", name, "--pipeline").strip()
            Path(f"{name}.token").write_text(people("token", number))
        run(program, archive.url)
    told = [line.split(" frame ") for line in capsys.readouterr().out.splitlines()]
    assert [[who, said[:3]] for who, said in told] == [
        ["owner: finds it,", "200"],
        ["Ana: finds it,", "200"],
        ["Ben: finds it,", "403"],
        ["stranger: finds it,", "401"],
    ]
    assert all("asked for access" in said for _, said in told[2:])


def test_versions_that_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    *_, program = blocks("python")
    with served(tmp_path) as archive:
        run(program, archive.url)
    change, cited, cart, *same = capsys.readouterr().out.splitlines()
    assert change == "replaced 00081030"
    assert re.match(r"Doe, J\. \(\d{4}\)\. Head CT \(Version 1\) \[Data set\]\. ", cited)
    assert cart == "None of 1 series may not be used commercially. 4 identifiers"
    assert same == ["DICOMweb: True", "ZIP: True"]


def people(*words: str) -> str:
    """What the command prints."""
    answer = CliRunner().invoke(app, ["people", *words, "--data", "data"])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_the_session_in_a_shell_names_real_commands() -> None:
    commands = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    ours = [words[1:] for words in commands if words[0].endswith("readingroom")]
    assert [words[:2] for words in ours] == [["demo"], ["people", "token"], ["people", "token"]]
    ours = [words[:2] for words in ours]
    assert all(CliRunner().invoke(app, [*words, "--help"]).exit_code == 0 for words in ours)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [words[1] for words in commands if words[0] == "make"] == ["run", "run"]
    assert "run" in targets


def test_addresses_are_the_defaults() -> None:
    settings = Settings.model_fields
    url = urlsplit(ADDRESS)
    assert (url.hostname, url.port) == (settings["host"].default, settings["port"].default)


def test_every_variable_is_a_setting() -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", README))
    assert named <= {PREFIX + name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/decisions/README.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (folder / link).exists()] == []


def test_the_architecture_page_names_real_homes() -> None:
    homes = re.findall(r"`(app/[a-z_0-9/.]+)`", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    assert homes
    assert [home for home in homes if not (ROOT / home).exists()] == []
