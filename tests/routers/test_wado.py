"""Retrieving: dicomweb.md section 2, over the whole application on both databases."""

import asyncio
import gzip
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest
import zstandard
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from app.index import locate, pieces
from app.services import retrieve
from app.turns import Turns
from tests.bodies import content_type, multipart, received
from tests.instances import ct, part10

STUDIES = "/dicom-web/studies"
OCTETS = 'multipart/related; type="application/octet-stream"'
ANY = 'multipart/related; type="application/dicom"; transfer-syntax=*'


def url(dataset: Dataset, below: str = "") -> str:
    study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
    return f"{STUDIES}/{study}/series/{series}/instances/{dataset.SOPInstanceUID}{below}"


async def stored(client: httpx.AsyncClient, *instances: bytes) -> None:
    answer = await client.post(
        STUDIES, content=multipart(instances), headers={"content-type": content_type()}
    )
    assert answer.status_code in (200, 202), answer.text


async def get(
    client: httpx.AsyncClient, path: str, accept: str | None = None, **headers: str
) -> httpx.Response:
    head = {"accept": accept} if accept is not None else {}
    return await client.get(path, headers={**head, **headers})


def real(name: str) -> tuple[bytes, Dataset]:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    with open(path, "rb") as stream:
        return stream.read(), dcmread(path)


@pytest.mark.parametrize(
    ("accept", "multi"),
    [
        (None, True),
        ("*/*", True),
        ('multipart/related; type="application/dicom"', True),
        ("multipart/related; type=application/dicom", True),
        ("Multipart/Related ; Type=application/dicom;transfer-syntax=1.2.840.10008.1.2.1", True),
        (ANY, True),
        ('multipart/related; type="application/dicom"; transfer-syntax="*"', True),
        ("application/dicom", False),
        ("application/dicom; transfer-syntax=*", False),
        ("text/html, application/dicom;q=0.5", False),
    ],
)
async def test_an_instance_in_every_form_it_is_asked_for(
    client: httpx.AsyncClient, accept: str | None, multi: bool
) -> None:
    dataset = ct()
    sent = part10(dataset)
    await stored(client, sent)
    answer = await get(client, url(dataset), accept)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    if not multi:
        assert answer.headers["content-type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
        assert answer.content == sent
        return
    assert answer.content.startswith(b"--")
    (part,) = received(answer.headers["content-type"], answer.content)
    assert part.content_type == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert part.location == f"http://localhost:8080{url(dataset)}"
    assert part.data == sent


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.93",
        'multipart/related; type="image/jpeg"',
        "application/dicom;q=0",
        "application/json",
    ],
)
async def test_nothing_acceptable_is_406_and_says_what_is(client: httpx.AsyncClient, accept: str) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    answer = await get(client, url(dataset), accept)
    assert answer.status_code == 406
    assert any("application/dicom" in offer for offer in answer.json()["offered"])


async def test_series_and_study_hold_every_instance_in_order(client: httpx.AsyncClient) -> None:
    slices = [ct(InstanceNumber=number) for number in (3, 1, 2)]
    await stored(client, *map(part10, slices))
    for path in (f"{STUDIES}/1.2.3/series/1.2.3.4", f"{STUDIES}/1.2.3"):
        answer = await get(client, path)
        parts = received(answer.headers["content-type"], answer.content)
        numbers = [dcmread(BytesIO(part.data)).InstanceNumber for part in parts]
        assert numbers == [1, 2, 3]
        assert (await get(client, path, "application/dicom")).status_code == 406


