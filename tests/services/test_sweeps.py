"""A sweep deletes what nobody names, not before it was looked at twice, and never while a backup is made."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from app.errors import Conflict
from app.index.tables import INSTANCE, TOMBSTONE
from app.models.types import now
from app.registry import leases
from app.registry.tables import LEASE, UNREFERENCED
from app.services import purges, sweeps, turns_at_objects
from app.services.sweeps import Swept
from app.services.turns_at_objects import BACKUP, OBJECTS, SWEEP, turn
from app.settings import Settings
from tests.house import House, house
from tests.keeping import answers, change, fill, found, long_ago, objects, quiet, stray


@pytest.fixture
async def opened(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """An archive with a little of everything."""
    async with house(Settings(data=tmp_path / "data", database=database_url)) as made:
        await fill(made)
        yield made


#: That a turn lasts: it is renewed after a third, and a machine with much else to do comes to that later.
SECONDS = 1.5


async def sweep(opened: House) -> Swept:
    return await sweeps.sweep(opened.archive, quiet, lambda _: None)


async def a_day_later(opened: House) -> None:
    """As if what is remembered were remembered since yesterday."""
    moved = update(UNREFERENCED).values(seen_at=now() - timedelta(days=1, seconds=1))
    await change(opened.archive, lambda c: c.execute(moved))


async def test_it_takes_two_runs_a_day_apart(opened: House) -> None:
    before, said = set(await objects(opened.archive)), await answers(opened.browser)
    await stray(opened.archive, long_ago(), b"12345")
    assert await sweep(opened) == Swept(0, 0, 1)
    assert await sweep(opened) == Swept(0, 0, 1)
    await a_day_later(opened)
    assert await sweep(opened) == Swept(1, 5, 0)
    assert set(await objects(opened.archive)) == before
    assert await sweep(opened) == Swept(0, 0, 0)
    assert await answers(opened.browser) == said
    assert await found(opened.archive, deep=True) == []
    assert await change(opened.archive, lambda c: c.execute(select(UNREFERENCED)).all()) == []


async def test_what_a_running_upload_put_is_left_alone(opened: House) -> None:
    young = await stray(opened.archive)
    assert await sweep(opened) == Swept(0, 0, 0)
    await a_day_later(opened)
    await sweep(opened)
    assert young in await objects(opened.archive)


async def test_what_is_named_after_all_stays_and_is_forgotten(opened: House) -> None:
    key = await stray(opened.archive, long_ago())
    await sweep(opened)
    await a_day_later(opened)
    row = await change(opened.archive, lambda c: c.scalar(select(INSTANCE.c.id).limit(1)))
    was = await change(opened.archive, lambda c: c.scalar(select(INSTANCE.c.object_key).limit(1)))
    name = update(INSTANCE).where(INSTANCE.c.id == row)
    await change(opened.archive, lambda c: c.execute(name.values(object_key=key)))
    assert await sweep(opened) == Swept(0, 0, 0)
    await change(opened.archive, lambda c: c.execute(name.values(object_key=was)))
    assert await sweep(opened) == Swept(0, 0, 1)  # from the beginning


async def test_a_row_that_comes_while_it_looks_is_seen(
    opened: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await stray(opened.archive, long_ago())
    await sweep(opened)
    await a_day_later(opened)
    row = select(INSTANCE).order_by(INSTANCE.c.id).limit(1)
    whole = dict((await change(opened.archive, lambda c: c.execute(row).one()))._mapping)
    late = {**whole, "object_key": key, "sop_instance_uid": "7.7"}
    del late["id"]
    doomed = sweeps._doomed

    async def meanwhile(*arguments: object) -> object:
        chosen = await doomed(*arguments)  # type: ignore[arg-type]
        await change(opened.archive, lambda c: c.execute(insert(INSTANCE).values(late)))
        return chosen

    monkeypatch.setattr(sweeps, "_doomed", meanwhile)
    assert (await sweep(opened)).removed == 0
    assert key in await objects(opened.archive)


async def test_it_goes_through_many_pages(opened: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("app.database.key_list.BATCH", "app.registry.unreferenced.BATCH", "app.index.named.PAGE"):
        monkeypatch.setattr(module, 2)
    before = set(await objects(opened.archive))
    for _ in range(7):
        await stray(opened.archive, long_ago())
    assert (await sweep(opened)).waiting == 7
    await a_day_later(opened)
    assert (await sweep(opened)).removed == 7
    assert set(await objects(opened.archive)) == before


async def test_it_waits_while_a_backup_is_made(opened: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_at_objects, "POLL", 0.01)
    said: list[str] = []
    begun, going = asyncio.Event(), asyncio.Event()

    async def backing_up() -> None:
        begun.set()
        await going.wait()

    def waiting(holder: str) -> None:
        said.append(holder)
        going.set()

    backup = asyncio.create_task(turn(opened.archive.database, BACKUP, backing_up, lambda _: None))
    await begun.wait()
    await sweeps.sweep(opened.archive, quiet, waiting)
    await backup
    assert said[0] == BACKUP
    assert await change(opened.archive, lambda c: c.execute(select(LEASE)).all()) == []


async def test_purged_objects_stay_while_a_backup_is_made(opened: House) -> None:
    keys = set(await objects(opened.archive))
    gone = {"study": "1.2.9", "reason": "A patient asked for it"}

    async def purge() -> None:
        answer = await opened.browser.post("/api/v1/collections/head/purges", json=gone)
        assert answer.status_code == 200
        assert (await opened.browser.get("/dicom-web/studies/1.2.9/metadata")).status_code == 410

    await turn(opened.archive.database, BACKUP, purge, lambda _: None)
    assert set(await objects(opened.archive)) == keys
    assert await found(opened.archive) == []  # tombstones name them
    await sweep(opened)  # which does what the purge had to leave
    assert len(await objects(opened.archive)) == len(keys) - 3
    left = select(TOMBSTONE.c.id).where(TOMBSTONE.c.object_key != "")
    assert await change(opened.archive, lambda c: c.execute(left).all()) == []


async def test_a_turn_is_kept_while_it_is_used_and_ends_with_its_process(opened: House) -> None:
    database = opened.archive.database

    async def long() -> int:
        await asyncio.sleep(1.5 * SECONDS)
        assert not await database.write(lambda c: leases.take(c, OBJECTS, SWEEP, "another", 60))
        return 3

    assert await turn(database, BACKUP, long, lambda _: None, seconds=SECONDS) == 3
    assert await database.write(lambda c: leases.take(c, OBJECTS, BACKUP, "died", 0.05))
    await asyncio.sleep(0.1)
    assert not await turns_at_objects.staying(database)
    assert await database.write(lambda c: leases.take(c, OBJECTS, SWEEP, "another", 60))


async def test_who_loses_its_turn_ends(opened: House) -> None:
    database = opened.archive.database

    async def robbed() -> None:
        await database.write(lambda c: c.execute(update(LEASE).values(token="another")))
        await asyncio.sleep(30)

    with pytest.raises(Conflict, match="begin again"):
        await turn(database, BACKUP, robbed, lambda _: None, seconds=0.2)


async def test_an_error_in_a_turn_lets_go_of_it(opened: House) -> None:
    async def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await turn(opened.archive.database, BACKUP, fail, lambda _: None)
    assert not await turns_at_objects.staying(opened.archive.database)
    await purges.finish(opened.archive)
