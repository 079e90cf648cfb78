"""What went wrong in other servers: section 7, by its numbers."""

from io import BytesIO

import httpx
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian

from tests.instances import ct
from tests.rows.asking import (
    JOINED,
    JSON,
    OCTETS,
    ROOT,
    STUDIES,
    get,
    parts,
    post,
    real,
    search,
    stored,
    url,
    value,
)


@pytest.mark.parametrize(
    "accept",
    [
        "multipart/related; type=application/octet-stream",
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        'multipart/related; type="image/jpeg", multipart/related; type=application/octet-stream',
    ],
)
async def test_pitfalls_1_to_4_and_6_accept_headers(client: httpx.AsyncClient, accept: str) -> None:
    dataset = ct()
    await stored(client, dataset)
    assert parts(await get(client, url(dataset, "/frames/1"), accept))[0].data == dataset.PixelData
    assert (await get(client, f"{STUDIES}/1.2.3/metadata", JOINED)).headers["content-type"] == JSON


async def test_pitfall_4_the_best_of_a_list_not_the_first(client: httpx.AsyncClient) -> None:
    sent, dataset = real("MR_small_jpeg_ls_lossless.dcm")
    await stored(client, sent)
    weighted = 'multipart/related; type="application/octet-stream";q=0.1, multipart/related; type="image/jls"'
    for accept in (weighted, ", ".join(reversed(weighted.split(", ")))):
        assert parts(await get(client, url(dataset, "/frames/1"), accept))[0].content_type.startswith(
            "image/jls"
        )


async def test_pitfall_5_any_type_can_be_decoded(client: httpx.AsyncClient) -> None:
    sent, dataset = real("emri_small_RLE.dcm")
    await stored(client, sent)
    (part,) = parts(await get(client, url(dataset, "/frames/1"), "*/*"))
    assert "transfer-syntax=" in part.content_type


async def test_pitfall_9_no_meta_information_in_metadata(client: httpx.AsyncClient) -> None:
    sent, dataset = real("CT_small.dcm")
    await stored(client, sent)
    (found,) = (await get(client, url(dataset, "/metadata"))).json()
    assert not [key for key in found if key.startswith("0002")]


async def test_pitfall_10_bulk_data_without_the_offset_table(client: httpx.AsyncClient) -> None:
    sent, dataset = real("emri_small_jpeg_2k_lossless.dcm")
    await stored(client, sent)
    found = parts(await get(client, url(dataset, "/bulkdata/7FE00010"), f"{OCTETS}; transfer-syntax=*"))
    assert len(found) == dataset.NumberOfFrames
    assert all(part.data.startswith(b"\xff\x4f") for part in found)


@pytest.mark.parametrize("path", ["/studies/9.9", "/studies?nonsense=1", "/studies/x", "/nothing"])
async def test_pitfall_11_errors_say_their_type(client: httpx.AsyncClient, path: str) -> None:
    answer = await get(client, ROOT + path, JSON)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code


async def test_pitfall_12_every_part_has_its_headers(client: httpx.AsyncClient) -> None:
    await stored(client, *(ct() for _ in range(3)))
    found = parts(await get(client, f"{STUDIES}/1.2.3"))
    assert all(part.content_type and part.location for part in found)


async def test_pitfall_13_wildcards_beyond_names(client: httpx.AsyncClient) -> None:
    await stored(client, ct(StudyDescription="a chest"))
    for query in ("StudyDescription=*chest", "PatientID=P*", "AccessionNumber=%3F1", "StudyID=S*"):
        assert len(await search(client, query)) == 1, query


@pytest.mark.parametrize(
    "name", ["badVR.dcm", "UN_sequence.dcm", "priv_SQ.dcm", "reportsi_with_empty_number_tags.dcm"]
)
async def test_pitfalls_14_and_16_odd_real_data(client: httpx.AsyncClient, name: str) -> None:
    sent, _ = real(name)
    assert (await post(client, sent)).status_code in (200, 202, 409)


async def test_pitfall_15_and_16_each_refusal_with_its_reason(client: httpx.AsyncClient) -> None:
    others = [ct(f"1.9.{number}", f"1.9.{number}.1") for number in range(3)]
    failed = (await post(client, *others, path=f"{STUDIES}/1.2.3")).json()["00081198"]["Value"]
    assert len(failed) == 3
    assert all(value(item["00741048"]["Value"][0], "00000902") for item in failed)


async def test_pitfall_17_every_value_of_a_multiple(client: httpx.AsyncClient) -> None:
    dataset = ct(ImageOrientationPatient=[1, 0, 0, 0, 1, 0], WindowCenter=["40", "400"])
    await stored(client, dataset)
    (found,) = (await get(client, url(dataset, "/metadata"))).json()
    assert found["00200037"]["Value"] == [1, 0, 0, 0, 1, 0]
    assert found["00281050"]["Value"] == [40, 400]


async def test_pitfall_18_json_unless_asked_otherwise(client: httpx.AsyncClient) -> None:
    await stored(client, ct())
    for accept in (None, "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"):
        assert (await get(client, STUDIES, accept)).headers["content-type"] == JSON


@pytest.mark.parametrize("name", ["image/dicom-rle", "image/x-dicom-rle"])
async def test_pitfall_19_names_of_rle(client: httpx.AsyncClient, name: str) -> None:
    sent, dataset = real("MR_small_RLE.dcm")
    await stored(client, sent)
    assert (
        await get(client, url(dataset, "/frames/1"), f'multipart/related; type="{name}"')
    ).status_code == 200


async def test_what_was_decoded_is_whole(client: httpx.AsyncClient) -> None:
    sent, dataset = real("MR_small_RLE.dcm")
    await stored(client, sent)
    got: Dataset = dcmread(BytesIO((await get(client, url(dataset), "application/dicom")).content))
    assert got.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert {element.tag for element in got} == {element.tag for element in dataset}
