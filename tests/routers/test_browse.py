"""The page to look through collections: facets count what their reader may know of, and lead to it."""

from urllib.parse import parse_qs, urlsplit

from tests.routers.callers import enrol, person
from tests.routers.test_collections import SHOWN, archive, give, make, store
from tests.routers.test_landing import links, look, words
from tests.routers.test_pages import BROWSER, EVIL, STRANGER, Page

__all__ = ["archive"]
LUNG, BRAIN = {"text": "Lung", "code": "39607008", "scheme": "SCT"}, {"text": "Brain"}


async def filled(client):
    """Two open collections, one on request, and a hidden one."""
    cancer = [{"text": "Lung cancer"}]
    await make(
        client, "a", title="A", locations=[LUNG], cancer_types=cancer, program="TCIA", rolling=True, **SHOWN
    )
    await make(client, "b", title="B", locations=[LUNG, BRAIN], licence="CC0-1.0", status="complete", **SHOWN)
    await make(client, "c", title="C", locations=[BRAIN], tier="request", hidden=False, rolling=True)
    await make(
        client, "secret", title="Secret", locations=[LUNG, {"text": "Tail"}], program="Secret", rolling=True
    )
    await store(client, "a", study="1.1", series="1.1.1")
    await store(client, "c", study="1.2", series="1.2.1", Modality="MR")
    await store(client, "secret", study="1.3", series="1.3.1", Modality="XA")


def facets(page: Page) -> dict[str, dict[str, str]]:
    """For each facet the addresses that its values lead to, by their words and counts."""
    found: dict[str, dict[str, str]] = {}
    for each in page.all("a"):
        if each.get("rel") == "nofollow":
            query = parse_qs(urlsplit(each["href"] or "").query)
            for name, (value,) in query.items():
                found.setdefault(name, {})[value] = each["href"] or ""
    return found


def titles(page: Page) -> list[str]:
    """The collections that are listed."""
    return [each for each in ("a", "b", "c", "secret") if f"/collections/{each}" in links(page)]


async def test_facets_count_what_is_known_and_lead_there(client, archive):
    await filled(client)
    page = await look(client, "/collections")
    assert titles(page) == ["a", "b", "c"]
    for said in (
        "3 collections",
        "Lung 2 collections",
        "Brain 2 collections",
        "Lung cancer 1 collection",
        "Computed tomography (CT) 1 collection",
        "Magnetic resonance (MR) 1 collection",
        "CC-BY-4.0 2 collections",
        "CC0-1.0 1 collection",
        "Open to everybody 2 collections",
        "On request 1 collection",
        "TCIA 1 collection",
        "Complete 1 collection",
        "Ongoing 2 collections",
    ):
        assert said in words(page), said
    for said in ("Secret", "Tail", "XA", "X-ray"):
        assert said not in page.text
    expected = {
        ("location", "Lung"): ["a", "b"],
        ("location", "Brain"): ["b", "c"],
        ("cancer_type", "Lung cancer"): ["a"],
        ("modality", "CT"): ["a"],
        ("modality", "MR"): ["c"],
        ("licence", "CC0-1.0"): ["b"],
        ("tier", "request"): ["c"],
        ("program", "TCIA"): ["a"],
        ("status", "complete"): ["b"],
        ("kind", "collection"): ["a", "b", "c"],
    }
    for (name, value), those in expected.items():
        assert titles(await look(client, facets(page)[name][value])) == those, (name, value)


async def test_facets_go_together(client, archive):
    await filled(client)
    page = await look(client, "/collections?location=Lung")
    # What could be chosen instead is counted as if this had not been chosen; all else with it.
    assert "Brain 2 collections" in words(page)
    assert "CC-BY-4.0 1 collection" in words(page)
    assert "(MR)" not in words(page)
    both = await look(client, facets(page)["licence"]["CC0-1.0"])
    assert titles(both) == ["b"]
    assert both.all("input")[1] == {"type": "hidden", "name": "location", "value": "Lung"}
    chosen = [each["href"] for each in both.all("a") if each.get("aria-current")]
    assert chosen == ["/collections?licence=CC0-1.0", "/collections?location=Lung"]
    assert titles(await look(client, "/collections?location=Lung&tier=open&modality=CT&text=a")) == ["a"]
    assert titles(await look(client, "/collections?location=Lung&tier=request")) == []


async def test_only_the_whole_value_is_meant(client, archive):
    await filled(client)
    for value in ("Lun", "39607008", EVIL, "\0", "%"):
        answer = await client.get("/collections", params={"location": value}, headers=STRANGER)
        page = Page(answer.text)
        assert titles(page) == []
        assert "<script>" not in answer.text
        # It can be taken back.
        assert "/collections" in [each["href"] for each in page.all("a") if each.get("aria-current")]
    assert titles(await look(client, "/collections?location=LUNG")) == ["a", "b"]


async def test_a_reader_and_the_owner_are_told_more(client, archive):
    await filled(client)
    await archive.database.write(lambda connection: enrol(connection, 1))
    await give(archive, 1, "reader", "secret")
    for headers in ({**person(1), **BROWSER}, BROWSER):
        page = await look(client, "/collections", headers)
        assert "secret" in titles(page)
        assert "Lung 3 collections" in words(page)
        assert "X-ray angiography (XA) 1 collection" in words(page)


async def test_the_next_page_keeps_what_was_chosen(client, archive, monkeypatch):
    monkeypatch.setattr("app.routers.browse.AT_ONCE", 1)
    await filled(client)
    page = await look(client, "/collections?location=Lung")
    assert "2 collections" in words(page)
    (more,) = [each["href"] for each in page.all("a") if each.get("rel") == "next"]
    assert titles(await look(client, more)) == ["b"]


async def test_a_long_facet_is_folded(client, archive):
    await make(client, "many", locations=[{"text": f"Place {each:02}"} for each in range(12)], **SHOWN)
    page = await look(client, "/collections")
    assert len(page.all("summary")) == 1
    assert "4 more" in words(page)
    assert "Place 11 1 collection" in words(page)
