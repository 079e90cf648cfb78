"""Real processes of an old and a new version on one database, and many that start at once."""

import asyncio
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from alembic import command

from app.database import check_revision, migrate, revisions
from tests.bodies import content_type, multipart
from tests.database.test_beside import LATER, on, run, scripts
from tests.instances import ct, part10
from tests.live import Process, start_together
from tests.processes import together
from tests.required import lacking

ROOT = Path(__file__).parents[2]


def store(url: str, number: int) -> None:
    data = part10(ct(instance=f"1.2.3.4.{number}", AccessionNumber=f"A{number}"))
    head = {"content-type": content_type()}
    answer = httpx.post(f"{url}/dicom-web/studies", content=multipart([data]), headers=head, timeout=60)
    assert answer.status_code == 200, answer.text


def found(url: str) -> tuple[list[str], int, int]:
    """Instances by two ways, their metadata, and what study and series count."""
    root = f"{url}/dicom-web"
    uids = sorted(each["00080018"]["Value"][0] for each in httpx.get(f"{root}/instances").json())
    series = httpx.get(f"{root}/studies/1.2.3/series/1.2.3.4/metadata", timeout=60).json()
    assert sorted(each["00080018"]["Value"][0] for each in series) == uids
    (study,) = httpx.get(f"{root}/studies", params={"PatientName": "Doe*"}).json()
    (one,) = httpx.get(f"{root}/series", params={"Modality": "CT"}).json()
    return uids, study["00201208"]["Value"][0], one["00201209"]["Value"][0]


def before_the_newest_revision(folder: Path) -> Path:
    """The code as it was before the newest revision came, from the project's own history."""
    listed = git("log", "--format=%H", "--diff-filter=A", "--", "migrations/versions").decode().split()
    if not listed:
        lacking("There is no history here: git fetch --unshallow.")
    tree = f"{listed[0]}^"
    with tarfile.open(fileobj=BytesIO(git("archive", tree, "app", "migrations"))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False).stdout


@pytest.mark.timeout(600)
def test_the_version_before_goes_on_beside_this_one(empty_database_url: str, tmp_path: Path) -> None:
    """Real processes of both: this one migrates while that one serves, and both see what either stored."""
    code = before_the_newest_revision(tmp_path / "before")
    objects = {"READINGROOM_STORE": str(tmp_path / "objects"), "READINGROOM_CODEC_PROCESSES": "1"}
    old = Process(tmp_path / "old", empty_database_url, code=code, **objects)
    new = Process(tmp_path / "new", empty_database_url, **objects)
    asked = [sys.executable, "-c", "import app; print(app.__file__)"]
    used = subprocess.run(asked, env=old.environment, cwd=code, capture_output=True, text=True, check=True)
    assert used.stdout.startswith(str(code))
    old.start(120)
    try:
        store(old.url, 0)
        new.start(120)
        for number, each in enumerate((new, old, new, old), start=1):
            store(each.url, number)
            uids = [f"1.2.3.4.{n}" for n in range(number + 1)]
            for one in (old, new):
                assert found(one.url) == (uids, number + 1, number + 1)
        check = subprocess.run(
            new.command("check", "--deep"), env=new.environment, capture_output=True, check=False
        )
        assert check.returncode == 0, check.stdout
        if (code / "app" / "database" / "beside.py").exists():
            old.kill()
            old.start(120)
            assert found(old.url)[1] == 5
    finally:
        for each in (old, new):
            each.kill()


@pytest.mark.timeout(600)
def test_this_version_serves_from_the_schema_of_a_later_one(empty_database_url: str, tmp_path: Path) -> None:
    """Rows are written by code that knows nothing of the later table and columns."""
    asyncio.run(migrate(empty_database_url))
    asyncio.run(on(empty_database_url, run(LATER)))
    server = Process(tmp_path / "data", empty_database_url, READINGROOM_CODEC_PROCESSES="1")
    server.start(120)
    try:
        store(server.url, 0)
        store(server.url, 1)
        assert found(server.url) == (["1.2.3.4.0", "1.2.3.4.1"], 2, 2)
    finally:
        server.kill()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("engine", "old"), [("sqlite", False), ("postgres", True)], ids=["new", "old"])
def test_ten_servers_start_at_once(
    engine: str, old: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Real ones, on a database that is to be made, and on one that is to be brought up to date."""
    url: str = request.getfixturevalue(f"empty_{engine}_url")
    if old:
        asyncio.run(age(url))
    chosen = {"READINGROOM_STORE": str(tmp_path / "objects"), "READINGROOM_CODEC_PROCESSES": "1"}
    ten = [Process(tmp_path / f"server-{number}", url, **chosen) for number in range(10)]
    try:
        start_together(ten, 300)
        for number, each in enumerate(ten):
            store(each.url, number)
        assert {found(each.url)[1] for each in ten} == {10}
    finally:
        for each in ten:
            if each.process:
                each.kill()
    asyncio.run(check_revision(url))


async def age(url: str) -> None:
    """Make a database as an early version left it."""
    await migrate(url)
    await on(url, lambda c: command.downgrade(revisions._config(connection=c), scripts()[1]))


def _migrate(url: str) -> int:
    asyncio.run(migrate(url))
    return os.getpid()


def test_ten_processes_migrate_an_old_database(empty_database_url: str) -> None:
    asyncio.run(age(empty_database_url))
    assert len(set(together(_migrate, [empty_database_url] * 10))) == 10
    asyncio.run(check_revision(empty_database_url))
