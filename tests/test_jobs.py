"""Background jobs: each is done, once as a rule, whoever dies."""

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import Connection, update

from app.database import Database
from app.errors import RemoteRefused, RemoteUnavailable
from app.jobs import JOB, Job, Worker, enqueue, rows
from app.models.types import now
from tests.live import wait_until

_CONTEXT = multiprocessing.get_context("forkserver")


def ask(key: str = "a", **arguments: object) -> object:
    return lambda connection: enqueue(connection, "say", key, **arguments)


class Said:
    """A body that notes what it was asked, and does what it is told to."""

    def __init__(self, *outcomes: BaseException | None) -> None:
        self.seen: list[Job] = []
        self._outcomes = list(outcomes)

    async def __call__(self, job: Job) -> None:
        self.seen.append(job)
        if self._outcomes and (error := self._outcomes.pop(0)):
            raise error


async def only(database: Database) -> Job:
    [job] = await database.lookup(lambda connection: rows.page(connection, 0, 10))
    return job


async def hurry(database: Database) -> None:
    """What waits is due."""
    past = now() - timedelta(days=1)
    await database.write(lambda connection: connection.execute(update(JOB).values(run_at=past)))


async def test_it_is_done_once(database: Database) -> None:
    said = Said()
    for _ in range(3):
        await database.write(ask(text="Grüße"))
    assert await Worker(database, {"say": said}).drain() == 1
    assert [dict(each.arguments) for each in said.seen] == [{"text": "Grüße"}]
    assert (await only(database)).state == "done"
    assert await Worker(database, {"say": said}).drain() == 0


async def test_it_is_asked_for_in_its_transaction(database: Database) -> None:
    def work(connection: Connection) -> None:
        enqueue(connection, "say", "a")
        raise RemoteRefused("no")

    with pytest.raises(RemoteRefused):
        await database.write(work)
    assert await database.lookup(lambda connection: rows.page(connection, 0, 10)) == []


async def test_what_is_asked_for_while_it_runs_is_run_again(database: Database) -> None:
    seen = []

    async def body(job: Job) -> None:
        seen.append(job.arguments["n"])
        if len(seen) == 1:
            await database.write(ask(n=2))

    await database.write(ask(n=1))
    assert await Worker(database, {"say": body}).drain() == 2
    assert seen == [1, 2]
    assert (await only(database)).state == "done"


async def test_what_failed_is_tried_again_later_and_its_words_are_kept(database: Database) -> None:
    said = Said(RemoteUnavailable("It is down."), ValueError("Doe^Jane"), None)
    worker = Worker(database, {"say": said})
    await database.write(ask())
    assert await worker.drain() == 1
    job = await only(database)
    assert (job.state, job.error, job.attempts) == ("waiting", "It is down.", 1)
    assert job.run_at > now() + timedelta(seconds=2)
    await hurry(database)
    await worker.drain()
    assert (await only(database)).error == "ValueError"
    await hurry(database)
    await worker.drain()
    job = await only(database)
    assert (job.state, job.error) == ("done", "")


async def test_who_is_asked_to_wait_waits(database: Database) -> None:
    await database.write(ask())
    await Worker(database, {"say": Said(RemoteUnavailable("Later.", 3600))}).drain()
    assert (await only(database)).run_at > now() + timedelta(minutes=59)


async def test_what_will_never_work_is_not_tried_again_unless_it_is_asked_for(database: Database) -> None:
    worker = Worker(database, {"say": Said(RemoteRefused("Wrong password."), None)})
    await database.write(ask())
    await worker.drain()
    job = await only(database)
    assert (job.state, job.error) == ("failed", "Wrong password.")
    await database.write(ask())
    await worker.drain()
    assert (await only(database)).state == "done"


async def test_it_is_tried_a_bounded_number_of_times(database: Database) -> None:
    said = Said(*[RemoteUnavailable("down") for _ in range(9)])
    worker = Worker(database, {"say": said})
    await database.write(ask())
    with patch.object(rows, "MOST_ATTEMPTS", 3):
        for _ in range(5):
            await worker.drain()
            await hurry(database)
    assert len(said.seen) == 3
    assert (await only(database)).state == "failed"


