"""The catalogue: one row for each collection that the caller may know of, in three forms."""

import csv
from io import StringIO

import pytest

from app.routers.catalog import COLUMNS
from tests.routers.callers import ANYONE
from tests.routers.test_collections import SHOWN, archive, make, store

__all__ = ["archive"]
CATALOG = "/api/v1/catalog"
EXTERNAL = {
    "kind": "external",
    "licence": "LicenseRef-ABIDE",
    "licence_url": "https://example.org/terms",
    "locations": [{"text": "Brain"}],
    "external": {
        "url": "https://example.org/abide",
        "availability": "Registration",
        "data_types": [{"text": "MR"}],
        "patients": 539,
    },
}


@pytest.fixture
async def filled(client, archive):
    await make(client, "chest", title="Chest | <CT>", rolling=True, locations=[{"text": "Lung"}], **SHOWN)
    await make(client, "elsewhere", title="=ABIDE", **EXTERNAL, **SHOWN)
    await make(client, "secret", rolling=True)
    await make(client, "plain", title="Plain", rolling=True, tier="request", hidden=False)
    await store(client, "chest", study="1.1", series="1.1.1")
    await store(client, "chest", study="1.1", series="1.1.2", Modality="SEG")
    await store(client, "secret", study="1.1", series="1.1.1", PatientID="P2")
    await store(client, "plain", study="3.1", series="3.1.1", BodyPartExamined="HEART")
    return client


async def test_rows_are_computed(filled):
    rows = (await filled.get(CATALOG, headers=ANYONE)).json()
    assert [list(row.values()) for row in rows] == [
        [
            "Chest | <CT>",
            "CT, SEG",
            "Lung",
            2,
            1,
            "Open",
            "CC-BY-4.0",
            "http://localhost:8080/collections/chest",
        ],
        ["=ABIDE", "MR", "Brain", None, 539, "Registration", "LicenseRef-ABIDE", "https://example.org/abide"],
        [
            *("Plain", "CT", "HEART", 1, 1, "Request on application form", "CC-BY-4.0"),
            "http://localhost:8080/collections/plain",
        ],
    ]
    owners = (await filled.get(CATALOG)).json()
    assert [row["source"] for row in owners][2:] == ["Inbox", "Plain", "Chest CT"]
    # Each collection is counted by itself, also where two hold one series.
    assert owners[-1]["images"] == 1


FORMS = (
    ({"params": {"format": "csv"}}, "text/csv; charset=utf-8"),
    ({"headers": {"Accept": "text/csv"}}, "text/csv; charset=utf-8"),
    ({"headers": {"Accept": "text/markdown, */*;q=0.1"}}, "text/markdown; charset=utf-8"),
    (
        {"params": {"format": "md"}, "headers": {"Accept": "application/json"}},
        "text/markdown; charset=utf-8",
    ),
    ({"headers": {"Accept": "*/*"}}, "application/json"),
    ({"params": {"format": "json"}, "headers": {"Accept": "text/csv"}}, "application/json"),
)


async def test_forms(filled):
    for asked, media_type in FORMS:
        answer = await filled.get(CATALOG, **asked)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == media_type
        assert (await filled.head(CATALOG, **asked)).headers["etag"] == answer.headers["etag"]


async def test_tables(filled):
    text = (await filled.get(CATALOG, params={"format": "csv"}, headers=ANYONE)).text
    head, *rows = csv.reader(StringIO(text))
    assert tuple(head) == COLUMNS
    # A spreadsheet would compute it.
    assert [row[0] for row in rows] == ["Chest | <CT>", "'=ABIDE", "Plain"]
    lines = (await filled.get(CATALOG, params={"format": "md"}, headers=ANYONE)).text.splitlines()
    assert lines[0] == f"| {' | '.join(COLUMNS)} |"
    assert lines[2].startswith(r"| Chest \| \<CT\> | CT, SEG | Lung | 2 | 1 | Open |")
    assert {line.replace(r"\|", "").count("|") for line in lines} == {len(COLUMNS) + 1}


async def test_what_is_not_a_form(filled):
    assert (await filled.get(CATALOG, params={"format": "xls"})).status_code == 400
    assert (await filled.get(CATALOG, headers={"Accept": "text/html"})).status_code == 406
