"""De-identification at the door: what comes is another instance by the time it is stored."""

from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset, dcmread
from sqlalchemy import Connection, Table, select

from app.deid.engine import Question
from app.errors import CannotDecode
from app.models.studies import Instance
from app.services.background import worker
from app.services.once_more import Pass
from tests.bodies import content_type, multipart
from tests.instances import ct, part10
from tests.routers.house import House

SLUG = "chest"
ROOT = f"/collections/{SLUG}/dicom-web/studies"
POLICY = "name: chest\nextends: tcia\npixels: {ocr: false, regions: false}\n"
#: Of the patient: nothing of it may be found anywhere afterwards.
CANARIES = ("Zebrowsky", "Quimby", "MRN7788990", "19630217", "555-013-8877", "1.2.840.99999.7.1")


async def prepare(house: House, policy: str = POLICY) -> None:
    await house.collection(SLUG)
    answer = await house.owner.put(f"/api/v1/collections/{SLUG}/deidentification", json={"policy": policy})
    assert answer.status_code == 200, answer.text


def instance(number: int, **more: Any) -> bytes:
    said: dict[str, Any] = {
        "PatientName": "Zebrowsky^Quimby",
        "PatientID": "MRN7788990",
        "PatientBirthDate": "19630217",
        "StudyDate": "20200110",
        "StudyDescription": "CT chest",
        **more,
    }
    root = "1.2.840.99999.7.1"
    return part10(ct(f"{root}.1", f"{root}.2", f"{root}.3.{number}", **said))


async def send(client: httpx.AsyncClient, *instances: bytes, study: str = "") -> httpx.Response:
    head = {"content-type": content_type()}
    return await client.post(ROOT + study, content=multipart(instances), headers=head)


async def take(client: httpx.AsyncClient, answer: httpx.Response) -> list[Dataset]:
    urls = [item["00081190"]["Value"][0] for item in answer.json()["00081199"]["Value"]]
    got = [await client.get(url, headers={"accept": "application/dicom"}) for url in urls]
    return [dcmread(BytesIO(each.content)) for each in got]


async def test_what_comes_is_another_instance_when_it_is_stored(house: House) -> None:
    await prepare(house)
    answer = await send(house.owner, instance(1), instance(2))
    assert answer.status_code == 202, answer.text
    items = answer.json()["00081199"]["Value"]
    assert [item["00081196"]["Value"] for item in items] == [[0xB000], [0xB000]]
    assert "04000561" not in answer.text
    one, other = await take(house.owner, answer)
    assert one.PatientID == one.PatientName == other.PatientID != "MRN7788990"
    assert one.SOPInstanceUID == one.file_meta.MediaStorageSOPInstanceUID == items[0]["00081155"]["Value"][0]
    assert one.StudyInstanceUID == other.StudyInstanceUID
    assert one.StudyInstanceUID.startswith("2.25.")
    assert (one.PatientIdentityRemoved, one.StudyDescription) == ("YES", "CT chest")
    assert one.StudyDate != "20200110"


async def test_the_same_again_gets_the_same_answer(house: House) -> None:
    await prepare(house)
    first = await send(house.owner, instance(1))
    again = await send(house.owner, instance(1))
    assert again.status_code == 202
    assert first.json() == again.json()


async def test_the_address_names_the_study_as_it_was(house: House) -> None:
    await prepare(house)
    refused = await send(house.owner, instance(1), study="/1.2.3")
    assert refused.status_code == 409
    assert refused.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]
    taken = await send(house.owner, instance(1), study="/1.2.840.99999.7.1.1")
    assert taken.status_code == 202
    assert "99999" not in taken.text


async def test_what_is_de_identified_already_is_only_verified(house: House) -> None:
    await prepare(house)
    nobody = dict.fromkeys(("PatientBirthDate", "AccessionNumber", "ReferringPhysicianName", "StudyID"), "")
    clean = instance(1, PatientIdentityRemoved="YES", PatientName="A", PatientID="A", **nobody)
    answer = await send(house.owner, clean)
    assert answer.status_code == 200, answer.text
    [kept] = await take(house.owner, answer)
    assert kept.StudyInstanceUID == "1.2.840.99999.7.1.1"
    not_clean = await send(house.owner, instance(2, PatientIdentityRemoved="YES"))
    assert not_clean.status_code == 409
    assert "00100030" in not_clean.text


