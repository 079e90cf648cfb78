"""OHIF in a real browser at a restricted collection: it signs in at a real OpenID provider, and shows it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from app.database import Database
from app.models.types import now
from app.registry import collections, people, rights
from app.registry.record import Record
from app.registry.tables import GRANT, UNIT
from app.settings import Settings
from tests.house import DAY, OWNERS, bearer
from tests.live import Process
from tests.openid.running import CLIENT, SECRET, NoProviderError, provider
from tests.required import lacking
from tests.test_viewer import chromium, drawn, fetched, store
from tests.viewed import real

pytestmark = [pytest.mark.timeout(170), pytest.mark.xdist_group("heavy")]


@dataclass(frozen=True)
class Guarded:
    """An archive with a private collection `kept`, its study, and its provider's address."""

    url: str
    study: str
    issuer: str

    @property
    def path(self) -> str:
        return f"/collections/kept/viewer/viewer?StudyInstanceUIDs={self.study}"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The archive as its own process; Mary may read the collection, John may not."""
    if not chromium.executable():
        lacking("Chromium is missing: apt-get install chromium")
    data = tmp_path_factory.mktemp("guarded") / "data"
    try:
        with provider("http://127.0.0.1/sign-in/callback") as theirs:
            chosen = {"VIEWER": str(fetched()), "OWNER_TOKEN": OWNERS, "OIDC_ISSUER": theirs.issuer}
            chosen |= {"OIDC_CLIENT_ID": CLIENT, "OIDC_CLIENT_SECRET": SECRET}
            archive = Process(data, **{f"READINGROOM_{name}": value for name, value in chosen.items()})
            archive.start()
            try:
                asyncio.run(restrict(data, theirs.issuer))
                root = "/collections/kept/dicom-web"
                study = store(archive.url, [real("MR2_UNCR.dcm")], root, **bearer(OWNERS))
                yield Guarded(archive.url, study, theirs.issuer)
            finally:
                archive.stop()
    except NoProviderError as missing:
        lacking(str(missing.__doc__))


async def restrict(data: Path, issuer: str) -> None:
    """Make the collection, and let Mary read it."""

    def write(connection: Any) -> None:
        row = collections.create(connection, "kept", {"title": "Kept", "rolling": True}, Record())
        connection.execute(insert(UNIT).values(collection_id=row, tier="private", hidden=True))
        whom = {"to": "person", "person_id": people.add(connection, issuer, "mary"), "role": "reader"}
        told = {"reason": "a test", "granted_by": "owner", "starts_at": now() - DAY, "collection_id": row}
        connection.execute(insert(GRANT).values(whom | told))
        rights.changed(connection)

    database = await Database.open(Settings(data=data).database_url)
    await database.write(write)
    await database.close()


@pytest.fixture
def window(guarded: Guarded) -> Iterator[chromium.Window]:
    """A browser that knows nobody."""
    with chromium.browsing() as browser:
        opened = chromium.Window(browser, guarded.url)
        yield opened
        opened.close()


def sign_in(window: chromium.Window, guarded: Guarded, name: str) -> None:
    """Open the collection, and fill in the form of the provider to which that leads."""
    window.open(guarded.path)
    assert window.page.url.startswith(guarded.issuer)
    window.page.fill("[name=login]", name)
    window.page.fill("[name=password]", name[::-1])
    window.page.click("button")
    window.page.wait_for_url(guarded.url + guarded.path)


def test_a_restricted_collection_is_shown_to_who_signed_in(window: chromium.Window, guarded: Guarded) -> None:
    sign_in(window, guarded, "mary")
    window.shows(drawn)
    window.keep("signed-in")
    asked = [url for url in window.asked if "dicom-web" in url]
    assert asked
    assert all(url.startswith(f"{guarded.url}/collections/kept/dicom-web/") for url in asked)
    assert [answer for answer in window.refused() if answer[2].startswith(guarded.url)] == []
    assert window.blocked() == []
    (cookie,) = [each for each in window.page.context.cookies() if each["name"] == "readingroom"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert not any(cookie["value"] in url for url in window.asked)
    assert cookie["value"] not in window.page.evaluate("document.cookie")
    # Signed out, the same browser is asked again, or sees nothing.
    window.open("/sign-in")
    window.page.get_by_text("Mary Major").wait_for()
    window.keep("sign-out")
    window.page.click("button")
    window.page.get_by_text("Sign in with OpenID").wait_for()
    window.keep("sign-in")
    root = f"{guarded.url}/collections/kept/dicom-web/studies"
    assert window.page.request.get(root).status == 401


def test_others_sign_in_and_see_nothing(window: chromium.Window, guarded: Guarded) -> None:
    sign_in(window, guarded, "john")
    window.until(lambda: any(status == 404 and "dicom-web" in url for status, _, url in window.answers))
    assert window.pictures() == []
    assert not any(status == 200 and "dicom-web" in url for status, _, url in window.answers)


def test_a_link_shows_it_to_who_has_no_account(window: chromium.Window, guarded: Guarded) -> None:
    until = (now() + DAY).isoformat()
    body = {"studies": [guarded.study], "collection": "kept", "expires_at": until, "most_uses": 1}
    made = window.page.request.post(
        f"{guarded.url}/api/v1/share-links", data=body, headers=bearer(OWNERS)
    ).json()
    window.page.goto(made["url"])
    window.shows(drawn)
    window.keep("followed")
    assert made["token"] not in window.page.url
    assert not any(made["token"] in url for url in window.asked[1:])
