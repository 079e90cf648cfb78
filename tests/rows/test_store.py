"""STOW-RS: rows 92 to 117 (PS3.18 section 10.5)."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any
from warnings import catch_warnings

import httpx
import orjson
import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from app.dicom.xml_model import to_xml
from app.settings import Settings
from tests.bodies import BOUNDARY, content_type, multipart
from tests.instances import ct, part10
from tests.rows.asking import HOST, JSON, STUDIES, get, opened, post, search, stored, url, value

STORED, FAILED, OTHER = "00081199", "00081198", "0008119A"


def items(answer: httpx.Response, *tags: str) -> list[dict[str, Any]]:
    return [item for tag in tags for item in answer.json().get(tag, {}).get("Value", [])]


def reasons(answer: httpx.Response) -> list[int]:
    return [value(item, "00081197") for item in items(answer, FAILED, OTHER)]


def unchecked(dataset: Dataset) -> bytes:
    """A data set that pydicom would refuse to write, behind the meta information of another one."""
    whole = part10(ct())
    meta_end = 144 + int.from_bytes(whole[140:144], "little")
    body = DicomBytesIO()
    body.is_little_endian, body.is_implicit_VR = True, False
    write_dataset(body, dataset)
    return whole[:meta_end] + body.getvalue()


async def test_row_092_multipart(client: httpx.AsyncClient) -> None:
    answer = await post(client, ct(), ct())
    assert answer.status_code == 200
    assert len(await search(client, path="/instances")) == 2


async def test_row_093_instances_of_other_studies(client: httpx.AsyncClient) -> None:
    mine, other = ct(), ct("1.9", "1.9.1")
    answer = await post(client, mine, other, path=f"{STUDIES}/1.2.3")
    assert answer.status_code == 202
    (failed,) = items(answer, FAILED)
    assert value(failed, "00081155") == other.SOPInstanceUID
    assert value(failed, "00081197") & 0xFF00 == 0xA900
    assert (await post(client, other, path=f"{STUDIES}/1.2.3")).status_code == 409


async def test_row_094_single_part(client: httpx.AsyncClient) -> None:
    head = {"content-type": "application/dicom"}
    assert (await client.post(STUDIES, content=part10(ct()), headers=head)).status_code == 200


@pytest.mark.parametrize("form", [JSON, "application/dicom+xml"])
async def test_row_095_metadata_with_bulk_data(client: httpx.AsyncClient, form: str) -> None:
    dataset = ct()
    metadata = dataset.to_json_dict()
    metadata["7FE00010"] = {"vr": "OW", "BulkDataURI": "pixels"}
    metadata["00020010"] = {"vr": "UI", "Value": [ExplicitVRLittleEndian]}
    document = orjson.dumps([metadata]) if form == JSON else to_xml(metadata)
    body = multipart([document], form)[: -len(f"--{BOUNDARY}--\r\n")]
    kind = f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"
    body += multipart([dataset.PixelData], kind, ["pixels"])
    head = {"content-type": content_type(form)}
    answer = await client.post(STUDIES, content=body, headers=head)
    assert answer.status_code == 200, answer.text
    frame = await get(client, url(dataset, "/frames/1"), "application/octet-stream")
    assert frame.content == dataset.PixelData
    html = await client.post(STUDIES, content=body, headers={"content-type": content_type("text/html")})
    assert html.status_code == 415


DASH = f"--{BOUNDARY}".encode()


@pytest.mark.parametrize(
    ("before", "head", "after"),
    [
        (b"\r\n", b"Content-Type: application/dicom\r\n", b"\r\n" + DASH + b"--"),
        (b"", b"", b"\r\n" + DASH + b"--\r\n"),
        (b"a preamble\r\n", b"content-type: application/dicom\r\n", b"\r\n" + DASH + b"--\r\nan epilogue"),
        (
            b"",
            b"X-Other: 1\r\ncontent-location: a\r\nContent-Type:application/dicom\r\n",
            b"\r\n" + DASH + b"--",
        ),
    ],
)
async def test_row_096_odd_bodies(
    client: httpx.AsyncClient, before: bytes, head: bytes, after: bytes
) -> None:
    body = before + DASH + b"\r\n" + head + b"\r\n" + part10(ct()) + after
    answer = await client.post(STUDIES, content=body, headers={"content-type": content_type()})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("head", "boundary"),
    [
        ("multipart/related; type=application/dicom; boundary={}", BOUNDARY),
        ('multipart/related; boundary="{}"; type="application/dicom"', BOUNDARY),
        ('multipart/related;type="application/dicom";boundary="{}"', "odd ()+_,-./:=? characters"),
        ('multipart/related; start="<a>"; type="application/dicom"; boundary="{}"', "a'b"),
    ],
)
async def test_row_097_media_type_in_every_form(client: httpx.AsyncClient, head: str, boundary: str) -> None:
    body = multipart([part10(ct())]).replace(BOUNDARY.encode(), boundary.encode())
    answer = await client.post(STUDIES, content=body, headers={"content-type": head.format(boundary)})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_row_098_chunked_request(client: httpx.AsyncClient, size: int) -> None:
    body = multipart([part10(ct()), part10(ct())])

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    answer = await client.post(STUDIES, content=chunks(), headers={"content-type": content_type()})
    assert answer.status_code == 200


async def test_row_099_compressed_request(client: httpx.AsyncClient) -> None:
    body, head = gzip.compress(multipart([part10(ct())])), {"content-type": content_type()}
    packed = await client.post(STUDIES, content=body, headers={**head, "content-encoding": "gzip"})
    assert packed.status_code == 200
    other = await client.post(STUDIES, content=body, headers={**head, "content-encoding": "br"})
    assert other.status_code == 415


async def test_row_100_response_data_set(client: httpx.AsyncClient) -> None:
    dataset = ct()
    answer = await post(client, dataset)
    assert value(answer.json(), "00081190") == f"{HOST}{STUDIES}/1.2.3"
    (item,) = items(answer, STORED)
    expected = {
        "00081150": dataset.SOPClassUID,
        "00081155": dataset.SOPInstanceUID,
        "00081190": HOST + url(dataset),
    }
    assert {key: value(item, key) for key in expected} == expected
    (partly, none) = (await post(client, dataset, b"x"), await post(client, ct("1.9"), path=f"{STUDIES}/1.8"))
    assert (partly.status_code, none.status_code) == (202, 409)
    assert len(items(partly, STORED)) == 1
    (failed,) = items(none, FAILED)
    assert {"00081150", "00081155", "00081197"} <= set(failed)


@pytest.mark.parametrize("accept", ["*/*", JSON, "application/json", None])
async def test_row_101_response_type(client: httpx.AsyncClient, accept: str | None) -> None:
    head = {"content-type": content_type()} | ({"accept": accept} if accept else {})
    answer = await client.post(STUDIES, content=multipart([part10(ct())]), headers=head)
    assert answer.headers["content-type"] == JSON
    answer = await post(client, ct(), accept="application/dicom+xml")
    assert answer.headers["content-type"] == "application/dicom+xml"


async def test_row_102_status(client: httpx.AsyncClient) -> None:
    with catch_warnings(action="ignore"):
        odd = part10(ct("1.02", "1.02.1"))
    good = ct()
    assert (await post(client, good)).status_code == 200
    assert (await post(client, good, b"bad")).status_code == 202
    assert (await post(client, odd)).status_code == 202
    assert (await post(client, b"bad")).status_code == 409


@pytest.mark.parametrize(
    ("body", "head", "accept", "status"),
    [
        (b"", content_type(), JSON, 400),
        (multipart([b"x"])[:-4], content_type(), JSON, 400),
        (multipart([b"x"]), content_type(boundary="wrong"), JSON, 400),
        (multipart([b"x"]), 'multipart/related; type="application/dicom"', JSON, 400),
        (multipart([b"x"]), f"multipart/form-data; boundary={BOUNDARY}", JSON, 415),
        (b"x", "text/plain", JSON, 415),
        (multipart([part10(ct())]), content_type(), "text/html", 406),
    ],
    ids=["nothing", "cut off", "another boundary", "no boundary", "a form", "no parts", "no such answer"],
)
async def test_row_103_refused_requests(
    client: httpx.AsyncClient, body: bytes, head: str, accept: str, status: int
) -> None:
    answer = await client.post(STUDIES, content=body, headers={"content-type": head, "accept": accept})
    assert answer.status_code == status
    assert not await search(client)


async def test_row_103_too_large(settings: Settings) -> None:
    async with opened(settings.model_copy(update={"max_instance_bytes": 5000})) as client:
        assert (await post(client, ct(PixelData=bytes(9000)))).status_code == 413


async def test_row_104_failure_reasons(client: httpx.AsyncClient) -> None:
    await stored(client, ct(instance="1.2.3.4.5"))
    nameless = ct()
    del nameless.SOPInstanceUID
    for sent, reason in (
        (part10(ct(instance="1.2.3.4.5", PatientID="P2")), 0x0111),
        (unchecked(nameless), 0xA900),
        (part10(ct("1.9", "1.2.3.4")), 0xA900),
        (b"no instance", 0xC000),
    ):
        assert reasons(await post(client, sent)) == [reason]


async def test_row_105_warning_reasons(client: httpx.AsyncClient) -> None:
    with catch_warnings(action="ignore"):
        odd = part10(ct("1.02", "1.02.1"))
    answer = await post(client, odd)
    (item,) = items(answer, STORED)
    assert value(item, "00081196") == 0xB007


async def test_row_106_text_for_each_reason(client: httpx.AsyncClient) -> None:
    nameless = ct()
    del nameless.StudyInstanceUID
    (failed,) = items(await post(client, unchecked(nameless)), FAILED)
    (about,) = failed["00741048"]["Value"]
    assert value(about, "00000902") == "Study Instance UID is missing."
    assert value(about, "00720026") == "0020000D"


async def test_row_107_identical_duplicate(client: httpx.AsyncClient, settings: Settings) -> None:
    same = part10(ct())
    assert [(await post(client, same)).status_code for _ in range(3)] == [200] * 3
    assert len(await search(client, path="/instances")) == 1
    assert sum(path.is_file() for path in (settings.data / "objects").rglob("*")) == 1


async def test_row_108_other_content_under_a_known_uid(client: httpx.AsyncClient) -> None:
    first = ct(instance="1.2.3.4.5")
    await stored(client, first)
    other = ct(instance="1.2.3.4.5", PatientName="Other")
    assert (await post(client, other)).status_code == 409
    assert (await post(client, other, ct())).status_code == 202
    kept = await get(client, url(first), "application/dicom; transfer-syntax=*")
    assert kept.content == part10(first)


@pytest.mark.parametrize(
    "missing", ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "SOPClassUID"]
)
async def test_row_109_missing_identifiers(client: httpx.AsyncClient, missing: str) -> None:
    dataset = ct()
    delattr(dataset, missing)
    answer = await post(client, unchecked(dataset))
    assert answer.status_code == 409
    assert reasons(answer) == [0xA900]
    assert not await search(client)


async def test_row_110_invalid_uids(client: httpx.AsyncClient) -> None:
    with catch_warnings(action="ignore"):
        letters, zeros = part10(ct("1.2.x")), part10(ct("1.2.03", "1.2.03.1"))
    assert (await post(client, letters)).status_code == 409
    answer = await post(client, zeros)
    assert answer.status_code == 202
    assert value(items(answer, STORED)[0], "00081196") == 0xB007


@pytest.mark.parametrize("length", [1, 131, 200, 400, -1, -50])
async def test_row_111_truncated(client: httpx.AsyncClient, settings: Settings, length: int) -> None:
    assert (await post(client, part10(ct())[:length])).status_code == 409
    assert not await search(client)
    assert not [path for path in (settings.data / "objects").rglob("*") if path.is_file()]


async def test_row_112_meta_information_of_another(client: httpx.AsyncClient) -> None:
    answer = await post(client, unchecked(ct(instance="1.2.3.4.9")))
    assert answer.status_code == 202
    assert value(items(answer, STORED)[0], "00081155") == "1.2.3.4.9"
    assert len(await search(client, "SOPInstanceUID=1.2.3.4.9", "/instances")) == 1


async def test_row_113_unknown_sop_class_and_syntax(client: httpx.AsyncClient) -> None:
    dataset = ct(SOPClassUID="1.2.276.99.1")
    sent = part10(dataset).replace(b"1.2.840.10008.1.2.1\0", b"1.2.276.9999.1.2.1.0")
    assert (await post(client, sent)).status_code in (200, 202)
    kept = await get(client, url(dataset), "application/dicom; transfer-syntax=*")
    assert kept.content == sent


async def test_row_114_bytes_as_sent(client: httpx.AsyncClient) -> None:
    dataset = ct()
    sent = b"A preamble".ljust(128, b"!") + part10(dataset, ImplicitVRLittleEndian)[128:]
    await stored(client, sent)
    kept = await get(client, url(dataset), "application/dicom; transfer-syntax=*")
    assert kept.content == sent


async def test_row_115_read_after_write(client: httpx.AsyncClient) -> None:
    for number in range(1, 6):
        dataset = ct(InstanceNumber=number)
        await stored(client, dataset)
        assert len(await search(client, path="/instances")) == number
        assert (await get(client, url(dataset, "/metadata"))).status_code == 200


async def test_row_116_parallel_stores_to_one_study(client: httpx.AsyncClient) -> None:
    sent = [ct(series=f"1.2.3.{number % 4}", InstanceNumber=number) for number in range(24)]
    answers = await asyncio.gather(*(post(client, each) for each in sent))
    assert {answer.status_code for answer in answers} == {200}
    (found,) = await search(client)
    assert (value(found, "00201206"), value(found, "00201208")) == (4, 24)
    counts = [value(each, "00201209") for each in await search(client, path="/studies/1.2.3/series")]
    assert counts == [6] * 4