async def test_a_submission_is_published_only_after_the_second_pass(house: House) -> None:
    await prepare(house)
    # The surname stands in a label that comes before anything says whose it is.
    answer = await send(house.owner, instance(1, PatientName="", SeriesDescription="axial Hollander lung"))
    [before] = await take(house.owner, answer)
    assert before.SeriesDescription == "axial Hollander lung"
    await send(house.owner, instance(2, PatientName="Hollander^Piet"))
    key = (await house.owner.get("/api/v1/submissions")).json()["items"][0]["key"]
    home = f"/api/v1/submissions/{key}"
    versions = f"/api/v1/collections/{SLUG}/versions"
    assert (await house.owner.post(f"{home}/approve")).status_code == 409
    assert (await house.owner.post(versions, json={"submissions": [key]})).status_code == 409
    assert (await house.owner.post(f"{home}/close")).status_code == 200
    assert (await house.owner.get(f"{home}/deidentification")).json()["state"] == "waiting"
    assert (await house.owner.post(f"{home}/approve")).status_code == 409
    await worker(house.archive).drain()
    state = (await house.owner.get(f"{home}/deidentification")).json()
    assert state["state"] == "held", state
    assert state["findings"][0]["instances"] == 2
    [after] = (await take(house.owner, answer))[:1]
    assert after.SeriesDescription.split() == ["axial", "lung"]
    found = await house.owner.get(
        f"/submissions/{key}/dicom-web/series", params={"SeriesDescription": "*Hollander*"}
    )
    assert found.status_code == 204
    assert (await house.owner.post(f"{home}/approve")).status_code == 409
    released = await house.owner.post(f"{home}/deidentification/release", json={"reason": "looked at all"})
    assert released.json()["state"] == "passed"
    assert (await house.owner.post(f"{home}/approve")).status_code == 200
    published = await house.owner.post(versions, json={})
    assert published.status_code == 201, published.text
    certificate = (await house.owner.get(f"{home}/certificate")).json()
    assert certificate["instances"] == 2
    assert {"00100030", "0020000D"} <= {each["attribute"] for each in certificate["changed"]}
    page = await house.owner.get(f"{home}/certificate", headers={"accept": "text/html"})
    assert "What was removed" in page.text


async def test_nothing_of_the_original_is_anywhere(
    house: House, tmp_path: Path, capfd: pytest.CaptureFixture[str], database_url: str
) -> None:
    await prepare(house)
    large = instance(
        3, PixelData=bytes(20 << 20), Rows=4096, Columns=2560, StudyDescription="Zebrowsky call 555-013-8877"
    )
    answer = await send(house.owner, instance(1), large, study="/1.2.840.99999.7.1.1")
    assert answer.status_code == 202, answer.text
    wrong = await send(
        house.owner, instance(4, PatientIdentityRemoved="YES"), b"Zebrowsky", study="/1.2.840.99999.7.1.1"
    )
    assert wrong.status_code == 409
    key = (await house.owner.get("/api/v1/submissions")).json()["items"][0]["key"]
    assert (await house.owner.post(f"/api/v1/submissions/{key}/close")).status_code == 200
    await worker(house.archive).drain()
    said = (await house.owner.get("/metrics")).text + (
        await house.owner.get(f"/api/v1/submissions/{key}/certificate")
    ).text
    said += (await house.owner.get("/api/v1/audit")).text
    for table in Instance.metadata.sorted_tables:
        said += await house.archive.database.lookup(partial(_rows, table=table))
    for part in capfd.readouterr():
        said += part
    places = [said.encode(), *_files(tmp_path)]
    for canary in CANARIES:
        assert not any(canary.encode() in place for place in places), canary


def written_on(number: int) -> bytes:
    """An image with a name burned into it."""
    picture = Image.new("L", (320, 240), 40)
    ImageDraw.Draw(picture).text((20, 30), "ZEBROWSKY QUIMBY", 230, ImageFont.load_default(22))
    return instance(
        number, Rows=240, Columns=320, BitsAllocated=8, BitsStored=8, HighBit=7, PixelData=picture.tobytes()
    )