@pytest.mark.parametrize(
    "path",
    [
        "/studies/9.9",
        "/studies/9.9/metadata",
        "/studies/1.2.3/series/9.9",
        "/studies/9.9/series/1.2.3.4",
        "/studies/9.9/series/1.2.3.4/metadata",
        "/studies/1.2.3/series/9.9/instances/1.2.3.4.5",
        "/studies/9.9/series/1.2.3.4/instances/1.2.3.4.5/metadata",
        "/studies/1.2.3/series/9.9/instances/1.2.3.4.5/frames/1",
        "/studies/9.9/series/1.2.3.4/instances/1.2.3.4.5/bulkdata/7FE00010",
        "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/bulkdata/7FE00011",
        "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/frames/2",
        "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/frames/0",
        "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/frames/1,2",
        "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/frames/999999999",
    ],
)
async def test_unknown_or_under_the_wrong_parent_is_404(client: httpx.AsyncClient, path: str) -> None:
    await stored(client, part10(ct(instance="1.2.3.4.5")))
    answer = await get(client, f"/dicom-web{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/studies/abc",
        "/studies/1.2.3/series/x/metadata",
        "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/frames/abc",
        "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/frames/1,,2",
        "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/frames/-1",
        "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/bulkdata/x",
        "/studies/" + "1" * 65,
    ],
)
async def test_what_is_no_address_is_400(client: httpx.AsyncClient, path: str) -> None:
    await stored(client, part10(ct(instance="1.2.3.4.5")))
    assert (await get(client, f"/dicom-web{path}")).status_code == 400


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
        OCTETS,
        'multipart/related; type="*/*"',
        f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1",
        'multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80, '
        'multipart/related; type="application/octet-stream"',
    ],
)
async def test_native_frames_are_exact(client: httpx.AsyncClient, accept: str | None) -> None:
    frames = np.arange(5 * 48, dtype="<u2").reshape(5, 6, 8)
    dataset = ct(NumberOfFrames=5, PixelData=frames.tobytes())
    await stored(client, part10(dataset))
    answer = await get(client, url(dataset, "/frames/3,1,5"), accept)
    parts = received(answer.headers["content-type"], answer.content)
    assert [part.data for part in parts] == [frames[number].tobytes() for number in (2, 0, 4)]
    for part in parts:
        assert part.content_type == "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    assert [part.location.rpartition("/")[2] for part in parts] == ["3", "1", "5"]


async def test_percent_encoded_commas_separate_frames(client: httpx.AsyncClient) -> None:
    dataset = ct(NumberOfFrames=2, PixelData=bytes(192))
    await stored(client, part10(dataset))
    answer = await get(client, url(dataset, "/frames/1%2C2"))
    assert len(received(answer.headers["content-type"], answer.content)) == 2


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian],
)
async def test_frames_of_every_native_syntax_are_little_endian(
    client: httpx.AsyncClient, syntax: str
) -> None:
    pixels = np.arange(48, dtype="<u2")
    dataset = ct()
    dataset.PixelData = pixels.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    await stored(client, part10(dataset, syntax))
    for below in ("/frames/1", "/bulkdata/7FE00010"):
        for accept in ("application/octet-stream", "application/octet-stream; transfer-syntax=*"):
            answer = await get(client, url(dataset, below), accept)
            assert answer.content == pixels.tobytes(), (below, accept)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
async def test_an_instance_is_explicit_little_endian_by_default(
    client: httpx.AsyncClient, syntax: str
) -> None:
    pixels = np.arange(48, dtype="<u2")
    dataset = ct()
    dataset.PixelData = pixels.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    sent = part10(dataset, syntax)
    await stored(client, sent)
    got = dcmread(BytesIO((await get(client, url(dataset), "application/dicom")).content))
    assert got.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert got.PixelData == pixels.tobytes()
    assert got.PatientName == dataset.PatientName
    as_stored = await get(client, url(dataset), "application/dicom; transfer-syntax=*")
    assert as_stored.content == sent
    assert as_stored.headers["content-type"].endswith(f"transfer-syntax={syntax}")


