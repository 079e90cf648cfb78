"""The pool of codec processes: whatever one call does, it costs that call a fact and no other anything."""

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from app.codecs import Codecs
from app.codecs.workers import Worker
from app.errors import CannotDecode, CannotEncode, CodecFailed, InvalidInstance, TooMuchToConvert
from tests.codecs import misbehaving

GIB = 1 << 30


pytestmark = pytest.mark.usefixtures("own_codecs")


@pytest.fixture
async def codecs() -> AsyncIterator[Codecs]:
    opened = Codecs(processes=2, seconds=20, memory=GIB)
    yield opened
    await opened.close()
    assert not [child for child in children() if child.is_running()]


def children() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [child for child in found if "app.codecs.worker" in _command(child)]


def _command(child: psutil.Process) -> list[str]:
    try:
        command: list[str] = child.cmdline()
    except psutil.Error:
        return []
    return command


#: The codec raised, and its process goes on: nothing that another moment would change.
IN_PYTHON = (misbehaving.fault, misbehaving.recursion)


async def goes_on(codecs: Codecs) -> None:
    data = os.urandom(1000)
    answers = await asyncio.gather(*(codecs.run(misbehaving.sound, data) for _ in range(4)))
    assert answers == [data[::-1]] * 4


async def test_no_process_before_the_first_call_and_the_same_ones_after(codecs: Codecs) -> None:
    assert children() == []
    first = await codecs.run(misbehaving.process)
    assert await codecs.run(misbehaving.process) == first
    assert len(children()) == 1
    await asyncio.gather(*(codecs.run(misbehaving.sleep, 0.2) for _ in range(6)))
    assert len(children()) == 2


@pytest.mark.parametrize(
    "work",
    [
        misbehaving.abort,
        misbehaving.segmentation_fault,
        misbehaving.leave,
        misbehaving.bomb,
        misbehaving.native_bomb,
        misbehaving.fault,
        misbehaving.recursion,
    ],
)
async def test_a_crash_costs_its_own_call(codecs: Codecs, work: Callable[[], None]) -> None:
    beside = asyncio.create_task(codecs.run(misbehaving.sleep, 1))
    for _ in range(2):
        with pytest.raises(CannotDecode) as caught:
            await codecs.run(work)
        assert isinstance(caught.value, CodecFailed) is (work not in IN_PYTHON)
        assert "patient" not in caught.value.detail
    await beside
    await goes_on(codecs)
    assert len(children()) == 2


@pytest.mark.parametrize("work", [misbehaving.hang, misbehaving.spin])
async def test_a_hang_ends_with_its_time(codecs: Codecs, work: Callable[[], None]) -> None:
    await goes_on(codecs)
    before = time.monotonic()
    with pytest.raises(CannotDecode):
        await codecs.run(work, seconds=0.5)
    assert time.monotonic() - before < 5
    await goes_on(codecs)


