"""Storing DICOM JSON metadata with bulk data parts (PS3.18 sections 10.5.1 and 8.7.3.2)."""

import base64
from collections.abc import AsyncGenerator
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRLittleEndian
from starlette.requests import ClientDisconnect, Request

from app.dicom.store_response import Failed
from app.routers import stow
from app.services import uploads
from tests.bodies import BOUNDARY
from tests.instances import ct

STUDIES = "/dicom-web/studies"
JSON_TYPE = f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}'
PIXELS = "urn:pixels"


def body(metadata: Any, *bulk: tuple[str, str, bytes], as_type: str = "application/dicom+json") -> bytes:
    """Metadata, then (Content-Type, Content-Location, data) for each part of bulk data."""
    text = metadata if isinstance(metadata, bytes) else orjson.dumps(metadata)
    parts = [(as_type, "", text), *bulk]
    lines = [
        f"--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Location: {location}\r\n\r\n".encode()
        + data
        + b"\r\n"
        for kind, location, data in parts
    ]
    return b"".join(lines) + f"--{BOUNDARY}--".encode()


async def post(client: httpx.AsyncClient, content: bytes) -> httpx.Response:
    return await client.post(STUDIES, content=content, headers={"content-type": JSON_TYPE})


async def stored(client: httpx.AsyncClient, dataset: Dataset) -> Dataset:
    study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
    path = f"{STUDIES}/{study}/series/{series}/instances/{dataset.SOPInstanceUID}"
    answer = await client.get(path, headers={"accept": "application/dicom; transfer-syntax=*"})
    assert answer.status_code == 200
    return dcmread(BytesIO(answer.content))


def described(dataset: Dataset, uri: str = PIXELS) -> dict[str, Any]:
    attributes: dict[str, Any] = dataset.to_json_dict(bulk_data_threshold=1 << 30)
    attributes["7FE00010"] = {"vr": "OW", "BulkDataURI": uri}
    return attributes


async def test_native_pixel_data_by_its_address(client: httpx.AsyncClient) -> None:
    dataset = ct(PatientName="Müller^Jürgen=山田", SpecificCharacterSet="ISO_IR 192")
    octets = ("application/octet-stream", PIXELS, dataset.PixelData)
    answer = await post(client, body([described(dataset)], octets))
    assert answer.status_code == 200, answer.text
    got = await stored(client, dataset)
    assert got.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert got.PixelData == dataset.PixelData
    assert got.PatientName == dataset.PatientName
    assert np.array_equal(got.pixel_array, np.arange(48).reshape(6, 8))


async def test_several_instances_in_one_request(client: httpx.AsyncClient) -> None:
    slices = [ct(InstanceNumber=number) for number in (1, 2)]
    bulk = [
        ("application/octet-stream", f"urn:{number}", bytes([number]) * 96) for number in range(len(slices))
    ]
    metadata = [described(dataset, f"urn:{number}") for number, dataset in enumerate(slices)]
    assert (await post(client, body(metadata, *bulk))).status_code == 200
    for number, dataset in enumerate(slices):
        assert (await stored(client, dataset)).PixelData == bytes([number]) * 96


async def test_compressed_frames_one_part_each(client: httpx.AsyncClient) -> None:
    path = get_testdata_file("emri_small_jpeg_2k_lossless.dcm", download=False)
    assert isinstance(path, str)
    dataset = dcmread(path)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=10))
    syntax = dataset.file_meta.TransferSyntaxUID
    bulk = [(f"image/jp2; transfer-syntax={syntax}", PIXELS, frame) for frame in frames]
    answer = await post(client, body([described(dataset)], *bulk))
    assert answer.status_code in (200, 202), answer.text
    got = await stored(client, dataset)
    assert got.file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(got.pixel_array, dataset.pixel_array)


async def test_what_is_small_may_be_inline(client: httpx.AsyncClient) -> None:
    dataset = ct()
    attributes = described(dataset)
    attributes["7FE00010"] = {"vr": "OW", "InlineBinary": base64.b64encode(dataset.PixelData).decode()}
    assert (await post(client, body(attributes))).status_code == 200
    assert (await stored(client, dataset)).PixelData == dataset.PixelData


@pytest.mark.parametrize(
    "change",
    [
        {"7FE00010": {"vr": "OW", "BulkDataURI": "urn:nowhere"}},
        {"7FE00010": {"vr": "OW", "InlineBinary": "%%%"}},
        {"00280010": {"vr": "US", "Value": ["many"]}},
        {"00280010": {"vr": "ZZ", "Value": [1]}},
        {"0008": {"vr": "CS"}},
        {"0020000D": {"vr": "UI"}},
    ],
)
async def test_a_bad_data_set_is_refused_and_the_other_one_stored(
    client: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    good, bad = ct(), ct()
    octets = ("application/octet-stream", PIXELS, good.PixelData)
    answer = await post(client, body([described(bad) | change, described(good)], octets))
    assert answer.status_code == 202, answer.text
    assert len(answer.json()["00081199"]["Value"]) == 1
    failed = answer.json().get("00081198") or answer.json().get("0008119A")
    assert failed["Value"][0]["00741048"]["Value"][0]["00000902"]["Value"]
    await stored(client, good)


@pytest.mark.parametrize(
    "content",
    [
        body(b"not json"),
        body(b"[1, 2]"),
        body(b'"text"'),
        body([], as_type="text/plain"),
        body([{"0008": 1}])[:-10],
        body(b"[" * 10_000),
    ],
)
async def test_what_is_no_metadata_is_400(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await post(client, content)
    assert answer.status_code == 400, answer.text
    assert (await client.get("/dicom-web/instances")).status_code == 204


async def test_the_metadata_of_all_parts_share_one_bound(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LARGEST_METADATA", 1000)
    part = ("application/dicom+json", "", b"[" + b" " * 600 + b"]")
    answer = await post(client, body([], part, part))
    assert (answer.status_code, "metadata" in answer.json()["detail"]) == (413, True)


@pytest.mark.parametrize(
    ("bound", "content"),
    [
        ("MOST_DATA_SETS", body([{}, {}], ("application/dicom+json", "", b"[{},{}]"))),
        ("MOST_CONTAINERS", body(b"[{},{},{}]")),
        ("MOST_PARTS", body([{}], *[("application/octet-stream", "", b"")] * 3)),
    ],
)
async def test_what_few_bytes_could_describe_is_bounded(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, bound: str, content: bytes
) -> None:
    monkeypatch.setattr(uploads, bound, 3)
    answer = await post(client, content)
    assert (answer.status_code, "send several" in answer.json()["detail"]) == (413, True)


async def test_nothing_is_built_for_a_client_that_left() -> None:
    """The body is there, so nobody else would look."""
    built = 0

    async def arriving() -> AsyncGenerator[uploads.Arrival]:
        nonlocal built
        for _ in range(9):
            built += 1
            yield Failed(0xC000, "")

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(ClientDisconnect):
        async for _ in stow._waited_for(request, arriving()):
            pass
    assert built == 1
