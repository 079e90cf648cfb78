"""Who downloads an instance as it is stored is sent on to the bucket, a real one, where that was chosen."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom.uid import JPEGLSLossless

from app.services import views
from app.settings import Settings
from app.storage import keys
from tests.house import House, house
from tests.instances import ct, part10
from tests.keeping import fill
from tests.routers.versions_of import send
from tests.seaweed import CREDENTIALS, Seaweed

ONE = "/dicom-web/studies/1.2.3/series/1.2.3.4/instances/1.1"
WADO = "/dicom-web/wado?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.4&objectUID=1.1&contentType="
#: What the archive of `fill` was sent under this address.
SENT = part10(ct(instance="1.1", PatientComments="as it came"))
PART10 = {"accept": "application/dicom"}
AUDIT = "/api/v1/audit?what=views"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def chosen(seaweed: Seaweed, tmp_path: Path, sqlite_url: str) -> Settings:
    store = seaweed.address(f"archives/{keys.fresh()}")
    return Settings(data=tmp_path / "data", database=sqlite_url, store=store, redirect_seconds=60, jobs=False)


@pytest.fixture
async def opened(chosen: Settings) -> AsyncIterator[House]:
    async with house(chosen) as made:
        await fill(made)
        yield made


async def got(client: httpx.AsyncClient, path: str = ONE, **more: Any) -> httpx.Response:
    return await client.get(path, headers=PART10 | more.pop("headers", {}), **more)


async def test_the_bucket_sends_what_is_stored(opened: House, seaweed: Seaweed) -> None:
    answer = await got(opened.browser)
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"].startswith(seaweed.endpoint)
    assert not any(secret in answer.headers["location"] for secret in ("its-secret-key", "1.2.3"))
    answer = await got(opened.browser, follow_redirects=True)
    assert (answer.status_code, answer.content) == (200, SENT)
    assert answer.headers["content-type"] == "application/dicom"
    answer = await got(opened.browser, WADO + "application%2Fdicom", follow_redirects=True)
    assert (len(answer.history), answer.content) == (1, SENT)


async def test_a_range_is_the_buckets_too(opened: House) -> None:
    answer = await got(opened.browser, headers={"range": "bytes=128-131"}, follow_redirects=True)
    assert (answer.status_code, answer.content) == (206, b"DICM")


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (ONE, 'multipart/related; type="application/dicom"'),
        (ONE, f"application/dicom; transfer-syntax={JPEGLSLossless}"),
        (ONE, "application/zip"),
        (f"{ONE}/metadata", "application/dicom+json"),
        (f"{ONE}/frames/1", "application/octet-stream"),
        (f"{ONE}/bulkdata/7FE00010", "application/octet-stream"),
        (f"{ONE}/rendered", "image/png"),
        (f"{WADO}image%2Fpng", "*/*"),
        ("/dicom-web/studies/1.2.3", 'multipart/related; type="application/dicom"'),
    ],
)
async def test_what_is_something_else_is_sent_from_here(opened: House, path: str, accept: str) -> None:
    answer = await got(opened.browser, path, headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.content


async def test_a_head_and_what_the_client_holds_are_answered_here(opened: House) -> None:
    head = await opened.browser.head(ONE, headers=PART10)
    assert (head.status_code, int(head.headers["content-length"])) == (200, len(SENT))
    known = await got(opened.browser, headers={"if-none-match": head.headers["etag"]})
    assert known.status_code == 304


async def test_what_is_not_published_is_sent_from_here(opened: House) -> None:
    key = await send(opened.browser, instance="1.7")
    path = f"/submissions/{key}/dicom-web/studies/1.2.3/series/1.2.3.4/instances/1.7"
    assert (await got(opened.browser, path)).status_code == 200


async def test_nobody_is_sent_to_what_is_not_for_them(opened: House) -> None:
    await opened.collection("secret")
    await opened.store("secret", "1.2.77")
    hidden = "/dicom-web/studies/1.2.77/series/1.2.77.4/instances/1.2.77.4.5"
    async with opened.another_browser() as stranger:
        refused, unknown = [await got(stranger, path) for path in (hidden, f"{ONE}.99")]
        assert (await got(stranger)).status_code == 307  # an open collection's
    assert (refused.status_code, refused.content) == (unknown.status_code, unknown.content)
    assert "location" not in refused.headers
    assert (await got(opened.browser, hidden)).status_code == 307


async def test_it_counts_as_a_download(opened: House) -> None:
    await views.write_down(opened.archive)
    for _ in range(2):
        await got(opened.browser, follow_redirects=True)
    await views.write_down(opened.archive)
    entry = (await opened.browser.get(AUDIT)).json()["items"][0]
    (downloads,) = [each for each in entry["details"]["counts"] if each["act"] == "download"]
    said = {"act": "download", "status": "2xx", "requests": 2, "instances": 2, "bytes": 2 * len(SENT)}
    assert downloads == said
    assert entry["collection"] == "chest"


async def test_what_is_purged_has_no_address_any_more(opened: House) -> None:
    link = (await got(opened.browser)).headers["location"]
    gone = {"study": "1.2.3", "series": "1.2.3.4", "instance": "1.1", "reason": "A patient asked for it"}
    assert (await opened.browser.post("/api/v1/collections/chest/purges", json=gone)).status_code == 200
    assert (await opened.browser.get(link)).status_code == 404


async def test_an_address_ends_after_its_seconds(chosen: Settings) -> None:
    async with house(chosen, redirect_seconds=1) as opened:
        await fill(opened)
        link = (await got(opened.browser)).headers["location"]
        await asyncio.sleep(2.1)
        assert (await opened.browser.get(link)).status_code == 403


@pytest.mark.parametrize("without", [{"redirect_seconds": 0}, {"store": None}, {"store": "memory:"}])
async def test_where_it_was_not_chosen_or_cannot_be_the_archive_sends(
    chosen: Settings, without: dict[str, Any]
) -> None:
    async with house(chosen, **without) as opened:
        await fill(opened)
        answer = await got(opened.browser)
        assert (answer.status_code, answer.content) == (200, SENT)
