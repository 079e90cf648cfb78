"""Transcoding on request, over the whole application on both databases, with real instances."""

import shutil
import warnings
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array

from app.dicom import codestream, frames, transfer_syntaxes
from app.dicom import part10 as part10_reader
from app.dicom.encoders import ENCODERS
from tests.bodies import received
from tests.instances import ct, part10
from tests.routers.test_wado import get, real, stored, url

EXPLICIT, LOSSLESS_JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70"
BASELINE, LOSSY_2000 = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.91"
#: Frames that pydicom has no decoder for: as they are, and deflated.
UNCOMPRESSED, DEFLATED = "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1"
LOSSLESS = [
    uid for uid, encoder in ENCODERS.items() if encoder.lossless and uid not in (UNCOMPRESSED, DEFLATED)
]
#: Explicit, implicit, deflated and big endian.
NATIVE = (EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2")
#: Signed and unsigned grey, colour, a palette, several frames; native, big endian and compressed. The first
#: frames of every real file are judged by other libraries in `tests/dicom/test_encoders.py`.
REAL = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_jp2klossless.dcm",
    "SC_rgb_16bit.dcm",
    "emri_small_RLE.dcm",
    "examples_palette.dcm",
    "SC_rgb_expb_2frame.dcm",
    "image_dfl.dcm",
    "examples_ybr_color.dcm",
    "color-pl.dcm",
)


def dicom(uid: str) -> str:
    return f"application/dicom; transfer-syntax={uid}"


def kept(client: httpx.AsyncClient, tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "data/cache").glob("*/entries/*/*") if path.is_file()]


@pytest.mark.parametrize("name", REAL)
async def test_lossless_forms_of_real_instances_hold_the_same_pixels(
    client: httpx.AsyncClient, name: str
) -> None:
    data, dataset = real(name)
    await stored(client, data)
    native = (await get(client, url(dataset), dicom(EXPLICIT))).content
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = dcmread(BytesIO(native))
        pixels = expected.pixel_array
    for uid in LOSSLESS:
        answer = await get(client, url(dataset), dicom(uid))
        assert answer.status_code == 200, (uid, answer.text)
        assert answer.headers["content-type"] == dicom(uid)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = dcmread(BytesIO(answer.content))
            assert made.file_meta.TransferSyntaxUID == uid
            assert made.SOPInstanceUID == dataset.SOPInstanceUID
            np.testing.assert_array_equal(made.pixel_array, pixels)
            changed = {element.tag for element in made if expected.get(element.tag) != element}
        assert changed <= {0x00280004, 0x00280006, 0x7FE00010}


@pytest.mark.parametrize("uid", LOSSLESS)
async def test_frames_in_a_media_type(client: httpx.AsyncClient, uid: str) -> None:
    data, dataset = real("emri_small.dcm")
    await stored(client, data)
    syntax = transfer_syntaxes.get(uid)
    asked = f'multipart/related; type="{syntax.media_type}"; transfer-syntax={uid}'
    answer = await get(client, url(dataset, "/frames/3,1"), asked)
    parts = received(answer.headers["content-type"], answer.content)
    assert [part.content_type for part in parts] == [f"{syntax.media_type}; transfer-syntax={uid}"] * 2
    assert [part.location.rpartition("/")[2] for part in parts] == ["3", "1"]
    single = await get(client, url(dataset, "/frames/1"), f"{syntax.media_type}; transfer-syntax={uid}")
    assert single.content == parts[1].data
    stream = codestream.read(single.content)
    assert uid == "1.2.840.10008.1.2.5" or (stream and (stream.rows, stream.columns) == (64, 64))
    octets = await get(client, url(dataset, "/frames/1"), f"application/octet-stream; transfer-syntax={uid}")
    assert octets.content == single.content


async def test_a_media_type_alone_means_its_default(client: httpx.AsyncClient) -> None:
    await stored(client, part10(dataset := ct()))
    for media_type in (
        "image/jpeg",
        "image/jls",
        "image/jp2",
        "image/jphc",
        "image/dicom-rle",
        "image/x-jls",
    ):
        answer = await get(client, url(dataset, "/frames/1"), media_type)
        default = transfer_syntaxes.default(media_type.replace("x-jls", "jls"))
        assert default is not None
        assert answer.headers["content-type"] == f"{default.media_type}; transfer-syntax={default.uid}"


