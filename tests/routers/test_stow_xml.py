"""Storing metadata in the Native DICOM Model with bulk data parts (PS3.18 section 10.5.1, PS3.19 A.1)."""

import re
import shutil
import subprocess
from typing import Any

import httpx
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from app.dicom.xml_model import to_xml
from tests.bodies import BOUNDARY, received
from tests.instances import ct, part10
from tests.required import lacking
from tests.routers.test_stow_json import PIXELS, body, described, stored
from tests.routers.test_wado import STUDIES, get, real, url
from tests.routers.test_wado import stored as stored_whole

XML = "application/dicom+xml"
XML_TYPE = f'multipart/related; type="{XML}"; boundary={BOUNDARY}'
BULK = re.compile(rb'<BulkData uri="([^"]+)"/>')
#: Native and compressed, grey and colour; reports, plans and waveforms; private and nested attributes.
SOURCES = (
    "CT_small.dcm",
    "MR-SIEMENS-DICOM-WithOverlays.dcm",
    "MR_small_bigendian.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
    "examples_palette.dcm",
    "gdcm-US-ALOKA-16.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "reportsi.dcm",
    "rtplan.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
)

Part = tuple[str, str, bytes]


async def post(client: httpx.AsyncClient, *parts: Part) -> httpx.Response:
    (kind, _, text), *rest = parts
    content = body(text, *rest, as_type=kind)
    return await client.post(STUDIES, content=content, headers={"content-type": XML_TYPE})


async def metadata(client: httpx.AsyncClient, path: str) -> bytes:
    answer = await get(client, path + "/metadata", f'multipart/related; type="{XML}"')
    (part,) = received(answer.headers["content-type"], answer.content)
    return part.data


async def bulk(client: httpx.AsyncClient, document: bytes) -> list[Part]:
    """A body part for each part of each bulk data that a document names."""
    found = []
    for uri in (match.decode() for match in BULK.findall(document)):
        answer = await get(client, uri, 'multipart/related; type="*/*"')
        parts = received(answer.headers["content-type"], answer.content)
        found += [(part.content_type, uri, part.data) for part in parts]
    return found


def failures(answer: httpx.Response) -> list[dict[str, Any]]:
    """Those whose instance is known, or those whose is not."""
    found: list[dict[str, Any]] = (answer.json().get("00081198") or answer.json()["0008119A"])["Value"]
    return found


def under_other_uids(document: bytes, dataset: Dataset) -> tuple[bytes, dict[bytes, bytes]]:
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    changed = {f">{uid}<".encode(): f">{generate_uid()}<".encode() for uid in dict.fromkeys(uids)}
    for old, new in changed.items():
        document = document.replace(old, new)
    return document, changed


def comparable(document: bytes) -> bytes:
    """Without what may differ: addresses, the character set that all is given which is stored so, names that
    are nothing but carets, and the VR of compressed pixel data, which is OB."""
    document = re.sub(rb'<DicomAttribute tag="00080005".*?</DicomAttribute>', b"", document)
    document = document.replace(b'<PersonName number="1"></PersonName>', b"")
    document = document.replace(b'tag="7FE00010" vr="OW"', b'tag="7FE00010" vr="OB"')
    return BULK.sub(lambda match: b"<BulkData " + match[1].partition(b"/bulkdata/")[2], document)


@pytest.mark.parametrize("name", SOURCES)
async def test_what_was_retrieved_is_stored_again_and_is_the_same(
    client: httpx.AsyncClient, name: str
) -> None:
    data, dataset = real(name)
    await stored_whole(client, data)
    document = await metadata(client, url(dataset))
    sent, changed = under_other_uids(document, dataset)
    answer = await post(client, (XML, "", sent), *await bulk(client, document))
    assert answer.status_code in (200, 202), answer.text
    place = answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
    again = await metadata(client, place)
    for old, new in changed.items():
        again = again.replace(new, old)
    assert comparable(again) == comparable(document)
    if "PixelData" in dataset:
        frames = [await get(client, each + "/frames/1") for each in (url(dataset), place)]
        one, other = (received(each.headers["content-type"], each.content)[0] for each in frames)
        assert (one.data, one.content_type) == (other.data, other.content_type)


