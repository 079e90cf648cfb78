"""What is backed up is restored into an empty place, and answers as before; nothing secret goes along."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from app.database import migrate
from app.errors import Misconfigured, StoreUnavailable
from app.index.tables import INSTANCE
from app.registry.tables import AUDIT_ENTRY, LEASE
from app.services import audit_check, backups, restores
from app.services.backup_folders import MANIFEST, Manifest
from app.services.backups import BackedUp
from app.services.restores import Restored
from app.services.turns_at_objects import staying
from app.settings import Settings
from tests.house import OWNER, OWNERS, House, house
from tests.keeping import answers, change, files, fill, found, objects, quiet, rot, stray
from tests.routers.versions_of import send
from tests.services.conftest import Urls


@pytest.fixture
async def settings(urls: Urls, tmp_path: Path) -> Settings:
    """Those of the archive that is backed up."""
    await migrate(urls("first"))
    return Settings(data=tmp_path / "first", database=urls("first"), owner_token=OWNERS)


@asynccontextmanager
async def filled(settings: Settings, **more: Any) -> AsyncIterator[House]:
    """An archive that holds something of everything."""
    async with house(settings, **more) as opened:
        await fill(opened)
        yield opened


async def backup(opened: House, folder: Path, **chosen: bool) -> BackedUp:
    return await backups.backup(opened.archive, folder, quiet, lambda _: None, **chosen)


async def restore(settings: Settings, folder: Path, **chosen: bool) -> Restored:
    return await restores.restore(settings, folder, quiet, **chosen)


async def test_a_restored_archive_answers_as_before(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    async with filled(settings) as opened:
        kept = await objects(opened.archive)
        await stray(opened.archive)
        said = await answers(opened.browser)
        audited = await change(opened.archive, lambda c: c.execute(select(AUDIT_ENTRY.c.digest)).all())
        made = await backup(opened, tmp_path / "backup")
    assert (made.manifest.objects, made.copied, made.manifest.missing) == (len(kept), len(kept), 0)
    shutil.rmtree(settings.data)
    done = await restore(elsewhere, tmp_path / "backup")
    assert (done.missing, done.needs) == (0, ())
    async with house(elsewhere) as opened:
        opened.browser.headers.update(OWNER)
        assert await answers(opened.browser) == said
        assert await objects(opened.archive) == kept
        assert await found(opened.archive, deep=True) == []
        assert await audit_check.verify(opened.archive.database, [], lambda *_: None) == []
        restored = await change(opened.archive, lambda c: c.execute(select(AUDIT_ENTRY.c.digest)).all())
        assert set(audited) <= set(restored)
        assert await change(opened.archive, lambda c: c.execute(select(LEASE)).all()) == []
        await send(opened.browser, "head", study="1.2.8", series="1.2.8.1", instance="8.1")
        assert (await opened.browser.get("/dicom-web/studies/1.2.8/metadata")).status_code == 200


async def test_a_later_backup_copies_what_is_new_and_drops_what_was_purged(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    async with filled(settings) as opened:
        first = await backup(opened, folder)
        before = files(folder / "objects")
        await send(opened.browser, "head", study="1.2.8", series="1.2.8.1", instance="8.1")
        gone = {"study": "1.2.9", "reason": "A patient asked for it"}
        await opened.browser.post("/api/v1/collections/head/purges", json=gone)
        second = await backup(opened, folder)
        kept, said = set(await objects(opened.archive)), await answers(opened.browser)
    assert (second.copied, second.removed) == (1, 3)
    assert files(folder / "objects") == kept != before
    assert second.manifest.archive == first.manifest.archive
    assert len(list(folder.glob("database-*"))) == len(list(folder.glob("objects-*"))) == 1
    await restore(elsewhere, folder)
    async with house(elsewhere) as opened:
        opened.browser.headers.update(OWNER)
        assert await answers(opened.browser) == said


async def test_what_is_stored_and_purged_meanwhile_is_not_torn(
    settings: Settings, elsewhere: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the database was copied, a study is purged and another stored: the backup has the first alone."""
    copy = backups.copy
    async with filled(settings) as opened:
        said = await answers(opened.browser)

        async def meanwhile(*arguments: Any, **chosen: Any) -> AsyncIterator[Any]:
            gone = {"study": "1.2.9", "reason": "A patient asked for it"}
            purged = await opened.browser.post("/api/v1/collections/head/purges", json=gone)
            assert purged.status_code == 200
            await send(opened.browser, "head", study="1.2.8", series="1.2.8.1", instance="8.1")
            async for each in copy(*arguments, **chosen):
                yield each

        monkeypatch.setattr(backups, "copy", meanwhile)
        made = await backup(opened, tmp_path / "backup")
        assert made.manifest.missing == 0
        kept = await objects(opened.archive)
        assert len(kept) == made.manifest.objects - 3 + 1  # what was purged went when the backup was done
        assert await found(opened.archive) == []
    await restore(elsewhere, tmp_path / "backup")
    async with house(elsewhere) as opened:
        opened.browser.headers.update(OWNER)
        assert await answers(opened.browser) == said


