"""Collections over HTTP: made, described, changed, listed, counted; each caller sees their own part."""

import httpx
import pytest
from sqlalchemy import select

from app.registry.tables import COLLECTION, SITE, TERM
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
    answer = await client.post(f"/collections/{slug}/dicom-web/studies", content=part10(ct(**values)), headers=DICOM)
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
