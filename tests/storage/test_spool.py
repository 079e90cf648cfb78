import asyncio
import errno
import hashlib
import os
import tempfile
import threading
import zlib
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import StoreUnavailable, TooLarge
from app.storage.spool import Spool, Spools, pieces
from tests.corpus import files
from tests.storage.arrange import Watch, left_in

MIB = 1 << 20


async def fill(spool: Spool, content: bytes, size: int = 64 << 10) -> None:
    for start in range(0, len(content), size):
        await spool.write(content[start : start + size])


@settings(deadline=None, max_examples=150)
@given(
    chunks=st.lists(st.binary(max_size=60), max_size=12),
    kinds=st.lists(st.sampled_from([bytes, bytearray, memoryview]), min_size=12, max_size=12),
    in_memory=st.integers(0, 300),
    together=st.integers(0, 300),
)
def test_keeps_what_it_is_given_in_any_pieces(
    chunks: list[bytes], kinds: list[type], in_memory: int, together: int
) -> None:
    async def holds(folder: Path) -> None:
        spools = Spools(folder, in_memory=in_memory, in_memory_together=together)
        content = b"".join(chunks)
        async with spools.open() as spool:
            for chunk, kind in zip(chunks, kinds, strict=False):
                await spool.write(kind(chunk))
            done = await spool.finish()
            assert (done.size, done.sha256) == (len(content), hashlib.sha256(content).digest())
            assert done.crc32 == zlib.crc32(content)
            assert isinstance(done.content, bytes) == (len(content) <= min(in_memory, together))
            assert b"".join(pieces(done.content, 7)) == content
            assert bytes(spool.view()) == content
            assert (await spool.path()).read_bytes() == content
            assert await spool.finish() is done
        assert (spools.held, left_in(folder)) == (0, [])

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(holds(Path(folder)))


@pytest.mark.parametrize("in_memory", [0, 8 * MIB])
async def test_real_instances(tmp_path: Path, in_memory: int) -> None:
    for file in files():
        content = file.read_bytes()
        async with Spools(tmp_path, in_memory=in_memory).open() as spool:
            await fill(spool, content, 50_000)
            done = await spool.finish()
            assert done.sha256 == hashlib.sha256(content).digest()
            assert bytes(spool.view()) == content
    assert len(files()) > 100


@pytest.mark.parametrize("size", [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 11 * MIB + 5])
async def test_only_what_is_large_makes_a_file(tmp_path: Path, size: int) -> None:
    content = Random(size).randbytes(size)
    async with Spools(tmp_path).open() as spool:
        await fill(spool, content, 190_000)
        done = await spool.finish()
        assert isinstance(done.content, Path) == (size > 8 * MIB)
        assert len(left_in(tmp_path)) == (size > 8 * MIB)
        assert (done.sha256, done.crc32) == (hashlib.sha256(content).digest(), zlib.crc32(content))
        assert bytes(spool.view()) == content


async def test_one_chunk_of_bytes_is_not_copied(tmp_path: Path) -> None:
    chunk = bytes(MIB)
    async with Spools(tmp_path).open() as spool:
        await spool.write(chunk)
        assert (await spool.finish()).content is chunk
        assert spool.view() is chunk


@pytest.mark.parametrize(
    "view", [lambda buffer: buffer, memoryview, lambda buffer: memoryview(buffer).toreadonly()]
)
async def test_a_buffer_may_be_used_again(tmp_path: Path, view: type) -> None:
    buffer = bytearray(b"first ")
    async with Spools(tmp_path).open() as spool:
        for text in (b"first ", b"second", b"third "):
            buffer[:] = text
            chunk = view(buffer)
            await spool.write(chunk)
            del chunk
        await spool.finish()
        assert spool.view() == b"first secondthird "


@pytest.mark.parametrize("in_memory", [0, 4, 100])
async def test_too_much(tmp_path: Path, in_memory: int) -> None:
    spools = Spools(tmp_path, in_memory=in_memory, largest=10)
    async with spools.open() as spool:
        await spool.write(b"0123456789")
        assert (await spool.finish()).size == 10
    async with spools.open() as spool:
        await spool.write(b"01234567")
        for more in (b"890", b"8", b""):
            with pytest.raises(TooLarge, match="10 bytes"):
                await spool.write(more)
            assert spools.held == 0
        with pytest.raises(TooLarge):
            await spool.finish()
        with pytest.raises(TooLarge):
            spool.view()
    assert left_in(tmp_path) == []
    for largest, taken in ((3, 3), (99, 10)):
        async with spools.open(largest) as spool:
            await spool.write(bytes(taken))
            with pytest.raises(TooLarge):
                await spool.write(b"x")


async def test_all_spools_together_stay_within_their_limit(tmp_path: Path) -> None:
    spools = Spools(tmp_path, in_memory=MIB, in_memory_together=3 * MIB)
    most = 0

    async def one(seed: int) -> None:
        nonlocal most
        content = Random(seed).randbytes(700_000)
        async with spools.open() as spool:
            for start in range(0, len(content), 10_000):
                await spool.write(content[start : start + 10_000])
                most = max(most, spools.held)
                await asyncio.sleep(0)
            assert (await spool.finish()).sha256 == hashlib.sha256(content).digest()
            await asyncio.sleep(0.01)
            assert bytes(spool.view()) == content

    await asyncio.gather(*(one(seed) for seed in range(20)))
    # Each may have one chunk on its way to its file.
    assert 2 * MIB < most <= 3 * MIB + 20 * 10_000
    assert (spools.held, left_in(tmp_path)) == (0, [])


