"""Pages for people: what they say, to whom, and that a browser runs nothing of what people wrote."""

from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from app.routers.html import POLICY
from tests.routers.callers import ANYONE
from tests.routers.test_collections import SHOWN, archive, make, store

__all__ = ["archive"]
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
STRANGER = {**ANYONE, **BROWSER}
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The tags of a page, whose void and closed tags must balance, and its text."""

    VOID = frozenset({"meta", "input", "br", "hr", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


async def test_a_collections_page(client, archive):
    await make(
        client,
        "chest",
        title=EVIL,
        summary=f"Of the *chest* {EVIL}",
        rolling=True,
        citations=[{"text": EVIL, "doi": "10.1234/x"}],
        contacts=[{"name": EVIL, "email": "a@example.org", "url": "https://example.org"}],
        description="# One\n# Two",
        authors=[{"name": "Jane", "orcid": "0000-0002-1825-0097"}],
        publications=[{"text": "P"}],
        species=[{"text": "Human", "code": "1"}],
        **SHOWN,
    )
    await make(client, "marks", kind="analysis-result", sources=["chest"], **SHOWN)
    await store(client, "chest", study="1.1", series="1.1.1")
    answer = await client.get("/collections/chest", headers=STRANGER)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    style = answer.text.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self';" in POLICY
    page = Page(answer.text)
    assert page.all("script") == [{"type": "application/ld+json"}]
    assert [each["src"] for each in page.all("img")] == [
        "/collections/chest/dicom-web/studies/1.1/series/1.1.1/thumbnail"
    ]
    assert not [each for _, each in page.tags if any(name.startswith("on") for name in each)]
    assert len(page.all("h1")) == 1
    text = " ".join(page.text.split())
    for words in (
        "For research, not for diagnosis",
        "You may change it and build upon it.",
        "You may search it, look at it and download it.",
        "http://localhost:8080/collections/chest/dicom-web",
        "Computed tomography",
        "CT 1 series",
        EVIL,
    ):
        assert words in text, words
    links = [each.get("href") for each in page.all("a")]
    assert {"/collections/chest/viewer", "/collections/chest/archive.zip"} < set(links)
    assert page.all("html") == [{"lang": "en"}]
    marks = Page((await client.get("/collections/marks", headers=STRANGER)).text)
    assert "/collections/chest" in [each.get("href") for each in marks.all("a")]
    held = {**STRANGER, "If-None-Match": answer.headers["etag"]}
    assert (await client.get("/collections/chest", headers=held)).status_code == 304


async def test_how_to_get_in_is_said_by_tier(client, archive):
    for tier, words in (
        ("registered", "for the data sign in"),
        ("request", "for those who asked for access"),
        ("private", "ask the collection's owner"),
    ):
        await make(client, tier, tier=tier, hidden=False)
        assert words in Page((await client.get(f"/collections/{tier}", headers=STRANGER)).text).text
    await make(client, "later", tier="open", hidden=False, embargo_until="2100-01-01")
    assert "an embargo until 2100-01-01" in (await client.get("/collections/later", headers=STRANGER)).text


async def test_what_is_elsewhere_is_linked(client, archive):
    where = {"url": "https://example.org/data", "availability": "Registration"}
    await make(client, "far", kind="external", external=where, **SHOWN)
    page = Page((await client.get("/collections/far", headers=STRANGER)).text)
    links = [each.get("href") for each in page.all("a")]
    assert "https://example.org/data" in links
    assert not [each for each in links if each and each.endswith("/viewer")]
    assert "dicom-web" not in page.text


async def test_hidden_is_as_unknown(client, archive):
    await make(client, "secret")
    for status, title in ((401, "Sign in"), (404, "Nothing here")):
        for accept in (BROWSER, {"Accept": "*/*"}, {"Accept": "application/json"}):
            answers = [
                await client.get(f"/collections/{slug}", headers={**ANYONE, **accept})
                for slug in ("secret", "none", "%00")
            ]
            assert {each.status_code for each in answers} == {status}
            assert len({each.content for each in answers}) == 1
            (kind,) = {each.headers["content-type"] for each in answers}
            if accept is BROWSER:
                assert (kind, Page(answers[0].text).all("h1")) == ("text/html; charset=utf-8", [{}])
                assert title in answers[0].text
                assert answers[0].headers["content-security-policy"] == POLICY
            else:
                assert kind == "application/problem+json"
        # From now on there is something for strangers.
        await make(client, f"shown-{status}", **SHOWN)


async def test_the_list_of_collections(client, archive):
    await make(client, "secret", title="Secret")
    await make(client, "shown", title="Chest & co", summary="Lungs of *many*", **SHOWN)
    page = Page((await client.get("/collections", headers=STRANGER)).text)
    assert "Chest & co" in page.text
    assert "Secret" not in page.text
    assert "/collections/shown" in [each.get("href") for each in page.all("a")]
    found = Page((await client.get("/collections", params={"text": "LUNGS \0"}, headers=BROWSER)).text)
    assert "Chest & co" in found.text
    none = Page((await client.get("/collections", params={"text": EVIL}, headers=BROWSER)).text)
    assert "none here" in none.text
    assert none.all("input")[0]["value"] == EVIL


async def test_a_long_list_has_a_next_page(client, archive, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.routers.browse.AT_ONCE", 1)
    await make(client, "a", **SHOWN)
    await make(client, "b", **SHOWN)
    page = Page((await client.get("/collections", headers=STRANGER)).text)
    (more,) = [each["href"] for each in page.all("a") if each.get("rel") == "next"]
    assert "/collections/b" in (await client.get(more, headers=STRANGER)).text


async def test_strangers_of_a_closed_archive_are_told_to_sign_in(client, archive):
    answer = await client.get("/collections", headers=STRANGER)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "Sign in" in Page(answer.text).text
