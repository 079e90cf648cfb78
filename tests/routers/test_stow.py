"""Storing: dicomweb.md section 3, over the whole application on both databases."""

import gzip
from typing import Any
from warnings import catch_warnings

import httpx
import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ImplicitVRLittleEndian

from app.errors import StoreUnavailable
from app.main import create_app
from app.settings import Settings
from app.storage.local import LocalStore
from tests.bodies import BOUNDARY, content_type, multipart
from tests.instances import ct, part10

STUDIES = "/dicom-web/studies"
FAILED, STORED, OTHER = "00081198", "00081199", "0008119A"


async def post(
    client: httpx.AsyncClient, *parts: bytes, url: str = STUDIES, **headers: str
) -> httpx.Response:
    head = {
        "content-type": content_type(),
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return await client.post(url, content=multipart(parts), headers=head)


def items(answer: httpx.Response, tag: str) -> list[dict[str, Any]]:
    return answer.json().get(tag, {}).get("Value", [])


def reason(answer: httpx.Response) -> int:
    (item,) = items(answer, FAILED) + items(answer, OTHER)
    value: int = item["00081197"]["Value"][0]
    return value


async def count(client: httpx.AsyncClient) -> int:
    answer = await client.get("/dicom-web/instances")
    return len(answer.json()) if answer.status_code == 200 else 0


async def test_all_stored_is_200_with_their_addresses(client: httpx.AsyncClient) -> None:
    first, second = ct(), ct()
    answer = await post(client, part10(first), part10(second))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")
    stored = items(answer, STORED)
    assert [item["00081155"]["Value"][0] for item in stored] == [first.SOPInstanceUID, second.SOPInstanceUID]
    for item in stored:
        assert (await client.get(item["00081190"]["Value"][0])).status_code == 200
    assert FAILED not in answer.json()


async def test_what_was_acknowledged_is_found_at_once(client: httpx.AsyncClient) -> None:
    await post(client, part10(ct()))
    (study,) = (await client.get(STUDIES)).json()
    assert study["00100020"]["Value"] == ["P1"]
    assert study["00201208"]["Value"] == [1]


@pytest.mark.parametrize(
    "head",
    [
        f"multipart/related; type=application/dicom; boundary={BOUNDARY}",
        f'multipart/related; boundary="{BOUNDARY}"; type="application/dicom"',
        f'Multipart/Related;TYPE="application/dicom";Boundary={BOUNDARY}',
        f"multipart/related; boundary={BOUNDARY}",
    ],
)
async def test_content_type_is_understood_however_it_is_written(client: httpx.AsyncClient, head: str) -> None:
    answer = await post(client, part10(ct()), content_type=head)
    assert answer.status_code == 200, answer.text


async def test_single_part_body_is_one_instance(client: httpx.AsyncClient) -> None:
    answer = await client.post(STUDIES, content=part10(ct()), headers={"content-type": "application/dicom"})
    assert answer.status_code == 200


async def test_parts_need_no_headers_and_may_have_many(client: httpx.AsyncClient) -> None:
    dash = f"--{BOUNDARY}".encode()
    body = b"\r\n" + dash + b"\r\n\r\n" + part10(ct()) + b"\r\n" + dash
    body += (
        b"\r\ncontent-type: application/dicom\r\nx-other: 1\r\n\r\n" + part10(ct()) + b"\r\n" + dash + b"--"
    )
    answer = await client.post(STUDIES, content=body, headers={"content-type": content_type()})
    assert answer.status_code == 200
    assert await count(client) == 2


async def test_one_bad_part_never_sinks_the_good_ones(client: httpx.AsyncClient) -> None:
    good, cut = ct(), part10(ct())[:-40]
    answer = await post(client, b"not dicom", part10(good), cut, b"")
    assert answer.status_code == 202
    assert len(items(answer, STORED)) == 1
    assert len(items(answer, FAILED)) + len(items(answer, OTHER)) == 3
    assert await count(client) == 1


async def test_none_stored_is_409(client: httpx.AsyncClient) -> None:
    answer = await post(client, b"not dicom")
    assert answer.status_code == 409
    assert reason(answer) == 0xC000
    assert await count(client) == 0


@pytest.mark.parametrize(
    "missing", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"]
)
async def test_missing_identifiers_are_refused(client: httpx.AsyncClient, missing: str) -> None:
    dataset = ct()
    delattr(dataset, missing)
    answer = await post(client, _unchecked(dataset))
    assert answer.status_code == 409
    assert reason(answer) == 0xA900


def _unchecked(dataset: Dataset) -> bytes:
    """A data set that pydicom would refuse to write, behind the meta information of another one."""
    whole = part10(ct())
    meta_end = 144 + int.from_bytes(whole[140:144], "little")
    body = DicomBytesIO()
    body.is_little_endian, body.is_implicit_VR = True, False
    write_dataset(body, dataset)
    return whole[:meta_end] + body.getvalue()


async def test_letters_in_a_uid_are_refused_and_leading_zeros_warned_of(client: httpx.AsyncClient) -> None:
    with catch_warnings(action="ignore"):
        letters = part10(ct(study="1.2.x"))
        zeros = part10(ct(study="1.2.03", series="1.2.03.1"))
    refused = await post(client, letters)
    assert refused.status_code == 409
    warned = await post(client, zeros)
    assert warned.status_code == 202
    (item,) = items(warned, STORED)
    assert item["00081196"]["Value"]


async def test_identical_duplicate_is_success_and_stored_once(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    same = part10(ct())
    assert (await post(client, same)).status_code == 200
    assert (await post(client, same, same)).status_code == 200
    assert await count(client) == 1
    assert len(list((settings.data / "objects").rglob("*"))) - _folders(settings) == 1


async def test_duplicates_within_one_request_are_one(client: httpx.AsyncClient, settings: Settings) -> None:
    same = part10(ct())
    answer = await post(client, same, same, same)
    assert (answer.status_code, len(items(answer, STORED))) == (200, 3)
    assert await count(client) == 1
    assert len(list((settings.data / "objects").rglob("*"))) - _folders(settings) == 1


def _folders(settings: Settings) -> int:
    return sum(path.is_dir() for path in (settings.data / "objects").rglob("*"))


async def test_other_content_under_a_known_uid_changes_nothing(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    first = ct(instance="1.2.3.4.5")
    await post(client, part10(first))
    answer = await post(client, part10(ct(instance="1.2.3.4.5", PatientName="Other^Name")))
    assert answer.status_code == 409
    assert items(answer, FAILED)[0]["00081155"]["Value"] == ["1.2.3.4.5"]
    got = await client.get(f"{STUDIES}/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/metadata")
    assert got.json()[0]["00100010"]["Value"] == [{"Alphabetic": "Doe^Jane"}]
    assert len(list((settings.data / "objects").rglob("*"))) - _folders(settings) == 1


async def test_wrong_study_is_refused_instance_by_instance(client: httpx.AsyncClient) -> None:
    mine, other = ct(), ct(study="1.2.9", series="1.2.9.1")
    answer = await post(client, part10(mine), part10(other), url=f"{STUDIES}/1.2.3")
    assert answer.status_code == 202
    assert reason(answer) & 0xFF00 == 0xA900
    assert answer.json()["00081190"]["Value"][0].endswith("/dicom-web/studies/1.2.3")
    assert (await post(client, part10(other), url=f"{STUDIES}/1.2.3")).status_code == 409


async def test_series_of_another_study_is_refused(client: httpx.AsyncClient) -> None:
    await post(client, part10(ct()))
    answer = await post(client, part10(ct(study="1.2.9")))
    assert answer.status_code == 409
    assert await count(client) == 1


@pytest.mark.parametrize(
    ("body", "head", "expected"),
    [
        (b"", content_type(), 400),
        (b"nothing of the kind", content_type(), 400),
        (multipart([b"x"])[:-4], content_type(), 400),
        (multipart([b"x"]), content_type(boundary="other"), 400),
        (multipart([b"x"]), 'multipart/related; type="application/dicom"', 400),
        (b"{}", "application/json", 415),
        (b"x", "text/plain", 415),
        (b"x", "", 415),
        (multipart([b"x"]), f"multipart/form-data; boundary={BOUNDARY}", 415),
        (multipart([b"x"]), content_type("application/dicom+xml"), 400),
        (multipart([b"x"]), content_type("image/jpeg"), 415),
    ],
)
async def test_what_is_no_store_request(
    client: httpx.AsyncClient, body: bytes, head: str, expected: int
) -> None:
    answer = await client.post(STUDIES, content=body, headers={"content-type": head} if head else {})
    assert answer.status_code == expected, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await count(client) == 0


async def test_cut_off_body_stores_nothing_of_it(client: httpx.AsyncClient, settings: Settings) -> None:
    body = multipart([part10(ct()), part10(ct())])
    answer = await client.post(STUDIES, content=body[:-70], headers={"content-type": content_type()})
    assert answer.status_code == 400
    assert await count(client) == 0
    assert not [path for path in (settings.data / "objects").rglob("*") if path.is_file()]


async def test_answer_as_xml_on_request_and_406_for_others(client: httpx.AsyncClient) -> None:
    as_xml = await post(client, part10(ct()), accept="application/dicom+xml")
    assert (as_xml.status_code, as_xml.headers["content-type"]) == (200, "application/dicom+xml")
    assert b"<NativeDicomModel" in as_xml.content
    refused = await post(client, part10(ct()), accept="image/png")
    assert refused.status_code == 406
    assert await count(client) == 1


async def test_compressed_request_is_read_and_an_unknown_coding_refused(client: httpx.AsyncClient) -> None:
    body = gzip.compress(multipart([part10(ct())]))
    head = {"content-type": content_type(), "content-encoding": "gzip"}
    assert (await client.post(STUDIES, content=body, headers=head)).status_code == 200
    assert (
        await client.post(STUDIES, content=body, headers={**head, "content-encoding": "br"})
    ).status_code == 415
    assert (await client.post(STUDIES, content=b"no gzip", headers=head)).status_code == 400


async def test_too_large_is_413_and_stores_nothing(settings: Settings) -> None:
    small = settings.model_copy(update={"max_instance_bytes": 5000, "max_request_bytes": 9000})
    app = create_app(small)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        large = part10(ct(PixelData=b"\0" * 6000))
        assert (await post(client, large)).status_code == 413
        assert (await post(client, *[part10(ct())] * 20)).status_code == 413
        assert (await post(client, part10(ct()))).status_code == 200
        assert await count(client) == 1


async def test_every_byte_is_kept(client: httpx.AsyncClient) -> None:
    dataset = ct()
    sent = part10(dataset, ImplicitVRLittleEndian)
    sent = b"A preamble of its own".ljust(128, b"!") + sent[128:]
    await post(client, sent)
    got = await client.get(
        f"{STUDIES}/1.2.3/series/1.2.3.4/instances/{dataset.SOPInstanceUID}",
        headers={"accept": "application/dicom; transfer-syntax=*"},
    )
    assert got.content == sent


async def test_collection_root_stores_into_it_and_an_unknown_one_is_404(client: httpx.AsyncClient) -> None:
    assert (await post(client, part10(ct()), url="/collections/inbox/dicom-web/studies")).status_code == 200
    assert await count(client) == 1
    answer = await post(client, part10(ct()), url="/collections/none/dicom-web/studies")
    assert answer.status_code == 404


async def test_nothing_is_stored_where_no_answer_could_be_sent(client: httpx.AsyncClient) -> None:
    """A 406 after the fact would say that nothing happened."""
    headers = {"content-type": "application/dicom", "accept-encoding": "identity;q=0, br"}
    answer = await client.post(STUDIES, content=part10(ct()), headers=headers)
    assert answer.status_code == 406
    assert (await client.get(STUDIES)).status_code == 204


async def test_a_store_that_fails_to_delete_takes_nothing_back(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two of one UID one is stored; the other's object is for a sweep where it cannot be deleted now."""

    async def away(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(LocalStore, "delete", away)
    first, second = ct(instance="1.7"), ct(instance="1.7", PatientID="P2")
    answer = await post(client, part10(first), part10(second))
    assert answer.status_code == 202
    assert len(items(answer, STORED)) == len(items(answer, FAILED)) == 1
    assert await count(client) == 1