async def test_what_ends_its_process_each_time_is_given_up(database: Database) -> None:
    await database.write(ask())
    with patch.object(rows, "MOST_ATTEMPTS", 3):
        for _ in range(3):
            assert await database.write(lambda connection: rows.claim(connection, ["say"], -1))
        assert await database.write(lambda connection: rows.claim(connection, ["say"], -1)) is None
    assert (await only(database)).state == "failed"


async def test_a_lease_that_was_lost_writes_nothing(database: Database) -> None:
    await database.write(ask())
    first = await database.write(lambda connection: rows.claim(connection, ["say"], -1))
    second = await database.write(lambda connection: rows.claim(connection, ["say"], 60))
    assert first
    assert second
    assert not await database.write(lambda connection: rows.renew(connection, first, 60))
    await database.write(lambda connection: rows.fail(connection, first, "x", again=False))
    assert (await only(database)).state == "running"
    await database.write(lambda connection: rows.finish(connection, second))
    assert (await only(database)).state == "done"


async def test_who_is_stopped_gives_the_job_back(database: Database) -> None:
    begun = asyncio.Event()

    async def forever(_: Job) -> None:
        begun.set()
        await asyncio.sleep(600)

    await database.write(ask())
    running = asyncio.create_task(Worker(database, {"say": forever}, poll=0.01).run())
    await asyncio.wait_for(begun.wait(), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    job = await only(database)
    assert (job.state, job.attempts) == ("waiting", 0)


async def test_a_long_job_keeps_its_lease(database: Database) -> None:
    said, lease = Said(), 1.5

    async def slow(job: Job) -> None:
        await said(job)
        await asyncio.sleep(1.5 * lease)

    await database.write(ask())
    workers = [asyncio.create_task(Worker(database, {"say": slow}, lease, 0.05).run()) for _ in range(2)]
    end = time.monotonic() + 60
    while (await only(database)).state != "done":
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    for each in workers:
        each.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert len(said.seen) == 1
    assert (await only(database)).state == "done"


async def test_what_ended_long_ago_is_forgotten(database: Database) -> None:
    await database.write(ask())
    await Worker(database, {"say": Said()}).drain()
    await database.write(rows.sweep)
    assert (await only(database)).state == "done"
    past = now() - timedelta(days=8)
    await database.write(lambda connection: connection.execute(update(JOB).values(ended_at=past)))
    await database.write(rows.sweep)
    assert await database.lookup(lambda connection: rows.page(connection, 0, 10)) == []


def test_waits_grow_up_to_a_bound() -> None:
    waits = [rows.wait(attempt) for attempt in range(1, 40)]
    assert 3 < waits[0] < 7
    assert max(waits) <= rows.LONGEST_WAIT * 1.25
    assert waits[8] > waits[4] > waits[0]


@contextmanager
def _working(url: str, folder: Path) -> Iterator[int]:
    process = _CONTEXT.Process(target=_work, args=(url, folder))
    process.start()
    try:
        yield process.pid or 0
    finally:
        process.kill()
        process.join()


def _work(url: str, folder: Path) -> None:
    asyncio.run(_run(url, folder))


async def _run(url: str, folder: Path) -> None:
    async def body(job: Job) -> None:
        begun = job.attempts == 1
        (folder / f"{job.id}.{'begun' if begun else 'done'}").write_text(str(os.getpid()))
        # The first to come is killed while it works.
        await asyncio.sleep(600 if begun else 0)

    await Worker(await Database.open(url), {"say": body}, lease=2, poll=0.1).run()


def test_of_three_workers_one_is_killed_and_another_does_its_job(database_url: str, tmp_path: Path) -> None:
    """The test by which the engine was chosen (design section 8)."""

    async def begin() -> None:
        database = await Database.open(database_url)
        await database.write(ask())
        await database.close()

    asyncio.run(begin())
    with ExitStack() as stack:
        workers = {stack.enter_context(_working(database_url, tmp_path)) for _ in range(3)}
        killed = _written(tmp_path, "begun")
        assert killed in workers
        os.kill(killed, signal.SIGKILL)
        moment = time.monotonic()
        assert _written(tmp_path, "done") in workers - {killed}
        assert time.monotonic() - moment < 60


def _written(folder: Path, what: str) -> int:
    """By which process it was done."""
    wait_until(lambda: any(each.read_text() for each in folder.glob(f"*.{what}")), 60)
    return int(next(folder.glob(f"*.{what}")).read_text())