async def test_no_secret_goes_along_and_it_says_what_is_needed(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    key_file = settings.data / "keys" / "chest.key"
    chosen = {"log_key": "a-log-key-0123456789", "webhook_hosts": "localhost:9"}
    async with filled(settings, **chosen) as opened:
        hook = {"url": "https://localhost:9/", "events": ["collection.version.published"]}
        made = await opened.browser.post("/api/v1/webhooks", json=hook)
        assert made.status_code == 201, made.text
        await _deidentifies(opened)
        secret = made.json()["secret"]
        done = await backup(opened, folder)
    needed = {each.name for each in done.manifest.needs}
    assert needed == {"READINGROOM_LOG_KEY", "READINGROOM_OWNER_TOKEN", "chest.key"}
    assert done.manifest.webhooks == 1
    secrets = [secret.encode(), key_file.read_bytes(), chosen["log_key"].encode(), OWNERS.encode()]
    assert "chest.key" not in files(folder)
    for file in folder.rglob("*"):
        assert not file.is_file() or not any(each in file.read_bytes() for each in secrets), file
    restored = await restore(elsewhere, folder)
    assert {each.name for each in restored.needs} == {"READINGROOM_LOG_KEY", "chest.key"}
    async with house(elsewhere) as opened:
        assert (await opened.browser.get("/api/v1/webhooks", headers=OWNER)).json()["items"] == []


async def _deidentifies(opened: House) -> None:
    policy = {"policy": "tcia"}
    answer = await opened.browser.put("/api/v1/collections/chest/deidentification", json=policy)
    assert answer.status_code in (200, 201), answer.text


async def test_an_older_key_is_not_the_one_that_is_needed(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    async with filled(settings) as opened:
        await _deidentifies(opened)
        await backup(opened, tmp_path / "backup")
    keys = elsewhere.data / "keys"
    keys.mkdir(parents=True)
    (keys / "chest.key").write_bytes(b"x" * 32)
    assert [each.name for each in (await restore(elsewhere, tmp_path / "backup")).needs] == ["chest.key"]


async def test_a_key_that_is_there_is_not_asked_for(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    async with filled(settings) as opened:
        await _deidentifies(opened)
        await backup(opened, tmp_path / "backup")
    shutil.copytree(settings.data / "keys", elsewhere.data / "keys")
    assert (await restore(elsewhere, tmp_path / "backup")).needs == ()


async def test_it_is_restored_into_an_empty_place_only(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    async with filled(settings) as opened:
        await backup(opened, folder)
    with pytest.raises(Misconfigured, match="empty place"):
        await restore(settings, folder)
    (elsewhere.data / "objects").mkdir(parents=True)
    shutil.copytree(settings.data / "objects", elsewhere.data / "objects", dirs_exist_ok=True)
    await restore(elsewhere, folder)  # as one that was broken off left it


async def test_other_objects_in_the_store_are_not_mixed_in(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    async with filled(settings) as opened:
        await backup(opened, tmp_path / "backup")
        await stray(opened.archive)
    shutil.copytree(settings.data / "objects", elsewhere.data / "objects")
    with pytest.raises(Misconfigured, match="other objects"):
        await restore(elsewhere, tmp_path / "backup")


@pytest.mark.parametrize("pattern", ["database-*", "objects-*"])
async def test_a_damaged_copy_is_refused_before_anything_is_made(
    settings: Settings, elsewhere: Settings, tmp_path: Path, pattern: str
) -> None:
    folder = tmp_path / "backup"
    async with filled(settings) as opened:
        await backup(opened, folder)
    path = next(folder.glob(pattern))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match="damaged"):
        await restore(elsewhere, folder)
    assert not (elsewhere.data / "objects" / "objects").exists()


async def test_a_damaged_object_is_found_and_restored_without_when_asked(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    async with filled(settings) as opened:
        await backup(opened, folder)
    path = next(each for each in (folder / "objects").rglob("*") if each.is_file())
    rot(path)
    with pytest.raises(Misconfigured, match="1 objects of the backup"):
        await restore(elsewhere, folder)
    done = await restore(elsewhere, folder, damaged=True)
    assert done.missing == 1
    async with house(elsewhere) as opened:
        assert {each.kind for each in await found(opened.archive)} == {"missing object"}


async def test_an_object_that_rotted_stays_as_the_earlier_backup_has_it(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    async with filled(settings) as opened:
        await backup(opened, folder)
        key = (await objects(opened.archive))[0]
        path = opened.archive.store.local_path(key)
        assert path
        rot(path)
        assert (await backup(opened, folder)).manifest.missing == 0
        new = await backup(opened, tmp_path / "another")
        assert new.manifest.missing == 1
    await restore(elsewhere, folder)
    async with house(elsewhere) as opened:
        assert await found(opened.archive, deep=True) == []


async def test_a_copy_that_rotted_is_renewed_by_reading_all(
    settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    async with filled(settings) as opened:
        await backup(opened, folder)
        path = next(each for each in (folder / "objects").rglob("*") if each.is_file())
        rot(path)
        assert (await backup(opened, folder)).copied == 0
        assert (await backup(opened, folder, deep=True)).copied == 1
    assert (await restore(elsewhere, folder)).missing == 0


async def test_folders_of_others_are_left_alone(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    async with house(settings) as opened:
        with pytest.raises(Misconfigured, match="something else"):
            await backup(opened, folder)
        await backup(opened, tmp_path / "backup")
        await change(
            opened.archive, lambda c: c.execute(text("UPDATE archive_identity SET name = 'another'"))
        )
        with pytest.raises(Misconfigured, match="another archive"):
            await backup(opened, tmp_path / "backup")
    assert files(folder) == {"thesis.txt"}


async def test_one_that_was_broken_off_does_not_count_and_goes_on(
    settings: Settings, elsewhere: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, copy = tmp_path / "backup", backups.copy

    async def crash(*arguments: Any, **chosen: Any) -> AsyncIterator[Any]:
        async for each in copy(*arguments, **chosen):
            yield each
            raise RuntimeError

    async with filled(settings) as opened:
        monkeypatch.setattr(backups, "copy", crash)
        with pytest.raises(RuntimeError):
            await backup(opened, folder)
        with pytest.raises(Misconfigured, match="no finished backup"):
            await restore(elsewhere, folder)
        monkeypatch.undo()
        made = await backup(opened, folder)
        assert made.copied < made.manifest.objects
    assert len(list(folder.glob("database-*"))) == 1
    await restore(elsewhere, folder)


@pytest.mark.parametrize(
    "said", [b"", b"[]", b"{}", b'{"needs": 3}', b'{"needs": [], "archive": "a", "kind": "b", "more": 1}']
)
def test_what_is_no_manifest_is_said_to_be_none(tmp_path: Path, said: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(said)
    with pytest.raises(Misconfigured, match="cannot be read"):
        Manifest.read(tmp_path)


async def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    Manifest("a", "sqlite", database="../x").write(tmp_path)
    with pytest.raises(Misconfigured, match="another Reading Room"):
        Manifest.read(tmp_path)


async def test_a_store_that_is_away_leaves_the_earlier_backup(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filled(settings) as opened:
        first = await backup(opened, tmp_path / "backup")
        await send(opened.browser, "head", study="1.2.8", series="1.2.8.1", instance="8.1")

        def away(*_: object) -> None:
            raise StoreUnavailable

        monkeypatch.setattr(opened.archive.store, "stream", away)
        with pytest.raises(StoreUnavailable):
            await backup(opened, tmp_path / "backup")
        assert not await staying(opened.archive.database)
    assert Manifest.read(tmp_path / "backup") == first.manifest
    assert (tmp_path / "backup" / first.manifest.database).exists()


async def test_a_row_that_points_at_nothing_is_counted(settings: Settings, tmp_path: Path) -> None:
    async with filled(settings) as opened:
        await change(opened.archive, lambda c: c.execute(update(INSTANCE).values(object_key="nothing")))
        made = await backup(opened, tmp_path / "backup")
    assert made.manifest.missing == made.manifest.objects == 1