@pytest.mark.parametrize(("uid", "method"), [(BASELINE, "ISO_10918_1"), (LOSSY_2000, "ISO_15444_1")])
async def test_a_lossy_form_is_another_instance_and_says_so(
    client: httpx.AsyncClient, uid: str, method: str
) -> None:
    data, dataset = real("SC_rgb_rle.dcm")
    await stored(client, data)
    answer = await get(client, url(dataset), dicom(uid))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = dcmread(BytesIO(answer.content))
        near, before = made.pixel_array.astype(int), dcmread(BytesIO(data)).pixel_array.astype(int)
    assert made.SOPInstanceUID == made.file_meta.MediaStorageSOPInstanceUID != dataset.SOPInstanceUID
    assert made.SOPInstanceUID.is_valid
    assert made.SourceImageSequence[0].ReferencedSOPInstanceUID == dataset.SOPInstanceUID
    assert (made.ImageType[0], made.LossyImageCompression) == ("DERIVED", "01")
    assert (made.LossyImageCompressionMethod, made.LossyImageCompressionRatio > 1) == (method, True)
    assert near.shape == before.shape
    again = await get(client, url(dataset), dicom(uid))
    assert again.content == answer.content


async def test_deflated_and_uncompressed_frames_of_bits_and_back(client: httpx.AsyncClient) -> None:
    """A segmentation's frames of 35 bits: each begins where the one before ended, but for sent ones."""
    bits = np.random.default_rng(3).integers(0, 2, (3, 5, 7), np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    said = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "Rows": 5, "Columns": 7, "NumberOfFrames": 3}
    await stored(client, part10(dataset := ct(PixelData=packed, **said)))
    frames = [np.packbits(frame.ravel(), bitorder="little").tobytes() for frame in bits]
    for uid, media_type in ((UNCOMPRESSED, "application/octet-stream"), (DEFLATED, "application/x-deflate")):
        asked = f'multipart/related; type="{media_type}"; transfer-syntax={uid}'
        answer = await get(client, url(dataset, "/frames/1,2,3"), asked)
        data = [part.data for part in received(answer.headers["content-type"], answer.content)]
        assert [zlib.decompress(each, -15) if uid == DEFLATED else each for each in data] == frames
        made = await get(client, url(dataset), dicom(uid))
        assert made.status_code == 200, made.text
        other = dcmread(BytesIO(made.content))
        assert other.file_meta.TransferSyntaxUID == uid
        fragments = list(generate_frames(other.PixelData, number_of_frames=3))
        assert [
            zlib.decompressobj(-15).decompress(each) if uid == DEFLATED else each[:5] for each in fragments
        ] == frames
    refused = await get(client, url(dataset), dicom("1.2.840.10008.1.2.5"))
    assert (refused.status_code, DEFLATED in refused.json()["detail"]) == (406, True)


async def test_an_instance_of_deflated_frames_becomes_native_again(client: httpx.AsyncClient) -> None:
    bits = bytes([0b10101010, 0b00001111, 0b11, 0b01010101, 0b1])
    said = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "Rows": 3, "Columns": 6, "NumberOfFrames": 2}
    await stored(client, part10(dataset := ct(PixelData=bits + b"\0", **said)))
    deflated = await get(client, url(dataset), dicom(DEFLATED))
    before = str(dataset.SOPInstanceUID)
    dataset.SOPInstanceUID = before[:-1] + ("1" if before[-1] != "1" else "2")
    await stored(client, deflated.content.replace(before.encode(), dataset.SOPInstanceUID.encode()))
    again = dcmread(BytesIO((await get(client, url(dataset), dicom(EXPLICIT))).content))
    assert again.PixelData == bits + b"\0"


