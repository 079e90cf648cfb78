"""Exactly what the clients send: section 6, with OHIF's, Cornerstone's and dicomweb-client's own headers."""

import httpx
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from tests.instances import ct, part10
from tests.rows.asking import (
    HOST,
    JOINED,
    JSON,
    OCTETS,
    ROOT,
    STUDIES,
    get,
    parts,
    real,
    search,
    stored,
    url,
    value,
)

CORNERSTONE = "multipart/related; type=application/octet-stream; transfer-syntax=*"
PDF = 'multipart/related; type="application/pdf", multipart/related; type="application/octet-stream"'
SLIM = (
    'multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80, '
    'multipart/related; type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.90, '
    'multipart/related; type="image/jpx"; transfer-syntax=1.2.840.10008.1.2.4.92, '
    'multipart/related; type="application/octet-stream"; transfer-syntax=*, '
    'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50'
)


@pytest.mark.parametrize("fuzzy", ["false", "true"])
async def test_the_work_list_of_ohif(client: httpx.AsyncClient, fuzzy: str) -> None:
    await stored(
        client, ct(StudyDescription="a chest"), ct("1.9", "1.9.1", PatientID="Q9", PatientName="Roe")
    )
    fields = (
        f"limit=101&offset=0&fuzzymatching={fuzzy}&includefield=00081030%2C00080060%2C00080090%2C00100030"
    )
    assert len(await search(client, fields)) == 2
    filled = (
        "PatientName=*oe*&00100020=*P*&AccessionNumber=*A*&StudyDescription=*chest*&ModalitiesInStudy=CT%2CMR"
        f"&StudyDate=20200101-20241231&{fields}"
    )
    (found,) = await search(client, filled)
    read = (
        "0020000D 00080020 00080030 00080050 00100020 00100010 00100030 00201208 00081030 00080061 00080090"
    )
    assert all(found[key]["Value"] for key in read.split())
    assert len(await search(client, f"{fields}&StudyInstanceUID=1.2.3%5C1.9")) == 2


async def test_a_study_expanded_and_opened_in_ohif(client: httpx.AsyncClient) -> None:
    await stored(client, ct(SeriesDescription="axial", SeriesDate="20240229"))
    for query in (
        "includefield=0008103E%2C00080021",
        "includefield=00080021%2C00080031%2C0008103E%2C00200011",
        "SeriesInstanceUID=1.2.3.4",
        "",
    ):
        (found,) = await search(client, query, "/studies/1.2.3/series")
        read = "0020000D 0020000E 00080060 00200011 00080021 00201209 0008103E"
        assert all(found[key]["Value"] for key in read.split())
    for accept in (JSON, JOINED):
        for path in ("", "/series/1.2.3.4"):
            assert (await get(client, f"{STUDIES}/1.2.3{path}/metadata", accept)).json()
    (one,) = await search(client, "limit=1&includefield=00080018", "/studies/1.2.3/series/1.2.3.4/instances")
    assert value(one, "00080018")


@pytest.mark.parametrize(
    "accept",
    [
        CORNERSTONE,
        'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
        'multipart/related; type="image/jls"; transfer-syntax="1.2.840.10008.1.2.4.80"; transfer-syntax="*"',
        SLIM,
    ],
)
async def test_frames_for_cornerstone_and_slim(client: httpx.AsyncClient, accept: str) -> None:
    sent, dataset = real("MR_small_jpeg_ls_lossless.dcm")
    await stored(client, sent)
    answer = await get(client, url(dataset, "/frames/1"), accept)
    boundary = answer.headers["content-type"].partition("boundary=")[2].strip('"')
    head, _, _ = answer.content.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"--{boundary}"
    assert lines[1].startswith("Content-Type: ")
    assert lines[1].endswith("transfer-syntax=1.2.840.10008.1.2.4.80")
    assert parts(answer)[0].data in dataset.PixelData


async def test_progressive_loading(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, dataset)
    whole = await get(client, url(dataset, "/frames/1"), CORNERSTONE, range="bytes=0-65535")
    assert whole.status_code == 200
    single = await get(client, url(dataset, "/frames/1"), "application/octet-stream", range="bytes=0-9")
    assert (single.status_code, single.headers["content-range"]) == (206, "bytes 0-9/96")


@pytest.mark.parametrize("accept", [OCTETS, PDF, None, "*/*"])
async def test_bulk_data_for_ohif(client: httpx.AsyncClient, accept: str | None) -> None:
    dataset = ct(EncapsulatedDocument=bytes(2000), MIMETypeOfEncapsulatedDocument="application/pdf")
    await stored(client, dataset)
    (found,) = (await get(client, url(dataset, "/metadata"))).json()
    uri = found["00420011"]["BulkDataURI"]
    assert uri.startswith(HOST)
    assert len(parts(await get(client, uri, accept))) == 1
    typed = await get(client, f"{uri}?accept=application/pdf", accept)
    assert typed.headers["content-type"] == "application/pdf"


async def test_ohif_stores(client: httpx.AsyncClient) -> None:
    boundary = "b3c4e6f0-8d2f-4e9b-9f2a-1c2d3e4f5a6b"
    body = f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n"
    sent = body.encode() + part10(ct()) + f"\r\n--{boundary}--".encode()
    head = {"content-type": f'multipart/related; type="application/dicom"; boundary="{boundary}"'}
    assert (await client.post(STUDIES, content=sent, headers=head)).status_code == 200


async def test_dicomweb_client_for_python(client: httpx.AsyncClient) -> None:
    dataset = ct(PatientName="Doe^Jane Ann")
    await stored(client, dataset)
    accept = "application/dicom+json, application/json"
    answer = await get(client, f"{STUDIES}?PatientName=%2Ajane+ann%2A&ModalitiesInStudy=CT%2CMR", accept)
    assert answer.headers["content-type"] == JSON
    assert len(answer.json()) == 1
    assert (await get(client, f"{ROOT}/instances?limit=1&offset=1", accept)).status_code == 204
    for accept in ('multipart/related; type="*/*"', f"{OCTETS}; transfer-syntax={ExplicitVRLittleEndian}"):
        (part,) = parts(await get(client, url(dataset, "/frames/1"), accept))
        assert part.data == dataset.PixelData
