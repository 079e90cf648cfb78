"""Collections over HTTP: made, described, changed, listed, counted; each caller sees their own part."""

import json

import httpx
import pytest
from sqlalchemy import select

from app.registry.tables import AUDIT_ENTRY, COLLECTION, SITE, TERM
from tests.instances import ct, part10
from tests.routers.callers import ANYONE, enrol, grant, person, recognise

API = "/api/v1/collections"
NEW = {"slug": "chest", "title": "Chest CT", "licence": "CC-BY-4.0"}
SHOWN = {"tier": "open", "hidden": False}
DICOM = {"Content-Type": "application/dicom"}


@pytest.fixture
def archive(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch):
    recognise(monkeypatch)
    return client._transport.app.state.archive


async def make(client, slug="chest", **more):
    answer = await client.post(API, json={**NEW, "slug": slug, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def give(archive, to, role, slug, site=None):
    def write(connection):
        row = connection.execute(select(COLLECTION.c.id).where(COLLECTION.c.slug == slug)).scalar_one()
        its = select(SITE.c.id).where(SITE.c.collection_id == row, SITE.c.slug == site)
        grant(connection, to, role, row, connection.execute(its).scalar_one() if site else None)

    await archive.database.write(write)


async def store(client, slug, **values):
    answer = await client.post(
        f"/collections/{slug}/dicom-web/studies", content=part10(ct(**values)), headers=DICOM
    )
    assert answer.status_code == 200, answer.text


async def test_only_slug_title_and_licence_are_needed(client):
    answer = await client.post(API, json=NEW)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"http://localhost:8080{API}/chest"
    made = answer.json()
    assert (made["slug"], made["kind"], made["doi"], made["rolling"]) == ("chest", "collection", None, False)
    assert made["licence"]["name"] == "Creative Commons Attribution 4.0 International"
    assert made["licence"]["permissions"]["credit"]
    assert [each["tier"] for each in made["access"]] == ["private"]
    again = await client.get(f"{API}/chest")
    assert again.json() == made
    assert again.headers["etag"] == answer.headers["etag"]
    known = await client.get(f"{API}/chest", headers={"If-None-Match": again.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert (await client.post(API, json=NEW)).status_code == 409


WRONG = (
    {"slug": "Chest"},
    {"slug": "../x"},
    {"slug": "a\u0000"},
    {"slug": "x" * 101},
    {"title": ""},
    {"title": "a\u0000b"},
    {"title": "a\nb"},
    {"title": "\ud800"},
    {"\ud800": 1},
    {"licence": "CC-BY-9.9"},
    {"licence": "LicenseRef-Ours"},
    {"licence": "\u0000"},
    {"licence_url": "javascript:alert(1)"},
    {"tier": "secret"},
    {"embargo_until": "2030-13-40"},
    {"embargo_until": 10**400},
    {"summary": "\u0000"},
    {"summary": "x" * 3001},
    {"kind": "analysis-result", "sources": ["nobody"]},
    {"kind": "analysis-result", "sources": ["\u0000"]},
    {"kind": "analysis-result", "sources": ["\ud800"]},
    {"sources": ["inbox"]},
    {"external": {"url": "https://example.org"}},
    {"kind": "external", "rolling": True},
    {"kind": "external", "external": {"url": "https://example.org", "images": 2**63}},
    {"cancer_types": [{"text": "x", "scheme": "FOO"}]},
    {"doi": "10.1234/mine"},
    {"citations": [{"text": "x", "doi": "11.1/x"}]},
    {"nonsense": 1},
)


async def test_what_is_wrong_is_400(client):
    for wrong in WRONG:
        sent = _json({**NEW, **wrong})
        answer = await client.post(API, content=sent, headers={"content-type": "application/json"})
        assert answer.status_code == 400, wrong
        assert answer.headers["content-type"] == "application/problem+json"
    assert [each["slug"] for each in (await client.get(API)).json()["items"]] == ["inbox"]


def _json(value) -> bytes:
    """JSON that may hold half a character."""
    return json.dumps(value).encode()


async def test_an_unknown_licence_is_told_what_is_known(client):
    answer = await client.post(API, json={**NEW, "licence": "BSD"})
    assert "CC-BY-NC-SA-4.0" in answer.json()["detail"]
    made = await make(client, licence="LicenseRef-Ours-2", licence_url="https://example.org/text")
    assert made["licence"]["url"] == "https://example.org/text"
    assert made["licence"]["permissions"] is None


async def test_what_is_said_comes_back_and_markdown_becomes_safe_html(client):
    said = {
        "summary": "CT of the *chest* <script>alert(1)</script>",
        "description": "# How\n[site](https://example.org) [bad](javascript:alert(1)) ![spy](https://e.org/x.png)",
        "program": "Community",
        "status": "complete",
        "cancer_types": [{"text": "Lung cancer", "scheme": "SCT", "code": "363358000"}],
        "locations": [{"text": "Lung", "scheme": None, "code": None}],
        "citations": [{"text": "Doe (2024)", "doi": "10.1234/x"}],
        "contacts": [{"name": "Jane", "email": "jane@example.org", "url": None}],
        "funding": ["Grant 1"],
        "authors": [{"name": "Jane Doe", "orcid": "0000-0002-1825-0097"}],
    }
    made = await make(client, **said)
    assert {name: made[name] for name in said} == said
    assert made["summary_html"] == "<p>CT of the <em>chest</em> &lt;script&gt;alert(1)&lt;/script&gt;</p>\n"
    assert "<h3>How</h3>" in made["description_html"]
    assert "javascript:" not in made["description_html"].replace("[bad](javascript:alert(1))", "")
    assert "<img" not in made["description_html"]


async def test_a_change_leaves_what_is_not_said(client):
    made = await make(client, summary="First", program="One")
    tag = (await client.get(f"{API}/chest")).headers["etag"]
    answer = await client.patch(f"{API}/chest", json={"summary": "Second"}, headers={"If-Match": tag})
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["summary"], changed["program"], changed["title"]) == ("Second", "One", made["title"])
    late = await client.patch(f"{API}/chest", json={"summary": "Third"}, headers={"If-Match": tag})
    assert late.status_code == 412
    assert (await client.get(f"{API}/chest")).json() == changed
    for wrong in (
        {"slug": "other"},
        {"title": None},
        {"licence": "MINE"},
        {"kind": "external"},
        {"doi": "10.1234/x"},
    ):
        assert (await client.patch(f"{API}/chest", json=wrong)).status_code == 400
    assert (await client.patch(f"{API}/nobody", json={})).status_code == 404


async def test_filters(client):
    await make(client, "lung", title="Lungs of Äpfel", program="Alpha", status="complete", **SHOWN)
    await client.patch(
        f"{API}/lung",
        json={
            "locations": [{"text": "Left Lung", "scheme": "SCT", "code": "44029006"}],
            "summary": "100% CT",
        },
    )
    await make(
        client, "brain", licence="CC0-1.0", kind="analysis-result", species=[{"text": "Mouse"}], rolling=True
    )
    await store(client, "brain", Modality="MR")

    async def slugs(**asked):
        answer = await client.get(API, params=asked)
        assert answer.status_code == 200, answer.text
        return [each["slug"] for each in answer.json()["items"]]

    assert await slugs() == ["brain", "inbox", "lung"]
    for asked in (
        {"text": "äPFEL lungs"},
        {"text": "100%"},
        {"program": "alpha"},
        {"status": "complete"},
        {"location": "44029006"},
        {"location": "left lung"},
        {"tier": "open"},
    ):
        assert await slugs(**asked) == ["lung"], asked
    for asked in (
        {"licence": "CC0-1.0"},
        {"kind": "analysis-result"},
        {"species": "mouse"},
        {"modality": "MR"},
    ):
        assert await slugs(**asked) == ["brain"], asked
    for asked in ({"text": "1_0%"}, {"modality": "US"}, {"location": "brain"}, {"text": "lungs nothing"}):
        assert await slugs(**asked) == []
    for wrong in ({"text": "\0"}, {"kind": "x"}, {"limit": "0"}, {"modality": "\0"}, {"tier": "x"}):
        assert (await client.get(API, params=wrong)).status_code == 400


async def test_pages_by_slug(client):
    for slug in ("c", "a", "b"):
        await make(client, slug)
    first = (await client.get(API, params={"limit": 2})).json()
    assert ([each["slug"] for each in first["items"]], first["next"]) == (["a", "b"], "b")
    rest = (await client.get(API, params={"limit": 2, "after": "b"})).json()
    assert ([each["slug"] for each in rest["items"]], rest["next"]) == (["c", "inbox"], None)


async def test_each_caller_sees_their_own(client, archive):
    await archive.database.write(lambda connection: enrol(connection, 3))
    await make(client, "shown", **SHOWN)
    await make(client, "secret")
    await give(archive, 1, "owner", "secret")
    await give(archive, 2, "submitter", "secret")
    listed = {}
    for who, headers in {"anyone": ANYONE, 1: person(1), 2: person(2), 3: person(3)}.items():
        items = (await client.get(API, headers=headers)).json()["items"]
        listed[who] = [each["slug"] for each in items]
        hidden = await client.get(f"{API}/secret", headers=headers)
        unknown = await client.get(f"{API}/unknown", headers=headers)
        if who in (1, 2):
            assert hidden.status_code == 200
        else:
            assert (hidden.status_code, hidden.content) == (404, unknown.content)
            for route in ("facts", "series", "sites", "units"):
                hidden = await client.get(f"{API}/secret/{route}", headers=headers)
                assert (hidden.status_code, hidden.content) == (404, unknown.content)
    assert listed == {"anyone": ["shown"], 1: ["secret", "shown"], 2: ["secret", "shown"], 3: ["shown"]}
    submitter = (await client.get(f"{API}/secret", headers=person(2))).json()
    assert submitter["access"][0]["you_may"] == ["submit"]
    assert (await client.patch(f"{API}/secret", json={"summary": "x"}, headers=person(2))).status_code == 403
    assert (await client.patch(f"{API}/secret", json={"summary": "x"}, headers=person(1))).status_code == 200
    for slug in ("shown", "secret", "new"):
        for headers, status in ((ANYONE, 401), (person(1), 403)):
            assert (await client.post(API, json={**NEW, "slug": slug}, headers=headers)).status_code == status


async def test_sources_are_those_that_one_may_know(client, archive):
    await archive.database.write(lambda connection: enrol(connection, 1))
    await make(client, "shown", **SHOWN)
    await make(client, "secret")
    await make(client, "results", kind="analysis-result", sources=["secret", "shown", "shown"], **SHOWN)
    await give(archive, 1, "owner", "results")
    assert (await client.get(f"{API}/results")).json()["sources"] == ["secret", "shown"]
    seen = (await client.get(f"{API}/results", headers=person(1))).json()
    assert seen["sources"] == ["shown"]
    wrong = [
        await client.patch(f"{API}/results", json={"sources": [slug]}, headers=person(1))
        for slug in ("secret", "unknown")
    ]
    assert [each.status_code for each in wrong] == [400, 400]
    assert wrong[0].content == wrong[1].content
    assert (await client.patch(f"{API}/results", json={"sources": []}, headers=person(1))).status_code == 200
    # What they may not know of is not theirs to leave out.
    assert (await client.get(f"{API}/results")).json()["sources"] == ["secret"]
    assert (await client.patch(f"{API}/results", json={"sources": ["results"]})).status_code == 400


async def test_facts_and_series_are_of_what_one_may_find(client, archive):
    await archive.database.write(lambda connection: enrol(connection, 1))
    await make(client, "chest", rolling=True, **SHOWN)
    await store(client, "chest", study="1.1", series="1.1.1", Manufacturer="ACME", BodyPartExamined="CHEST")
    await store(client, "chest", study="1.1", series="1.1.1")
    await store(client, "chest", study="1.1", series="1.1.2", Modality="SEG")
    hidden = await client.post(f"{API}/chest/units", json={"tier": "private"})
    assert hidden.status_code == 201
    moved = await client.post(f"{API}/chest/units/{hidden.json()['id']}/series", json={"series": ["1.1.2"]})
    assert moved.json() == {"series": 1, "instances": 1}
    facts = (await client.get(f"{API}/chest/facts")).json()
    counts = ("patients", "studies", "series", "instances")
    assert [facts[name] for name in counts] == [1, 1, 2, 3]
    assert facts["modalities"] == [{"value": "CT", "series": 1}, {"value": "SEG", "series": 1}]
    assert facts["data_types"] == ["Computed tomography", "Segmentation"]
    assert facts["body_parts"] == [{"value": "CHEST", "series": 1}]
    seen = (await client.get(f"{API}/chest/facts", headers=ANYONE)).json()
    assert [seen[name] for name in counts] == [1, 1, 1, 2]
    assert seen["modalities"] == [{"value": "CT", "series": 1}]
    assert facts["bytes"] > seen["bytes"] > 0
    listed = (await client.get(f"{API}/chest/series")).json()["items"]
    assert [(each["series_instance_uid"], each["instances"], each["tier"]) for each in listed] == [
        ("1.1.1", 2, "open"),
        ("1.1.2", 1, "private"),
    ]
    assert sum(each["bytes"] for each in listed) == facts["bytes"]
    assert {(each["licence"], each["doi"], each["collection"]) for each in listed} == {
        ("CC-BY-4.0", None, "chest")
    }
    (only,) = (await client.get(f"{API}/chest/series", headers=ANYONE)).json()["items"]
    assert only["you_may"] == ["metadata.read", "pixel.read", "download"]
    first = (await client.get(f"{API}/chest/series", params={"limit": 1})).json()
    rest = (await client.get(f"{API}/chest/series", params={"limit": 1, "after": first["next"]})).json()
    assert [*first["items"], *rest["items"]] == listed
    assert rest["next"] is None
    for wrong in ("x", "1/2/x", "1/2/" + "9" * 30, "\0/1/1"):
        assert (await client.get(f"{API}/chest/series", params={"after": wrong})).status_code == 400


async def test_series_of_analysis_results_are_taken_in_or_left_out(client, archive):
    await make(client, "chest", rolling=True, **SHOWN)
    await make(client, "other", rolling=True, **SHOWN)
    made = {"kind": "analysis-result", "rolling": True, "licence": "CC0-1.0", "sources": ["chest"]}
    await make(client, "marks", **made, **SHOWN)
    await make(client, "secret-marks", **made)
    await store(client, "chest", study="1.1", series="1.1.1")
    await store(client, "marks", study="1.1", series="1.1.9", Modality="SEG")
    await store(client, "marks", study="7.7", series="7.7.9", Modality="SEG")
    await store(client, "secret-marks", study="1.1", series="1.1.8", Modality="SEG")

    async def listed(results, **headers):
        asked = {"analysis_results": results}
        answer = await client.get(f"{API}/chest/series", params=asked, headers=headers)
        return [(each["series_instance_uid"], each["licence"]) for each in answer.json()["items"]]

    own, marks, secret = ("1.1.1", "CC-BY-4.0"), ("1.1.9", "CC0-1.0"), ("1.1.8", "CC0-1.0")
    assert await listed("include") == [own, secret, marks]
    assert await listed("include", **ANYONE) == [own, marks]
    assert await listed("only", **ANYONE) == [marks]
    assert await listed("exclude", **ANYONE) == [own]
    assert (await client.get(f"{API}/other/series")).json()["items"] == []


async def test_what_is_done_is_in_the_audit(client, archive):
    await make(client, "chest", title="Roe^Jane")
    await client.patch(f"{API}/chest", json={"summary": "Doe^John"})
    done = select(AUDIT_ENTRY.c.what, AUDIT_ENTRY.c.details).where(
        AUDIT_ENTRY.c.what.startswith("collection.")
    )
    rows = await archive.database.lookup(
        lambda connection: connection.execute(done.order_by(AUDIT_ENTRY.c.number)).all()
    )
    assert [row.what for row in rows] == ["collection.create", "collection.change"]
    assert not [row for row in rows if "Roe" in str(row.details) or "Doe" in str(row.details)]


async def test_terms_are_not_left_behind(client, archive):
    await make(client, "chest", locations=[{"text": "Lung"}])
    await client.patch(f"{API}/chest", json={"locations": [{"text": "Heart"}]})
    rows = await archive.database.lookup(
        lambda connection: connection.scalars(select(TERM.c.text).where(TERM.c.field == "locations")).all()
    )
    assert rows == ["heart"]
