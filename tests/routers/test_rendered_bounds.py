"""What one request of pictures may ask for, over the whole application on both databases."""

import tracemalloc

import httpx
import pytest

from tests.instances import ct, part10
from tests.routers.test_rendered import stored, url

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