async def test_compressed_frames_as_stored_and_decoded(client: httpx.AsyncClient) -> None:
    sent, dataset = real("emri_small_jpeg_2k_lossless.dcm")
    await stored(client, sent)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames)))
    pixels = dataset.pixel_array
    star = await get(client, url(dataset, "/frames/2,10"), f"{OCTETS}; transfer-syntax=*")
    for part, number in zip(received(star.headers["content-type"], star.content), (1, 9), strict=True):
        assert part.content_type == f"application/octet-stream; transfer-syntax={JPEG2000Lossless}"
        assert part.data == frames[number]
    jp2 = await get(client, url(dataset, "/frames/2"), 'multipart/related; type="image/jp2"')
    (part,) = received(jp2.headers["content-type"], jp2.content)
    assert (part.content_type, part.data) == (f"image/jp2; transfer-syntax={JPEG2000Lossless}", frames[1])
    for accept in (OCTETS, f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1"):
        native = await get(client, url(dataset, "/frames/10,2"), accept)
        got = [part.data for part in received(native.headers["content-type"], native.content)]
        assert got == [pixels[number].astype("<u2").tobytes() for number in (9, 1)]
    assert (
        await get(client, url(dataset, "/frames/1"), 'multipart/related; type="image/jxl"')
    ).status_code == 406


async def test_lossless_instance_is_decoded_by_default_and_a_lossy_one_stays(
    client: httpx.AsyncClient,
) -> None:
    lossless, described = real("emri_small_RLE.dcm")
    lossy, coloured = real("SC_rgb_jpeg_dcmtk.dcm")
    await stored(client, lossless)
    await stored(client, lossy)
    got = dcmread(BytesIO((await get(client, url(described), "application/dicom")).content))
    assert got.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(got.pixel_array, described.pixel_array)
    kept = await get(client, url(coloured), "application/dicom")
    assert kept.content == lossy
    explicit = await get(client, url(coloured), "application/dicom; transfer-syntax=1.2.840.10008.1.2.1")
    assert dcmread(BytesIO(explicit.content)).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


async def test_one_bit_frames_begin_at_bit_zero(client: httpx.AsyncClient) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (3, 3, 5), dtype=np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    dataset = ct(
        Rows=3, Columns=5, BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=3, PixelData=packed
    )
    await stored(client, part10(dataset))
    for number in (1, 2, 3):
        answer = await get(client, url(dataset, f"/frames/{number}"), "application/octet-stream")
        assert answer.content == np.packbits(bits[number - 1].reshape(-1), bitorder="little").tobytes()


async def test_odd_frame_has_no_padding(client: httpx.AsyncClient) -> None:
    dataset = ct(
        Rows=3, Columns=5, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=bytes(range(15)) + b"\0"
    )
    await stored(client, part10(dataset))
    answer = await get(client, url(dataset, "/frames/1"), "application/octet-stream")
    assert answer.content == bytes(range(15))


async def test_no_frames_in_what_is_no_image(client: httpx.AsyncClient) -> None:
    sent, report = real("reportsi.dcm")
    await stored(client, sent)
    assert (await get(client, url(report, "/frames/1"))).status_code == 404


async def test_metadata_at_each_level(client: httpx.AsyncClient) -> None:
    slices = [ct(InstanceNumber=number) for number in (1, 2)]
    await stored(client, *map(part10, slices))
    for path in (f"{STUDIES}/1.2.3", f"{STUDIES}/1.2.3/series/1.2.3.4"):
        answer = await get(client, f"{path}/metadata", "application/dicom+json")
        assert answer.headers["content-type"] == "application/dicom+json"
        assert [each["00200013"]["Value"] for each in answer.json()] == [[1], [2]]
    (one,) = (await get(client, url(slices[1], "/metadata"))).json()
    assert one["7FE00010"]["BulkDataURI"] == f"http://localhost:8080{url(slices[1], '/bulkdata/7FE00010')}"
    assert one["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", 200),
        ("*/*", 200),
        (
            "application/dicom+json, multipart/related; type=application/octet-stream; transfer-syntax=*",
            200,
        ),
        ("application/dicom+xml;q=0.9, application/dicom+json;q=0.1", 200),
        ("text/html", 406),
    ],
)
async def test_metadata_negotiation(client: httpx.AsyncClient, accept: str, expected: int) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    answer = await get(client, url(dataset, "/metadata"), accept)
    assert answer.status_code == expected
    if expected == 200:
        assert answer.headers["content-type"] == "application/dicom+json"


async def test_bulk_data_addresses_follow_the_root(client: httpx.AsyncClient) -> None:
    dataset = ct(IconImageSequence=[_icon()])
    await stored(client, part10(dataset))
    for root in ("/dicom-web", "/collections/inbox/dicom-web"):
        path = url(dataset).replace("/dicom-web", root)
        (one,) = (await get(client, f"{path}/metadata")).json()
        uri = one["00880200"]["Value"][0]["7FE00010"]["BulkDataURI"]
        assert uri == f"http://localhost:8080{path}/bulkdata/00880200/1/7FE00010"
        answer = await get(client, uri, "application/octet-stream")
        assert answer.content == bytes(range(256)) * 8


def _icon() -> Dataset:
    icon = Dataset()
    icon.Rows, icon.Columns, icon.BitsAllocated = 32, 64, 8
    icon.PixelData = bytes(range(256)) * 8
    icon["PixelData"].VR = "OB"
    return icon


async def test_document_as_its_own_type(client: httpx.AsyncClient) -> None:
    document = b"%PDF-1.4 " + b"x" * 2000 + b" "
    dataset = ct(EncapsulatedDocument=document, MIMETypeOfEncapsulatedDocument="application/pdf")
    await stored(client, part10(dataset))
    path = url(dataset, "/bulkdata/00420011")
    wanted = 'multipart/related; type="application/pdf", multipart/related; type="application/octet-stream"'
    answer = await get(client, path, wanted)
    (part,) = received(answer.headers["content-type"], answer.content)
    assert part.content_type == "application/pdf"
    assert part.data.rstrip(b"\0") == document.rstrip(b"\0")
    assert (await get(client, path, "application/pdf")).headers["content-type"] == "application/pdf"
    octets = await get(client, path, "application/octet-stream")
    assert octets.headers["content-type"] == "application/octet-stream"


