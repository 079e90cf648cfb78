"""What is around the transactions: rows 134 to 147."""

import asyncio
import re
from xml.etree import ElementTree

import httpx
import pytest
from pydicom import Dataset

from app.errors import Misconfigured
from app.settings import Settings
from tests.instances import ct, part10
from tests.rows.asking import JSON, ROOT, STUDIES, TOKEN, get, opened, post, search, stored, url

WADL = "{http://wadl.dev.java.net/2009/02}"
SITE = "https://viewer.example.org"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("root", [ROOT, "/collections/inbox/dicom-web"])
@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_row_136_capabilities(client: httpx.AsyncClient, root: str, method: str, slash: str) -> None:
    answer = await client.request(method, root + slash)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.sun.wadl+xml")
    (resources,) = ElementTree.fromstring(answer.content)
    assert resources.attrib["base"] == f"http://localhost:8080{root}"
    described = (await client.get(root, headers={"accept": "application/json"})).json()
    assert {(each["method"], each["path"]) for each in described["methods"]} == set(_methods(resources))
    paths = (await client.get("/openapi.json")).json()["paths"]
    ours = {
        (method.upper(), path.removeprefix(ROOT))
        for path, methods in paths.items()
        for method in methods
        if path.startswith(f"{ROOT}/") and path != f"{ROOT}/"
    }
    assert ours == set(_methods(resources))
    ids = [method.attrib["id"] for method in resources.iter(f"{WADL}method")]
    assert len(set(ids)) == len(ids)


def _methods(element: ElementTree.Element, path: str = "") -> list[tuple[str, str]]:
    here = [(method.attrib["name"], path) for method in element.findall(f"{WADL}method")]
    for child in element.findall(f"{WADL}resource"):
        here += _methods(child, f"{path}/{child.attrib['path']}")
    return here


async def test_row_136_capabilities_of_one_resource(client: httpx.AsyncClient) -> None:
    answer = await client.options(f"{STUDIES}/1.2.3")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    (resources,) = ElementTree.fromstring(answer.content)
    assert {path.split("/")[2] for _, path in _methods(resources)} == {"{study}"}
    assert (await client.options(f"{ROOT}/nothing")).status_code == 404
    assert (await client.options(ROOT, headers={"accept": "image/png"})).status_code == 406


@pytest.mark.parametrize("root", [ROOT, "/collections/inbox/dicom-web"])
async def test_row_136_other_methods_are_told_those_that_answer(client: httpx.AsyncClient, root: str) -> None:
    described = (await client.get(root, headers={"accept": "application/json"})).json()["methods"]
    expected: dict[str, set[str]] = {"/": {"GET"}}
    for each in described:
        expected.setdefault(each["path"], set()).add(each["method"])
    for template, methods in expected.items():
        path = root + re.sub(r"\{[a-z]+\}", "1", template)
        refused, options = await client.request("PATCH", path), await client.options(path)
        allowed = ", ".join(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))
        assert (refused.status_code, refused.headers["allow"]) == (405, allowed), path
        assert (options.status_code, options.headers["allow"]) == (200, allowed), path


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/wado", "/api/v1/attributes", "/viewer"])
async def test_row_136_beside_the_roots_too(client: httpx.AsyncClient, path: str) -> None:
    for method in ("OPTIONS", "POST", "DELETE"):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_row_139_a_root_for_each_collection(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, dataset)
    for root in (ROOT, "/collections/inbox/dicom-web"):
        (found,) = (await get(client, f"{root}/studies", JSON)).json()
        assert found["00081190"]["Value"] == [f"http://localhost:8080{root}/studies/1.2.3"]
        assert (await get(client, url(dataset, "/frames/1", root))).status_code == 200
    assert (await get(client, "/collections/none/dicom-web/studies")).status_code == 404


async def test_row_141_reading_needs_no_sign_in(settings: Settings) -> None:
    async with opened(_signed_in(settings)) as client:
        assert (await get(client, STUDIES)).status_code in (200, 204)


async def test_sign_in_is_asked_for_in_a_few_words(settings: Settings) -> None:
    async with opened(_signed_in(settings)) as client:
        for answer in (await get(client, STUDIES), await post(client, ct()), await client.options(ROOT)):
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert len(answer.content) < 300
        assert (await get(client, STUDIES, authorization=BEARER["Authorization"])).status_code == 204


def _signed_in(settings: Settings, **chosen: str) -> Settings:
    return Settings(data=settings.data, database=settings.database, owner_token=TOKEN, **chosen)