@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
@pytest.mark.parametrize(
    "uid", [EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]
)
async def test_floating_pixels_between_native_encodings(
    client: httpx.AsyncClient, keyword: str, uid: str
) -> None:
    bits = 32 if keyword == "FloatPixelData" else 64
    values = np.linspace(-1, 1, 48)
    order = ">" if uid.endswith(".2.2") else "<"
    dataset = ct(BitsAllocated=bits, **{keyword: values.astype(f"{order}f{bits // 8}").tobytes()})
    for other in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(dataset, other)
    await stored(client, part10(dataset, uid))
    expected = values.astype(f"<f{bits // 8}").tobytes()
    answer = await get(client, url(dataset), dicom(EXPLICIT))
    assert dcmread(BytesIO(answer.content))[keyword].value == expected
    assert (await get(client, url(dataset, "/frames/1"), "application/octet-stream")).content == expected
    for path, asked in (("", dicom("1.2.840.10008.1.2.5")), ("/frames/1", "image/dicom-rle")):
        refused = await get(client, url(dataset, path), asked)
        assert (refused.status_code, "floating" in refused.json()["detail"]) == (406, True)


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_bigendian.dcm", "emri_small_RLE.dcm", "rtplan.dcm"]
)
async def test_a_deflated_instance_is_the_explicit_one(client: httpx.AsyncClient, name: str) -> None:
    data, dataset = real(name)
    await stored(client, data)
    answer = await get(client, url(dataset), dicom("1.2.840.10008.1.2.1.99"))
    assert answer.headers["content-type"] == dicom("1.2.840.10008.1.2.1.99")
    plain = (await get(client, url(dataset), dicom(EXPLICIT))).content
    made, expected = dcmread(BytesIO(answer.content)), dcmread(BytesIO(plain))
    assert made == expected
    assert made.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1.99"
    assert len(answer.content) < len(plain)


