"""What keeps an archive, in processes that are killed while they work."""

import asyncio
import multiprocessing
import random
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.archive import Archive
from app.errors import DatabaseUnavailable, Misconfigured
from app.services import backups, checks, restores, sweeps, turns_at_objects
from app.settings import Settings

#: Processes begin as copies of one that has loaded everything, so that they are at work at once.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.killing"])
#: Seconds after which nobody waits any longer for one that was killed.
LEASE = 1.0
ROUNDS, MOST_ROUNDS = 5, 30


def quiet(*_: object) -> None:
    """Nobody looks."""


def backup(settings: Settings, folder: Path) -> None:
    """`readingroom backup`."""
    _on_archive(settings, lambda archive: backups.backup(archive, folder, quiet, quiet))


def restore(settings: Settings, folder: Path) -> None:
    """`readingroom restore`, also where one that was killed too late has done it."""
    with suppress(Misconfigured, DatabaseUnavailable):
        asyncio.run(restores.restore(settings, folder, quiet))


def sweep(settings: Settings) -> None:
    """`readingroom sweep`."""
    _on_archive(settings, lambda archive: sweeps.sweep(archive, quiet, quiet))


def repair(settings: Settings) -> None:
    """`readingroom check --repair`."""

    async def work(archive: Archive) -> None:
        async for _ in checks.check(archive, quiet, repair=True):
            pass

    _on_archive(settings, work)


def _on_archive(settings: Settings, work: Callable[[Archive], Coroutine[Any, Any, object]]) -> None:
    turns_at_objects.turn.__defaults__ = (LEASE,)

    async def run() -> None:
        opened = await Archive.open(settings)
        try:
            await work(opened)
        finally:
            await opened.close()

    asyncio.run(run())


def seconds(work: Callable[..., None], *arguments: object) -> float:
    """Run it to its end; how long that took."""
    _end(quiet)  # the one that all are copies of has loaded everything by now
    began = time.monotonic()
    _end(work, *arguments)
    return time.monotonic() - began


def _end(work: Callable[..., None], *arguments: object) -> None:
    running = FORKS.Process(target=work, args=arguments)
    running.start()
    running.join()
    assert running.exitcode == 0


def rounds(cut: list[bool]) -> Iterator[int]:
    """So many, and more while none was cut: processes may be faster than the one that was timed."""
    for number in range(MOST_ROUNDS):
        if number < ROUNDS or not any(cut):
            yield number


def killed(chance: random.Random, whole: float, work: Callable[..., None], *arguments: object) -> bool:
    """Run it, and kill it at some moment of the `whole` seconds it takes; whether it was still at work."""
    running = FORKS.Process(target=work, args=arguments)
    running.start()
    running.join(chance.uniform(0, whole))
    running.kill()
    running.join()
    assert running.exitcode in (0, -9)
    return running.exitcode != 0
