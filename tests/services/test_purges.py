"""What was purged is destroyed, also where the store was away just then."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import StoreUnavailable
from app.index.tables import TOMBSTONE
from app.jobs import JOB
from app.services import purges
from app.services.background import worker
from app.services.turns_at_objects import BACKUP, turn
from app.settings import Settings
from app.storage.local import LocalStore
from tests.house import OWNER, House, house
from tests.keeping import change, fill, objects

GONE = {"study": "1.2.9", "reason": "A patient asked for it"}
PURGES = "/api/v1/collections/head/purges"
STATE = select(JOB.c.state).where(JOB.c.kind == purges.JOB)
LEFT = select(TOMBSTONE.c.id).where(TOMBSTONE.c.object_key != "")


@pytest.fixture
def chosen(tmp_path: Path, sqlite_url: str) -> Settings:
    return Settings(data=tmp_path / "data", database=sqlite_url, jobs=False)


async def away(*_: Any) -> None:
    raise StoreUnavailable


async def test_what_the_store_could_not_delete_is_deleted_later(
    chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        async with house(chosen) as opened:
            await fill(opened)
            before = len(await objects(opened.archive))
            broken.setattr(LocalStore, "delete", away)
            assert (await opened.browser.post(PURGES, json=GONE)).status_code == 503
        async with house(chosen) as opened:  # opens all the same
            answer = await opened.browser.get("/dicom-web/studies/1.2.9/metadata", headers=OWNER)
            assert answer.status_code == 410
            assert len(await objects(opened.archive)) == before
            broken.undo()
            await worker(opened.archive).drain()
            assert len(await objects(opened.archive)) == before - 3
            assert await job(opened) == "done"


async def test_the_job_waits_for_a_backup(chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(chosen) as opened:
        await fill(opened)
        with monkeypatch.context() as broken:
            broken.setattr(LocalStore, "delete", away)
            await opened.browser.post(PURGES, json=GONE)

        async def meanwhile() -> None:
            await worker(opened.archive).drain()
            assert await change(opened.archive, lambda c: c.execute(LEFT).all())

        await turn(opened.archive.database, BACKUP, meanwhile, lambda _: None)
        assert await job(opened) == "waiting"


async def job(opened: House) -> str:
    """The state of the purge's."""
    (state,) = await change(opened.archive, lambda c: c.scalars(STATE).all())
    return str(state)