async def test_nothing_at_all(tmp_path: Path) -> None:
    async with Spools(tmp_path, in_memory=0, in_memory_together=0).open() as spool:
        await spool.write(b"")
        done = await spool.finish()
        assert (done.size, done.crc32, done.content, spool.view()) == (0, 0, b"", b"")
        assert (await spool.path()).read_bytes() == b""
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("in_memory", [0, 100])
async def test_an_aborted_upload_leaves_nothing(tmp_path: Path, in_memory: int) -> None:
    spools = Spools(tmp_path, in_memory=in_memory)

    async def upload() -> None:
        async with spools.open() as spool:
            await spool.write(b"begun")
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await upload()
    assert (spools.held, left_in(tmp_path)) == (0, [])


async def test_a_view_outlives_the_spool(tmp_path: Path) -> None:
    async with Spools(tmp_path, in_memory=0).open() as spool:
        await spool.write(b"content")
        await spool.finish()
        view = memoryview(spool.view())[2:]
        assert spool.view() is view.obj
    assert bytes(view) == b"ntent"
    assert left_in(tmp_path) == []


async def test_used_at_the_wrong_time(tmp_path: Path) -> None:
    spool = Spools(tmp_path).open()
    with pytest.raises(RuntimeError, match="finish"):
        spool.view()
    await spool.finish()
    await spool.discard()
    await spool.discard()
    for use in (spool.finish(), spool.write(b"x"), spool.path()):
        with pytest.raises(RuntimeError, match="discarded"):
            await use


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("step", ["create", "write"])
async def test_a_failing_disk_is_a_fact_and_never_forgotten(tmp_path: Path, step: str, code: int) -> None:
    watch = Watch()

    def fail(name: str) -> None:
        if name == step:
            raise OSError(code, os.strerror(code))

    spools = Spools(tmp_path, in_memory=3, disk=watch.disk())
    async with spools.open() as spool:
        await spool.write(b"abc")
        watch.before = fail
        with pytest.raises(StoreUnavailable) as raised:
            await spool.write(b"def")
        assert ("full" in raised.value.detail) == (code == errno.ENOSPC)
        watch.before = lambda name: None
        with pytest.raises(StoreUnavailable):
            await spool.write(b"ghi")
        with pytest.raises(StoreUnavailable):
            await spool.finish()
    assert (spools.held, left_in(tmp_path)) == (0, [])


async def test_a_disk_that_fails_at_the_last_bytes(tmp_path: Path) -> None:
    watch = Watch()
    async with Spools(tmp_path, in_memory=3, disk=watch.disk()).open() as spool:
        await spool.write(b"abcd")
        await spool.write(b"efgh")

        def fail(name: str) -> None:
            raise OSError(errno.ENOSPC, name)

        watch.before = fail
        with pytest.raises(StoreUnavailable, match="full"):
            await spool.finish()
        watch.before = lambda name: None
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("fails", [False, True])
async def test_cancelled_while_it_writes(tmp_path: Path, fails: bool) -> None:
    """The file is closed only when the thread is done with it, and lost bytes stay lost."""
    watch, reached, go = Watch(), threading.Event(), threading.Event()

    def wait(name: str) -> None:
        if name == "write" and not reached.is_set():
            reached.set()
            assert go.wait(10)
            if fails:
                raise OSError(errno.EIO, name)

    watch.before = wait
    spools = Spools(tmp_path, in_memory=0, disk=watch.disk())
    async with spools.open() as spool:
        writing = asyncio.create_task(spool.write(b"content"))
        assert await asyncio.to_thread(reached.wait, 10)
        for _ in range(3):
            writing.cancel()
            await asyncio.sleep(0.002)
            assert not writing.done()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        if fails:
            with pytest.raises(StoreUnavailable):
                await spool.finish()
        else:
            await spool.finish()
            assert bytes(spool.view()) == b"content"
    assert (spools.held, left_in(tmp_path)) == (0, [])


async def test_digests_once_when_finish_was_cancelled(tmp_path: Path) -> None:
    content = Random(0).randbytes(6 * MIB)
    async with Spools(tmp_path).open() as spool:
        await spool.write(content[:MIB])
        await spool.write(content[MIB:])
        finishing = asyncio.create_task(spool.finish())
        await asyncio.sleep(0)
        finishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await finishing
        assert (await spool.finish()).sha256 == hashlib.sha256(content).digest()


async def test_the_loop_runs_on_while_much_is_digested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, go, digest = bytes(7 * MIB), threading.Event(), Spool._digest

    def held(spool: Spool, chunk: bytes) -> None:
        # Only the loop lets it go on.
        assert go.wait(10)
        digest(spool, chunk)

    monkeypatch.setattr(Spool, "_digest", held)
    async with Spools(tmp_path).open() as spool:
        await spool.write(content)
        asyncio.get_running_loop().call_later(0.01, go.set)
        assert (await spool.finish()).size == len(content)
