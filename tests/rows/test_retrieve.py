"""WADO-RS of instances, metadata, frames and bulk data: rows 47 to 81 and 88 to 91 (PS3.18 section 10.4)."""

import tracemalloc
from io import BytesIO
from warnings import catch_warnings
from xml.etree import ElementTree
from zipfile import ZipFile

import httpx
import numpy as np
import pytest
from dicomweb_client.web import _load_xml_dataset
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests.instances import ct, part10
from tests.rows.asking import (
    ANY_SYNTAX,
    HOST,
    JSON,
    OCTETS,
    STUDIES,
    XML,
    get,
    parts,
    real,
    stored,
    url,
)

DICOM = 'multipart/related; type="application/dicom"'
SINGLE = "application/dicom"
NATIVE = "application/octet-stream"
NATIVE_MODEL = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
J2K, JPEG, RLE, JLS = (
    "emri_small_jpeg_2k_lossless.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "emri_small_RLE.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
)


def compressed(dataset: Dataset, pixels: bytes, syntax: str) -> bytes:
    """The instance with encapsulated pixel data."""
    dataset.PixelData = pixels
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


def slices(count: int) -> list[Dataset]:
    return [ct(InstanceNumber=number) for number in range(1, count + 1)]


@pytest.mark.parametrize("depth", [2, 4, 6])
async def test_row_047_multipart_of_every_level(client: httpx.AsyncClient, depth: int) -> None:
    sent = slices(3)
    await stored(client, *sent)
    path = "/".join(url(sent[0]).split("/")[: 2 + depth])
    answer = await get(client, path, DICOM)
    assert answer.headers["content-type"].startswith(f"{DICOM}; boundary=")
    found = parts(answer)
    assert [part.data for part in found] == [part10(each) for each in (sent if depth < 6 else sent[:1])]
    assert {part.content_type for part in found} == {
        f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
    }


@pytest.mark.parametrize(
    "accept",
    [
        "multipart/related; type=application/dicom",
        "multipart/related;type=application/dicom;transfer-syntax=*",
        'multipart/related; transfer-syntax=*; type="application/dicom"',
        'MULTIPART/RELATED ;TYPE="APPLICATION/DICOM"',
        'multipart/related; type="application/dicom; transfer-syntax=1.2.840.10008.1.2.1"',
        'multipart/related; type="application/dicom"; boundary=x; q=0.5',
    ],
)
async def test_row_048_parameters_in_every_form(client: httpx.AsyncClient, accept: str) -> None:
    dataset = ct()
    await stored(client, dataset)
    assert len(parts(await get(client, url(dataset), accept))) == 1


async def test_row_049_single_part(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, dataset)
    answer = await get(client, url(dataset), SINGLE)
    assert answer.headers["content-type"] == f"{SINGLE}; transfer-syntax={ExplicitVRLittleEndian}"
    assert answer.content == part10(dataset)


@pytest.mark.parametrize("accept", ["*/*", None])
async def test_row_050_any_accept_is_multipart(client: httpx.AsyncClient, accept: str | None) -> None:
    dataset = ct()
    await stored(client, dataset)
    (part,) = parts(await get(client, url(dataset), accept))
    assert part.content_type.startswith("application/dicom;")


@pytest.mark.parametrize("name", [J2K, JPEG, RLE, JLS, "MR_small_bigendian.dcm", "image_dfl.dcm"])
async def test_row_051_stored_bytes(client: httpx.AsyncClient, name: str) -> None:
    sent, dataset = real(name)
    await stored(client, sent)
    assert (await get(client, url(dataset), f"{SINGLE}; transfer-syntax=*")).content == sent


@pytest.mark.parametrize("name", [J2K, JPEG, RLE, "MR_small_implicit.dcm"])
async def test_row_052_stored_transfer_syntax_by_name(client: httpx.AsyncClient, name: str) -> None:
    sent, dataset = real(name)
    await stored(client, sent)
    syntax = dataset.file_meta.TransferSyntaxUID
    assert (await get(client, url(dataset), f"{SINGLE}; transfer-syntax={syntax}")).content == sent


