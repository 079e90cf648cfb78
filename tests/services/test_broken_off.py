"""What keeps an archive, broken off where it hurts: it is seen to be unfinished, and goes on."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from app.database import check_revision, migrate, snapshots
from app.errors import Misconfigured
from app.services import backups, restores
from app.services.backup_folders import MANIFEST
from app.settings import Settings
from tests.house import OWNER, House, house
from tests.keeping import answers, fill, found, quiet
from tests.services.conftest import Urls


@pytest.fixture
async def said(urls: Urls, tmp_path: Path) -> Any:
    """A backup in the folder `backup`, and what its archive answered."""
    await migrate(urls("first"))
    async with house(Settings(data=tmp_path / "first", database=urls("first"))) as opened:
        await fill(opened)
        await backup(opened, tmp_path / "backup")
        return await answers(opened.browser)


async def backup(opened: House, folder: Path) -> None:
    await backups.backup(opened.archive, folder, quiet, lambda _: None)


@pytest.mark.parametrize(
    "step", ["snapshots.read", "migrate", "Database.open", "audit.enter", "unfinished.unmark"]
)
async def test_a_restore_that_ends_behind_its_database_is_run_again(
    said: Any, elsewhere: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def power_cut(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    put_back = snapshots.put_back

    async def then_cut(*arguments: Any) -> None:
        await put_back(*arguments)
        monkeypatch.setattr(f"app.services.restores.{step}", power_cut)

    with monkeypatch.context():
        monkeypatch.setattr(snapshots, "put_back", then_cut)
        with pytest.raises(KeyboardInterrupt):
            await restores.restore(elsewhere, tmp_path / "backup", quiet)
        monkeypatch.undo()
    for begin in (migrate, check_revision):
        with pytest.raises(Misconfigured, match="run it again"):
            await begin(elsewhere.database_url)
    done = await restores.restore(elsewhere, tmp_path / "backup", quiet)
    assert done.missing == 0
    with pytest.raises(Misconfigured, match="empty place"):
        await restores.restore(elsewhere, tmp_path / "backup", quiet)
    async with house(elsewhere) as opened:
        opened.browser.headers.update(OWNER)
        assert await answers(opened.browser) == said
        assert await found(opened.archive, deep=True) == []


async def test_no_server_begins_where_a_restore_has_no_database_yet(
    said: Any, elsewhere: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(restores, "copy", power_cut)
        with pytest.raises(KeyboardInterrupt):
            await restores.restore(elsewhere, tmp_path / "backup", quiet)
    with pytest.raises(Misconfigured, match="run it again"):
        await migrate(elsewhere.database_url)
    await restores.restore(elsewhere, tmp_path / "backup", quiet)
    await check_revision(elsewhere.database_url)


async def test_a_restore_goes_on_only_behind_its_own_backup(
    said: Any, urls: Urls, elsewhere: Settings, tmp_path: Path
) -> None:
    await migrate(urls("second"))  # another archive, with nothing in it
    with pytest.raises(Misconfigured, match="empty place"):
        await restores.restore(elsewhere, tmp_path / "backup", quiet)


async def test_what_a_database_left_beside_it_is_in_the_way(tmp_path: Path) -> None:
    """SQLite would take the log of a database that is gone for that of the one put in its place."""
    path = tmp_path / "readingroom.sqlite"
    old = sqlite3.connect(path)
    old.executescript("PRAGMA journal_mode = WAL; CREATE TABLE old (x); INSERT INTO old VALUES (1)")
    for each in (path, Path(f"{path}-wal")):
        shutil.copy(each, tmp_path / f"kept{each.name}")
    old.close()
    shutil.move(tmp_path / "keptreadingroom.sqlite-wal", f"{path}-wal")
    path.unlink()
    with pytest.raises(Misconfigured, match="sqlite-wal of another"):
        await snapshots.is_empty(f"sqlite:///{path}")


async def test_a_backup_that_ended_in_its_first_moment_is_made_again(urls: Urls, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    folder.mkdir()
    (folder / f"{MANIFEST}.part").write_bytes(b'{"arch')
    await migrate(urls("first"))
    async with house(Settings(data=tmp_path / "first", database=urls("first"))) as opened:
        await fill(opened)
        await backup(opened, folder)
    assert not (folder / f"{MANIFEST}.part").exists()
