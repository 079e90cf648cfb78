"""`/api/v1/attributes`, and any attribute as a key, through the whole application, with real instances."""

from pathlib import Path

import httpx
import pytest
from pydicom.data import get_testdata_file

CT = Path(get_testdata_file("CT_small.dcm")).read_bytes()
DICOM = {"Content-Type": "application/dicom"}


@pytest.fixture
async def stored(client: httpx.AsyncClient) -> httpx.AsyncClient:
    response = await client.post("/dicom-web/studies", content=CT, headers=DICOM)
    assert response.status_code == 200
    return client


async def test_lists_what_occurs(stored: httpx.AsyncClient) -> None:
    found = (await stored.get("/api/v1/attributes")).json()
    by_key = {each["key"]: each for each in found}
    assert [each["key"] for each in found] == sorted(by_key)
    assert by_key["00180060"] == {
        "key": "00180060",
        "keyword": "KVP",
        "vr": "DS",
        "studies": 1,
        "series": 1,
        "instances": 1,
        "overflowing": 0,
    }
    assert "00090001[GEMS_IDEN_01]" in by_key
    some = (
        await stored.get("/api/v1/attributes", params={"matching": "0018*", "limit": 3, "offset": 1})
    ).json()
    assert some == [each for each in found if each["key"].startswith("0018")][1:4]
    assert (await stored.get("/api/v1/attributes", params={"collection": "inbox"})).json() == found


@pytest.mark.parametrize("name", ["KVP", "00180060"])
async def test_values_of_one_attribute(stored: httpx.AsyncClient, name: str) -> None:
    found = (await stored.get(f"/api/v1/attributes/{name}")).json()
    assert (found["key"], found["keyword"]) == ("00180060", "KVP")
    assert found["values"] == [{"text": "120", "number": 120.0, "studies": 1, "series": 1, "instances": 1}]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("attributes/PixelData", 404),
        ("attributes/Nonsense", 404),
        ("attributes/%00", 404),
        ("attributes?collection=nobody", 404),
        ("attributes?collection=%00", 404),
        ("attributes?matching=%00", 400),
        ("attributes?limit=0", 400),
        ("attributes?offset=x", 400),
    ],
)
async def test_what_is_not_there_is_a_problem(stored: httpx.AsyncClient, address: str, status: int) -> None:
    response = await stored.get(f"/api/v1/{address}")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("level", ["studies", "series", "instances"])
@pytest.mark.parametrize(
    ("key", "value", "other", "tag"),
    [
        ("KVP", "100-120", "121-", "00180060"),
        ("00180060", "120.0", "12", "00180060"),
        ("StationName", "CT01*", "ct01*", "00081010"),
        ("00090001[GEMS_IDEN_01]", "GE_*", "GE", "00091001"),
        ("OtherPatientIDsSequence.PatientID", "ABCD1234", "ABCD", "00101002"),
    ],
)
async def test_any_attribute_finds_and_is_returned(
    stored: httpx.AsyncClient, level: str, key: str, value: str, other: str, tag: str
) -> None:
    (found,) = (await stored.get(f"/dicom-web/{level}", params={key: value})).json()
    assert found[tag]["Value"]
    assert list(found) == sorted(found)
    assert (await stored.get(f"/dicom-web/{level}", params={key: other})).status_code == 204
    (included,) = (await stored.get(f"/dicom-web/{level}", params={"includefield": key})).json()
    assert included[tag] == found[tag]


@pytest.mark.parametrize("key", ["SOPInstanceUID", "Modality", "Rows"])
async def test_keys_of_a_lower_level(stored: httpx.AsyncClient, key: str) -> None:
    (instance,) = (await stored.get("/dicom-web/instances", params={"includefield": key})).json()
    tag = {"SOPInstanceUID": "00080018", "Modality": "00080060", "Rows": "00280010"}[key]
    (value,) = instance[tag]["Value"]
    (study,) = (await stored.get("/dicom-web/studies", params={key: value})).json()
    assert study["0020000D"] == instance["0020000D"]
    assert study[tag]["Value"] == [value]
