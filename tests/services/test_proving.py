"""Objects are read again, at a pace, and what is damaged is told; their MD5 is taken on the way."""

import hashlib
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from app import jobs
from app.errors import StoreUnavailable
from app.index import proofs
from app.index.tables import INSTANCE
from app.jobs.rows import stand
from app.models.types import now
from app.services import proving, reread
from app.services.background import worker
from app.settings import Settings
from app.storage.observed import ObservedStore
from tests.house import OWNER, House, bearer, house
from tests.routers.versions_of import make, publish, send

DAYS = 10


@pytest.fixture
async def opened(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    """A published series of five instances; nothing is done in the background but by these tests."""
    chosen = {"fixity_days": DAYS, "scrub_bytes_per_second": 1 << 30, "jobs": False}
    async with house(Settings(data=tmp_path / "data", database=database_url, **chosen)) as made:
        made.browser.headers.update(OWNER)
        await make(made.browser, tier="open", hidden=False)
        key = ""
        for number in range(1, 6):
            key = await send(made.browser, instance=f"1.{number}", InstanceNumber=number)
        await publish(made.browser, submissions=[key])
        yield made


async def run(opened: House, kind: str) -> None:
    """Have the standing job run now."""

    def due(connection: Any) -> None:
        stand(connection, [kind])
        connection.execute(update(jobs.JOB).where(jobs.JOB.c.kind == kind).values(run_at=now()))

    await opened.archive.database.write(due)
    assert await worker(opened.archive).drain()


async def grow_old(opened: House, days: float = DAYS + 1) -> None:
    """All that there is, and all that was proven, is older by so many days."""

    def write(connection: Any) -> None:
        for table, column in (
            (INSTANCE, INSTANCE.c.created_at),
            (proofs.PROVEN_SPAN, proofs.PROVEN_SPAN.c.proven_at),
        ):
            for row, moment in connection.execute(select(table.c.id, column)).all():
                earlier = {column.name: moment - timedelta(days=days)}
                connection.execute(update(table).where(table.c.id == row).values(**earlier))

    await opened.archive.database.write(write)


async def rows(opened: House) -> list[Any]:
    found = select(INSTANCE).order_by(INSTANCE.c.id)
    return await opened.archive.database.scan(lambda connection: list(connection.execute(found)))


def damage(opened: House, key: str, change: Any) -> None:
    path = opened.archive.store.local_path(key)
    assert path
    path.chmod(0o600)
    path.write_bytes(change(path.read_bytes()))


async def told(opened: House) -> Any:
    return (await opened.browser.get("/api/v1/fixity")).json()


async def damaged(opened: House) -> dict[str, str]:
    items = (await opened.browser.get("/api/v1/fixity/damaged")).json()["items"]
    return {each["sop_instance_uid"]: each["kind"] for each in items}


async def found_at(opened: House, instance: str) -> str:
    items = (await opened.browser.get("/api/v1/fixity/damaged")).json()["items"]
    [moment] = [each["found_at"] for each in items if each["sop_instance_uid"] == instance]
    return str(moment)


async def test_what_is_young_is_not_read_and_what_is_old_is_proven(opened: House) -> None:
    await run(opened, proving.FIXITY)
    assert (await told(opened))["instances"] == 0
    await grow_old(opened)
    await run(opened, proving.FIXITY)
    said = await told(opened)
    assert (said["instances"], said["damaged"]) == (5, 0)
    assert said["bytes"] == sum(row.size for row in await rows(opened))
    with patch.object(reread, "digests", side_effect=AssertionError):
        await run(opened, proving.FIXITY)
    await grow_old(opened)
    assert (await told(opened))["oldest"] < (now() - timedelta(days=DAYS)).isoformat()
    await run(opened, proving.FIXITY)
    assert (await told(opened))["oldest"] > (now() - timedelta(days=1)).isoformat()


async def test_damage_is_told_until_it_is_mended(opened: House) -> None:
    await grow_old(opened)
    first, second, third, *_ = [row.object_key for row in await rows(opened)]
    path = opened.archive.store.local_path(first)
    assert path
    whole = path.read_bytes()
    damage(opened, first, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    damage(opened, second, lambda data: data + b"x")
    await opened.archive.store.delete(third)
    with capture_logs() as logged:
        await run(opened, proving.FIXITY)
    wrong = {"1.1": "wrong digest", "1.2": "wrong size", "1.3": "missing"}
    assert await damaged(opened) == wrong
    assert sorted(each["kind"] for each in logged if each["event"] == "object damaged") == sorted(
        wrong.values()
    )
    assert "Doe" not in str(logged)
    since = await found_at(opened, "1.2")
    damage(opened, first, lambda _: whole)
    await run(opened, proving.FIXITY)
    assert await damaged(opened) == {"1.2": "wrong size", "1.3": "missing"}
    assert await found_at(opened, "1.2") == since
    assert (await told(opened))["damaged"] == 2


async def test_what_a_disk_does_not_give_is_told_and_the_others_are_proven(
    opened: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bad sector does not keep the rest from being read; a store that is down does."""
    monkeypatch.setattr(reread, "PAUSES", (0.0, 0.0))
    await grow_old(opened)
    bad, down = (await rows(opened))[1].object_key, list[bool]()
    stream, check = ObservedStore.stream, ObservedStore.check

    def failing(store: Any, key: str, *place: Any) -> Any:
        if key == bad:
            raise StoreUnavailable
        return stream(store, key, *place)

    async def checked(store: Any) -> None:
        if down:
            raise StoreUnavailable
        await check(store)

    monkeypatch.setattr(ObservedStore, "stream", failing)
    monkeypatch.setattr(ObservedStore, "check", checked)
    down.append(True)
    await run(opened, proving.FIXITY)
    assert (await told(opened))["instances"] == 0
    down.clear()
    await run(opened, proving.FIXITY)
    assert await damaged(opened) == {"1.2": "unreadable"}
    assert (await told(opened))["instances"] == 5


async def test_what_is_purged_is_not_told_as_damaged(opened: House) -> None:
    await grow_old(opened)
    await opened.archive.store.delete((await rows(opened))[0].object_key)
    await run(opened, proving.FIXITY)
    gone = {"study": "1.2.3", "series": "1.2.3.4", "instance": "1.1", "reason": "A patient asked for it"}
    assert (await opened.browser.post("/api/v1/collections/chest/purges", json=gone)).status_code == 200
    assert await damaged(opened) == {}
    assert (await told(opened))["damaged"] == 0


async def test_it_goes_on_where_it_was_left(opened: House) -> None:
    """Span after span: what was proven before it ended is not read again."""
    await grow_old(opened)
    read, real = list[str](), reread.digests

    async def breaking(archive: Any, key: str, pace: Any) -> Any:
        read.append(key)
        if len(read) == 4:
            raise ConnectionError
        return await real(archive, key, pace)

    with patch.object(proofs, "MOST", 2), patch.object(reread, "digests", breaking):
        await run(opened, proving.FIXITY)
        job = (await opened.browser.get("/api/v1/jobs?state=waiting")).json()["items"]
        [fixity] = [each for each in job if each["kind"] == "fixity"]
        keys = [row.object_key for row in await rows(opened)]
        assert (fixity["error"], fixity["done"], fixity["total"]) == ("ConnectionError", 2, 5)
        assert (await told(opened))["instances"] == 2
        await run(opened, proving.FIXITY)
    assert read == [*keys[:4], *keys[2:]]
    assert (await told(opened))["instances"] == 5


async def test_md5_is_filled_in_behind_and_goes_along_with_corrections(opened: House) -> None:
    assert {row.md5 for row in await rows(opened)} == {None}
    await run(opened, proving.MD5)
    for row in await rows(opened):
        path = opened.archive.store.local_path(row.object_key)
        assert path
        assert row.md5 == hashlib.md5(path.read_bytes()).digest()
    with patch.object(reread, "digests", side_effect=AssertionError):
        await run(opened, proving.MD5)
    key = await send(opened.browser, instance="1.6", InstanceNumber=6)
    await publish(opened.browser, submissions=[key])
    seen: list[str] = []
    real = reread.digests
    with patch.object(
        reread, "digests", lambda archive, key, pace: (seen.append(key), real(archive, key, pace))[1]
    ):
        await run(opened, proving.MD5)
    assert len(seen) == 1
    assert all(row.md5 for row in await rows(opened))


async def test_no_md5_is_kept_of_what_is_damaged(opened: House) -> None:
    first = (await rows(opened))[0]
    damage(opened, first.object_key, lambda data: data[:-1] + b"?")
    await run(opened, proving.MD5)
    assert [row.md5 is None for row in await rows(opened)] == [True, False, False, False, False]
    assert await damaged(opened) == {"1.1": "wrong digest"}


async def test_fixity_fills_in_what_md5_missed(opened: House) -> None:
    await grow_old(opened)
    await run(opened, proving.FIXITY)
    assert all(row.md5 for row in await rows(opened))


async def test_it_keeps_its_pace(opened: House) -> None:
    size = sum(row.size for row in await rows(opened))
    slow = opened.archive.settings.model_copy(update={"scrub_bytes_per_second": size})
    object.__setattr__(opened.archive, "settings", slow)
    began = time.monotonic()
    await run(opened, proving.MD5)
    assert 0.9 < time.monotonic() - began < 20


async def test_only_administrators_look_at_it(opened: House) -> None:
    token = await opened.token(await opened.person("mary"))
    for path in ("/api/v1/fixity", "/api/v1/fixity/damaged"):
        assert (await opened.browser.get(path, headers={"authorization": ""})).status_code == 401
        assert (await opened.browser.get(path, headers=bearer(token))).status_code == 403
