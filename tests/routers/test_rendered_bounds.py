"""What one request of pictures may ask for, over the whole application on both databases."""

import dataclasses
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from app.services import pictures
from tests.instances import ct, part10
from tests.routers.test_rendered import film, stored, url

_BIT = {"Rows": 1, "Columns": 1, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}


@pytest.mark.parametrize("accept", ["image/gif", 'multipart/related; type="image/png"'])
async def test_more_frames_than_are_drawn_take_no_memory(client: httpx.AsyncClient, accept: str) -> None:
    dataset = ct(NumberOfFrames=4_000_000, PixelData=bytes(500_000), **_BIT)
    dataset["PixelData"].VR = "OB"
    await stored(client, part10(dataset))
    tracemalloc.start()
    try:
        answer = await client.get(url(dataset, "/rendered"), headers={"accept": accept})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (answer.status_code, "frames" in answer.json()["detail"]) == (406, True)
    assert peak < 16 << 20


@pytest.mark.parametrize("below", ["/frames/1,2,1/rendered", "/frames/1,1/thumbnail"])
async def test_each_frame_is_named_once(client: httpx.AsyncClient, below: str) -> None:
    await stored(client, part10(dataset := film()))
    answer = await client.get(url(dataset, below), headers={"accept": 'multipart/related; type="image/png"'})
    assert (answer.status_code, answer.json()["detail"]) == (400, "Name each frame once.")


@pytest.mark.parametrize("accept", ["image/gif", 'multipart/related; type="image/png"'])
async def test_more_pixels_than_a_request_may_have_are_413_before_any_is_drawn(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    await stored(client, part10(dataset := film(4)))
    state = client._transport.app.state  # type: ignore[attr-defined]
    monkeypatch.setattr(type(state.archive.codecs), "run", None)
    tight = state.archive.settings.model_copy(update={"conversion_bytes": 3 * 48 * 2})
    monkeypatch.setattr(state, "archive", dataclasses.replace(state.archive, settings=tight))
    answer = await client.get(url(dataset, "/frames/1,2,3,4/rendered"), headers={"accept": accept})
    assert answer.status_code == 413


async def test_without_room_on_the_disk_a_picture_is_not_kept_and_many_are_503(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await stored(client, part10(dataset := film()))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    answer = await client.get(url(dataset, "/rendered"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert [each for each in (tmp_path / "data/cache").glob("*/*/**/*") if each.is_file()] == []
    monkeypatch.setattr(pictures, "_UNKEPT", len(answer.content) - 1)
    assert (await client.get(url(dataset, "/rendered"))).status_code == 503
