"""DOIs over HTTP, on both databases, against a strict DataCite."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from app.jobs import JOB
from app.models.types import now
from app.services.background import worker
from app.settings import Settings
from tests.datacite_server import DOMAIN, PASSWORD, PREFIX, REPOSITORY, Fake, datacite
from tests.house import OWNER, House, bearer
from tests.house import house as opened

HERE = f"https://{DOMAIN}"
AUTHORS = [{"name": "Doe, Jane", "orcid": "0000-0002-1825-0097"}]


@pytest.fixture
def fake() -> Iterator[Fake]:
    with datacite() as running:
        yield running


@pytest.fixture
async def house(settings: Settings, fake: Fake) -> AsyncIterator[House]:
    """An archive with an account at DataCite, whose jobs the tests run themselves."""
    account = {"datacite_repository": REPOSITORY, "datacite_password": PASSWORD, "datacite_prefix": PREFIX}
    async with opened(settings, jobs=False, public_url=HERE, datacite_url=fake.url, **account) as running:
        yield running


@pytest.fixture
async def local(settings: Settings) -> AsyncIterator[House]:
    """One without."""
    async with opened(settings, jobs=False) as running:
        yield running


async def make(house: House, slug: str = "chest-ct", **more: Any) -> None:
    new = {"slug": slug, "title": slug.title(), "licence": "CC-BY-4.0", "authors": AUTHORS}
    new |= {"tier": "open", "hidden": False, "summary": "CT of the *chest*."}
    answer = await house.browser.post("/api/v1/collections", json=new | more, headers=OWNER)
    assert answer.status_code == 201, answer.text


async def ask(
    house: House, state: str, slug: str = "chest-ct", query: str = "", **more: Any
) -> httpx.Response:
    path = f"/api/v1/collections/{slug}/doi{query}"
    return await house.browser.post(path, json={"state": state, **more}, headers=OWNER)


async def look(house: House, slug: str = "chest-ct") -> dict[str, Any]:
    answer = await house.browser.get(f"/api/v1/collections/{slug}/doi", headers=OWNER)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def change(house: House, slug: str = "chest-ct", **more: Any) -> None:
    answer = await house.browser.patch(f"/api/v1/collections/{slug}", json=more, headers=OWNER)
    assert answer.status_code == 200, answer.text


async def work(house: House) -> None:
    """Do what there is to do, also what should wait."""
    past = now() - timedelta(days=1)
    await house.archive.database.write(
        lambda connection: connection.execute(update(JOB).where(JOB.c.state == "waiting").values(run_at=past))
    )
    await worker(house.archive).drain()


async def minted(house: House, state: str = "findable", slug: str = "chest-ct") -> str:
    answer = await ask(house, state, slug)
    assert answer.status_code == 202, answer.text
    await work(house)
    found = await look(house, slug)
    assert (found["state"], found["error"]) == (state, None)
    return str(found["identifier"])


async def test_before_anything_is_asked_for_it_shows_what_would_be_sent(house: House, fake: Fake) -> None:
    await make(house)
    found = await look(house)
    assert (found["identifier"], found["state"], found["problems"]) == (None, None, [])
    assert found["metadata"]["titles"][0] == {"title": "Chest-Ct"}
    assert found["metadata"]["descriptions"][0]["description"] == "CT of the chest."
    answer = await ask(house, "findable", query="?dry_run=true")
    assert answer.status_code == 200
    await work(house)
    assert fake.sent == []


async def test_a_draft_is_registered_found_and_hidden(house: House, fake: Fake) -> None:
    await make(house)
    doi = await minted(house, "draft")
    assert doi.startswith(f"{PREFIX}/")
    assert "chest" not in doi
    assert (await house.browser.get("/api/v1/collections/chest-ct", headers=OWNER)).json()["doi"] is None
    for state in ("registered", "findable", "registered"):
        assert await minted(house, state) == doi
        assert fake.dois[doi]["state"] == state
        shown = (await house.browser.get("/api/v1/collections/chest-ct", headers=OWNER)).json()
        assert shown["doi"] == doi
    assert fake.dois[doi]["url"] == f"{HERE}/collections/chest-ct"
    answer = await ask(house, "draft")
    assert answer.status_code == 409
    assert "stays" in answer.json()["detail"]


async def test_a_suffix_may_be_chosen(house: House, fake: Fake) -> None:
    await make(house)
    for odd in ("../x", "a/../../x", "a b", "A", "é", "x" * 101):
        assert (await ask(house, "draft", suffix=odd)).status_code == 400
    assert (await ask(house, "draft", suffix="chest.2026")).status_code == 202
    await work(house)
    assert f"{PREFIX}/chest.2026" in fake.dois
    assert (await ask(house, "findable", suffix="other")).status_code == 409
    await make(house, "other")
    assert (await ask(house, "draft", "other", suffix="chest.2026")).status_code == 409


async def test_what_stands_for_something_else_at_datacite_is_left_alone(house: House, fake: Fake) -> None:
    fake.dois[f"{PREFIX}/taken"] = {"state": "findable", "url": f"{HERE}/something/else"}
    before = dict(fake.dois)
    await make(house)
    await ask(house, "findable", suffix="taken")
    await work(house)
    found = await look(house)
    assert "something else" in found["error"]
    assert found["state"] is None
    assert fake.dois == before


async def test_what_is_hidden_is_never_sent(house: House, fake: Fake) -> None:
    await make(house, hidden=True, tier="private", title="A secret")
    for state in ("registered", "findable"):
        answer = await ask(house, state)
        assert answer.status_code == 409
        assert "hidden" in answer.json()["detail"]
    # An identifier can be reserved: of what it is for nothing is told.
    await minted(house, "draft")
    assert "secret" not in str(fake.sent).lower()
    assert "chest" not in str(fake.sent)


async def test_what_is_hidden_later_is_found_no_longer(house: House, fake: Fake) -> None:
    await make(house)
    doi = await minted(house)
    [unit] = (await house.browser.get("/api/v1/collections/chest-ct/units", headers=OWNER)).json()["items"]
    path = f"/api/v1/collections/chest-ct/units/{unit['id']}"
    for hidden, tier, state in ((True, "private", "registered"), (False, "open", "findable")):
        answer = await house.browser.patch(path, json={"hidden": hidden, "tier": tier}, headers=OWNER)
        assert answer.status_code == 200, answer.text
        await change(house, title=f"Title {tier}")
        await work(house)
        assert fake.dois[doi]["state"] == state
        assert ("Title private" in str(fake.dois)) is False


async def test_without_authors_nothing_is_made_public(house: House, fake: Fake) -> None:
    await make(house, authors=[])
    answer = await ask(house, "findable")
    assert answer.status_code == 409
    assert "authors" in answer.json()["detail"]
    assert fake.sent == []


async def test_a_change_of_the_record_is_sent_and_nothing_twice(house: House, fake: Fake) -> None:
    await make(house)
    doi = await minted(house)
    await work(house)
    await change(house, title="Another title")
    await work(house)
    assert fake.dois[doi]["titles"][0] == {"title": "Another title"}
    written = [each for each in fake.sent if each[0] == "PUT"]
    await change(house, title="Another title")
    await work(house)
    assert [each for each in fake.sent if each[0] == "PUT"] == written


async def test_a_collection_without_one_is_not_sent(house: House, fake: Fake) -> None:
    await make(house)
    await change(house, title="Another title")
    await work(house)
    assert fake.sent == []


async def test_it_survives_that_datacite_is_busy_or_down(house: House, fake: Fake) -> None:
    await make(house)
    fake.answers += [(429, {"Retry-After": "60"}), (500, {}), (503, {})]
    await ask(house, "findable")
    for words in ("asks us to wait", "trouble", "trouble"):
        await work(house)
        found = await look(house)
        assert words in found["error"]
        assert (found["state"], found["wanted"]) == (None, "findable")
    await work(house)
    found = await look(house)
    assert (found["state"], found["error"]) == ("findable", None)
    [job] = (await house.browser.get("/api/v1/jobs?state=done", headers=OWNER)).json()["items"]
    assert job["kind"] == "doi"


async def test_what_datacite_refuses_is_said_in_plain_words(house: House, fake: Fake) -> None:
    await make(house)
    fake.others.add(f"{PREFIX}/ours-not")
    await ask(house, "findable", suffix="ours-not")
    await work(house)
    assert "not ours" in (await look(house))["error"]
    [job] = (await house.browser.get("/api/v1/jobs", headers=OWNER)).json()["items"]
    assert job["state"] == "failed"
    assert PASSWORD not in str(job)
    fake.others.clear()
    await ask(house, "findable")
    await work(house)
    assert (await look(house))["state"] == "findable"


async def test_results_and_sources_name_each_other_where_both_are_public(house: House, fake: Fake) -> None:
    await make(house)
    await make(house, "hidden-one", hidden=True, tier="private")
    await make(house, "nodules", kind="analysis-result", sources=["chest-ct", "hidden-one"])
    source, result = await minted(house), await minted(house, slug="nodules")
    await minted(house, "draft", "hidden-one")
    await work(house)
    related = fake.dois[result]["relatedIdentifiers"]
    assert [(each["relatedIdentifier"], each["relationType"]) for each in related] == [
        (source, "IsDerivedFrom")
    ]
    [back] = fake.dois[source]["relatedIdentifiers"]
    assert (back["relatedIdentifier"], back["relationType"]) == (result, "IsSourceOf")


async def publish(house: House, slug: str, study: str) -> None:
    """The next version, with this study."""
    await house.store(slug, study)
    listed = await house.browser.get(f"/api/v1/submissions?collection={slug}", headers=OWNER)
    [key] = [each["key"] for each in listed.json()["items"] if each["state"] == "open"]
    for act in ("close", "approve"):
        await house.browser.post(f"/api/v1/submissions/{key}/{act}", headers=OWNER)
    answer = await house.browser.post(
        f"/api/v1/collections/{slug}/versions", json={"submissions": [key]}, headers=OWNER
    )
    assert answer.status_code == 201, answer.text


async def test_versions_have_their_own(house: House, fake: Fake) -> None:
    await make(house)
    concept = await minted(house)
    found = {}
    for number in (1, 2):
        await publish(house, "chest-ct", f"1.2.{number}")
        path = f"/api/v1/collections/chest-ct/versions/{number}/doi"
        answer = await house.browser.post(path, json={"state": "findable"}, headers=OWNER)
        assert answer.status_code == 202, answer.text
        await work(house)
        found[number] = (await house.browser.get(path, headers=OWNER)).json()["identifier"]
    await work(house)

    def relations(doi: str) -> set[tuple[str, str]]:
        related = fake.dois[doi]["relatedIdentifiers"]
        return {(each["relatedIdentifier"], each["relationType"]) for each in related}

    assert relations(concept) == {(found[1], "HasVersion"), (found[2], "HasVersion")}
    assert relations(found[1]) == {(concept, "IsVersionOf"), (found[2], "IsPreviousVersionOf")}
    assert relations(found[2]) == {(concept, "IsVersionOf"), (found[1], "IsNewVersionOf")}
    assert fake.dois[found[1]]["url"] == f"{HERE}/collections/chest-ct/versions/1"
    assert (fake.dois[found[1]]["version"], fake.dois[concept]["version"]) == ("1", "2")
    assert "1 studies" in fake.dois[found[1]]["sizes"]
    assert "2 studies" in fake.dois[concept]["sizes"]
    shown = await house.browser.get("/api/v1/collections/chest-ct/versions/1", headers=OWNER)
    assert shown.json()["doi"] == found[1]
    missing = await house.browser.get("/api/v1/collections/chest-ct/versions/3/doi", headers=OWNER)
    assert missing.status_code == 404


async def test_without_an_account_identifiers_are_local(local: House) -> None:
    await make(local)
    assert (await ask(local, "draft", suffix="x")).status_code == 400
    assert await minted(local, "draft") == "local:chest-ct"
    assert await minted(local) == "local:chest-ct"
    assert (await ask(local, "draft")).status_code == 409
    shown = (await local.browser.get("/api/v1/collections/chest-ct", headers=OWNER)).json()
    assert shown["doi"] is None


async def test_only_owners_ask_and_look(house: House) -> None:
    await make(house)
    await make(house, "secret", hidden=True, tier="private")
    stranger = await house.token(await house.person("mary"))
    path = "/api/v1/collections/{}/doi"
    for slug, status in (("chest-ct", 403), ("secret", 404), ("none", 404)):
        got = await house.browser.get(path.format(slug), headers=bearer(stranger))
        posted = await house.browser.post(
            path.format(slug), json={"state": "draft"}, headers=bearer(stranger)
        )
        assert (got.status_code, posted.status_code) == (status, status)


async def test_jobs_of_the_archive_are_for_administrators(house: House) -> None:
    await make(house)
    await ask(house, "draft")
    token = await house.token(await house.person("mary"))
    assert (await house.browser.get("/api/v1/jobs")).status_code == 401
    assert (await house.browser.get("/api/v1/jobs", headers=bearer(token))).json()["items"] == []
    items = (await house.browser.get("/api/v1/jobs?state=waiting", headers=OWNER)).json()["items"]
    job = next(each for each in items if each["kind"] == "doi")
    got = await house.browser.get(f"/api/v1/jobs/{job['id']}", headers=OWNER)
    assert got.json() == job
    others = await house.browser.get(f"/api/v1/jobs/{job['id']}", headers=bearer(token))
    unknown = await house.browser.get("/api/v1/jobs/7", headers=bearer(token))
    assert others.status_code == unknown.status_code == 404
    assert others.json()["detail"] == unknown.json()["detail"]
    assert (await house.browser.get("/api/v1/jobs/7", headers=OWNER)).status_code == 404


async def cart(house: House, head: dict[str, str] = OWNER, **more: Any) -> str:
    new = {"name": "Nodules", "studies": ["1.2.3"], "description": "Chosen by two readers"} | more
    answer = await house.browser.post("/api/v1/carts", json=new, headers=head)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


async def test_a_cart_has_one_once_it_is_for_anyone(house: House, fake: Fake) -> None:
    await make(house, rolling=True)
    source = await minted(house)
    await house.store("chest-ct")
    key = await cart(house)
    path = f"/api/v1/carts/{key}/doi"
    wanted = {"state": "findable"}
    assert (await house.browser.post(path, json=wanted, headers=OWNER)).status_code == 409
    await house.browser.patch(f"/api/v1/carts/{key}", json={"audience": "anyone"}, headers=OWNER)
    assert (await house.browser.post(path, json=wanted, headers=OWNER)).status_code == 202
    await work(house)
    doi = (await house.browser.get(path, headers=OWNER)).json()["identifier"]
    sent = fake.dois[doi]
    assert (sent["state"], sent["url"]) == ("findable", f"{HERE}/carts/{key}")
    [related] = sent["relatedIdentifiers"]
    assert (related["relatedIdentifier"], related["relationType"]) == (source, "IsPartOf")
    assert "1 series" in sent["sizes"]
    assert (await house.browser.get(f"/api/v1/carts/{key}")).json()["doi"] == doi
    mary = bearer(await house.token(await house.person("mary")))
    assert (await house.browser.get(path, headers=mary)).status_code == 403
    cited = (await house.browser.get(f"/api/v1/carts/{key}/cite", headers=mary)).json()
    assert cited["dois"] == [doi, source]
    assert [each["works"] for each in cited["licences"]] == [["chest-ct"]]
    # Its maker takes it back: it is found no longer.
    await house.browser.patch(f"/api/v1/carts/{key}", json={"audience": "nobody"}, headers=OWNER)
    await work(house)
    assert fake.dois[doi]["state"] == "registered"
    assert (await house.browser.get(f"/api/v1/carts/{key}/cite", headers=mary)).status_code == 404


async def test_of_a_cart_only_what_a_stranger_finds_is_told(house: House, fake: Fake) -> None:
    await make(house, rolling=True)
    await make(house, "secret", rolling=True, hidden=True, tier="private", licence="CC0-1.0")
    await house.store("chest-ct")
    await house.store("secret", "1.2.4")
    key = await cart(house, studies=["1.2.3", "1.2.4"], audience="anyone")
    await house.browser.post(f"/api/v1/carts/{key}/doi", json={"state": "findable"}, headers=OWNER)
    await work(house)
    [sent] = fake.dois.values()
    assert "1 series" in sent["sizes"]
    assert [each.get("rightsIdentifier") for each in sent["rightsList"]] == ["cc-by-4.0", None]
    only = await cart(house, studies=["1.2.4"], audience="anyone")
    wanted = {"state": "findable"}
    answer = await house.browser.post(f"/api/v1/carts/{only}/doi", json=wanted, headers=OWNER)
    assert answer.status_code == 409


async def cited(house: House) -> tuple[str, str]:
    """A cart for anyone with a findable DOI; its key and DOI."""
    await make(house, rolling=True)
    await house.store("chest-ct")
    key = await cart(house, audience="anyone")
    path = f"/api/v1/carts/{key}/doi"
    answer = await house.browser.post(path, json={"state": "findable"}, headers=OWNER)
    assert answer.status_code == 202, answer.text
    await work(house)
    return key, (await house.browser.get(path, headers=OWNER)).json()["identifier"]


async def test_a_cart_whose_doi_is_on_its_way_stays(house: House, fake: Fake) -> None:
    await make(house, rolling=True)
    await house.store("chest-ct")
    key = await cart(house, audience="anyone")
    address = f"/api/v1/carts/{key}"
    await house.browser.post(f"{address}/doi", json={"state": "findable"}, headers=OWNER)
    for _ in range(2):
        assert (await house.browser.delete(address, headers=OWNER)).status_code == 409
        await work(house)


async def test_what_is_said_of_a_cart_follows_who_may_see_what_is_in_it(house: House, fake: Fake) -> None:
    _, doi = await cited(house)
    path = "/api/v1/collections/chest-ct/units"
    [unit] = (await house.browser.get(path, headers=OWNER)).json()["items"]
    for tier, hidden, state in (("private", True, "registered"), ("open", False, "findable")):
        new = {"tier": tier, "hidden": hidden}
        answer = await house.browser.patch(f"{path}/{unit['id']}", json=new, headers=OWNER)
        assert answer.status_code == 200, answer.text
        await work(house)
        assert fake.dois[doi]["state"] == state


async def test_what_is_said_of_a_collection_and_its_carts_follows_what_is_moved(
    house: House, fake: Fake
) -> None:
    _, doi = await cited(house)
    whole = await minted(house)
    assert "1 series" in fake.dois[whole]["sizes"]
    path = "/api/v1/collections/chest-ct/units"
    made = await house.browser.post(path, json={"tier": "private", "hidden": True}, headers=OWNER)
    assert made.status_code == 201, made.text
    await work(house)
    series = f"{path}/{made.json()['id']}/series"
    moved = await house.browser.post(series, json={"studies": ["1.2.3"]}, headers=OWNER)
    assert moved.status_code == 200, moved.text
    await work(house)
    assert "1 series" not in fake.dois[whole].get("sizes", [])
    assert fake.dois[doi]["state"] == "registered"


async def test_a_cart_of_which_nothing_is_left_is_found_no_longer(house: House, fake: Fake) -> None:
    _, doi = await cited(house)
    wanted = {"study": "1.2.3", "reason": "x"}
    purged = await house.browser.post("/api/v1/collections/chest-ct/purges", json=wanted, headers=OWNER)
    assert purged.status_code == 200, purged.text
    await work(house)
    assert fake.dois[doi]["state"] == "registered"