@pytest.mark.parametrize("name", [J2K, RLE, JLS, "SC_rgb_rle_2frame.dcm"])
async def test_row_053_decoded_on_request(client: httpx.AsyncClient, name: str) -> None:
    sent, dataset = real(name)
    await stored(client, sent)
    answer = await get(client, url(dataset), f"{SINGLE}; transfer-syntax={ExplicitVRLittleEndian}")
    got = dcmread(BytesIO(answer.content))
    assert got.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(got.pixel_array, dataset.pixel_array)


async def test_row_053_no_decoder(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, compressed(dataset, encapsulate([b"\0\0\1\xb3video"]), MPEG2MPML))
    answer = await get(client, url(dataset), f"{SINGLE}; transfer-syntax={ExplicitVRLittleEndian}")
    assert answer.status_code == 406


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless])
async def test_row_054_transcoding(client: httpx.AsyncClient, syntax: str) -> None:
    dataset = ct()
    await stored(client, dataset)
    answer = await get(client, url(dataset), f"{SINGLE}; transfer-syntax={syntax}")
    assert answer.status_code == 200
    got = dcmread(BytesIO(answer.content))
    assert got.file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(got.pixel_array.reshape(-1), np.arange(48))


async def test_row_055_explicit_little_endian_by_default(client: httpx.AsyncClient) -> None:
    (lossless, first), (lossy, second) = real(RLE), real(JPEG)
    await stored(client, lossless, lossy)
    got = dcmread(BytesIO((await get(client, url(first), SINGLE)).content))
    assert got.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(got.pixel_array, first.pixel_array)
    assert (await get(client, url(second), SINGLE)).content == lossy


@pytest.mark.parametrize("name", ["MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm"])
async def test_row_056_no_implicit_or_big_endian_by_default(client: httpx.AsyncClient, name: str) -> None:
    sent, dataset = real(name)
    await stored(client, sent)
    for accept in (SINGLE, DICOM, None):
        answer = await get(client, url(dataset), accept)
        body = answer.content if accept == SINGLE else parts(answer)[0].data
        got = dcmread(BytesIO(body))
        assert got.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert np.array_equal(got.pixel_array, dataset.pixel_array)


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom; transfer-syntax=1.2.3.4",
        "image/jpeg",
        f'{DICOM}; transfer-syntax="1.2.840.10008.1.2.4.100"',
        "application/dicom+json",
    ],
)
async def test_row_057_unsupported_is_406(client: httpx.AsyncClient, accept: str) -> None:
    dataset = ct()
    await stored(client, dataset)
    assert (await get(client, url(dataset), accept)).status_code == 406