async def test_one_document_for_each_instance(client: httpx.AsyncClient) -> None:
    slices = [ct(InstanceNumber=number) for number in (1, 2)]
    documents = [to_xml(described(dataset)) for dataset in slices]
    parts = [(XML, "", each) for each in documents]
    answer = await post(client, *parts, ("application/octet-stream", PIXELS, slices[0].PixelData))
    assert answer.status_code == 200, answer.text
    for dataset in slices:
        assert np.array_equal((await stored(client, dataset)).pixel_array, np.arange(48).reshape(6, 8))


async def test_a_bad_document_is_refused_and_the_other_one_stored(client: httpx.AsyncClient) -> None:
    good = ct()
    octets = ("application/octet-stream", PIXELS, good.PixelData)
    bad = to_xml(described(ct())).replace(b'tag="00280010"', b'tag="00280011"')
    answer = await post(client, (XML, "", bad), (XML, "", to_xml(described(good))), octets)
    assert answer.status_code == 202, answer.text
    (failed,) = failures(answer)
    assert failed["00081197"]["Value"] == [0xC000]
    assert "00280011 is there twice" in failed["00741048"]["Value"][0]["00000902"]["Value"][0]
    await stored(client, good)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b">6<", b">six<"),
        (b">6<", b">70000<"),
        (b">6<", "٦".join("><").encode()),
        (b">6<", b">1_0<"),
        (b'vr="US"', b'vr="ZZ"'),
        (PIXELS.encode(), b"urn:nowhere"),
        (b'<Value number="1">6<', b'<Value number="99999999">6<'),
        (b"NativeDICOM", b"Other"),
    ],
)
async def test_what_cannot_be_an_instance_is_409(
    client: httpx.AsyncClient, before: bytes, after: bytes
) -> None:
    document = to_xml(described(dataset := ct()))
    assert before in document
    octets = ("application/octet-stream", PIXELS, dataset.PixelData)
    answer = await post(client, (XML, "", document.replace(before, after)), octets)
    assert answer.status_code == 409, answer.text
    assert [failed["00081197"]["Value"] for failed in failures(answer)] == [[0xC000]]


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (f'<!DOCTYPE l [<!ENTITY l0 "ha">{LAUGHS}]><NativeDicomModel>&l29;</NativeDicomModel>', 400),
        (
            '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><NativeDicomModel>&x;</NativeDicomModel>',
            400,
        ),
        ("<NativeDicomModel>", 400),
        ('<NativeDicomModel a="1" a="2"/>', 400),
        ("[]", 400),
        ("<NativeDicomModel>" + '<DicomAttribute tag="00400275" vr="SQ"><Item>' * 500_000, 409),
        ('<NativeDicomModel a="' + "x" * 8_000_000 + '"/>', 409),
    ],
    ids=["laughs", "external", "unclosed", "twice", "json", "deep", "long"],
)
async def test_hostile_documents(client: httpx.AsyncClient, document: str, status: int) -> None:
    answer = await post(client, (XML, "", document.encode()))
    assert answer.status_code == status, answer.text
    assert "root:" not in answer.text
    assert (await client.get("/dicom-web/instances")).status_code == 204


def native_model(path: str, *more: str) -> bytes:
    """A document by DCMTK."""
    if not shutil.which("dcm2xml"):
        lacking("dcm2xml is not here: install Debian's dcmtk")
    command = ["dcm2xml", "--native-format", *more, path]
    return subprocess.run(command, capture_output=True, check=True).stdout


@pytest.mark.parametrize("more", [(), ("--use-xml-namespace",)])
@pytest.mark.parametrize("name", ["reportsi.dcm", "rtplan.dcm", "test-SR.dcm"])
async def test_documents_of_dcmtk_are_stored(
    client: httpx.AsyncClient, name: str, more: tuple[str, ...]
) -> None:
    """Beside the instance itself, which is stored under another UID."""
    _, dataset = real(name)
    answer = await post(client, (XML, "", native_model(dataset.filename, *more)))
    assert answer.status_code in (200, 202), answer.text
    theirs = await get(client, url(dataset) + "/metadata", "application/dicom+json")
    dataset.SOPInstanceUID = generate_uid()
    await stored_whole(client, part10(dataset, dataset.file_meta.TransferSyntaxUID))
    ours = await get(client, url(dataset) + "/metadata", "application/dicom+json")
    assert plain(theirs) == plain(ours)


def plain(answer: httpx.Response) -> dict[str, Any]:
    (attributes,) = answer.json()
    return {key: value for key, value in attributes.items() if key not in ("00080005", "00080018")}
