"""Bodies made to exhaust or confuse: bombs, nesting, numbers without data, absurd JSON."""

import gzip
import resource
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
import zstandard
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from app.dicom import part10 as reader
from app.wire.coding import EXPANDS_TO
from tests.bodies import content_type, multipart
from tests.hostile.live import Live
from tests.instances import ct, part10

OPENED = b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
CLOSED = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"


def post(archive: Live, body: bytes, kind: str = "application/dicom", **headers: str) -> httpx.Response:
    named = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.post(f"{archive.url}/dicom-web/studies", content=body, headers=named, timeout=60)


def refused(answer: httpx.Response) -> bool:
    return 400 <= answer.status_code < 500


@pytest.mark.parametrize("depth", [65, 120, 5000])
@pytest.mark.parametrize("closed", [True, False])
def test_nested_sequences_are_refused(archive: Live, depth: int, closed: bool) -> None:
    answer = post(archive, part10(ct()) + OPENED * depth + CLOSED * depth * closed)
    assert answer.status_code == 409


def test_120_nested_sequences_in_json_are_refused(archive: Live) -> None:
    opened, closed = b'{"00400275":{"vr":"SQ","Value":[', b"]}}"
    nested = b"[" + opened * 120 + b"{}" + closed * 120 + b"]"
    kind = content_type("application/dicom+json")
    answer = post(archive, multipart([nested], "application/dicom+json"), kind)
    assert refused(answer)
    deep = b"[" * 200_000
    assert refused(post(archive, multipart([deep], "application/dicom+json"), kind))


def test_every_truncation_of_an_instance_is_answered(archive: Live) -> None:
    whole = part10(ct())
    with httpx.Client() as client:
        for end in range(0, len(whole), 7):
            answer = client.post(
                f"{archive.url}/dicom-web/studies",
                content=whole[:end],
                headers={"Content-Type": "application/dicom"},
            )
            assert answer.status_code in (200, 202, 400, 409), end


def test_rows_65535_without_data(archive: Live) -> None:
    dataset = ct(Rows=65535, Columns=65535, NumberOfFrames="2147483647")
    answer = post(archive, part10(dataset))
    assert answer.status_code in (200, 202, 409)
    url = f"{archive.url}/dicom-web/studies/1.2.3/series/1.2.3.4/instances/{dataset.SOPInstanceUID}"
    for below in ("", "/metadata", "/frames/1", "/frames/2147483647", "/bulkdata/7FE00010"):
        assert httpx.get(url + below).status_code < 500, below


