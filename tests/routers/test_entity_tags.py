"""Entity tags say what was really sent, over the whole application on both databases."""

from typing import Any

import httpx
import pytest

from app.codecs.refusals import Refusals
from app.errors import CodecFailed
from app.services import convert, pixel_data, retrieve
from tests.dicom.made import encapsulated
from tests.instances import ct, part10
from tests.routers.test_rendered import STUDIES, stored, url

_IMPLICIT, _BASELINE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.50"


async def _mixed(client: httpx.AsyncClient) -> None:
    """A study whose default form is converted where nothing is lost by it."""
    lossy = ct(PixelData=encapsulated([b"\xff\xd8\xff\xd9"]))
    lossy["PixelData"].VR, lossy["PixelData"].is_undefined_length = "OB", True
    await stored(client, part10(ct(), _IMPLICIT), part10(lossy, _BASELINE))


async def test_what_a_codec_gave_up_on_has_another_tag(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _mixed(client)
    codecs = client._transport.app.state.archive.codecs  # type: ignore[attr-defined]

    async def late(*_: Any) -> None:
        raise CodecFailed

    with monkeypatch.context() as broken:
        broken.setattr(codecs, "transcode", late)
        as_stored = await client.get(f"{STUDIES}/1.2.3")
    codecs.refusals = Refusals()
    converted = await client.get(f"{STUDIES}/1.2.3", headers={"if-none-match": as_stored.headers["etag"]})
    assert (as_stored.status_code, converted.status_code) == (200, 200)
    assert _IMPLICIT.encode() in as_stored.content
    assert converted.headers["etag"] != as_stored.headers["etag"]
    again = await client.get(f"{STUDIES}/1.2.3", headers={"if-none-match": converted.headers["etag"]})
    assert again.status_code == 304


async def test_another_way_of_converting_has_another_tag(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(client, part10(dataset := ct(), _IMPLICIT))
    paths = [url(dataset), url(dataset, "/frames/1"), f"{STUDIES}/1.2.3/pixeldata"]
    before = [(await client.get(path)).headers["etag"] for path in paths]
    for module in (convert, retrieve, pixel_data):
        monkeypatch.setattr(module, "EDITION", "next")
    after = [(await client.get(path)).headers["etag"] for path in paths]
    assert not set(before) & set(after)