async def test_row_142_cors(settings: Settings) -> None:
    dataset = ct()
    async with opened(_signed_in(settings, cors_origins=f"{SITE},https://other.example")) as client:
        preflight = await client.options(
            url(dataset, "/frames/1"),
            headers={
                "Origin": SITE,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization, accept, range",
            },
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == SITE
        allowed = preflight.headers["access-control-allow-headers"].lower()
        assert all(name in allowed for name in ("authorization", "content-type", "accept", "range"))
        await post(client, dataset, **BEARER)
        for answer in (
            await client.get(url(dataset, "/frames/1"), headers={"Origin": SITE, **BEARER}),
            await client.get(STUDIES, headers={"Origin": SITE}),
        ):
            assert answer.status_code in (200, 401)
            assert answer.headers["access-control-allow-origin"] == SITE
            exposed = answer.headers["access-control-expose-headers"].split(", ")
            assert {"Content-Type", "Content-Location", "Warning", "ETag"} <= set(exposed)
            assert "Origin" in answer.headers["vary"]
        stranger = await client.get(STUDIES, headers={"Origin": "https://evil.example", **BEARER})
        assert "access-control-allow-origin" not in stranger.headers


async def test_row_142_cors_is_off_unless_set(settings: Settings) -> None:
    async with opened(_signed_in(settings)) as client:
        answer = await client.get(STUDIES, headers={"Origin": SITE, **BEARER})
        assert not [name for name in answer.headers if name.startswith("access-control")]
    async with opened(_signed_in(settings, cors_origins="*")) as client:
        answer = await client.get(STUDIES, headers={"Origin": SITE, **BEARER})
        assert answer.headers["access-control-allow-origin"] == "*"
    with pytest.raises(Misconfigured, match="CORS_ORIGINS"):
        Settings(data=settings.data, cors_origins=SITE).check_servable()
    for wrong in ("viewer.example.org", "https://a.example/path", "javascript:x"):
        with pytest.raises(Misconfigured, match="READINGROOM_CORS_ORIGINS"):
            Settings.load(cors_origins=wrong)


async def test_row_143_json_is_compressed_and_pixels_are_not(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, *(ct() for _ in range(20)), dataset)
    for coding in ("gzip", "zstd"):
        for path in (f"{STUDIES}/1.2.3/metadata", f"{ROOT}/instances"):
            assert (await get(client, path, accept_encoding=coding)).headers["content-encoding"] == coding
        for below in ("", "/frames/1", "/bulkdata/7FE00010"):
            assert (
                "content-encoding"
                not in (await get(client, url(dataset, below), accept_encoding=coding)).headers
            )


async def test_row_144_long_max_age_on_frames(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, dataset)
    assert "max-age=31536000" in (await get(client, url(dataset, "/frames/1"))).headers["cache-control"]


async def test_row_145_limits_on_rates(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(get(client, STUDIES) for _ in range(300)))
    assert any(answer.status_code == 429 for answer in answers)


def _nested(depth: int) -> Dataset:
    outer = Dataset()
    for _ in range(depth):
        inner, outer = outer, Dataset()
        outer.ContentSequence = [inner]
    return outer


async def test_row_146_hostile_input(client: httpx.AsyncClient) -> None:
    deep = ct(ContentSequence=_nested(119).ContentSequence)
    huge = ct(Rows=65535, Columns=65535, PixelData=bytes(4))
    many = ct(NumberOfFrames=2**31 - 1, PixelData=bytes(96))
    for dataset in (deep, huge, many):
        assert (await post(client, dataset)).status_code in (200, 202, 409)
        for below in ("/frames/1", "/frames/2147483647", "/metadata", ""):
            assert (await get(client, url(dataset, below))).status_code < 500
    numbers = ",".join(["1"] * 30_000)
    for path, accept in (
        (url(many, f"/frames/{numbers},9"), None),
        (STUDIES, "a/b," * 25_000),
        (f"{STUDIES}?" + "PatientID=x&" * 5_000, JSON),
    ):
        assert 400 <= (await get(client, path, accept)).status_code < 500
    await stored(client, part10(ct()))
    assert len(await search(client, path="/instances")) >= 1


async def test_row_147_health_and_metrics(client: httpx.AsyncClient) -> None:
    assert (await get(client, "/healthz")).status_code == 200
    assert (await get(client, "/readyz")).json() == {"status": "ready"}
    answer = await get(client, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"readingroom_requests_total" in answer.content