def test_a_deflated_bomb_is_refused(archive: Live) -> None:
    plain = part10(ct())
    read = reader.read(plain)
    start = read.meta[-1].offset + read.meta[-1].length
    head = plain[:start].replace(b"UI\x14\x001.2.840.10008.1.2.1\0", b"UI\x16\x001.2.840.10008.1.2.1.99")
    assert head != plain[:start]
    squeeze = zlib.compressobj(9, wbits=-15)
    body = squeeze.compress(plain[start:] + struct.pack("<HH2sHI", 0x7FE1, 0x1010, b"OB", 0, 1 << 29))
    body += b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(512)) + squeeze.flush()
    began = time.monotonic()
    assert post(archive, head + body).status_code == 409
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("coding", "squeezed"),
    [
        ("gzip", lambda data: gzip.compress(data, 9)),
        ("zstd", lambda data: zstandard.ZstdCompressor(3).compress(data)),
    ],
)
def test_a_compressed_body_that_expands_beyond_proportion_is_413(
    archive: Live, coding: str, squeezed: Callable[[bytes], bytes]
) -> None:
    bomb = squeezed(bytes(64 << 20)) * (EXPANDS_TO // (64 << 20) + 2)
    answer = post(archive, bomb, Content_Encoding=coding)
    left = archive.remains()
    assert answer.status_code == 413
    assert left.temporary == 0


def _jpeg(rows: int, columns: int) -> bytes:
    frame = struct.pack(">HBHHB", 11, 8, rows, columns, 1) + b"\x01\x11\x00"
    return (
        b"\xff\xd8\xff\xc0" + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\0" * 40 + b"\xff\xd9"
    )


def _j2k(rows: int, columns: int) -> bytes:
    size = struct.pack(">HHIIIIIIIIH", 41, 0, columns, rows, 0, 0, columns, rows, 0, 0, 1) + b"\x07\x01\x01"
    coded = b"\xff\x52\x00\x0c\0\0\0\x01\0\x01\x03\x03\0\x01"
    return (
        b"\xff\x4f\xff\x51"
        + size
        + coded
        + b"\xff\x5c\x00\x04\x40\x40"
        + b"\xff\x90\0\x0a\0\0\0\0\0\0\0\x01\xff\x93\xff\xd9"
    )


def _jls(rows: int, columns: int) -> bytes:
    frame = struct.pack(">HBHHB", 11, 8, rows, columns, 1) + b"\x01\x11\x00"
    return (
        b"\xff\xd8\xff\xf7" + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" + b"\0" * 40 + b"\xff\xd9"
    )


STREAMS = {
    JPEGBaseline8Bit: _jpeg(65535, 65535),
    JPEG2000Lossless: _j2k(65535, 65535),
    JPEGLSLossless: _jls(65535, 65535),
    RLELossless: struct.pack("<16I", 15, *range(64, 79)) + b"\x81\xff" * 200,
}


@pytest.mark.parametrize("uid", STREAMS)
@pytest.mark.parametrize("claimed", [(65535, 65535), (512, 512)])
def test_a_code_stream_that_declares_a_huge_frame_costs_its_request_only(
    archive: Live, uid: str, claimed: tuple[int, int]
) -> None:
    dataset = ct(Rows=claimed[0], Columns=claimed[1], BitsAllocated=8, BitsStored=8, HighBit=7)
    dataset.PixelData = encapsulate([STREAMS[uid]])
    dataset["PixelData"].VR = "OB"
    assert post(archive, part10(dataset, uid)).status_code in (200, 202)
    url = f"{archive.url}/dicom-web/studies/1.2.3/series/1.2.3.4/instances/{dataset.SOPInstanceUID}"
    octets = {
        "Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'
    }
    explicit = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1'}
    assert refused(httpx.get(f"{url}/frames/1", headers=octets, timeout=60))
    assert refused(httpx.get(url, headers=explicit, timeout=60))
    assert archive.healthy()
    assert not archive.temporary()


ABSURD: dict[str, Any] = {
    "infinite": {"vr": "FD", "Value": [1e308, -1e308]},
    "too large": {"vr": "US", "Value": [2**63]},
    "negative": {"vr": "US", "Value": [-1]},
    "nul": {"vr": "LO", "Value": ["a\0b"]},
    "name of numbers": {"vr": "PN", "Value": [{"Alphabetic": 5}]},
    "null": {"vr": "SQ", "Value": [None]},
    "not base64": {"vr": "OB", "InlineBinary": "!!"},
    "someone's address": {"vr": "OW", "BulkDataURI": "http://127.0.0.1:1/secret"},
    "a file": {"vr": "OW", "BulkDataURI": "file:///etc/passwd"},
    "no vr": {"Value": [1]},
    "vr of another world": {"vr": "ZZ", "Value": [1]},
    "value no array": {"vr": "LO", "Value": {"a": 1}},
    "a long one": {"vr": "SH", "Value": ["x" * 100_000]},
}


@pytest.mark.parametrize("name", ABSURD)
@pytest.mark.parametrize("tag", ["00100020", "00280010", "00280008", "7FE00010"])
def test_absurd_json_is_refused_or_stored_whole(archive: Live, name: str, tag: str) -> None:
    uid = f"2.25.{abs(hash((name, tag)))}"
    dataset = {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
        "00080018": {"vr": "UI", "Value": [uid]},
        "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
        "0020000E": {"vr": "UI", "Value": ["1.2.3.9"]},
        tag: ABSURD[name],
    }
    kind = content_type("application/dicom+json")
    answer = post(archive, multipart([orjson.dumps([dataset])], "application/dicom+json"), kind)
    found = httpx.get(f"{archive.url}/dicom-web/studies/1.2.3/series/1.2.3.9/instances/{uid}/metadata")
    assert (answer.status_code, found.status_code) in ((200, 200), (202, 200), (409, 404), (400, 404))


def test_a_lone_surrogate_in_json_is_400(archive: Live) -> None:
    text = b'[{"00100020": {"vr": "LO", "Value": ["\\ud800"]}}]'
    kind = content_type("application/dicom+json")
    assert refused(post(archive, multipart([text], "application/dicom+json"), kind))


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/related",
        'multipart/related; type="application/dicom"; boundary=""',
        f'multipart/related; type="application/dicom"; boundary={"b" * 300}',
        'multipart/related; type="application/dicom"; boundary=a; boundary=b',
        "multipart/related" + "; a=b" * 5000,
        "\x80\xff",
        "",
    ],
)
def test_no_content_type_is_our_fault(archive: Live, kind: str) -> None:
    answer = httpx.post(
        f"{archive.url}/dicom-web/studies", content=b"x", headers={b"Content-Type": kind.encode("latin-1")}
    )
    assert refused(answer)


def test_5000_parts_are_answered_one_by_one_within_memory(archive: Live) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    body = multipart([b"no instance"] * 4998 + [part10(ct()), part10(ct())])
    answer = post(archive, body, content_type())
    assert answer.status_code == 202
    assert (
        len(
            answer.json()["0008119A"]["Value"]
            if "0008119A" in answer.json()
            else answer.json()["00081198"]["Value"]
        )
        == 4998
    )
    assert len(answer.json()["00081199"]["Value"]) == 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


@pytest.fixture(autouse=True)
def _nothing_half_stored(archive: Live) -> Iterator[None]:
    yield
    left = archive.remains()
    assert (left.rows_without_object, left.objects_without_row, left.temporary, left.miscounted) == (
        0,
        0,
        0,
        0,
    )