@pytest.mark.parametrize("photometric", ["CMYK", "HSV", "YBR_PARTIAL_420"])
async def test_retired_colours_are_406_and_sent_as_stored(
    client: httpx.AsyncClient, photometric: str
) -> None:
    samples = 4 if photometric == "CMYK" else 3
    said = {"SamplesPerPixel": samples, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    data = bytes(range(24)) * (2 * samples)
    await stored(client, part10(dataset := ct(PhotometricInterpretation=photometric, PixelData=data, **said)))
    for path, asked in (("", dicom(LOSSLESS_JPEG)), ("/rendered", "image/png")):
        refused = await get(client, url(dataset, path), asked)
        assert (refused.status_code, photometric in refused.json()["detail"]) == (406, True)
    assert (await get(client, url(dataset, "/frames/1"), "application/octet-stream")).content == data


async def test_what_cannot_be_made_is_406(client: httpx.AsyncClient) -> None:
    await stored(client, part10(dataset := ct()))
    for path, asked in (("", dicom(BASELINE)), ("/frames/1", f"image/jpeg; transfer-syntax={BASELINE}")):
        answer = await get(client, url(dataset, path), asked)
        assert (answer.status_code, "so many bits" in answer.json()["detail"]) == (406, True)
    await stored(client, part10(report := _report()))
    answer = await get(client, url(report), dicom(LOSSLESS_JPEG))
    assert (answer.status_code, "no pixel data" in answer.json()["detail"]) == (406, True)


async def test_bits_that_an_encoder_would_lose_are_406_and_rle_keeps_them(client: httpx.AsyncClient) -> None:
    overlaid = (np.arange(48, dtype="<u2") | 0xF000).tobytes()
    await stored(client, part10(dataset := ct(PixelData=overlaid)))
    assert (await get(client, url(dataset), dicom("1.2.840.10008.1.2.4.80"))).status_code == 406
    answer = await get(client, url(dataset), dicom("1.2.840.10008.1.2.5"))
    assert pixel_array(BytesIO(answer.content), correct_unused_bits=False).tobytes() == overlaid


async def test_the_cache_answers_again_and_never_who_may_not_see(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    await stored(client, part10(dataset := ct()))
    asked = "image/jls"
    first = await get(client, url(dataset, "/frames/1"), asked)
    (entry,) = kept(client, tmp_path)
    entry.chmod(0o640)
    entry.write_bytes(first.content[::-1])
    assert (await get(client, url(dataset, "/frames/1"), asked)).content == first.content[::-1]
    assert list((tmp_path / "data/cache").glob("*/held/*")) == []
    elsewhere = url(dataset, "/frames/1").replace("/series/1.2.3.4", "/series/9.9")
    assert (await get(client, elsewhere, asked)).status_code == 404


async def test_what_cannot_be_decoded_is_not_tried_again(
    client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, dataset = real("MR_small_jpeg_ls_lossless.dcm")
    index = frames.index(part10_reader.read(data))
    assert index is not None
    ((offset, length),) = index.ranges(1)
    damaged = data[: offset + 40] + bytes(length - 40) + data[offset + length :]
    await stored(client, damaged)
    codecs = client._transport.app.state.archive.codecs  # type: ignore[attr-defined]
    calls: list[object] = []
    run = codecs.run

    async def counted(*arguments: object, **named: object) -> bytes:
        calls.append(arguments[0])
        answer: bytes = await run(*arguments, **named)
        return answer

    monkeypatch.setattr(codecs, "run", counted)
    frame = url(dataset, "/frames/1")
    for path, asked in (
        ("", dicom(EXPLICIT)),
        ("/frames/1", "image/jp2"),
        ("/rendered", "image/png"),
    ):
        first = await get(client, url(dataset, path), asked)
        tried = len(calls)
        again = await get(client, url(dataset, path), asked)
        assert (first.status_code, again.status_code) == (406, 406), (path, first.text)
        assert first.json() == again.json()
        assert len(calls) == tried
    assert len(calls) == 3
    assert (await get(client, frame, "application/octet-stream; transfer-syntax=*")).status_code == 200
    assert kept(client, tmp_path) == []


async def test_frames_larger_than_a_request_may_have_are_413_before_any_is_made(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, dataset = real("emri_small_RLE.dcm")
    await stored(client, data)
    archive = client._transport.app.state.archive  # type: ignore[attr-defined]
    monkeypatch.setattr(type(archive.codecs), "run", None)
    tight = archive.settings.model_copy(update={"conversion_bytes": 3 * 64 * 64 * 2 - 1})
    application = client._transport.app  # type: ignore[attr-defined]
    monkeypatch.setattr(application.state, "archive", replace(archive, settings=tight))
    answer = await get(client, url(dataset, "/frames/1,2,3"), 'multipart/related; type="image/jphc"')
    assert (answer.status_code, "transfer-syntax=*" in answer.json()["detail"]) == (413, True)


async def test_more_than_one_request_may_have_is_413(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(client, part10(dataset := ct(NumberOfFrames=2, PixelData=bytes(192))))
    application = client._transport.app  # type: ignore[attr-defined]
    archive = application.state.archive
    tight = archive.settings.model_copy(update={"conversion_bytes": 50})
    monkeypatch.setattr(application.state, "archive", replace(archive, settings=tight))
    for path, asked in (("", dicom(LOSSLESS_JPEG)), ("/frames/1,2", 'multipart/related; type="image/jphc"')):
        answer = await get(client, url(dataset, path), asked)
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


async def test_pixel_data_of_an_instance(client: httpx.AsyncClient) -> None:
    data, native = real("CT_small.dcm")
    compressed, frames = real("emri_small_RLE.dcm")
    await stored(client, data, compressed, part10(report := _report()))
    answer = await get(client, url(native, "/pixeldata"), "application/octet-stream")
    assert (answer.status_code, answer.content) == (200, native.PixelData)
    streams = await get(client, url(frames, "/pixeldata"), 'multipart/related; type="image/dicom-rle"')
    assert len(received(streams.headers["content-type"], streams.content)) == frames.NumberOfFrames
    assert (await get(client, url(report, "/pixeldata"))).status_code == 404


def _report() -> Dataset:
    report = ct()
    del report.PixelData
    return report


async def test_a_full_disk_is_503(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    await stored(client, part10(dataset := ct()))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    answer = await get(client, url(dataset, "/frames/1"), "image/jls")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_what_was_converted_is_let_go_though_its_range_is_refused(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    answer = await get(client, url(dataset), dicom(LOSSLESS_JPEG), range="bytes=99999999-")
    assert answer.status_code == 416
    assert list((tmp_path / "data/cache").glob("*/held/*")) == []


async def test_only_get_has_ranges(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    headers = {"accept": "application/dicom; transfer-syntax=*", "range": "bytes=0-3"}
    part, head = (
        await client.get(url(dataset), headers=headers),
        await client.head(url(dataset), headers=headers),
    )
    assert (part.status_code, head.status_code) == (206, 200)
    assert "content-range" not in head.headers
