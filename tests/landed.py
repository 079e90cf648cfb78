"""An archive as strangers come upon it: collections with texts, versions, a cart, and real pixels."""

from io import BytesIO
from typing import Any

import httpx
from pydicom import dcmread
from pydicom.uid import generate_uid

from tests.instances import part10
from tests.viewed import real

TERM = {"scheme": "SCT"}
PANCREAS = {"text": "Pancreas", "code": "15776009", **TERM}
LUNG = {"text": "Lung", "code": "39607008", **TERM}
HUMAN = {"text": "Human", "code": "337915000", **TERM}
MAIN: dict[str, Any] = {
    "slug": "pancreas-before-surgery",
    "title": "CT and MR of the abdomen before surgery of the pancreas",
    "licence": "CC-BY-4.0",
    "summary": "Portal venous CT, MR and intraoperative ultrasound of people who were operated upon for a"
    " tumour of the pancreas at three hospitals. Each tumour was outlined by two radiologists; **the outlines"
    " are part of the collection**.",
    "description": "# Who was included\n\nAdults with a ductal adenocarcinoma that was proven by pathology,"
    " and a CT not older than six weeks. People with stents or earlier surgery were left out.\n\n"
    "# How it was acquired\n\nCT in the portal venous phase, 70 s after 1.5 ml/kg of contrast agent; slices"
    " of 1.0 to 2.5 mm.\n\n"
    "| Hospital | Scanner | People |\n|---|---|---|\n| North | ACME 64 | 5 |\n| South | ACME 128 | 4 |\n",
    "sharing_policy": "Please thank the *Pancreas imaging group* in what you publish.",
    "status": "complete",
    "program": "Community",
    "cancer_types": [{"text": "Pancreatic cancer", "code": "372142002", **TERM}],
    "locations": [PANCREAS],
    "species": [HUMAN],
    "supporting_data": [{"text": "Outlines"}, {"text": "Clinical"}],
    "authors": [
        {"name": "Ferreira, Marta", "orcid": "0000-0002-1825-0097"},
        {"name": "Okafor, Chidi"},
        {"name": "Lindqvist, Anna"},
    ],
    "citations": [
        {"text": "Ferreira M, Okafor C (2025). Outlining the pancreas.", "doi": "10.1234/outlines"}
    ],
    "publications": [{"text": "Lindqvist A (2026). What two readers agree on.", "doi": "10.1234/readers"}],
    "funding": ["Foundation for imaging research, grant 2024-17"],
    "contacts": [{"name": "Pancreas imaging group", "email": "pancreas@example.org"}],
}
_OTHERS: tuple[dict[str, Any], ...] = (
    {
        "slug": "chest-radiographs",
        "title": "Chest radiographs with reports in words",
        "licence": "CC-BY-NC-4.0",
        "summary": "Radiographs of the chest in two views, with what was reported of each.",
        "cancer_types": [{"text": "Lung cancer"}],
        "locations": [LUNG],
        "program": "Community",
        "modality": "CR",
    },
    {
        "slug": "lung-screening",
        "title": "Low-dose CT of people who were screened for lung cancer",
        "licence": "CC-BY-4.0",
        "summary": "Three rounds of screening, a year apart; the data are for those who asked for access.",
        "cancer_types": [{"text": "Lung cancer"}],
        "locations": [LUNG],
        "program": "Screening",
        "status": "complete",
        "tier": "request",
        "modality": "CT",
        "body_part": "CHEST",
    },
    {
        "slug": "brain-mr",
        "title": "MR of the brain in four sequences",
        "licence": "CC0-1.0",
        "summary": "T1, T2, FLAIR and diffusion of healthy volunteers, without faces.",
        "locations": [{"text": "Brain"}],
        "program": "Volunteers",
        "modality": "MR",
        "body_part": "BRAIN",
    },
)
#: What the main collection's people sent: a file, its modality and body part, and how often.
_SENT = (
    ("explicit_VR-UN.dcm", "CT", "PANCREAS", 2),
    ("examples_overlay.dcm", "MR", "ABDOMEN", 1),
    ("US1_J2KR.dcm", "US", "PANCREAS", 1),
    ("693_J2KR.dcm", "CT", "HEAD", 1),
)
_PICTURES = {"CR": "RG3_J2KI.dcm", "CT": "693_J2KR.dcm", "MR": "MR2_J2KI.dcm"}
DICOM = {"Content-Type": "application/dicom"}


def fill(client: httpx.Client, people: int = 2) -> str:
    """Fill an archive, as its owner; gives the key of a cart."""
    for each in (MAIN, *_OTHERS):
        made = {name: value for name, value in each.items() if name not in ("modality", "body_part")}
        shown = {"tier": "open", "hidden": False, "species": [HUMAN], **made}
        client.post("/api/v1/collections", json=shown).raise_for_status()
    marks = {
        "slug": "vessel-outlines",
        "title": "Outlines of vessels beside the pancreas",
        "licence": "CC-BY-4.0",
    }
    marks |= {
        "kind": "analysis-result",
        "sources": [MAIN["slug"]],
        "summary": "Arteries and veins, by a network.",
    }
    client.post("/api/v1/collections", json={**marks, "tier": "open", "hidden": False}).raise_for_status()
    secret = {"slug": "not-yet", "title": "Nobody knows of this", "licence": "CC-BY-4.0", "program": "Secret"}
    client.post("/api/v1/collections", json=secret).raise_for_status()
    for person in range(people):
        study = generate_uid()
        for name, modality, body_part, often in _SENT[: 4 - person % 3]:
            for _ in range(often):
                _send(client, MAIN["slug"], name, person, study, modality, body_part)
    publish(client, MAIN["slug"], "The first people")
    _send(client, MAIN["slug"], "explicit_VR-UN.dcm", people, generate_uid(), "CT", "PANCREAS")
    publish(client, MAIN["slug"], "One more person, of the hospital in the south")
    for each in _OTHERS:
        modality = each["modality"]
        for person in range(people):
            part = each.get("body_part", "CHEST")
            _send(client, each["slug"], _PICTURES[modality], person, generate_uid(), modality, part)
        publish(client, each["slug"], "All there is")
    search = {"name": "Pancreas beside chest", "description": "To try a tool on two kinds of pictures."}
    answer = client.post("/api/v1/carts", json={**search, "audience": "anyone", "search": ""})
    return str(answer.raise_for_status().json()["key"])


def publish(client: httpx.Client, slug: str, note: str) -> None:
    """Publish all that was sent."""
    for each in client.get(f"/api/v1/submissions?collection={slug}").raise_for_status().json()["items"]:
        if each["state"] == "open":
            for act in ("close", "approve"):
                client.post(f"/api/v1/submissions/{each['key']}/{act}").raise_for_status()
    client.post(f"/api/v1/collections/{slug}/versions", json={"note": note}).raise_for_status()


def _send(
    client: httpx.Client, slug: str, name: str, person: int, study: str, modality: str, body_part: str
) -> None:
    dataset = dcmread(BytesIO(real(name)))
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    dataset.remove_private_tags()
    dataset.PatientID, dataset.PatientName = f"{slug}-{person:03}", ""
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, generate_uid()
    dataset.SOPInstanceUID = generate_uid()
    dataset.Modality, dataset.BodyPartExamined, dataset.Manufacturer = modality, body_part, "ACME"
    dataset.SeriesDescription = f"{modality} {body_part}"
    url = f"/collections/{slug}/dicom-web/studies"
    client.post(url, content=part10(dataset, syntax), headers=DICOM).raise_for_status()
