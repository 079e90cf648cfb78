"""OHIF in a real browser, on a real archive, with real studies: what it draws, and what it asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from app.errors import Fact
from app.ohif.contents import installed
from app.ohif.package import VERSION, fetch
from tests.bodies import content_type, multipart
from tests.live import Process
from tests.required import lacking
from tests.viewed import everything, real, study_uid

try:
    from tests import chromium
    from tests.chromium import Picture, Window
except ImportError:
    lacking("playwright is missing: make install-dev")

pytestmark = [pytest.mark.timeout(170), pytest.mark.xdist_group("heavy")]
FOLDER = Path(__file__).parent.parent / "viewer"


@dataclass(frozen=True)
class Shown:
    """A running archive with the viewer, and its studies by their words."""

    url: str
    studies: dict[str, str]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The archive as its own process, filled."""
    # What is missing is named at the end; where everything is required, tests/required.py makes it fail.
    if not chromium.executable():
        lacking("Chromium is missing: apt-get install chromium")
    archive = Process(tmp_path_factory.mktemp("viewer") / "data", READINGROOM_VIEWER=str(fetched()))
    archive.start()
    try:
        yield Shown(archive.url, {name: store(archive.url, parts) for name, parts in everything().items()})
    finally:
        archive.stop()


def fetched() -> Path:
    """The viewer's folder."""
    try:
        # Already there from `make viewer`, or fetched now; runs beside this one may do the same.
        fetch(FOLDER)
    except (Fact, OSError) as missing:
        present = installed(FOLDER)
        if not present or present.version != VERSION:
            lacking(f"the viewer is missing: make viewer ({missing})")
    return FOLDER