@pytest.mark.parametrize("below", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"])
async def test_row_058_wrong_parents(client: httpx.AsyncClient, below: str) -> None:
    one, other = ct("1.1", "1.1.1", "1.1.1.1"), ct("1.2", "1.2.1", "1.2.1.1")
    await stored(client, one, other)
    for place, uid in ((3, "1.2"), (5, "1.2.1"), (7, "1.2.1.1"), (7, "9.9")):
        path = url(one).split("/")
        path[place] = uid
        assert (await get(client, "/".join(path) + below)).status_code == 404


async def test_row_059_gone(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, dataset)
    await client.delete(url(dataset))
    assert (await get(client, url(dataset))).status_code == 410


@pytest.mark.parametrize("uid", ["abc", "1.2.x", "1" * 65, "1%002", "..%2F..", "1.2 "])
async def test_row_060_malformed_uids(client: httpx.AsyncClient, uid: str) -> None:
    await stored(client, ct())
    for path in (f"{STUDIES}/{uid}", f"{STUDIES}/1.2.3/series/{uid}/metadata", f"{STUDIES}/{uid}/series"):
        assert (await get(client, path)).status_code in (400, 404)


async def test_row_060_leading_zeros_are_found(client: httpx.AsyncClient) -> None:
    with catch_warnings(action="ignore"):
        dataset = ct("1.02.3", "1.02.3.04", "1.02.3.04.005")
        await stored(client, dataset)
    assert (await get(client, url(dataset, "/metadata"))).status_code == 200


async def test_row_061_content_location(client: httpx.AsyncClient) -> None:
    sent = slices(2)
    await stored(client, *sent)
    found = parts(await get(client, f"{STUDIES}/1.2.3"))
    assert [part.location for part in found] == [HOST + url(each) for each in sent]
    for part in found:
        assert (await get(client, part.location, SINGLE)).content == part.data
    assert (await get(client, url(sent[0]), SINGLE)).headers["content-location"] == HOST + url(sent[0])


@pytest.mark.parametrize("below", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"])
async def test_row_062_content_length(client: httpx.AsyncClient, below: str) -> None:
    dataset = ct()
    await stored(client, dataset)
    answer = await get(client, url(dataset, below), accept_encoding="identity")
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("numbers", ["1", "2", "3,1,2", "2%2C1"])
async def test_row_063_frames_in_the_order_asked_for(client: httpx.AsyncClient, numbers: str) -> None:
    frames = np.arange(3 * 48, dtype="<u2").reshape(3, 48)
    dataset = ct(NumberOfFrames=3, PixelData=frames.tobytes())
    await stored(client, dataset)
    answer = await get(client, url(dataset, f"/frames/{numbers}"), OCTETS)
    assert answer.headers["content-type"].startswith(f"{OCTETS}; boundary=")
    wanted = [int(number) - 1 for number in numbers.replace("%2C", ",").split(",")]
    assert [part.data for part in parts(answer)] == [frames[number].tobytes() for number in wanted]


@pytest.mark.parametrize(
    ("numbers", "status"),
    [
        ("0", 404),
        ("4", 404),
        ("1,4", 404),
        ("abc", 400),
        ("1,", 400),
        ("1-2", 400),
        ("-1", 400),
        ("1.0", 400),
        ("1,1", 400),
    ],
)
async def test_row_064_frames_out_of_range(client: httpx.AsyncClient, numbers: str, status: int) -> None:
    dataset = ct(NumberOfFrames=3, PixelData=bytes(288))
    await stored(client, dataset)
    assert (await get(client, url(dataset, f"/frames/{numbers}"))).status_code == status


async def test_row_065_frames_of_no_image(client: httpx.AsyncClient) -> None:
    sent, report = real("reportsi.dcm")
    await stored(client, sent)
    assert (await get(client, url(report, "/frames/1"), ANY_SYNTAX)).status_code == 404


@pytest.mark.parametrize(
    ("described", "length"),
    [
        ({"Rows": 3, "Columns": 5, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, 15),
        ({"Rows": 3, "Columns": 5}, 30),
        ({"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "RGB"}, 288),
        ({"SamplesPerPixel": 3, "PlanarConfiguration": 1, "PhotometricInterpretation": "RGB"}, 288),
    ],
)
async def test_row_066_exact_length(
    client: httpx.AsyncClient, described: dict[str, object], length: int
) -> None:
    pixels = np.random.default_rng(7).bytes(3 * length)
    dataset = ct(**{**described, "NumberOfFrames": 3, "PixelData": pixels + bytes(len(pixels) % 2)})
    await stored(client, dataset)
    for number in (1, 2, 3):
        answer = await get(client, url(dataset, f"/frames/{number}"), NATIVE)
        assert answer.content == pixels[(number - 1) * length : number * length]


async def test_row_066_one_bit_frames(client: httpx.AsyncClient) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (3, 15), dtype=np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    dataset = ct(
        Rows=3, Columns=5, BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=3, PixelData=packed
    )
    await stored(client, dataset)
    for number in (1, 2, 3):
        answer = await get(client, url(dataset, f"/frames/{number}"), NATIVE)
        assert answer.content == np.packbits(bits[number - 1], bitorder="little").tobytes()


async def test_row_067_ybr_full_422(client: httpx.AsyncClient) -> None:
    sent, dataset = real("SC_ybr_full_422_uncompressed.dcm")
    await stored(client, sent)
    answer = await get(client, url(dataset, "/frames/1"), NATIVE)
    assert len(answer.content) == dataset.Rows * dataset.Columns * 2
    assert answer.content == dataset.PixelData[: len(answer.content)]


FRAMES = [bytes((0xFF, 0x4F, 0xFF, 0x51)) + bytes([number]) * 40 + b"\xff\xd9" for number in range(1, 4)]


@pytest.mark.parametrize("form", ["offsets", "no offsets", "extended", "fragments", "fragments, no offsets"])
async def test_row_068_code_streams_as_stored(client: httpx.AsyncClient, form: str) -> None:
    dataset = ct(NumberOfFrames=3)
    count = 3 if form.startswith("fragments") else 1
    pixels = encapsulate(FRAMES, fragments_per_frame=count, has_bot="no offsets" not in form)
    if form == "extended":
        pixels, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = encapsulate_extended(FRAMES)
    await stored(client, compressed(dataset, pixels, JPEG2000Lossless))
    found = parts(await get(client, url(dataset, "/frames/2,3,1"), ANY_SYNTAX))
    assert [part.data.rstrip(b"\0") for part in found] == [FRAMES[1], FRAMES[2], FRAMES[0]]


@pytest.mark.parametrize("name", [J2K, JPEG, RLE, JLS, "CT_small.dcm"])
async def test_row_069_parts_name_their_transfer_syntax(client: httpx.AsyncClient, name: str) -> None:
    sent, dataset = real(name)
    await stored(client, sent)
    (part,) = parts(await get(client, url(dataset, "/frames/1"), ANY_SYNTAX))
    assert part.content_type.endswith(f"; transfer-syntax={dataset.file_meta.TransferSyntaxUID}")


@pytest.mark.parametrize(
    ("name", "media_type"),
    [(JPEG, "image/jpeg"), (JLS, "image/jls"), (J2K, "image/jp2"), (RLE, "image/dicom-rle")],
)
async def test_row_070_frames_by_image_type(client: httpx.AsyncClient, name: str, media_type: str) -> None:
    sent, dataset = real(name)
    await stored(client, sent)
    count = int(dataset.get("NumberOfFrames") or 1)
    first = next(generate_frames(dataset.PixelData, number_of_frames=count))
    answer = await get(client, url(dataset, "/frames/1"), f'multipart/related; type="{media_type}"')
    assert f'type="{media_type}"' in answer.headers["content-type"]
    assert [part.data for part in parts(answer)] == [first]
    single = await get(client, url(dataset, "/frames/1"), media_type)
    assert single.content == first
    assert (await get(client, url(dataset, "/frames/1"), "image/jphc")).status_code in (200, 406)


@pytest.mark.parametrize("name", [J2K, RLE, JLS])
async def test_row_071_octets_are_native_pixels(client: httpx.AsyncClient, name: str) -> None:
    sent, dataset = real(name)
    await stored(client, sent)
    (part,) = parts(await get(client, url(dataset, "/frames/1"), OCTETS))
    pixels = dataset.pixel_array if "NumberOfFrames" not in dataset else dataset.pixel_array[0]
    assert part.data == pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    assert part.content_type == f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
@pytest.mark.parametrize("accept", [OCTETS, ANY_SYNTAX])
async def test_row_072_frames_of_every_native_syntax(
    client: httpx.AsyncClient, syntax: str, accept: str
) -> None:
    pixels = np.arange(48, dtype="<u2")
    dataset = ct(PixelData=pixels.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes())
    dataset["PixelData"].VR = "OW"
    await stored(client, part10(dataset, syntax))
    (part,) = parts(await get(client, url(dataset, "/frames/1"), accept))
    assert part.data == pixels.tobytes()


async def test_row_073_single_part_frame(client: httpx.AsyncClient) -> None:
    dataset = ct(NumberOfFrames=2, PixelData=bytes(96) + bytes(range(96)))
    await stored(client, dataset)
    answer = await get(client, url(dataset, "/frames/2"), NATIVE)
    assert answer.headers["content-type"].startswith("application/octet-stream")
    assert answer.content == bytes(range(96))
    assert (await get(client, url(dataset, "/frames/1,2"), NATIVE)).status_code == 406


@pytest.mark.parametrize("name", ["CT_small.dcm", J2K, JPEG])
async def test_row_074_any_part_type(client: httpx.AsyncClient, name: str) -> None:
    sent, dataset = real(name)
    await stored(client, sent)
    for below in ("/frames/1", "/bulkdata/7FE00010"):
        (part, *_) = parts(await get(client, url(dataset, below), 'multipart/related; type="*/*"'))
        assert part.data in dataset.PixelData
    (frame,) = parts(await get(client, url(dataset, "/frames/1"), 'multipart/related; type="*/*"'))
    assert frame.content_type.endswith(f"transfer-syntax={dataset.file_meta.TransferSyntaxUID}")


@pytest.mark.parametrize("path", ["", "/series/1.2.3.4", "/series/1.2.3.4/instances/1.2.3.4.1"])
async def test_row_075_metadata(client: httpx.AsyncClient, path: str) -> None:
    await stored(
        client, *(ct(instance=f"1.2.3.4.{number}", InstanceNumber=number) for number in range(1, 31))
    )
    answer = await get(client, f"{STUDIES}/1.2.3{path}/metadata", JSON, accept_encoding="identity")
    found = answer.json()
    assert answer.headers["content-type"] == JSON
    assert [each["00200013"]["Value"] for each in found] == [[number] for number in range(1, len(found) + 1)]
    assert len(found) == (1 if "instances" in path else 30)
    assert all(set(each["7FE00010"]) == {"vr", "BulkDataURI"} for each in found)
    packed = await get(client, f"{STUDIES}/1.2.3{path}/metadata", JSON, accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == found


@pytest.mark.parametrize("path", ["", "/series/1.2.3.4", "/series/1.2.3.4/instances/1.2.3.4.1"])
async def test_row_076_metadata_in_xml(client: httpx.AsyncClient, path: str) -> None:
    described = {
        "PatientName": "Müller^Jö",
        "SpecificCharacterSet": "ISO_IR 192",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    }
    sent = [ct(instance=f"1.2.3.4.{number}", **described) for number in (1, 2)]
    await stored(client, *sent)
    answer = await get(client, f"{STUDIES}/1.2.3{path}/metadata", XML)
    assert answer.headers["content-type"].startswith(f"{XML}; boundary=")
    found = parts(answer)
    assert [part.content_type for part in found] == ["application/dicom+xml"] * (
        1 if "instances" in path else 2
    )
    for part, dataset in zip(found, sent, strict=False):
        tree = ElementTree.fromstring(part.data)
        (bulk,) = tree.iter(f"{NATIVE_MODEL}BulkData")
        assert (await get(client, bulk.attrib["uri"], NATIVE)).content == dataset.PixelData
        names = [name.text for name in tree.iter(f"{NATIVE_MODEL}FamilyName")]
        assert names == ["Roe", "Müller"]
        # The client's reader knows neither names nor bulk data.
        for attribute in [each for each in tree if each.attrib["vr"] in ("PN", "OW")]:
            tree.remove(attribute)
        read = _load_xml_dataset(tree)
        assert len(read) == len(dataset) - 3
        assert all(dataset[element.tag].value == element.value for element in read)
        assert read.SOPInstanceUID == dataset.SOPInstanceUID
    assert (
        answer.headers["etag"] != (await get(client, f"{STUDIES}/1.2.3{path}/metadata", JSON)).headers["etag"]
    )


async def test_row_077_metadata_is_complete(client: httpx.AsyncClient) -> None:
    dataset = ct()
    block = dataset.private_block(0x0099, "READING ROOM", create=True)
    block.add_new(0x01, "SV", -(2**60))
    block.add_new(0x02, "UV", 2**60)
    block.add_new(0x03, "OV", bytes(range(8)))
    block.add_new(0x04, "UT", "a\\b")
    block.add_new(0x05, "OB", bytes(2000))
    await stored(client, dataset)
    (found,) = (await get(client, url(dataset, "/metadata"))).json()
    assert set(found) >= {f"{element.tag:08X}" for element in dataset}
    assert found["00991001"] == {"vr": "SV", "Value": [str(-(2**60))]}
    assert found["00991002"] == {"vr": "UV", "Value": [str(2**60)]}
    assert found["00991003"] == {"vr": "OV", "InlineBinary": "AAECAwQFBgc="}
    assert found["00991004"] == {"vr": "UT", "Value": ["a\\b"]}
    assert (await get(client, found["00991005"]["BulkDataURI"], NATIVE)).content == bytes(2000)


@pytest.mark.parametrize("path", ["/1.2.3/metadata", "/1.2.3/series/1.2.3.4/metadata"])
async def test_row_078_entity_tag_of_metadata(client: httpx.AsyncClient, path: str) -> None:
    await stored(client, ct())
    first = await get(client, STUDIES + path)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    assert (await get(client, STUDIES + path, if_none_match=tag)).status_code == 304
    await stored(client, ct())
    assert (await get(client, STUDIES + path, if_none_match=tag)).status_code == 200


def _nested() -> Dataset:
    item = Dataset()
    item.Rows, item.Columns, item.BitsAllocated, item.PixelData = 32, 64, 8, bytes(range(256)) * 8
    item["PixelData"].VR = "OB"
    return item


@pytest.mark.parametrize("path", ["", "/series/1.2.3.4", "/series/1.2.3.4/instances/1.2.3.4.1"])
async def test_row_079_bulk_data_resolve(client: httpx.AsyncClient, path: str) -> None:
    dataset = ct(instance="1.2.3.4.1", IconImageSequence=[_nested()])
    await stored(client, dataset)
    (found,) = (await get(client, f"{STUDIES}/1.2.3{path}/metadata")).json()
    nested = found["00880200"]["Value"][0]["7FE00010"]["BulkDataURI"]
    for uri, data in ((found["7FE00010"]["BulkDataURI"], dataset.PixelData), (nested, bytes(range(256)) * 8)):
        assert uri.startswith(f"{HOST}/")
        assert (await get(client, uri, NATIVE)).content == data
        assert [part.data for part in parts(await get(client, uri, OCTETS))] == [data]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/octet-stream", "application/octet-stream"),
        ("application/pdf", "application/pdf"),
        ("*/*", "application/pdf"),
        ('multipart/related; type="application/pdf"', "application/pdf"),
        ('multipart/related; type="*/*"', "application/pdf"),
        (OCTETS, "application/octet-stream"),
    ],
)
async def test_row_080_bulk_data_by_type(client: httpx.AsyncClient, accept: str, media_type: str) -> None:
    document = b"%PDF-1.4 " + bytes(3000)
    dataset = ct(EncapsulatedDocument=document, MIMETypeOfEncapsulatedDocument="application/pdf")
    await stored(client, dataset)
    answer = await get(client, url(dataset, "/bulkdata/00420011"), accept)
    if answer.headers["content-type"].startswith("multipart"):
        (part,) = parts(answer)
        kind, data = part.content_type, part.data
    else:
        kind, data = answer.headers["content-type"], answer.content
    assert kind == media_type
    assert data.startswith(document)


@pytest.mark.parametrize(
    ("asked", "status", "content_range"),
    [
        ("bytes=0-9", 206, "bytes 0-9/96"),
        ("bytes=-6", 206, "bytes 90-95/96"),
        ("bytes=0-65535", 206, "bytes 0-95/96"),
        ("bytes=96-", 416, "bytes */96"),
        ("bytes=x", 200, None),
        ("lines=1-2", 200, None),
    ],
)
async def test_row_081_ranges(
    client: httpx.AsyncClient, asked: str, status: int, content_range: str | None
) -> None:
    dataset = ct()
    await stored(client, dataset)
    for below in ("/frames/1", "/bulkdata/7FE00010"):
        answer = await get(client, url(dataset, below), NATIVE, range=asked)
        assert (answer.status_code, answer.headers.get("content-range")) == (status, content_range)


@pytest.mark.parametrize("header", [OCTETS, "image/png", "*/*", None])
async def test_row_088_accept_in_the_query(client: httpx.AsyncClient, header: str | None) -> None:
    dataset = ct()
    await stored(client, dataset)
    answer = await get(client, f"{url(dataset)}?accept=application/dicom", header)
    assert answer.headers["content-type"].startswith("application/dicom;")
    answer = await get(client, f"{url(dataset, '/metadata')}?accept=application%2Fdicom%2Bjson", header)
    assert answer.headers["content-type"] == JSON
    answer = await get(client, f"{STUDIES}?accept=application/dicom+json", header)
    assert answer.headers["content-type"] == JSON


async def test_row_089_zip(client: httpx.AsyncClient) -> None:
    sent = {}
    for number in range(1, 4):
        series, instance = f"1.2.3.{number}", f"1.2.3.{number}.9"
        sent[f"1.2.3/{series}/{instance}.dcm"] = part10(ct(series=series, instance=instance))
    await stored(client, *sent.values())
    for path in ("", "/series/1.2.3.1", "/series/1.2.3.1/instances/1.2.3.1.9"):
        answer = await get(client, f"{STUDIES}/1.2.3{path}", "application/zip")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
        assert int(answer.headers["content-length"]) == len(answer.content)
        file = ZipFile(BytesIO(answer.content))
        assert file.testzip() is None
        expected = {name: data for name, data in sent.items() if not path or "/1.2.3.1/" in name}
        assert {name: file.read(name) for name in file.namelist()} == expected
    asked = f"{STUDIES}/1.2.3?accept=application/zip"
    assert (await get(client, asked, "text/html")).headers["etag"] == (await client.head(asked)).headers[
        "etag"
    ]
    other = await get(client, f"{STUDIES}/1.2.3", "application/zip; transfer-syntax=1.2.840.10008.1.2.4.80")
    assert other.status_code == 406
    for wide in (None, "*/*", "multipart/related, */*;q=0.1"):
        assert "multipart" in (await get(client, f"{STUDIES}/1.2.3", wide)).headers["content-type"]


async def test_row_090_head_and_options(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, dataset)
    paths = [url(dataset, below) for below in ("", "/metadata", "/frames/1", "/bulkdata/7FE00010")]
    for path in (STUDIES, f"{STUDIES}/1.2.3", f"{STUDIES}/1.2.3/series", *paths):
        got, head = await get(client, path), await client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        names = (
            set(got.headers) - {"x-request-id"}
            if "multipart" not in got.headers["content-type"]
            else {"etag"}
        )
        assert {name: head.headers.get(name) for name in names} == {name: got.headers[name] for name in names}
        allowed = (await client.options(path)).headers["allow"]
        assert {"GET", "HEAD", "OPTIONS"} <= set(allowed.split(", "))


async def test_row_091_memory_of_a_large_series(client: httpx.AsyncClient) -> None:
    count, size = 32, 1 << 20
    pixels = np.random.default_rng(3).bytes(size)
    for number in range(1, count + 1):
        await stored(client, ct(InstanceNumber=number, Rows=1024, Columns=512, PixelData=pixels))
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    peak, sizes = await _streamed(transport, f"{STUDIES}/1.2.3/series/1.2.3.4")
    assert sum(sizes) > count * size
    assert max(sizes) <= 4 << 20
    assert peak < 12 << 20


async def _streamed(transport: httpx.ASGITransport, path: str) -> tuple[int, list[int]]:
    """The most memory that an answer took while it was sent, and the sizes of its pieces."""
    sizes: list[int] = []

    async def send(message: dict[str, object]) -> None:
        body = message.get("body", b"")
        assert isinstance(body, bytes | memoryview)
        sizes.append(len(body))

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost:8080")],
        "scheme": "http",
        "server": ("localhost", 8080),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
    }
    tracemalloc.start()
    try:
        await transport.app(scope, receive, send)  # type: ignore[arg-type]
        return tracemalloc.get_traced_memory()[1], sizes
    finally:
        tracemalloc.stop()
