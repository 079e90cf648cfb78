"""How machines find the pages: only those that strangers may know of."""

from xml.etree.ElementTree import fromstring

from tests.house import OWNER
from tests.house import house as opened
from tests.routers.callers import ANYONE, enrol, person
from tests.routers.test_collections import SHOWN, archive, give, make
from tests.routers.test_landing import BROWSER, DOI, STRANGER, filled, named

__all__ = ["archive"]
HOME = "http://localhost:8080"


async def listed(client, headers=ANYONE):
    answer = await client.get("/sitemap.xml", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/xml"
    return [
        each.text.removeprefix(HOME) for each in fromstring(answer.text).iter() if each.tag.endswith("loc")
    ]


async def test_the_sitemap_lists_what_strangers_may_know_of(client, archive):
    assert await listed(client) == []
    await filled(client)
    await make(client, "secret")
    carts = [
        (await client.post("/api/v1/carts", json={"name": "C", "audience": each, "studies": ["1.1"]})).json()[
            "key"
        ]
        for each in ("anyone", "anyone", "nobody")
    ]
    for number in (1, 2):
        await named(archive, f"cart/{carts[number]}", f"10.5072/cart-{number}", None, None)
    expected = [f"/collections/chest{more}" for more in ("", "/versions/1", "/versions/2")]
    expected.append(f"/carts/{carts[1]}")
    assert await listed(client) == expected
    # Whoever asks, it is the strangers' list.
    assert await listed(client, BROWSER) == expected
    for path in expected:
        assert (await client.get(path, headers=STRANGER)).status_code == 200


async def test_robots_are_let_at_the_pages(client, archive):
    answer = await client.get("/robots.txt", headers=ANYONE)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert f"Sitemap: {HOME}/sitemap.xml" in lines
    assert "Disallow: /api/" in lines
    assert not [each for each in lines if each.startswith("Disallow: /collections")]


async def test_a_doi_leads_to_its_page(client, archive):
    await filled(client)
    await make(client, "secret")
    key = (await client.post("/api/v1/carts", json={"name": "C", "studies": ["1.1"]})).json()["key"]
    await named(archive, "collection/{row}", DOI, "chest", None)
    await named(archive, "version/{row}/1", f"{DOI}.v1", "chest", 1)
    await named(archive, "collection/{row}", "local:secret", "secret", None)
    await named(archive, f"cart/{key}", f"{DOI}.c", None, None)
    for name, path in (
        (DOI, "/collections/chest"),
        (DOI.upper(), "/collections/chest"),
        (f"{DOI}.v1?format=bibtex", "/collections/chest/versions/1?format=bibtex"),
    ):
        answer = await client.get(f"/doi/{name}", headers=ANYONE)
        assert (answer.status_code, answer.headers["location"]) == (302, HOME + path)
    for name in ("10.5072/none", "local:secret", f"{DOI}.c", "%00", "x" * 2000):
        answer = await client.get(f"/doi/{name}", headers=STRANGER)
        assert (answer.status_code, "Nothing here" in answer.text) == (404, True)
    for name, path in (("local:secret", "/collections/secret"), (f"{DOI}.c", f"/carts/{key}")):
        answer = await client.get(f"/doi/{name}", headers=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (302, HOME + path)
    await archive.database.write(lambda connection: enrol(connection, 1))
    await give(archive, 1, "reader", "secret")
    assert (await client.get("/doi/local:secret", headers=person(1))).status_code == 302


async def test_a_draft_leads_nowhere(settings):
    async with opened(settings, jobs=False) as house:
        new = {"slug": "chest", "title": "Chest", "licence": "CC-BY-4.0", **SHOWN}
        await house.browser.post("/api/v1/collections", json=new, headers=OWNER)
        await house.browser.post("/api/v1/collections/chest/doi", json={"state": "draft"}, headers=OWNER)
        assert (await house.browser.get("/doi/local:chest", headers=OWNER)).status_code == 404