def store(url: str, parts: list[bytes], root: str = "/dicom-web", **more: str) -> str:
    """Store the instances of a study; gives its UID."""
    headers = {"Content-Type": content_type(), "Accept": "application/dicom+json", **more}
    answer = httpx.post(f"{url}{root}/studies", content=multipart(parts), headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return study_uid(parts[0])


@pytest.fixture(scope="module")
def browser(shown: Shown) -> Iterator[chromium.Browser]:
    with chromium.browsing() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(browser: chromium.Browser, shown: Shown) -> Window:
    """One page for all: what it has compiled once, it need not again."""
    return Window(browser, shown.url)


@pytest.fixture
def window(page: Window, request: pytest.FixtureRequest) -> Iterator[Window]:
    """The page; afterwards, whatever it asked was answered, and asked of the archive alone."""
    opened = page
    opened.forget()
    yield opened
    opened.keep(request.node.name.replace("[", "-").rstrip("]"))
    assert opened.answers
    assert opened.refused() == []
    assert opened.outside() == []
    assert opened.blocked() == []


def drawn(picture: Picture) -> bool:
    """Not blank: many grey levels, on a good part of a viewport."""
    return picture.levels > 32 and picture.lit > 0.04 and picture.spread > 10 and picture.is_viewport


def test_the_list_shows_every_study_and_finds_one_by_name(window: Window, shown: Shown) -> None:
    window.open("/viewer")
    rows = window.page.locator("tbody tr").filter(has_not=window.page.locator("input"))
    window.until(lambda: rows.count() == len(shown.studies), told=lambda: f"{rows.count()} rows")
    window.keep("list")
    window.page.locator("thead input, tbody input").first.fill("volume")
    window.until(lambda: rows.count() == 1, told=lambda: f"{rows.count()} rows")
    assert "Viewed, Volume" in rows.first.inner_text()
    # The page filters what it has, and asks the archive too.
    window.until(lambda: any("PatientName=*volume*" in unquote(url) for url in window.asked))
    window.until(lambda: rows.count() == 1, told=lambda: f"{rows.count()} rows")
    window.keep("list-found")
    rows.first.dblclick()
    window.shows(drawn)
    assert f"/viewer/viewer?StudyInstanceUIDs={shown.studies['volume']}" in window.page.url


def test_it_says_what_it_is_not_for(browser: chromium.Browser, shown: Shown) -> None:
    window = Window(browser, shown.url, confirmed=False)
    window.open("/viewer")
    said = window.page.get_by_text("for investigational use only")
    said.wait_for()
    window.page.get_by_text("Confirm and hide").click()
    said.wait_for(state="hidden")
    window.close()


def test_a_stack_of_slices_is_drawn_and_scrolled(window: Window, shown: Shown) -> None:
    window.study(shown.studies["volume"])
    first = window.shows(drawn)[0]
    window.scroll(8)
    # The slices are those of a ball: the first is small, the middle one large.
    window.shows(lambda picture: drawn(picture) and picture.lit > first.lit + 0.1)


def test_a_volume_is_cut_along_three_planes(window: Window, shown: Shown) -> None:
    window.study(shown.studies["volume"], "&hangingprotocolId=mpr")

    def three_differ() -> bool:
        # While the layout changes, the viewport of the one before it may still be there.
        drawn = [each.pixels.tobytes() for each in window.pictures() if each.levels > 32 and each.lit > 0.2]
        return len(drawn) == len(set(drawn)) == 3

    window.until(three_differ)


@pytest.mark.parametrize(
    "name",
    [
        *("MR2_UNCR.dcm", "eCT_Supplemental.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm"),
        *("RG3_J2KI.dcm", "693_J2KR.dcm"),
    ],
)
def test_it_is_drawn(window: Window, shown: Shown, name: str) -> None:
    window.study(shown.studies[name])
    window.shows(drawn)


@pytest.mark.parametrize(
    "name", ["US1_UNCR.dcm", "OBXXXX1A_rle.dcm", "GDCMJ2K_TextGBR.dcm", "waveform_ecg.dcm"]
)
def test_it_is_drawn_in_colour(window: Window, shown: Shown, name: str) -> None:
    window.study(shown.studies[name])
    window.shows(lambda picture: drawn(picture) and picture.coloured > 0.02)


@pytest.mark.parametrize("name", ["emri_small.dcm", "color3d_jpeg_baseline.dcm"])
def test_the_frames_of_one_instance_are_scrolled(window: Window, shown: Shown, name: str) -> None:
    window.study(shown.studies[name])
    first = window.shows(drawn)[0]
    window.scroll(4)
    window.shows(lambda picture: drawn(picture) and bool((picture.pixels != first.pixels).any()))
    assert any("/frames/5" in url for url in window.asked)


def test_what_stands_beside_the_slices_is_shown(window: Window, shown: Shown) -> None:
    window.study(shown.studies["volume"])
    assert window.shows(drawn)[0].coloured == 0
    _segmentation(window)
    _report(window)
    _document(window)


def _segmentation(window: Window) -> None:
    window.page.get_by_text("The inner ball").first.dblclick()
    window.shows(lambda picture: drawn(picture) and picture.coloured > 0.02)
    window.page.get_by_text("Yes", exact=True).click()
    window.page.get_by_text("Do you want to open").wait_for(state="hidden")
    window.shows(lambda picture: drawn(picture) and picture.coloured > 0.02)
    window.keep("segmentation")


def _report(window: Window) -> None:
    window.page.get_by_text("A report").first.dblclick()
    window.page.get_by_text("A ball, seen from every side.").wait_for()
    window.page.get_by_text("79.4").wait_for()
    window.keep("report")


def _document(window: Window) -> None:
    window.page.get_by_text("A document").first.dblclick()
    window.page.locator("object[type='application/pdf']").wait_for()
    window.until(lambda: _red(window), told=lambda: "the red square of the page is not to be seen")
    window.keep("document")


def _red(window: Window) -> bool:
    page = chromium.picture(window.page.screenshot()).pixels.astype(int)
    return float(((page[..., 0] > 240) & (page[..., 1:].max(-1) < 20)).mean()) > 0.05


def test_a_report_of_others_is_read(window: Window, shown: Shown) -> None:
    window.study(shown.studies["reportsi.dcm"])
    window.page.get_by_text("Observation Context Mode").first.wait_for()


def test_a_collection_has_its_own(window: Window, shown: Shown) -> None:
    window.open(f"/collections/inbox/viewer/viewer?StudyInstanceUIDs={shown.studies['MR2_UNCR.dcm']}")
    window.shows(drawn)
    asked = [url for url in window.asked if "dicom-web" in url]
    assert asked
    assert all(url.startswith(f"{shown.url}/collections/inbox/dicom-web/") for url in asked)


def test_a_token_in_the_address_signs_in(browser: chromium.Browser, shown: Shown, tmp_path: Path) -> None:
    archive = Process(
        tmp_path / "data", READINGROOM_VIEWER=str(FOLDER), READINGROOM_OWNER_TOKEN="correct-horse-battery"
    )
    archive.start()
    try:
        uid = store(archive.url, [real("waveform_ecg.dcm")], Authorization="Bearer correct-horse-battery")
        guarded = Window(browser, archive.url)
        guarded.study(uid, "&token=correct-horse-battery")
        # Its waveform is bulk data: that is asked for with the token too.
        guarded.shows(lambda picture: drawn(picture) and picture.coloured > 0.02)
        assert (guarded.refused(), guarded.outside()) == ([], [])
        assert "token" not in guarded.page.url
        guarded.close()
    finally:
        archive.stop()
