"""Of three workers, real processes on PostgreSQL, one is killed: another does what it had begun."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from os import environ
from pathlib import Path
from subprocess import Popen
from typing import Any

import asyncpg
from sqlalchemy import select, update

from app.index.proofs import PROVEN_SPAN
from app.index.tables import INSTANCE, SERIES_METADATA
from app.jobs import JOB
from app.jobs.rows import stand
from app.models.types import now
from app.registry.tables import DOI
from app.services import doi_jobs, proving, series_metadata
from app.settings import PREFIX as SETTING
from app.settings import Settings
from tests.bodies import content_type, multipart
from tests.datacite_server import PASSWORD, PREFIX, REPOSITORY, datacite
from tests.house import OWNER, House, house
from tests.instances import ct, part10
from tests.live import wait_until
from tests.routers.versions_of import make, publish

KINDS = (doi_jobs.JOB, proving.FIXITY, proving.MD5, series_metadata.JOB)
#: As many as make a series large.
INSTANCES = 64
SECONDS = 60.0


@contextmanager
def working(folder: Path, name: str, chosen: dict[str, str]) -> Iterator[Popen[bytes]]:
    """`readingroom work` with these settings; it has said that it works."""
    clean = {key: value for key, value in environ.items() if not key.startswith(SETTING)}
    with (folder / name).open("wb") as log:
        process = Popen([sys.executable, "-m", "app", "work"], env=clean | chosen, stdout=log, stderr=log)
    try:
        wait_until(lambda: "Ctrl+C" in (folder / name).read_text() or process.poll() is not None, SECONDS)
        assert process.poll() is None, (folder / name).read_text()
        yield process
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def held_series(url: str) -> AsyncIterator[None]:
    """Whoever puts metadata of a series together waits."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT id FROM series FOR UPDATE")
            yield
    finally:
        await connection.close()


async def until(true: Callable[[], Any], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.1)


async def fill(opened: House) -> None:
    """A version of a large series, to be registered; nothing of it is done yet, and all of it is due."""
    client = opened.browser
    client.headers.update(OWNER)
    await make(client, tier="open", hidden=False, authors=[{"name": "Doe, Jane"}])
    slices = [part10(ct(InstanceNumber=number, ImageComments="x" * 1000)) for number in range(INSTANCES)]
    head = {"content-type": content_type()}
    sent = await client.post("/collections/chest/dicom-web/studies", content=multipart(slices), headers=head)
    assert sent.status_code == 200, sent.text
    key = sent.json()["00081190"]["Value"][0].partition("/submissions/")[2].partition("/")[0]
    await publish(client, submissions=[key])
    answer = await client.post("/api/v1/collections/chest/doi", json={"state": "findable"})
    assert answer.status_code == 202, answer.text

    def due(connection: Any) -> None:
        stand(connection, [proving.FIXITY, proving.MD5])
        connection.execute(update(JOB).values(run_at=now()))
        long_ago = now().replace(year=2000, day=1)
        connection.execute(update(INSTANCE).values(created_at=long_ago))

    await opened.archive.database.write(due)


async def running(opened: House) -> bool:
    """Whether somebody is at every kind."""
    rows = select(JOB.c.kind).where(JOB.c.state == "running")
    return set(KINDS) <= set(await opened.archive.database.scan(lambda on: on.scalars(rows).all()))


async def done(opened: House) -> dict[str, bool]:
    """What has come of each kind."""

    def look(on: Any) -> dict[str, bool]:
        proven = sum(on.scalars(select(PROVEN_SPAN.c.instances)))
        return {
            doi_jobs.JOB: on.scalar(select(DOI.c.state)) == "findable",
            proving.FIXITY: proven == INSTANCES,
            proving.MD5: not on.scalar(select(INSTANCE.c.id).where(INSTANCE.c.md5.is_(None)).limit(1)),
            series_metadata.JOB: on.scalar(select(SERIES_METADATA.c.instances)) == INSTANCES,
        }

    return await opened.archive.database.scan(look)


async def test_of_three_workers_one_is_killed_and_others_do_each_kind_of_its_jobs(
    postgres_url: str, tmp_path: Path
) -> None:
    with datacite() as fake, ExitStack() as stack:
        chosen = {
            "data": tmp_path / "data",
            "database": postgres_url,
            "public_url": "https://archive.test",
            "datacite_url": fake.url,
            "datacite_repository": REPOSITORY,
            "datacite_password": PASSWORD,
            "datacite_prefix": PREFIX,
        }
        async with house(Settings(**chosen, jobs=False)) as opened:
            await fill(opened)
            fake.silent_after = "PUT"
            shared = {SETTING + name.upper(): str(value) for name, value in chosen.items()}
            slow = {SETTING + "SCRUB_BYTES_PER_SECOND": "1024"}
            async with held_series(postgres_url):
                one = await asyncio.to_thread(stack.enter_context, working(tmp_path, "one", shared | slow))
                await until(lambda: running(opened))
                for name in ("two", "three"):
                    await asyncio.to_thread(stack.enter_context, working(tmp_path, name, shared))
                assert not any((await done(opened)).values())
                assert await running(opened)
                one.send_signal(signal.SIGKILL)
                moment, took = time.monotonic(), dict[str, float]()
            fake.silent_after = ""

            async def all_done() -> bool:
                for kind, is_done in (await done(opened)).items():
                    if is_done:
                        took.setdefault(kind, round(time.monotonic() - moment, 1))
                return took.keys() == set(KINDS)

            await until(all_done, SECONDS)
            print("seconds from the kill to each being done by another:", took)
            assert max(took.values()) < SECONDS
            found = (await opened.browser.get("/api/v1/fixity")).json()
            assert (found["instances"], found["damaged"]) == (INSTANCES, 0)


async def test_who_is_told_to_stop_gives_back_what_it_had_begun(postgres_url: str, tmp_path: Path) -> None:
    chosen = {"data": tmp_path / "data", "database": postgres_url}
    async with house(Settings(**chosen, jobs=False)) as opened:
        client = opened.browser
        client.headers.update(OWNER)
        await make(client, tier="open", hidden=False, rolling=True)
        body = part10(ct(ImageComments="x" * 10_000))
        head = {"content-type": "application/dicom"}
        await client.post("/collections/chest/dicom-web/studies", content=body, headers=head)

        def due(connection: Any) -> None:
            stand(connection, [proving.MD5])
            connection.execute(update(JOB).values(run_at=now()))

        await opened.archive.database.write(due)
        environment = {SETTING + name.upper(): str(value) for name, value in chosen.items()}
        slow = {SETTING + "SCRUB_BYTES_PER_SECOND": "1024"}

        async def state(wanted: str) -> bool:
            rows = select(JOB.c.state).where(JOB.c.kind == proving.MD5)
            return await opened.archive.database.scan(lambda on: on.scalar(rows)) == wanted

        with working(tmp_path, "one", environment | slow) as process:
            await until(lambda: state("running"))
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, SECONDS) == 0
        assert "Stopped." in (tmp_path / "one").read_text()
        assert await state("waiting")
