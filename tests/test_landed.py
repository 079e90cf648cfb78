"""Pages in a real browser: nothing is in anybody's way, wide or narrow, light or dark, without scripts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.axe.installed import NoAxeError, source
from tests.house import OWNERS, bearer
from tests.landed import MAIN, fill
from tests.live import Process
from tests.required import lacking

try:
    from tests import chromium
except ImportError:
    lacking("playwright is missing: make install-dev")

pytestmark = [pytest.mark.timeout(170), pytest.mark.xdist_group("heavy")]
WIDTHS = (1440, 360)


@dataclass(frozen=True)
class Landed:
    """A running archive, its pages by their names, and a browser."""

    url: str
    pages: dict[str, str]
    browser: Any


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landed]:
    """The archive as its own process, filled by its owner; whoever looks is a stranger."""
    if not chromium.executable():
        lacking("Chromium is missing: apt-get install chromium")
    archive = Process(tmp_path_factory.mktemp("landed") / "data", READINGROOM_OWNER_TOKEN=OWNERS)
    archive.start()
    try:
        with httpx.Client(base_url=archive.url, headers=bearer(OWNERS), timeout=60) as owner:
            cart = fill(owner)
        page = f"/collections/{MAIN['slug']}"
        pages = {"browse": "/collections?location=Lung", "collection": page, "version": f"{page}/versions/1"}
        pages |= {
            "cart": f"/carts/{cart}",
            "asked": "/collections/lung-screening",
            "problem": "/collections/none",
        }
        with chromium.browsing() as browser:
            yield Landed(archive.url, pages, browser)
    finally:
        archive.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["browse", "collection", "version", "cart", "asked", "problem"])
def test_nothing_is_in_anybodys_way(landed: Landed, name: str, scheme: str) -> None:
    try:
        axe = source()
    except NoAxeError as missing:
        lacking(str(missing.__doc__))
    for width in WIDTHS:
        page = landed.browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(landed.url + landed.pages[name])
        page.evaluate(axe)
        found = page.evaluate("axe.run()")
        assert len(found["passes"]) > 15
        told = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
        assert told == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


@pytest.mark.parametrize("name", ["browse", "collection", "version", "cart"])
def test_no_script_and_nobody_else_is_needed(landed: Landed, name: str) -> None:
    context = landed.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(landed.url + landed.pages[name])
    pictures = page.locator(".pictures img")
    for number in range(pictures.count()):
        pictures.nth(number).scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    assert page.locator("h1").count() == 1
    assert {url for url in asked if not url.startswith(f"{landed.url}/")} == set()
    # The policy lets the data block, the style and the pictures be; of the icon there is none.
    assert failed == []
    assert [text for text in said if "404" not in text] == []
    if name != "browse":
        assert len([url for url in asked if url.endswith("/thumbnail")]) == pictures.count() > 1
    context.close()


def test_pictures_are_drawn(landed: Landed) -> None:
    page = landed.browser.new_page()
    page.goto(landed.url + landed.pages["collection"])
    page.wait_for_load_state("networkidle")
    widths = page.evaluate("[...document.querySelectorAll('.pictures img')].map(each => each.naturalWidth)")
    assert len(widths) > 1
    assert min(widths) > 0
    page.close()


def test_the_data_block_is_read_and_never_run(landed: Landed) -> None:
    page = landed.browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(landed.url + landed.pages["collection"])
    page.wait_for_load_state("networkidle")
    assert [each for each in said if "Policy" in each or "policy" in each] == []
    text = page.evaluate("document.querySelector('script[type=\"application/ld+json\"]').textContent")
    assert json.loads(text)["name"] == MAIN["title"]
    page.close()
