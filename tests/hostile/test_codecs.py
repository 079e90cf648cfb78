"""Codecs that crash, hang or dawdle on what strangers sent: the one request pays, and the others go on."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock, Semaphore
from types import SimpleNamespace

import httpx
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate

from app.archive import EXAMINED_AT_ONCE
from app.dicom import describe, recompress, transcode
from app.services import store
from tests.codecs import misbehaving
from tests.codecs.test_damaged import damaged
from tests.dicom.test_pixels import first_frame
from tests.hostile.live import Live, impatient, live
from tests.instances import ct, part10

#: A lossless JPEG stream that, damaged with this seed, makes GDCM end its process.
CRASHES = ("SC_rgb_jpeg_gdcm.dcm", 23)
JPEG_LS, EXPLICIT = "image/jls", "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
AT_ONCE, CALL_SECONDS, REQUEST_SECONDS = 2, 1.0, 3.0
#: Within which a new process has taken the place of one that was ended, on a machine with much else to do.
REPLACED = 20.0


@pytest.fixture(scope="module")
def archive(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, own_codecs: None
) -> Iterator[Live]:
    """An archive of two codec processes that gives each call a second."""
    folder = tmp_path_factory.mktemp("codecs")
    chosen = {"codec_processes": AT_ONCE, "codec_seconds": CALL_SECONDS}
    with live(impatient(folder, migrated_sqlite, **chosen)) as running:
        yield running


@pytest.fixture
def frames(archive: Live) -> str:
    """Where a sound instance of ten frames was stored just now."""
    return stored(archive, ct(NumberOfFrames=10, PixelData=bytes(960)))


def stored(archive: Live, dataset: Dataset, uid: str = "1.2.840.10008.1.2.1") -> str:
    answer = httpx.post(
        f"{archive.url}/dicom-web/studies",
        content=part10(dataset, uid),
        headers={"Content-Type": "application/dicom"},
        timeout=30,
    )
    assert answer.status_code in (200, 202), answer.text
    study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
    return f"{archive.url}/dicom-web/studies/{study}/series/{series}/instances/{dataset.SOPInstanceUID}"


def get(url: str, accept: str) -> httpx.Response:
    return httpx.get(url, headers={"Accept": accept}, timeout=60)


def seconds_for(url: str, accept: str) -> float:
    before = time.monotonic()
    answer = get(url, accept)
    assert answer.status_code == 200, answer.text
    return time.monotonic() - before


def test_a_code_stream_that_crashes_its_codec(archive: Live) -> None:
    name, seed = CRASHES
    path = get_testdata_file(name)
    stream, uid, _ = first_frame(Path(path))
    dataset = dcmread(path)
    dataset.PixelData = encapsulate([damaged(stream, seed)])
    crashing, sound = stored(archive, dataset, uid), stored(archive, ct())
    for below, accept in (("/frames/1", JPEG_LS), ("/rendered", "image/png"), ("", EXPLICIT)):
        first = get(crashing + below, accept)
        assert first.status_code == 406
        assert "as stored" in first.json()["detail"], "the codec raised instead of crashing: choose another"
        before = time.monotonic()
        assert get(crashing + below, accept).json() == first.json()
        assert time.monotonic() - before < REPLACED
        assert get(f"{sound}{below}", accept).status_code == 200
    assert get(crashing, "application/dicom; transfer-syntax=*").status_code == 200
    assert archive.healthy()
    assert archive.remains().temporary == 0


def test_codecs_that_hang_cost_their_time_and_nothing_else(
    archive: Live, frames: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcode, "write_frame", misbehaving.hangs)
    with ThreadPoolExecutor() as threads:
        hung = [threads.submit(get, f"{frames}/frames/{number}", JPEG_LS) for number in (1, 2, 3)]
        assert archive.healthy()
        assert seconds_for(f"{frames}/rendered", "image/png") < REPLACED
        assert [each.result().status_code for each in hung] == [406] * 3
    monkeypatch.undo()
    # A timeout is remembered, but only for a while: see `app.codecs.refusals`.
    assert seconds_for(f"{frames}/frames/4", JPEG_LS) < REPLACED
    assert get(f"{frames}/frames/1", JPEG_LS).status_code == 406
    assert archive.remains().temporary == 0


def test_one_request_leaves_a_turn_to_others(
    archive: Live, frames: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor() as threads:
        # Every process is there.
        list(threads.map(seconds_for, [f"{frames}/rendered"] * 8, ["image/png"] * 8))
    monkeypatch.setattr(transcode, "write_frame", misbehaving.dawdles)
    with ThreadPoolExecutor() as threads:
        several = threads.submit(
            get, f"{frames}/frames/1,2,3,4,5,6,7", f'multipart/related; type="{JPEG_LS}"'
        )
        drawn = [seconds_for(f"{frames}/rendered", "image/png") for _ in range(3)]
        assert not several.done()
        assert sum(drawn) < 7 * misbehaving.DAWDLING
        assert several.result().status_code == 200


def test_what_takes_a_request_too_long_is_413_and_goes_on_when_asked_again(
    tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcode, "write_frame", misbehaving.dawdles)
    with live(impatient(tmp_path, migrated_sqlite, conversion_seconds=REQUEST_SECONDS)) as archive:
        frames = stored(archive, ct(NumberOfFrames=10, PixelData=bytes(960)))
        asked = f"{frames}/frames/1,2,3,4,5,6,7,8,9,10"
        before = time.monotonic()
        answer = get(asked, f'multipart/related; type="{JPEG_LS}"')
        assert REQUEST_SECONDS <= time.monotonic() - before < REQUEST_SECONDS + REPLACED
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
        assert "transfer-syntax=*" in answer.json()["detail"]
        again = [get(asked, f'multipart/related; type="{JPEG_LS}"').status_code for _ in range(9)]
        assert again[-1] == 200, again
        assert archive.remains().temporary == 0


def test_an_instance_has_time_by_its_size(
    archive: Live, frames: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recompress, "transcode_instance", misbehaving.waits)
    seconds = []
    for slowest in (1 << 30, 1000):
        monkeypatch.setattr("app.codecs.SLOWEST", slowest)
        url = stored(archive, dataset := ct(PixelData=bytes(96)))
        size = len(part10(dataset))
        before = time.monotonic()
        assert get(url, "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80").status_code == 406
        seconds.append(time.monotonic() - before)
    assert CALL_SECONDS <= seconds[0] < seconds[1]
    assert seconds[1] >= CALL_SECONDS + size / 1000


def test_no_more_than_two_instances_are_examined_at_once(
    archive: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, lock, most = Semaphore(EXAMINED_AT_ONCE), Lock(), SimpleNamespace(now=0, seen=0)

    def examined(data: bytes) -> object:
        assert busy.acquire(blocking=False)
        with lock:
            most.now += 1
            most.seen = max(most.seen, most.now)
        time.sleep(0.1)
        with lock:
            most.now -= 1
        busy.release()
        return describe.describe(data)

    monkeypatch.setattr(store, "describe", examined)
    with ThreadPoolExecutor(12) as threads:
        uploads: list[Future[str]] = [threads.submit(stored, archive, ct()) for _ in range(12)]
        assert archive.healthy()
        assert len({each.result() for each in uploads}) == 12
    assert most.seen == EXAMINED_AT_ONCE == 2
