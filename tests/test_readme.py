"""What the README shows works."""

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


def test_the_session_in_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = blocks("python")
    with served(tmp_path) as archive:
        exec(compile(program.replace(ADDRESS, archive.url), "README.md", "exec"), {})
    assert capsys.readouterr().out == "1 instance, 32768 bytes of pixels\n"


def test_the_session_in_a_shell_names_real_commands() -> None:
    commands = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    ours = [words[1:] for words in commands if words[0].endswith("readingroom")]
    assert ours == [["demo"]]
    assert all(CliRunner().invoke(app, [*words, "--help"]).exit_code == 0 for words in ours)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [words[1] for words in commands if words[0] == "make"] == ["run"]
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