async def test_the_time_of_starting_a_process_does_not_count(
    codecs: Codecs, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = Worker.ready

    async def late(worker: Worker) -> None:
        await ready(worker)
        await asyncio.sleep(1.5)

    monkeypatch.setattr(Worker, "ready", late)
    assert await codecs.run(misbehaving.sound, b"ab", seconds=1.0) == b"ba"


async def test_a_codec_may_print(codecs: Codecs, capfd: pytest.CaptureFixture[str]) -> None:
    assert await codecs.run(misbehaving.prints) == b"sound"
    await goes_on(codecs)
    assert capfd.readouterr() == ("", "")


async def test_cancelled_calls_cost_no_process(codecs: Codecs) -> None:
    await goes_on(codecs)
    for _ in range(5):
        waiting = [asyncio.create_task(codecs.run(misbehaving.hang)) for _ in range(5)]
        await asyncio.sleep(0.1)
        for task in waiting:
            task.cancel()
        assert all(isinstance(end, asyncio.CancelledError) for end in await _ends(waiting))
    await goes_on(codecs)
    assert len(children()) == 2


async def _ends(tasks: list[asyncio.Task[bytes]]) -> list[object]:
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_facts_keep_their_kind_and_sentence(codecs: Codecs) -> None:
    with pytest.raises(InvalidInstance, match=r"Not this one\."):
        await codecs.run(misbehaving.refuse)
    with pytest.raises(CannotEncode, match=r"Nor this\."):
        await codecs.run(misbehaving.cannot_encode)


async def test_a_file_has_a_largest_size(codecs: Codecs, tmp_path: Path) -> None:
    with pytest.raises(TooMuchToConvert):
        await codecs.run(misbehaving.writes, tmp_path / "large", 8 << 20, largest=4 << 20)
    assert (tmp_path / "large").stat().st_size <= 4 << 20
    await codecs.run(misbehaving.writes, tmp_path / "small", 8 << 20, largest=8 << 20)


@pytest.mark.parametrize(
    "reply",
    [
        struct.pack("<Q", 0),
        struct.pack("<Q", 2**62),
        struct.pack("<Q", 2) + b"\x01\xff",
        struct.pack("<Q", 30) + b"\x01SystemExit\nno fact of ours   ",
        struct.pack("<Q", 20) + b"\x80\x04cos\nsystem\n(S'id'\n"[:20],
    ],
)
async def test_a_process_that_was_taken_over_is_not_believed(codecs: Codecs, reply: bytes) -> None:
    with pytest.raises(CannotDecode):
        await codecs.run(misbehaving.forges, reply, seconds=3)


async def test_no_more_than_so_many_at_once(codecs: Codecs) -> None:
    await goes_on(codecs)
    before = time.monotonic()
    await asyncio.gather(*(codecs.run(misbehaving.sleep, 0.3) for _ in range(4)))
    assert time.monotonic() - before >= 0.6


async def test_a_warm_process_stands_before_the_first_call(codecs: Codecs) -> None:
    await codecs.warm()
    (started,) = children()
    assert await codecs.run(misbehaving.process) == str(started.pid).encode()
    await asyncio.gather(codecs.warm(), goes_on(codecs))
    assert started in children()


async def test_warming_that_is_given_up_leaves_nothing(codecs: Codecs) -> None:
    warming = asyncio.create_task(codecs.warm())
    await asyncio.sleep(0.1)
    warming.cancel()
    assert await _ends([warming]) != [None]
    await goes_on(codecs)
    assert len(children()) in (1, 2)


async def test_instances_leave_a_process_to_frames(codecs: Codecs, monkeypatch: pytest.MonkeyPatch) -> None:
    await codecs.warm()
    monkeypatch.setattr("app.dicom.recompress.transcode_instance", misbehaving.waits)
    nowhere = Path("/nowhere")
    long = [asyncio.create_task(codecs.transcode(nowhere, 1, nowhere, "1.2")) for _ in range(4)]
    before = time.monotonic()
    for _ in range(5):
        assert await codecs.run(misbehaving.sound, b"ab") == b"ba"
    assert time.monotonic() - before < 10
    assert not any(task.done() for task in long)
    for task in long:
        task.cancel()
    await _ends(long)
    await goes_on(codecs)


async def test_the_time_of_a_call_grows_with_the_size_of_its_instance(
    codecs: Codecs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.dicom.recompress.transcode_instance", misbehaving.waits)
    monkeypatch.setattr("app.codecs.SLOWEST", 1000)
    monkeypatch.setattr(codecs, "_seconds", 0.2)
    nowhere = Path("/nowhere")
    for size, least in ((0, 0.2), (1000, 1.2)):
        before = time.monotonic()
        with pytest.raises(CodecFailed):
            await codecs.transcode(nowhere, size, nowhere, "1.2")
        assert least <= time.monotonic() - before < 20


async def test_closing_ends_what_runs() -> None:
    codecs = Codecs(2, 60, GIB)
    running = asyncio.create_task(codecs.run(misbehaving.hang))
    await asyncio.sleep(0.2)
    await codecs.close()
    with pytest.raises(CannotDecode):
        await running
    assert children() == []
