"""No value of a patient in a log or a metric, and nothing told of what one may not see."""

import httpx
import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_dict

from tests.bodies import content_type, multipart
from tests.instances import ct, part10
from tests.routers.conftest import client as client
from tests.routers.conftest import settings as settings
from tests.test_server import served

CANARY = "CANARY4711"
TEXTS = frozenset({"LO", "SH", "PN", "ST", "LT", "UC", "UT", "AE", "CS"})


def canaries() -> Dataset:
    """An instance in whose every text attribute a canary sits."""
    dataset = ct()
    for keyword, tag in keyword_dict.items():
        if (
            keyword
            and tag >> 16 not in (0, 2)
            and dictionary_VR(tag) in TEXTS
            and keyword != "SpecificCharacterSet"
        ):
            setattr(dataset, keyword, CANARY)
    dataset.file_meta = None
    return dataset


def test_canaries_never_reach_logs_or_metrics(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("canaries")
    dataset, uid = canaries(), "2.25.4711471147114711"
    del dataset.file_meta
    dataset.SOPInstanceUID = uid
    whole = part10(dataset)
    with served(folder, READINGROOM_LOG_LEVEL="debug") as archive:
        studies = f"{archive.url}/dicom-web/studies"
        for body in (whole, whole[:-5], whole.replace(b"CT", b"MR"), whole[:2000] + whole[2010:]):
            httpx.post(studies, content=multipart([body]), headers={"Content-Type": content_type()})
        for path in (
            f"?PatientName={CANARY}",
            f"?{CANARY}={CANARY}",
            f"?limit={CANARY}",
            f"/{CANARY}",
            f"/{uid}/{CANARY}",
        ):
            httpx.get(
                studies + path, headers={"X-Request-Id": f"{uid}", "User-Agent": CANARY, "Accept": CANARY}
            )
        httpx.get(f"{studies}/1.2.3/series/1.2.3.4/instances/{uid}/metadata")
        httpx.request(CANARY, studies)
        metrics = httpx.get(f"{archive.url}/metrics").text
        archive.stop()
    assert '"event":"request"' in archive.logged
    for text in (archive.logged, archive.printed, metrics):
        assert CANARY not in text
        assert uid not in text


@pytest.mark.parametrize(
    "below", ["", "/metadata", "/series/1.2.3.4", "/series/1.2.3.4/instances/1.2.3.4.5/frames/1"]
)
async def test_hidden_and_unknown_are_the_same_answer(client: httpx.AsyncClient, below: str) -> None:
    """What lies in one collection only does not exist below another root, nor does what lies nowhere."""
    await client.post(
        "/dicom-web/studies", content=part10(ct()), headers={"content-type": "application/dicom"}
    )
    unknown = await client.get(f"/dicom-web/studies/9.9.9{below}")
    elsewhere = await client.get(f"/collections/nowhere/dicom-web/studies/1.2.3{below}")
    assert unknown.status_code == elsewhere.status_code == 404
    assert unknown.content == elsewhere.content
