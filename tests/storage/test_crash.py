"""The store among real processes, some of which are killed."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from app.storage.local import LocalStore
from tests.storage.arrange import listed, whole

ROOT = Path(__file__).parents[2]


def child(*args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "-m", "tests.storage.child", *args),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def killed_after(folder: Path, seed: int, seconds: float) -> set[str]:
    """The keys that a process acknowledged before it was killed."""
    with child("store_for_ever", str(folder), str(seed)) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        rest = process.stdout.read()
    # The kill may have cut the last line short.
    return {line.strip() for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")}


async def test_killed_in_the_middle_of_puts(tmp_path: Path) -> None:
    random, acknowledged, left = Random(4), set(), 0
    for seed in range(6):
        acknowledged |= killed_after(tmp_path, seed, random.uniform(0.02, 0.3))
        left += len(list((tmp_path / "temp").iterdir()))
    store = LocalStore(tmp_path)
    found = {key async for key, _ in store.list()}
    assert len(acknowledged) >= 6
    assert acknowledged <= found
    for key in found:
        content = await whole(store, key)
        assert hashlib.sha256(content[32:]).digest() == content[:32]
    # Else the kills came at idle moments and this has shown nothing.
    assert left


async def test_processes_that_want_the_same_keys(tmp_path: Path) -> None:
    LocalStore(tmp_path)
    processes = [child("race", str(tmp_path), name, "200") for name in ("a", "b", "c")]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    won = {name: process.communicate()[0].split() for name, process in zip("abc", processes, strict=True)}
    assert sorted(key for taken in won.values() for key in taken) == [
        f"01K9Z3M{index:019d}" for index in range(200)
    ]
    store = LocalStore(tmp_path)
    for name, taken in won.items():
        for key in taken:
            assert await whole(store, key) == f"{name} {int(key[7:])}".encode()
    assert len(await listed(store)) == 200


@pytest.mark.parametrize("size", [1 << 30])
async def test_memory_stays_bounded_while_a_gibibyte_is_spooled(tmp_path: Path, size: int) -> None:
    with child("spool_much", str(tmp_path), str(size)) as process:
        output, _ = process.communicate()
    assert process.returncode == 0
    key, stored, memory = output.split()
    assert int(stored) == size
    assert int(memory) < 100_000_000
    assert list((tmp_path / "temp").iterdir()) == []
    await LocalStore(tmp_path).delete(key)
