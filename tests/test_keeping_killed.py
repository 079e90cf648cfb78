"""`kill -9` at random moments of what keeps an archive: nothing is lost, and it is just run again."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from app.database import migrate
from app.errors import DatabaseUnavailable, Misconfigured
from app.index.tables import INSTANCE, SERIES, SERIES_TAG_VALUE, STUDY
from app.models.types import now
from app.registry.tables import UNREFERENCED
from app.services import restores
from app.services.backup_folders import Manifest
from app.settings import Settings
from tests import killing
from tests.house import OWNER, OWNERS, House, house
from tests.keeping import answers, change, fill, found, kinds, long_ago, objects, quiet, stray
from tests.killing import killed, rounds, seconds
from tests.postgres import Cluster
from tests.routers.versions_of import send

MANY = 40


class Place:
    """Where an archive may be: `emptied` makes it as if none had ever been there."""

    def __init__(self, data: Path, cluster: Cluster | None) -> None:
        self._data, self._cluster = data, cluster
        url = cluster.url(data.name) if cluster else f"sqlite:///{data}/readingroom.sqlite"
        self.settings = Settings(data=data, database=url, owner_token=OWNERS, jobs=False)

    async def emptied(self) -> Settings:
        await self.gone()
        if self._cluster:
            await self._cluster.execute(f"CREATE DATABASE {self._data.name}")
        return self.settings

    async def gone(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        if self._cluster:
            await self._cluster.execute(f"DROP DATABASE IF EXISTS {self._data.name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
async def places(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Place, Place]]:
    cluster = request.getfixturevalue("postgres") if request.param == "postgres" else None
    both = Place(tmp_path / "first", cluster), Place(tmp_path / "second", cluster)
    yield both
    for each in both:
        await each.gone()


@pytest.fixture
async def opened(places: tuple[Place, Place]) -> AsyncIterator[House]:
    """An archive with a little of everything, and many instances."""
    settings = await places[0].emptied()
    await migrate(settings.database_url)
    async with house(settings) as made:
        await fill(made)
        for number in range(MANY):
            await send(made.browser, "head", study="1.2.10", series=f"1.2.10.{number % 4}", PatientID="P2")
        yield made


async def require_whole(settings: Settings, said: Any) -> None:
    """The archive there says what the first one said, and nothing is wrong with it."""
    async with house(settings) as opened:
        opened.browser.headers.update(OWNER)
        assert await answers(opened.browser) == said
        assert await found(opened.archive, deep=True) == []


async def test_a_backup(opened: House, places: tuple[Place, Place], tmp_path: Path) -> None:
    chance, first, second = random.Random(8), *places
    said = await answers(opened.browser)
    whole = await asyncio.to_thread(seconds, killing.backup, first.settings, tmp_path / "unhurt")
    folder, cut = tmp_path / "backup", list[bool]()
    for _ in rounds(cut):
        cut.append(await asyncio.to_thread(killed, chance, whole, killing.backup, first.settings, folder))
        # Either it is finished, and can be restored, or says that it is not.
        with suppress(Misconfigured):
            await restores.restore(await second.emptied(), folder, quiet)
            await require_whole(second.settings, said)
    assert any(cut)
    await asyncio.to_thread(seconds, killing.backup, first.settings, folder)
    manifest = Manifest.read(folder)
    assert manifest
    assert (manifest.missing, manifest.objects) == (0, len(await objects(opened.archive)))
    assert len(list(folder.glob("database-*"))) == len(list(folder.glob("objects-*"))) == 1
    await restores.restore(await second.emptied(), folder, quiet)
    await require_whole(second.settings, said)


async def test_a_restore(opened: House, places: tuple[Place, Place], tmp_path: Path) -> None:
    chance, first, second = random.Random(9), *places
    said, folder = await answers(opened.browser), tmp_path / "backup"
    await asyncio.to_thread(seconds, killing.backup, first.settings, folder)
    whole = await asyncio.to_thread(seconds, killing.restore, await second.emptied(), folder)
    cut = list[bool]()
    for _ in rounds(cut):
        settings, again = await second.emptied(), 0
        while await asyncio.to_thread(killed, chance, whole, killing.restore, settings, folder) and again < 2:
            again += 1
        cut.append(again > 0)
        await _to_its_end(settings, folder)
        await require_whole(settings, said)
    assert any(cut)


async def _to_its_end(settings: Settings, folder: Path) -> None:
    """Run until it is done: by one that was killed too late, or once its last statement has ended too."""
    for _ in range(20):
        try:
            await restores.restore(settings, folder, quiet)
        except DatabaseUnavailable:
            await asyncio.sleep(0.5)
            continue
        except Misconfigured as refused:
            if "database already" not in refused.detail:
                raise
        return
    pytest.fail("it was never done")


async def test_a_sweep(opened: House, places: tuple[Place, Place]) -> None:
    chance, settings = random.Random(10), places[0].settings
    kept, said, cut = set(await objects(opened.archive)), await answers(opened.browser), list[bool]()
    whole = await asyncio.to_thread(seconds, killing.sweep, settings)
    for number in rounds(cut):
        strays = [await stray(opened.archive, long_ago() + timedelta(seconds=100 * n)) for n in range(MANY)]
        await asyncio.to_thread(seconds, killing.sweep, settings)
        yesterday = update(UNREFERENCED).values(seen_at=now() - timedelta(days=2))
        await change(opened.archive, lambda c, of=yesterday: c.execute(of))
        # One of them is named after all.
        named = await _name(opened, strays[number], f"7.{number}")
        cut.append(await asyncio.to_thread(killed, chance, whole, killing.sweep, settings))
        assert kept | {strays[number]} <= set(await objects(opened.archive))
        await asyncio.to_thread(seconds, killing.sweep, settings)
        assert set(await objects(opened.archive)) == kept | {strays[number]}
        await change(
            opened.archive, lambda c, row=named: c.execute(delete(INSTANCE).where(INSTANCE.c.id == row))
        )
        await opened.archive.store.delete(strays[number])
    assert any(cut)
    assert await answers(opened.browser) == said
    assert await found(opened.archive, deep=True) == []


async def _name(opened: House, key: str, uid: str) -> Any:
    """Have a row name an object."""

    def write(connection: Any) -> Any:
        row = connection.execute(select(INSTANCE).limit(1)).one()
        values = {**row._mapping, "object_key": key, "sop_instance_uid": uid}
        del values["id"]
        return connection.execute(insert(INSTANCE).values(values).returning(INSTANCE.c.id)).scalar_one()

    return await change(opened.archive, write)


async def test_a_repair(opened: House, places: tuple[Place, Place]) -> None:
    chance, settings = random.Random(11), places[0].settings
    said, cut = await answers(opened.browser), list[bool]()
    broken = (
        update(SERIES).values(number_of_series_related_instances=77, size=1),
        update(STUDY).values(patient_id="somebody else"),
        delete(SERIES_TAG_VALUE),
    )
    whole = await asyncio.to_thread(seconds, killing.repair, settings)
    for _ in rounds(cut):
        for each in broken:
            await change(opened.archive, lambda c, of=each: c.execute(of))
        cut.append(await asyncio.to_thread(killed, chance, whole, killing.repair, settings))
        await asyncio.to_thread(seconds, killing.repair, settings)
        assert await kinds(opened.archive) == []
        assert await answers(opened.browser) == said
    assert any(cut)
