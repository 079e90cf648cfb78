# ruff: noqa: ASYNC220, ASYNC240 (small files, in tests)
"""The cache: whole entries or none, bounded, least recently used first, shared by processes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from app.errors import CannotDecode, StoreUnavailable
from app.storage import boot
from app.storage.cache import Cache, Make
from tests.processes import together


def writes(data: bytes, calls: list[int] | None = None) -> Make:
    async def make(path: Path) -> None:
        if calls is not None:
            calls.append(1)
        path.write_bytes(data)

    return make


def files(folder: Path, below: str) -> list[Path]:
    return [path for path in (folder / boot.current() / below).rglob("*") if path.is_file()]


async def never(path: Path) -> None:
    raise AssertionError("made again")


async def test_what_was_made_is_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)
    first = await cache.hold("a", writes(b"abc"))
    again = await Cache(tmp_path, 1000).hold("a", never)
    assert (first.path.read_bytes(), first.size) == (again.path.read_bytes(), again.size) == (b"abc", 3)
    first.release()
    assert again.path.read_bytes() == b"abc"
    again.release()
    assert files(tmp_path, "held") == files(tmp_path, "making") == []


async def test_it_stays_within_its_bound_and_forgets_the_longest_unused(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)
    for number in range(8):
        (await cache.hold(str(number), writes(bytes(120)))).release()
        os.utime(max(files(tmp_path, "entries"), key=lambda path: path.stat().st_mtime_ns), (number, number))
    (await cache.hold("0", never)).release()
    (await cache.hold("new", writes(bytes(120)))).release()
    assert sum(path.stat().st_size for path in files(tmp_path, "entries")) <= 1000
    (await cache.hold("0", never)).release()
    calls: list[int] = []
    (await cache.hold("1", writes(b"x", calls))).release()
    assert calls == [1]


async def test_what_is_held_outlives_its_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100)
    held = await cache.hold("a", writes(b"a" * 90))
    for number in range(3):
        (await cache.hold(str(number), writes(bytes(90)))).release()
    assert held.path.read_bytes() == b"a" * 90


@pytest.mark.parametrize("limit", [0, 50])
async def test_what_is_larger_than_the_bound_is_not_kept(tmp_path: Path, limit: int) -> None:
    held = await Cache(tmp_path, limit).hold("a", writes(bytes(90)))
    assert held.path.stat().st_size == 90
    held.release()
    assert files(tmp_path, "entries") + files(tmp_path, "held") + files(tmp_path, "making") == []


async def test_a_failure_or_a_cancelled_request_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)

    async def fails(path: Path) -> None:
        path.write_bytes(b"half")
        raise CannotDecode

    async def waits(path: Path) -> None:
        path.write_bytes(b"half")
        await asyncio.sleep(60)

    with pytest.raises(CannotDecode):
        await cache.hold("a", fails)
    waiting = asyncio.create_task(cache.hold("a", waits))
    behind = asyncio.create_task(cache.hold("a", writes(b"whole")))
    await asyncio.sleep(0.1)
    waiting.cancel()
    held = await behind
    assert held.path.read_bytes() == b"whole"
    assert files(tmp_path, "making") == []


async def test_several_who_want_the_same_make_it_once(tmp_path: Path) -> None:
    cache, calls = Cache(tmp_path, 1000), []  # type: ignore[var-annotated]
    held = await asyncio.gather(*(cache.hold("a", writes(b"abc", calls)) for _ in range(9)))
    assert (len(calls), {each.path.read_bytes() for each in held}) == (1, {b"abc"})
    assert len({each.path for each in held}) == 9


async def test_a_disk_nearly_full_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")(99)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    cache = Cache(tmp_path, 1000, spare=100)
    with pytest.raises(StoreUnavailable):
        await cache.hold("a", writes(b"abc"))


def _work(folder: Path) -> bool:
    async def run() -> bool:
        cache = Cache(folder, 5000)
        for number in range(200):
            data = bytes([number % 40]) * 300
            held = await cache.hold(str(number % 40), writes(data))
            if held.path.read_bytes() != data:
                return False
            held.release()
        return True

    return asyncio.run(run())


def test_processes_share_it(tmp_path: Path) -> None:
    assert together(_work, [tmp_path] * 3) == [True] * 3
    left = sum(path.stat().st_size for path in files(tmp_path, "entries"))
    assert 0 < left <= 5000
    assert int((tmp_path / boot.current() / "bytes").read_text()) == left
    assert files(tmp_path, "held") == files(tmp_path, "making") == []


CRASH = """
import asyncio, sys
from pathlib import Path
from app.storage import boot
from app.storage.cache import Cache

