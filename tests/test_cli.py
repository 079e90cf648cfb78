import os
import runpy
import socket
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.settings import PREFIX

RUN = CliRunner()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something else listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def refused(*command: str) -> str:
    """What a command that fails says, in one line and without a traceback."""
    result = RUN.invoke(app, list(command))
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_version() -> None:
    result = RUN.invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"readingroom {version('readingroom')}\n")


@pytest.mark.parametrize("command", ["serve", "viewer", "demo", "migrate", "conformance", "audit", "people"])
def test_every_command_explains_itself(command: str) -> None:
    result = RUN.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_others_are_not_let_in_by_accident(tmp_path: Path) -> None:
    said = refused("serve", "--host", "0.0.0.0")
    assert "READINGROOM_OWNER_TOKEN" in said
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_said_before_anything_is_made(taken: int, tmp_path: Path) -> None:
    assert f"Cannot listen on 127.0.0.1 port {taken} (address already in use)" in refused(
        "serve", "--port", str(taken)
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--workers", "0"], "READINGROOM_WORKERS: Input should be greater than or equal to 1."),
        (["--port", "0", "--database", "oracle://x"], "database"),
        (["--port", "0", "--data", "what?"], "READINGROOM_DATA: the folder's name may not contain '?'."),
    ],
)
def test_a_wrong_setting_is_one_sentence(options: list[str], sentence: str) -> None:
    assert sentence in refused("serve", *options)


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READINGROOM_PORT", "http")
    assert "READINGROOM_PORT" in refused("serve")


def test_migrate_makes_the_database_and_may_be_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        result = RUN.invoke(app, ["migrate", "--data", "here"])
        assert result.exit_code == 0
    with sqlite3.connect(tmp_path / "here" / "readingroom.sqlite") as connection:
        assert connection.execute("select count(*) from collection").fetchone() == (1,)
    connection.close()


def test_a_demo_needs_an_archive(taken: int) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    assert refused("demo", "--url", url).startswith(
        f"No archive answers at {url}: start one with 'readingroom serve'"
    )


def test_a_decoding_process_can_read_the_main_module() -> None:
    # What anyio does in each of its worker processes: `python -m app serve` could not decode otherwise.
    main = Path(__file__).parent.parent / "app" / "__main__.py"
    assert runpy.run_path(str(main), run_name="__mp_main__")["__name__"] == "__mp_main__"


def people(*command: str, said: str = "", code: int = 0) -> str:
    """What a command about people prints."""
    result = RUN.invoke(app, ["people", *command, "--data", "here"], input=said)
    assert result.exit_code == code, result.output
    return result.output


def test_people_are_made_listed_and_changed() -> None:
    RUN.invoke(app, ["migrate", "--data", "here"])
    password = "correct horse battery\n"
    people("add", "mary", "--admin", said=password * 2)
    assert people("add", "robot", "--pipeline") == "2\n"
    assert people("list").splitlines() == ["1\tmary\there\tadmin", "2\trobot\there\t"]
    people("change", "1", "--no-admin", "--auditor")
    people("disable", "2")
    assert people("list").splitlines() == ["1\tmary\there\tauditor", "2\trobot\there\tdisabled"]
    people("enable", "2")
    people("password", "1", said="another horse battery\n" * 2)
    token = people("token", "2", "--days", "7").strip()
    assert token.startswith("rr_")
    with sqlite3.connect("here/readingroom.sqlite") as connection:
        (kept,) = connection.execute("select password from person where id = 1").fetchone()
        assert kept.startswith("$argon2id$")
        assert "horse" not in str(connection.execute("select * from audit_entry").fetchall())
        assert token[10:] not in str(connection.execute("select * from token").fetchall())
    connection.close()


@pytest.mark.parametrize(
    ("command", "said", "sentence"),
    [
        (["add", "mary"], "short\nshort\n", "A password has 12 to 1000 characters."),
        (["add", "Mary Major", "--pipeline"], "", "A name has 1 to 100"),
        (["add", "robot", "--pipeline"], "", "There is somebody called robot already."),
        (["disable", "9"], "", "There is nobody of number 9."),
        (["token", "9"], "", "There is nobody of number 9."),
        (["password", "9"], "correct horse battery\n" * 2, "There is no account here of number 9."),
    ],
)
def test_what_is_wrong_about_people_is_one_sentence(command: list[str], said: str, sentence: str) -> None:
    RUN.invoke(app, ["migrate", "--data", "here"])
    people("add", "robot", "--pipeline")
    assert sentence in people(*command, said=said, code=1)
