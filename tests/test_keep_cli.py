"""What keeps an archive, as it is typed: from a full archive to another one."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from app.cli import app
from app.index.tables import SERIES
from app.settings import PREFIX, Settings
from tests.house import house
from tests.keeping import change, fill, long_ago, objects, stray

RUN = CliRunner()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def run(*command: object) -> Result:
    return RUN.invoke(app, [str(each) for each in command])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of an archive with a little of everything."""
    assert run("migrate", "--data", tmp_path / "data").exit_code == 0

    async def make() -> None:
        async with house(Settings(data=tmp_path / "data")) as opened:
            await fill(opened)

    asyncio.run(make())
    return tmp_path / "data"


def break_it(data: Path) -> str:
    """A wrong count, a missing object and a stray one, whose key is told."""

    async def work() -> str:
        async with house(Settings(data=data)) as opened:
            await opened.archive.store.delete((await objects(opened.archive))[0])
            wrong = update(SERIES).values(number_of_series_related_instances=77)
            await change(opened.archive, lambda connection: connection.execute(wrong))
            return await stray(opened.archive, long_ago())

    return asyncio.run(work())


def test_a_whole_archive_is_said_to_be_whole(data: Path) -> None:
    done = run("check", "--deep", "--data", data)
    assert (done.exit_code, done.stdout) == (0, "Rows, objects and indexes agree.\n")
    said = run("check", "--json", "--data", data)
    assert json.loads(said.stdout) == {"wrong": 0, "found": {}, "advice": {}}


def test_what_is_wrong_is_a_table_or_json_and_the_status(data: Path) -> None:
    key = break_it(data)
    done = run("check", "--data", data)
    assert done.exit_code == 1
    assert all(word in done.stdout for word in ("missing object", "series count", "unreferenced object", key))
    assert "series count: run `readingroom check --repair`." in done.stdout
    said = [json.loads(line) for line in run("check", "--json", "--data", data).stdout.splitlines()]
    assert said[-1]["advice"].keys() == said[-1]["found"].keys()
    assert said[-1]["wrong"] == len(said) - 1 == sum(said[-1]["found"].values())
    assert {"kind", "where", "said", "repaired"} == said[0].keys()
    repaired = run("check", "--repair", "--data", data)
    assert repaired.exit_code == 1  # what is missing stays so
    assert "series count" not in run("check", "--data", data).stdout


def test_what_is_repaired_is_no_failure(data: Path) -> None:
    async def work() -> None:
        async with house(Settings(data=data)) as opened:
            wrong = update(SERIES).values(size=1)
            await change(opened.archive, lambda connection: connection.execute(wrong))

    asyncio.run(work())
    done = run("check", "--repair", "--data", data)
    assert (done.exit_code, " 0 wrong." in done.stdout) == (0, True)


def test_more_than_the_table_shows_is_counted(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_it(data)
    monkeypatch.setattr("app.keep_cli.SHOWN", 1)
    assert "are not shown" in run("check", "--data", data).stdout


def test_a_sweep_says_what_it_did(data: Path) -> None:
    break_it(data)
    done = run("sweep", "--data", data)
    assert done.exit_code == 0
    assert done.stdout.startswith("0 objects were deleted, 0 bytes.\n1 are unreferenced")


def test_a_backup_is_restored(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READINGROOM_LOG_KEY", "a-key-for-the-logs")
    made = run("backup", tmp_path / "backup", "--data", data)
    assert made.exit_code == 0, made.output
    assert "Not in it, keep it elsewhere: READINGROOM_LOG_KEY" in made.stdout
    monkeypatch.delenv("READINGROOM_LOG_KEY")
    again = run("backup", tmp_path / "backup", "--data", data)
    assert ": 0 are new." in again.stdout
    assert {each.stat().st_mode & 0o077 for each in (tmp_path / "backup").glob("*-*")} == {0}
    done = run("restore", tmp_path / "backup", "--data", tmp_path / "new")
    assert done.exit_code == 0, done.output
    assert run("check", "--deep", "--data", tmp_path / "new").exit_code == 0
    refused = run("restore", tmp_path / "backup", "--data", tmp_path / "new")
    assert (refused.exit_code, "empty place" in refused.stderr) == (1, True)


def test_a_backup_that_lacks_something_says_so(data: Path, tmp_path: Path) -> None:
    break_it(data)
    made = run("backup", tmp_path / "backup", "--data", data)
    assert (made.exit_code, "1 objects are missing or damaged" in made.stdout) == (1, True)
    done = run("restore", tmp_path / "backup", "--data", tmp_path / "new")
    assert (done.exit_code, "1 objects are missing" in done.stdout) == (1, True)


@pytest.mark.parametrize("command", ["check", "sweep", "backup", "restore"])
def test_facts_are_said_plainly(tmp_path: Path, command: str) -> None:
    folder = [tmp_path / "backup"] if command in ("backup", "restore") else []
    done = run(command, *folder, "--data", tmp_path / "nothing")
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
    assert not (tmp_path / "nothing").exists()