async def test_text_in_pixels_is_gone_when_the_submission_has_passed(house: House) -> None:
    await prepare(house, "name: chest\nextends: tcia\n")
    answer = await send(house.owner, written_on(1), written_on(2))
    before = await take(house.owner, answer)
    assert "BurnedInAnnotation" not in before[0]
    key = (await house.owner.get("/api/v1/submissions")).json()["items"][0]["key"]
    await house.owner.post(f"/api/v1/submissions/{key}/close")
    await worker(house.archive).drain()
    state = (await house.owner.get(f"/api/v1/submissions/{key}/deidentification")).json()
    assert state == {"state": "passed", "findings": []}
    for old, new in zip(before, await take(house.owner, answer), strict=True):
        was, now = (np.frombuffer(each.PixelData, np.uint8).reshape(240, 320) for each in (old, new))
        assert was[25:60].max() == 230
        assert now[25:60, 15:230].max() <= 40
        assert (now[100:] == was[100:]).all()
        assert new.BurnedInAnnotation == "NO"
        assert "113101" in {each.CodeValue for each in new.DeidentificationMethodCodeSequence}
        assert "113101" not in {each.CodeValue for each in old.DeidentificationMethodCodeSequence}


async def test_pixels_that_do_not_read_back_are_left_for_a_person(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> None:
        raise CannotDecode("The blanked instance does not read back as its source does.")

    monkeypatch.setattr(Pass, "_proved", failing)
    await prepare(house, "name: chest\nextends: tcia\n")
    answer = await send(house.owner, written_on(1))
    [before] = await take(house.owner, answer)
    key = (await house.owner.get("/api/v1/submissions")).json()["items"][0]["key"]
    await house.owner.post(f"/api/v1/submissions/{key}/close")
    await worker(house.archive).drain()
    state = (await house.owner.get(f"/api/v1/submissions/{key}/deidentification")).json()
    assert (state["state"], state["findings"][0]["question"]) == ("held", Question.BURNED_IN)
    [after] = await take(house.owner, answer)
    assert after.PixelData == before.PixelData
    assert "BurnedInAnnotation" not in after


async def test_a_collection_that_de_identifies_is_not_rolling(house: House) -> None:
    await prepare(house)
    refused = await house.owner.patch(f"/api/v1/collections/{SLUG}", json={"rolling": True})
    assert refused.status_code == 400
    refused = await house.owner.put("/api/v1/collections/inbox/deidentification", json={"policy": "tcia"})
    assert refused.status_code == 409


@pytest.mark.parametrize(
    "policy", ["nonsense: [", "name: x\noptions: [fly]", "name: x\noverrides: {Nothing: keep}", "[]"]
)
async def test_a_policy_that_cannot_be_followed_is_refused(house: House, policy: str) -> None:
    await house.collection(SLUG)
    refused = await house.owner.put(f"/api/v1/collections/{SLUG}/deidentification", json={"policy": policy})
    assert refused.status_code == 400
    assert (await house.owner.get(f"/api/v1/collections/{SLUG}/deidentification")).status_code == 404


async def test_the_key_may_not_change_while_there_are_data(house: House) -> None:
    await prepare(house)
    await send(house.owner, instance(1))
    path = house.archive.settings.data / "keys" / f"{SLUG}.key"
    path.unlink()
    path.write_bytes(b"another key of thirty-two bytes!!")
    refused = await send(house.owner, instance(2))
    assert refused.status_code == 503
    again = await house.owner.put(f"/api/v1/collections/{SLUG}/deidentification", json={"policy": POLICY})
    assert again.status_code == 409


async def test_metadata_in_parts_are_not_taken(house: House) -> None:
    await prepare(house)
    refused = await house.owner.post(
        ROOT,
        content=b"--b\r\n",
        headers={"content-type": 'multipart/related; type="application/dicom+json"; boundary=b'},
    )
    assert refused.status_code == 415


async def test_patients_are_called_in_sequence(house: House) -> None:
    await prepare(house, POLICY + "patient_ids: {scheme: sequence, prefix: CHEST-}\n")
    answers = [
        await send(house.owner, part10(ct("1.5", f"1.5.{n}", f"1.5.{n}.1", PatientID=f"p{n}")))
        for n in (1, 2)
    ]
    again = await send(house.owner, part10(ct("1.5", "1.5.1", "1.5.1.2", PatientID="p1")))
    names = [(await take(house.owner, each))[0].PatientID for each in (*answers, again)]
    assert names == ["CHEST-0001", "CHEST-0002", "CHEST-0001"]


def _rows(connection: Connection, table: Table) -> str:
    return "".join(map(repr, connection.execute(select(table)).all()))


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
