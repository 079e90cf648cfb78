import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.ohif.package import unpack
from app.routers.viewer import LASTING, POLICY
from app.settings import Settings
from tests.ohif.packed import FILES, tarball
from tests.routers.conftest import HOST

CODE = "12.bundle.fedcba9876543210.js"
TOKEN = "correct-horse-battery"


@pytest.fixture
def settings(tmp_path: Path, sqlite_url: str) -> Settings:
    """An archive with the small viewer."""
    unpack(tarball(tmp_path / "packed.tgz"), tmp_path / "viewer")
    return Settings(data=tmp_path / "data", database=sqlite_url, viewer=tmp_path / "viewer")


@pytest.fixture
async def proxied(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The same archive with sign-in, behind a proxy that puts it below /room."""
    signed = {"owner_token": TOKEN, "trusted_proxies": "127.0.0.1"}
    app = create_app(Settings(**{**settings.model_dump(exclude_unset=True), **signed}))
    headers = {"X-Forwarded-Prefix": "/room", "X-Forwarded-Proto": "https"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers) as opened,
    ):
        yield opened


def configuration(script: str) -> dict[str, Any]:
    """What the script sets, by the name in `window`."""
    return {
        name: json.loads(value) for name, value in re.findall(r"^window\.(\w+) = ([\"{].*);$", script, re.M)
    }


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        (CODE, "text/javascript; charset=utf-8"),
        ("0123456789abcdef.wasm", "application/wasm"),
        ("app.bundle.css", "text/css; charset=utf-8"),
        ("manifest.json", "application/json"),
        ("assets/a.png", "image/png"),
        ("LICENSE", "application/octet-stream"),
    ],
)
async def test_each_file_has_its_type(client: httpx.AsyncClient, name: str, media_type: str) -> None:
    answer = await client.get(f"/viewer/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)


@pytest.mark.parametrize("place", ["", "/collections/inbox"])
@pytest.mark.parametrize("path", ["", "/", "/viewer?StudyInstanceUIDs=1.2.3", "/segmentation", "/index.html"])
async def test_every_other_address_is_the_page(client: httpx.AsyncClient, place: str, path: str) -> None:
    answer = await client.get(f"{place}/viewer{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert addresses == [
        "/viewer/app.bundle.css",
        f"{place}/viewer/app-config.js",
        "/viewer/app.bundle.0123456789abcdef.js",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("nothing.js", "assets/nothing.png", "sw.js", "ort/ort.wasm", f"{CODE}.gz", f"{CODE}.map"),
        *(
            "contents.json",
            "..%2Fpacked.tgz",
            "%2e%2e/packed.tgz",
            "%2Fetc%2Fhosts.txt",
            "link.js",
            "a%00.js",
        ),
    ],
)
async def test_what_is_not_listed_is_not_there(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/viewer/{name}")).status_code == 404


async def test_hashed_names_last_and_others_are_checked(client: httpx.AsyncClient) -> None:
    async def caching(name: str) -> str:
        return (await client.get(f"/viewer/{name}")).headers["cache-control"]

    assert await caching(CODE) == LASTING
    for name in ("app.bundle.0123456789abcdef.js", "app.bundle.css", "", "app-config.js"):
        assert await caching(name) == "no-cache"


async def test_who_holds_it_is_not_sent_it_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/viewer/app.bundle.css")
    again = await client.get("/viewer/app.bundle.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    # A browser puts them over those it holds: a worker with the policy of data does not run.
    for name in ("content-security-policy", "cross-origin-embedder-policy", "cache-control", "etag"):
        assert again.headers[name] == first.headers[name]


async def test_it_is_sent_compressed_to_who_takes_that(client: httpx.AsyncClient) -> None:
    plain = await client.get(f"/viewer/{CODE}", headers={"Accept-Encoding": "identity"})
    coded = await client.get(f"/viewer/{CODE}", headers={"Accept-Encoding": "gzip, zstd"})
    assert "content-encoding" not in plain.headers
    assert coded.headers["content-encoding"] == "gzip"
    assert plain.content == coded.content == FILES[f"package/dist/{CODE}"]
    assert int(coded.headers["content-length"]) < len(plain.content)
    assert coded.headers["vary"] == "Accept-Encoding"
    assert coded.headers["etag"] != plain.headers["etag"]


async def test_head_is_answered_like_get(client: httpx.AsyncClient) -> None:
    got, head = await client.get(f"/viewer/{CODE}"), await client.head(f"/viewer/{CODE}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == got.headers["etag"]


@pytest.mark.parametrize("name", ["", "app-config.js", CODE])
async def test_a_browser_is_told_to_stay_here(client: httpx.AsyncClient, name: str) -> None:
    headers = (await client.get(f"/viewer/{name}")).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-embedder-policy"] == "require-corp"


def test_the_policy_names_no_other_origin() -> None:
    words = {word for part in POLICY.split("; ") for word in part.split()[1:]}
    assert words == {"'self'", "'none'", "'unsafe-eval'", "'unsafe-inline'", "blob:", "data:"}
    assert "script-src 'self' 'unsafe-eval';" in POLICY


@pytest.mark.parametrize("place", ["", "/collections/inbox"])
async def test_the_configuration_leads_to_the_root_beside_it(client: httpx.AsyncClient, place: str) -> None:
    said = configuration((await client.get(f"{place}/viewer/app-config.js")).text)
    (source,) = said["config"]["dataSources"]
    assert said["PUBLIC_URL"] == "/viewer/"
    assert said["config"]["routerBasename"] == f"{place}/viewer"
    assert {source["configuration"][name] for name in ("qidoRoot", "wadoRoot", "wadoUriRoot")} == {
        f"{place}/dicom-web"
    }


async def test_a_name_cannot_break_out(client: httpx.AsyncClient) -> None:
    hostile = "/collections/%22%3E%3Cscript%3E"
    page = await client.get(f"{hostile}/viewer")
    said = configuration((await client.get(f"{hostile}/viewer/app-config.js")).text)
    assert "<script>" not in page.text
    assert f'src="{hostile}/viewer/app-config.js"' in page.text
    assert said["config"]["routerBasename"] == f"{hostile}/viewer"


async def test_it_lives_below_a_proxys_prefix(proxied: httpx.AsyncClient) -> None:
    page = await proxied.get("/collections/inbox/viewer")
    assert 'href="/room/viewer/app.bundle.css"' in page.text
    assert 'src="/room/collections/inbox/viewer/app-config.js"' in page.text
    said = configuration((await proxied.get("/viewer/app-config.js")).text)
    assert said["PUBLIC_URL"] == "/room/viewer/"
    assert said["config"]["routerBasename"] == "/room/viewer"
    assert said["config"]["dataSources"][0]["configuration"]["wadoRoot"] == "/room/dicom-web"


async def test_local_mode_guards_it_too(client: httpx.AsyncClient) -> None:
    assert (await client.get("/viewer", headers={"Host": "rebound.example"})).status_code == 421


async def test_it_appears_once_it_is_fetched(client: httpx.AsyncClient, settings: Settings) -> None:
    settings.viewer.rename(settings.viewer.with_name("elsewhere"))
    for path in ("/viewer", "/viewer/app-config.js", f"/viewer/{CODE}"):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert "`make viewer` fetches it" in answer.json()["detail"]
    settings.viewer.with_name("elsewhere").rename(settings.viewer)
    assert (await client.get("/viewer")).status_code == 200