async def make(path):
    path.write_bytes(b"half")
    print("now", flush=True)
    await asyncio.sleep(60)

asyncio.run(Cache(Path(sys.argv[1]), 1000).hold("a", make))
"""


async def test_a_killed_process_leaves_no_half_entry(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CRASH, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"now\n"
        child.send_signal(signal.SIGKILL)
    (half,) = files(tmp_path, "making")
    os.utime(half, (1, 1))
    held = await Cache(tmp_path, 1000).hold("a", writes(b"whole"))
    assert held.path.read_bytes() == b"whole"
    assert files(tmp_path, "making") == []


@pytest.mark.parametrize("cached", [False, True])
async def test_who_leaves_while_it_is_held_for_them_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    cache, link = Cache(tmp_path, 1000), os.link
    if cached:
        (await cache.hold("a", writes(b"abc"))).release()
    linked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(source: Path, target: Path) -> None:
        link(source, target)
        loop.call_soon_threadsafe(linked.set)
        time.sleep(0.1)

    monkeypatch.setattr(os, "link", slow)
    leaving = asyncio.create_task(cache.hold("a", writes(b"abc")))
    await linked.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert files(tmp_path, "held") == files(tmp_path, "making") == []


async def test_nothing_of_another_boot_is_trusted_or_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut may leave an entry with its name and size, but not its bytes."""
    before = Cache(tmp_path, 1000)
    (await before.hold("a", writes(b"torn"))).release()
    before.close()
    (tmp_path / "entries" / "00").mkdir(parents=True)
    (tmp_path / "bytes").write_text("4")
    monkeypatch.setattr(boot, "current", lambda: "next")
    held = await Cache(tmp_path, 1000).hold("a", writes(b"whole"))
    assert held.path.read_bytes() == b"whole"
    assert {each.name for each in tmp_path.iterdir()} == {"next", "lock"}


async def test_what_another_process_uses_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path, 1000)
    (await cache.hold("a", writes(b"abc"))).release()
    monkeypatch.setattr(boot, "current", lambda: "elsewhere")
    Cache(tmp_path, 1000)
    (await cache.hold("a", never)).release()


async def test_an_entry_waits_for_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", None)
    (await Cache(tmp_path, 1000).hold("a", writes(b"abc"))).release()


def test_a_system_without_names_for_boots_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "_BOOT_ID", tmp_path / "absent")
    named = boot.current.__wrapped__
    assert named() != named()


@pytest.mark.parametrize("other", [False, True])
async def test_what_is_being_made_while_the_cache_is_cleared_is_not_kept(tmp_path: Path, other: bool) -> None:
    """What was made of what is purged meanwhile; here, or in another process."""
    cache, begun, go_on = Cache(tmp_path, 1000), asyncio.Event(), asyncio.Event()
    (await cache.hold("before", writes(b"abc"))).release()

    async def make(path: Path) -> None:
        begun.set()
        await go_on.wait()
        path.write_bytes(b"purged")

    making = asyncio.create_task(cache.hold("a", make))
    await begun.wait()
    await (Cache(tmp_path, 1000) if other else cache).clear()
    go_on.set()
    held = await making
    assert held.path.read_bytes() == b"purged"
    held.release()
    assert [files(tmp_path, each) for each in ("entries", "making", "held")] == [[], [], []]
    for make_again in (writes(b"new"), never):
        (await cache.hold("a", make_again)).release()