async def test_a_document_that_claims_to_be_a_page_runs_nothing(client: httpx.AsyncClient) -> None:
    dataset = ct(EncapsulatedDocument=b"<script>", MIMETypeOfEncapsulatedDocument="text/html")
    await stored(client, part10(dataset))
    answer = await get(client, url(dataset, "/bulkdata/00420011"), "text/html")
    assert answer.headers["content-type"] == "text/html"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy


@pytest.mark.parametrize("below", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"])
async def test_entity_tag_and_not_modified(client: httpx.AsyncClient, below: str) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    first = await get(client, url(dataset, below))
    tag = first.headers["etag"]
    assert tag.startswith('"')
    again = await get(client, url(dataset, below), **{"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["vary"] == "Accept, Accept-Encoding, Authorization, Cookie"
    assert (await get(client, url(dataset, below), **{"if-none-match": '"other"'})).status_code == 200


async def test_entity_tag_of_a_series_changes_when_it_grows(client: httpx.AsyncClient) -> None:
    await stored(client, part10(ct()))
    path = f"{STUDIES}/1.2.3/series/1.2.3.4"
    before = [(await get(client, path + below)).headers["etag"] for below in ("", "/metadata")]
    await stored(client, part10(ct()))
    after = [(await get(client, path + below)).headers["etag"] for below in ("", "/metadata")]
    assert not set(before) & set(after)
    assert len(set(before + after)) == 4


@pytest.mark.parametrize("below", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"])
async def test_head_is_get_without_the_body(client: httpx.AsyncClient, below: str) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    got = await get(client, url(dataset, below))
    head = await client.head(url(dataset, below))
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=90-", 206, slice(90, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=0-99999", 206, slice(0, None)),
        ("bytes=96-", 416, None),
        ("bytes=5-2", 200, slice(None)),
        ("chapters=1", 200, slice(None)),
        ("bytes=0-1,4-5", 200, slice(None)),
    ],
)
async def test_range_of_a_single_part(
    client: httpx.AsyncClient, asked: str, status: int, part: slice | None
) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    for below in ("/frames/1", "/bulkdata/7FE00010"):
        answer = await get(client, url(dataset, below), "application/octet-stream", range=asked)
        assert answer.status_code == status
        if part is None:
            assert answer.headers["content-range"] == "bytes */96"
            continue
        assert answer.content == dataset.PixelData[part]
        assert int(answer.headers["content-length"]) == len(answer.content)
        if status == 206:
            start, stop, _ = part.indices(96)
            assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/96"


async def test_if_range_of_another_state_gives_the_whole(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    path, octets = url(dataset, "/frames/1"), "application/octet-stream"
    tag = (await get(client, path, octets)).headers["etag"]
    same = await get(client, path, octets, range="bytes=0-1", **{"if-range": tag})
    other = await get(client, path, octets, range="bytes=0-1", **{"if-range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_metadata_is_compressed_on_request(client: httpx.AsyncClient, coding: str) -> None:
    slices = [ct() for _ in range(20)]
    await stored(client, *map(part10, slices))
    path = f"{STUDIES}/1.2.3/metadata"
    plain = await get(client, path, **{"accept-encoding": "identity"})
    async with client.stream("GET", path, headers={"accept-encoding": coding}) as answer:
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == coding
    assert "Accept-Encoding" in answer.headers["vary"]
    assert answer.headers["etag"] != plain.headers["etag"]
    undone = (
        gzip.decompress(raw)
        if coding == "gzip"
        else zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    )
    assert undone == plain.content
    assert len(raw) < len(plain.content) / 3
    known = await get(client, path, **{"accept-encoding": coding, "if-none-match": answer.headers["etag"]})
    assert known.status_code == 304


@pytest.mark.parametrize("batch", [500, 40])
async def test_kept_metadata_is_what_it_was_until_something_is_stored(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(pieces, "MOST", batch)
    first = ct()
    series = f"{STUDIES}/{first.StudyInstanceUID}/series/{first.SeriesInstanceUID}/metadata"
    await stored(client, *(part10(ct(InstanceNumber=number)) for number in range(1, 91)))
    codings = ("identity", "gzip", "zstd")
    made = {coding: await get(client, series, **{"accept-encoding": coding}) for coding in codings}
    with monkeypatch.context() as blinded:
        blinded.setattr(locate, "descriptions", None)
        blinded.setattr("app.wire.coding.PIECE", 1000)
        for coding in codings:
            again = await get(client, series, **{"accept-encoding": coding})
            assert again.headers["etag"] == made[coding].headers["etag"]
            assert again.headers.get("content-encoding", "identity") == coding
            assert again.json() == made["identity"].json()
            assert int(again.headers["content-length"]) == again.num_bytes_downloaded
    elsewhere = await get(client, series, **{"host": "127.0.0.1:9", "accept-encoding": "identity"})
    assert elsewhere.json() != made["identity"].json()
    await stored(client, part10(ct(InstanceNumber=91)))
    more = await get(client, series, **{"accept-encoding": "identity"})
    assert (len(made["identity"].json()), len(more.json())) == (90, 91)


async def test_metadata_of_many_instances_comes_in_batches(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.index.pieces.MOST", 3)
    slices = [ct(InstanceNumber=number) for number in range(1, 9)]
    await stored(client, *map(part10, slices))
    for coding in ("identity", "gzip", "zstd"):
        answer = await get(client, f"{STUDIES}/1.2.3/metadata", **{"accept-encoding": coding})
        assert [each["00200013"]["Value"][0] for each in answer.json()] == list(range(1, 9))


async def test_who_asks_for_little_does_not_wait_for_all_who_ask_for_much(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    looked: list[str] = []

    def noted(name: str) -> None:
        look = getattr(locate, name)
        monkeypatch.setattr(locate, name, lambda *given: (looked.append(name), look(*given))[1])

    noted("instances")
    noted("instance")
    asked = [f"{STUDIES}/1.2.3"] * 30 + [url(dataset)]
    answers = await asyncio.gather(*(get(client, path) for path in asked))
    assert {answer.status_code for answer in answers} == {200}
    assert looked.count("instances") == 30
    assert looked.index("instance") < 10


async def test_a_long_plan_is_made_in_slices(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(client, *(part10(ct(InstanceNumber=number)) for number in range(1, 8)))
    whole = (await get(client, f"{STUDIES}/1.2.3")).content
    taken: list[bool] = []
    take = Turns.take

    async def noted(turns: Turns, *, begins: bool = False) -> None:
        taken.append(begins)
        await take(turns, begins=begins)

    monkeypatch.setattr(retrieve, "SLICE", 3)
    monkeypatch.setattr(Turns, "take", noted)
    assert (await get(client, f"{STUDIES}/1.2.3")).content == whole
    assert taken == [True, False, False, False]


async def test_a_frames_request_reads_one_row(
    client: httpx.AsyncClient, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    with statements() as seen:
        await get(client, url(dataset, "/frames/1"))
    assert len(_selects(seen)) == 1
    with statements() as seen:
        await get(client, url(dataset))
    assert len(_selects(seen)) == 1


async def test_a_search_page_takes_two_queries_and_one_more_for_each_way_that_is_looked_for(
    client: httpx.AsyncClient, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    """A modality is counted beforehand, a pattern looked up and what it leads to put in order."""
    await stored(client, part10(ct()), part10(ct(study="1.2.9", series="1.2.9.1")))
    for query, most in ("", 2), ("?limit=1", 2), ("?ModalitiesInStudy=CT&PatientName=doe*&limit=1", 5):
        with statements() as seen:
            answer = await get(client, f"{STUDIES}{query}")
        assert answer.status_code == 200
        assert 1 <= len(_selects(seen)) <= most


def _selects(seen: list[str]) -> list[str]:
    return [statement for statement in seen if statement.lstrip().lower().startswith("select")]


async def test_unknown_paths_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    for answer, status in (
        (await client.get("/dicom-web/nothing"), 404),
        (await client.delete(f"{STUDIES}/1.2.3"), 405),
    ):
        assert answer.status_code == status
        body: dict[str, Any] = answer.json()
        assert body["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_more_frames_than_one_answer_holds_are_refused(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their headers alone would fill the memory."""
    monkeypatch.setattr(retrieve, "MOST_FRAMES", 9)
    monkeypatch.setattr(retrieve, "_MANY", 3)
    data, dataset = real("emri_small_RLE.dcm")
    await stored(client, data)
    accept = f"{OCTETS}; transfer-syntax=*"
    refused = await get(client, url(dataset, "/pixeldata"), accept)
    assert (refused.status_code, "at most 9 frames" in refused.json()["detail"]) == (400, True)
    answer = await get(client, url(dataset, "/frames/9,8,7,1"), accept)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=10))
    assert [part.data for part in received(answer.headers["content-type"], answer.content)] == [
        frames[place] for place in (8, 7, 6, 0)
    ]
