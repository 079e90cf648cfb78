"""The pages of collections, versions and carts: what whoever comes sees there, and what machines read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import fromstring

import httpx
import pytest

from app.citing.formats import FORMATS
from app.models.types import now
from app.registry import dois
from app.routers.landing_models import FORMS
from tests.house import OWNER, bearer
from tests.house import house as opened
from tests.routers.callers import ANYONE, enrol, person
from tests.routers.test_collections import SHOWN, archive, give, make, store
from tests.routers.test_pages import BROWSER, EVIL, STRANGER, Page
from tests.routers.versions_of import publish

__all__ = ["archive"]
PAGE = "/collections/chest"
READER = {**person(1), **BROWSER}
DOI = "10.5072/abcd-1234"


async def filled(client: httpx.AsyncClient, **more: Any) -> None:
    """A collection of two versions: a series came with each."""
    told = {"summary": "CT of the *chest*.", "authors": [{"name": "Doe, Jane"}], **SHOWN, **more}
    await make(client, "chest", rolling=True, **told)
    await store(client, "chest", study="1.1", series="1.1.1", BodyPartExamined="CHEST")
    await publish(client, "chest", note="The first")
    await store(client, "chest", study="1.2", series="1.2.1", PatientID="P2", BodyPartExamined="LUNG")
    await publish(client, "chest", note="One more")


async def named(
    archive: Any, what: str, identifier: str, collection: str | None, version: int | None
) -> None:
    """Give it a public identifier."""
    register = await archive.rights.register()
    row = register.collections[collection].id if collection else None
    of = what.format(row=row)

    def write(connection: Any) -> None:
        doi = dois.want(connection, of, identifier, "findable", row, version)
        dois.reached(connection, doi, "findable", b"")

    await archive.database.write(write)


async def look(client: httpx.AsyncClient, path: str, headers: Any = STRANGER) -> Page:
    """A page."""
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def words(page: Page) -> str:
    """Its text in one line."""
    return " ".join(page.text.split())


def links(page: Page) -> list[str | None]:
    """Where it leads."""
    return [each.get("href") for each in page.all("a")]


def data(text: str) -> Any:
    """The data block of a page."""
    return json.loads(text.partition('<script type="application/ld+json">')[2].partition("</script>")[0])


async def test_a_collection_tells_its_versions_and_each_has_a_page(client, archive):
    await filled(client)
    page = await look(client, PAGE)
    assert [each for each in links(page) if each and "/versions/" in each] == [
        f"{PAGE}/versions/2",
        f"{PAGE}/versions/1",
    ]
    assert "One more 1 series added" in words(page)
    first = await look(client, f"{PAGE}/versions/1")
    assert "The first" in words(first)
    assert "1 series added, since the beginning" in words(first)
    assert f"{PAGE}/versions/2" in links(first)
    assert f"{PAGE}/versions/1/archive.zip" in links(first)
    assert "CHEST 1 series" in words(first)
    assert "LUNG" not in words(first)
    assert [each["src"] for each in first.all("img")] == [
        f"{PAGE}/versions/1/dicom-web/studies/1.1/series/1.1.1/thumbnail"
    ]
    latest = await look(client, f"{PAGE}/versions/2")
    assert "LUNG 1 series" in words(latest)
    assert "is the latest" not in words(latest)
    assert f"{PAGE}/versions/1" in links(latest)
    for number in ("0", "3", "01", "x", "1" * 40, "%00"):
        assert (await client.get(f"{PAGE}/versions/{number}", headers=STRANGER)).status_code == 404


async def test_each_sees_what_they_may_do(client, archive):
    await filled(client, tier="request")
    await archive.database.write(lambda connection: enrol(connection, 2))
    await give(archive, 1, "reader", "chest")
    for path in (PAGE, f"{PAGE}/versions/1"):
        stranger, reader = await look(client, path), await look(client, path, READER)
        owner = await look(client, path, BROWSER)
        # Metadata are public here, the data are not.
        assert f"{path}/metadata.csv" in links(stranger)
        assert not {f"{path}/archive.zip", f"{path}/viewer"} & set(links(stranger))
        assert stranger.all("img") == []
        assert "for those who asked for access" in words(stranger)
        for page in (reader, owner):
            assert {f"{path}/archive.zip", f"{path}/viewer"} < set(links(page))
            assert page.all("img")
    other = await look(client, PAGE, {**person(2), **BROWSER})
    assert "/api/v1/collections/chest/request-form" in links(other)


async def test_strangers_are_shown_the_way_to_sign_in(settings):
    async with opened(settings, jobs=False, accounts=True) as house:
        new = {"slug": "chest", "title": "Chest", "licence": "CC-BY-4.0", **SHOWN, "tier": "registered"}
        await house.browser.post("/api/v1/collections", json=new, headers=OWNER)
        way = "/sign-in?next=%2Fcollections%2Fchest"
        page = Page((await house.browser.get(PAGE, headers=BROWSER)).text)
        assert links(page).count(way) == 2
        signed_in = Page((await house.browser.get(PAGE, headers={**BROWSER, **OWNER})).text)
        assert way not in links(signed_in)
        units = (await house.browser.get("/api/v1/collections/chest/units", headers=OWNER)).json()["items"]
        unit = f"/api/v1/collections/chest/units/{units[0]['id']}"
        hidden = await house.browser.patch(unit, json={"hidden": True, "tier": "private"}, headers=OWNER)
        assert hidden.status_code == 200
        refused = await house.browser.get(PAGE, headers=BROWSER)
        assert (refused.status_code, way in links(Page(refused.text))) == (401, True)


async def test_a_hidden_collections_versions_are_as_unknown(client, archive):
    await filled(client, tier="private", hidden=True)
    await make(client, "shown", **SHOWN)
    answers = [
        await client.get(path, headers=STRANGER)
        for path in (
            f"{PAGE}/versions/1",
            f"{PAGE}/versions/9",
            "/collections/none/versions/1",
            "/carts/none",
        )
    ]
    assert {each.status_code for each in answers} == {404}


async def test_a_cart_tells_its_licences_and_what_each_may_have(client, archive):
    await filled(client)
    await make(client, "closed", title="Closed", licence="CC-BY-NC-4.0", rolling=True)
    await store(client, "closed", study="1.3", series="1.3.1", BodyPartExamined="SECRET")
    new = {"name": EVIL, "description": f"Some {EVIL}", "audience": "anyone", "studies": ["1.1", "1.3"]}
    key = (await client.post("/api/v1/carts", json=new)).json()["key"]
    owner, stranger = await look(client, f"/carts/{key}", BROWSER), await look(client, f"/carts/{key}")
    assert "1 of 2 series may not be used commercially." in words(owner)
    assert "None of 1 series may not be used commercially." in words(stranger)
    assert {"/collections/chest", "/collections/closed"} < set(links(owner))
    assert EVIL in words(stranger)
    for said in ("Closed", "SECRET", "closed", "CC-BY-NC"):
        assert said in words(owner)
        assert said not in words(stranger)
    assert f"/carts/{key}/archive.zip" in links(stranger)
    hidden = (await client.post("/api/v1/carts", json={"name": "Mine", "studies": ["1.1"]})).json()["key"]
    assert (await client.get(f"/carts/{hidden}", headers=STRANGER)).status_code == 404


async def test_a_link_to_a_cart_opens_its_page_and_no_other(settings):
    async with opened(settings, jobs=False) as house:
        client = house.browser
        client.headers.update(OWNER)
        await make(client, "closed", title="Quiet", rolling=True)
        await store(client, "closed", study="1.1", series="1.1.1")
        key = (await client.post("/api/v1/carts", json={"name": "C", "studies": ["1.1"]})).json()["key"]
        until = (now() + timedelta(days=1)).isoformat()
        link = await client.post("/api/v1/share-links", json={"cart": key, "expires_at": until})
        by_link = {**BROWSER, **bearer(link.json()["token"])}
        page = await look(client, f"/carts/{key}", by_link)
        assert "None of 1 series may not be used commercially." in words(page)
        assert page.all("img")
        assert (await client.get("/collections/closed", headers=by_link)).status_code == 404


async def test_results_and_sources_are_linked(client, archive):
    await filled(client)
    await make(client, "marks", kind="analysis-result", title="Marks", sources=["chest"], **SHOWN)
    await make(client, "hidden", kind="analysis-result", title="Unheard of", sources=["chest"])
    page = await look(client, PAGE)
    assert "/collections/marks" in links(page)
    assert "Unheard of" not in page.text
    assert PAGE in links(await look(client, "/collections/marks"))


async def test_the_data_block_has_what_search_engines_require(client, archive):
    evil = "</script><script>alert(1)</script><!-- \"'\u2028"
    await filled(client, title=evil.replace("\u2028", ""), summary=evil)
    await named(archive, "collection/{row}", DOI, "chest", None)
    answer = await client.get(PAGE, headers=STRANGER)
    assert answer.text.count("<script") == 1
    assert not Page(answer.text).all("script")[1:]
    found = data(answer.text)
    assert found["@context"] == "https://schema.org/"
    assert (found["@type"], found["name"]) == ("Dataset", evil.replace("\u2028", ""))
    assert 50 <= len(found["description"]) <= 5000
    assert found["identifier"] == found["sameAs"] == f"https://doi.org/{DOI}"
    assert found["license"] == ["https://creativecommons.org/licenses/by/4.0/"]
    assert found["creator"][0]["familyName"] == "Doe"
    assert found["isAccessibleForFree"] is True
    files = {each["contentUrl"]: each["encodingFormat"] for each in found["distribution"]}
    here = f"http://localhost:8080{PAGE}"
    assert files == {f"{here}/archive.zip": "application/zip", f"{here}/metadata.csv": "text/csv"}
    assert f"https://doi.org/{DOI}" in links(Page(answer.text))


async def test_what_may_not_be_had_is_not_distributed(client, archive):
    await filled(client, tier="request")
    found = data((await client.get(PAGE, headers=STRANGER)).text)
    assert [each["name"] for each in found["distribution"]] == ["metadata.csv"]


ACCEPTED = {
    "text/html": "text/html; charset=utf-8",
    "*/*": "text/html; charset=utf-8",
    "application/json": "application/json",
    "text/x-bibliography; style=apa; locale=en-US": "text/x-bibliography; charset=utf-8",
    "application/ld+json;q=0.9, text/turtle": "application/ld+json",
    **{
        each.media_type: each.media_type
        for each in FORMATS.values()
        if not each.media_type.startswith("text/")
    },
}


async def test_one_address_in_every_form(client, archive):
    await filled(client)
    new = {"name": "A cart", "audience": "anyone", "studies": ["1.1"]}
    key = (await client.post("/api/v1/carts", json=new)).json()["key"]
    for path in (PAGE, f"{PAGE}/versions/1", f"/carts/{key}"):
        for accept, kind in ACCEPTED.items():
            answer = await client.get(path, headers={**ANYONE, "Accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind), accept
            assert answer.headers["vary"] == "Accept, Authorization, Cookie"
            held = {**ANYONE, "Accept": accept, "If-None-Match": answer.headers["etag"]}
            assert (await client.get(path, headers=held)).status_code == 304
            head = await client.head(path, headers={**ANYONE, "Accept": accept})
            assert head.headers["content-type"] == kind
        for name in FORMS:
            answer = await client.get(path, params={"format": name}, headers=STRANGER)
            assert answer.status_code == 200, name
            if "json" in answer.headers["content-type"]:
                answer.json()
            if "xml" in answer.headers["content-type"]:
                assert fromstring(answer.text).tag == "{http://datacite.org/schema/kernel-4}resource"
        record = (await client.get(path, params={"format": "json"}, headers=STRANGER)).json()
        api = path.replace("/coll", "/api/v1/coll").replace("/carts", "/api/v1/carts")
        assert record == (await client.get(api, headers=ANYONE)).json()


async def test_what_cannot_be_sent_is_refused_with_a_list(client, archive):
    await filled(client)
    answer = await client.get(PAGE, headers={**ANYONE, "Accept": "image/png"})
    assert answer.status_code == 406
    assert {"text/html", "application/json", "application/x-bibtex"} <= set(answer.json()["offered"])
    answer = await client.get(PAGE, params={"format": "docx"}, headers={**ANYONE, "Accept": "*/*"})
    assert answer.status_code == 406
    assert {"html", *FORMS} == set(answer.json()["offered"])
    page = await client.get(PAGE, params={"format": "docx"}, headers=STRANGER)
    assert page.status_code == 406
    assert "bibtex" in Page(page.text).text


async def test_signposts_lead_from_page_to_metadata_and_back(client, archive):
    await filled(client)
    await named(archive, "version/{row}/1", DOI, "chest", 1)
    answer = await client.get(f"{PAGE}/versions/1", headers=STRANGER)
    signposts = answer.links
    assert signposts["cite-as"]["url"] == f"https://doi.org/{DOI}"
    assert signposts["license"]["url"] == "https://creativecommons.org/licenses/by/4.0/"
    assert signposts["item"]["type"] == "text/csv" or signposts["item"]["type"] == "application/zip"
    linkset = await client.get(signposts["linkset"]["url"], headers=ANYONE)
    found = linkset.json()["linkset"]
    assert found[0]["anchor"] == f"http://localhost:8080{PAGE}/versions/1"
    for each in found[0]["describedby"]:
        described = await client.get(each["href"], headers=ANYONE)
        assert described.headers["content-type"].partition(";")[0] == each["type"]


async def test_a_version_that_was_emptied_still_has_its_page(client, archive):
    await filled(client)
    await publish(client, "chest", withdraw=[{"study": each, "reason": "Gone"} for each in ("1.1", "1.2")])
    page = await look(client, PAGE)
    assert "2 series withdrawn" in words(page)
    assert "There is nothing here that you may find." in words(page)
    assert page.all("img") == []
    assert "CHEST 1 series" in words(await look(client, f"{PAGE}/versions/1"))


async def test_many_versions_show_the_latest(client, archive, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.services.landing.VERSIONS", 1)
    await filled(client)
    page = await look(client, PAGE)
    assert f"{PAGE}/versions/2" in links(page)
    assert f"{PAGE}/versions/1" not in links(page)
    assert "/api/v1/collections/chest/versions" in links(page)
    assert f"{datetime.now(UTC):%Y}" in words(page)
