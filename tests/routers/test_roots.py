"""Who may come in, and under which address a root answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.instances import ct, part10

STUDIES = "/dicom-web/studies"
TOKEN = "0123456789abcdef"
SIGNED_IN = {"authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def archive(settings: Settings, peer: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """The application with these settings, as a peer of this address sees it."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, client=(peer, 50000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://archive.test") as client,
    ):
        yield client


def signed(settings: Settings, **more: Any) -> Settings:
    return Settings(data=settings.data, database=settings.database, owner_token=TOKEN, **more)


async def retrieve_url(client: httpx.AsyncClient, **headers: str) -> str:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.get(STUDIES, headers={**SIGNED_IN, **sent})
    assert answer.status_code == 200, answer.text
    url: str = answer.json()[0]["00081190"]["Value"][0]
    return url


async def store(client: httpx.AsyncClient) -> None:
    head = {**SIGNED_IN, "content-type": "application/dicom"}
    assert (await client.post(STUDIES, content=part10(ct()), headers=head)).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [{}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}, {"authorization": TOKEN}],
)
async def test_without_the_token_nothing_is_answered(settings: Settings, sent: dict[str, str]) -> None:
    async with archive(signed(settings)) as client:
        await store(client)
        paths = [
            STUDIES,
            f"{STUDIES}/1.2.3",
            f"{STUDIES}/9.9/metadata",
            "/collections/none/dicom-web/studies",
        ]
        bodies = set()
        for path in paths:
            answer = await client.get(path, headers=sent)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            bodies.add(answer.content)
        assert len(bodies) == 1
        head = {**sent, "content-type": "application/dicom"}
        assert (await client.post(STUDIES, content=part10(ct()), headers=head)).status_code == 401
        assert len((await client.get("/dicom-web/instances", headers=SIGNED_IN)).json()) == 1


async def test_the_address_of_the_request_by_default(settings: Settings) -> None:
    async with archive(signed(settings)) as client:
        await store(client)
        assert await retrieve_url(client) == f"http://archive.test{STUDIES}/1.2.3"
        assert await retrieve_url(client, host="other:8443") == f"http://other:8443{STUDIES}/1.2.3"


async def test_a_trusted_proxy_is_believed_and_another_is_not(settings: Settings) -> None:
    sent = {
        "x_forwarded_proto": "https",
        "x_forwarded_host": "images.example.org",
        "x_forwarded_prefix": "/a",
    }
    trusting = signed(settings, trusted_proxies="10.0.0.0/8")
    async with archive(trusting, peer="10.1.2.3") as client:
        await store(client)
        assert await retrieve_url(client, **sent) == f"https://images.example.org/a{STUDIES}/1.2.3"
        standard = {"forwarded": 'for=1.2.3.4;proto=https;host="images.example.org"'}
        assert await retrieve_url(client, **standard) == f"https://images.example.org{STUDIES}/1.2.3"
    async with archive(trusting, peer="192.168.1.1") as client:
        assert await retrieve_url(client, **sent) == f"http://archive.test{STUDIES}/1.2.3"


async def test_the_configured_address_wins(settings: Settings) -> None:
    async with archive(signed(settings, public_url="https://archive.example.org/x")) as client:
        await store(client)
        assert await retrieve_url(client) == f"https://archive.example.org/x{STUDIES}/1.2.3"


async def test_a_local_address_without_its_port_gets_it(settings: Settings) -> None:
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") as client,
    ):
        await store(client)
        for host in ("127.0.0.1", "127.0.0.1:8765"):
            assert await retrieve_url(client, host=host) == f"http://127.0.0.1:8765{STUDIES}/1.2.3"


async def test_an_unknown_collection_is_404_like_anything_unknown(client: httpx.AsyncClient) -> None:
    unknown = await client.get("/collections/none/dicom-web/studies/1.2.3")
    empty = await client.get("/collections/inbox/dicom-web/studies/1.2.3")
    assert (unknown.status_code, unknown.content) == (404, empty.content)
