import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import ObjectTruncated
from app.storage import reading
from app.storage.reading import Reader, cold, in_memory, require
from tests.opened import CONTENT, opened


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    with opened(tmp_path) as descriptor:
        yield descriptor


@pytest.fixture
def threads_used(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    used: list[int] = []

    def watched(descriptor: int, offset: int, length: int) -> bytes:
        used.append(threading.get_ident())
        return cold(descriptor, offset, length)

    monkeypatch.setattr(reading, "cold", watched)
    return used


async def test_warm_bytes_are_read_in_the_loop(descriptor: int, threads_used: list[int]) -> None:
    reader = Reader(1 << 20)
    await reader.read(descriptor, 0, 3 << 20)
    threads_used.clear()
    first = await reader.read(descriptor, 5, 1 << 20)
    second = await reader.read(descriptor, 7, 100)
    assert first == CONTENT[5 : 5 + (1 << 20)]
    assert second == CONTENT[7:107]
    assert type(first) is bytes
    assert await reader.read(descriptor, 3 << 20, 0) == b""
    if hasattr(os, "RWF_NOWAIT"):
        assert threads_used == []


async def test_more_than_a_piece_is_read_in_a_thread(descriptor: int, threads_used: list[int]) -> None:
    assert await Reader(4096).read(descriptor, 3, 4097) == CONTENT[3:4100]
    assert threads_used
    assert threading.get_ident() not in threads_used


async def test_cold_bytes_are_read_in_a_thread(descriptor: int, threads_used: list[int]) -> None:
    reader = Reader(4 << 20)
    os.fsync(descriptor)
    for start in (0, 1 << 20):
        os.posix_fadvise(descriptor, start, 0, os.POSIX_FADV_DONTNEED)
        assert await reader.read(descriptor, 0, 3 << 20) == CONTENT


@pytest.mark.parametrize("answer", [BlockingIOError(errno.EAGAIN, ""), OSError(errno.EOPNOTSUPP, ""), 0, 10])
async def test_where_the_system_cannot_tell(
    descriptor: int, threads_used: list[int], monkeypatch: pytest.MonkeyPatch, answer: OSError | int
) -> None:
    def preadv(*args: object) -> int:
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(os, "preadv", preadv)
    assert await Reader(1 << 20).read(descriptor, 100, 1000) == CONTENT[100:1100]
    assert len(threads_used) == 1


async def test_a_system_without_such_reads(
    descriptor: int, threads_used: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_NOWAIT", None)
    assert await Reader(1 << 20).read(descriptor, 100, 1000) == CONTENT[100:1100]
    assert len(threads_used) == 1


def test_what_is_in_memory(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    os.pread(descriptor, 3 << 20, 0)
    assert in_memory(descriptor, 5, (3 << 20) - 5)
    monkeypatch.setattr(reading, "_NOWAIT", None)
    assert not in_memory(descriptor, 5, 100)


@pytest.mark.parametrize("cold_from", [0, 1 << 20, (3 << 20) - 1])
def test_what_is_not_in_memory(descriptor: int, monkeypatch: pytest.MonkeyPatch, cold_from: int) -> None:
    def preadv(file: int, buffers: list[bytearray], place: int, flags: int) -> int:
        if place >= cold_from:
            raise BlockingIOError(errno.EAGAIN, "")
        return 1

    monkeypatch.setattr(os, "preadv", preadv)
    assert not in_memory(descriptor, 0, 3 << 20)
    if cold_from:
        assert in_memory(descriptor, 0, cold_from)


def test_a_read_that_comes_in_parts(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda file, length, offset: pread(file, min(length, 1000), offset))
    assert cold(descriptor, 10, 5_500) == CONTENT[10:5_510]
    with pytest.raises(ObjectTruncated):
        cold(descriptor, (3 << 20) - 10, 11)


@pytest.mark.parametrize(("offset", "length"), [(0, (3 << 20) + 1), (-1, 1), (0, -1), (2**80, 1), (0, 2**80)])
def test_what_is_not_there_is_known_before_it_is_read(descriptor: int, offset: int, length: int) -> None:
    with pytest.raises(ObjectTruncated):
        require(descriptor, offset, length)
