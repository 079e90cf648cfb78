"""Searches for more than a page: all results in one answer, read page by page while it is sent."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select

from app.database import migrate
from app.errors import DatabaseUnavailable
from app.index import onward
from app.query import qido
from app.registry import rights
from app.registry.tables import COLLECTION, GRANT
from app.services import whole
from app.settings import Settings
from app.threads import in_thread
from tests.instances import ct, part10
from tests.live import serving, until
from tests.postgres import cluster
from tests.routers.callers import enrol, grant, recognise
from tests.routers.versions_of import make, publish, send

EVERYTHING = "limit=1000000"
LEVELS = ("studies", "series", "instances")
JSON = {"accept": "application/dicom+json"}


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result is a page."""
    monkeypatch.setattr(whole, "TOGETHER", 1)


async def filled(client: httpx.AsyncClient, **values: Any) -> None:
    """Six instances of four series in three studies of one collection."""
    await make(client, rolling=True, **values)
    for study, series, instance in ("111", "112", "123", "234", "345", "346"):
        uids = {"study": f"1.2.{study}", "series": f"1.2.{study}.{series}"}
        await send(client, instance=f"{uids['series']}.{instance}", **uids)


async def joined(client: httpx.AsyncClient, address: str) -> list[Any]:
    """The pages of an ordinary search, one result each."""
    results: list[Any] = []
    while True:
        answer = await client.get(f"{address}?limit=1&offset={len(results)}", headers=JSON)
        if answer.status_code == 204:
            return results
        results += answer.json()


async def cart(client: httpx.AsyncClient) -> str:
    answer = await client.post("/api/v1/carts", json={"name": "A cart", "studies": ["1.2.1", "1.2.3"]})
    return f"/carts/{answer.json()['key']}"


async def test_the_whole_is_the_pages_joined_below_every_root(client: httpx.AsyncClient) -> None:
    await filled(client)
    await publish(client)
    await send(client, study="1.2.9", series="1.2.9.1", instance="1.2.9.1.1")
    roots = ["", "/collections/chest", "/collections/chest/versions/1", "/without-results"]
    for root in (*roots, "/collections/chest/with-results", await cart(client)):
        for below in (*LEVELS, "studies/1.2.1/series", "studies/1.2.1/instances"):
            address = f"{root}/dicom-web/{below}"
            pages, answer = await joined(client, address), await client.get(f"{address}?{EVERYTHING}")
            assert len(pages) > 1, address
            assert (answer.status_code, answer.json()) == (200, pages), address
            assert "warning" not in answer.headers
            one = await client.get(f"{address}?limit=10000")
            assert one.content == answer.content


async def test_drafts_are_sent_whole_as_well(client: httpx.AsyncClient) -> None:
    await make(client)
    keys = {await send(client, series=f"1.2.3.{number}", instance=f"1.{number}") for number in range(3)}
    address = f"/submissions/{keys.pop()}/dicom-web/series"
    assert (await client.get(f"{address}?{EVERYTHING}")).json() == await joined(client, address)


async def test_what_fits_into_a_page_is_an_ordinary_answer(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "TOGETHER", 2_000)
    await filled(client)
    for level in LEVELS:
        ordinary = await client.get(f"/dicom-web/{level}", headers=JSON)
        asked = await client.get(f"/dicom-web/{level}?{EVERYTHING}", headers=JSON)
        assert asked.content == ordinary.content
        told = ("content-length", "content-type", "x-total-count")
        assert [asked.headers[each] for each in told] == [ordinary.headers[each] for each in told]
    nothing = await client.get(f"/dicom-web/studies?PatientID=nobody&{EVERYTHING}")
    assert (nothing.status_code, nothing.headers["x-total-count"]) == (204, "0")


async def test_who_asks_for_less_than_there_is_is_told_so(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qido, "MAXIMUM_LIMIT", 1)
    await filled(client)
    for level, there in zip(LEVELS, (3, 4, 6), strict=True):
        answer = await client.get(f"/dicom-web/{level}?limit=2&offset=1", headers=JSON)
        assert len(answer.json()) == 2
        rest = there - 3
        told = f"There are {rest} additional results" if rest else None
        assert (told in answer.headers["warning"]) if told else "warning" not in answer.headers


async def test_in_xml_each_result_is_a_part(client: httpx.AsyncClient) -> None:
    await filled(client)
    head = {"accept": 'multipart/related; type="application/dicom+xml"'}
    answer = await client.get(f"/dicom-web/series?{EVERYTHING}", headers=head)
    assert answer.content.count(b"<NativeDicomModel") == 4


async def test_what_is_not_understood_is_refused_before_the_first_byte(client: httpx.AsyncClient) -> None:
    await filled(client)
    refused = await client.get(f"/dicom-web/studies?{EVERYTHING}&Unknown=1")
    assert refused.status_code == 400
    assert (await client.head(f"/dicom-web/studies?{EVERYTHING}")).status_code == 200


class BrokenOffError(Exception):
    """An answer has no end."""


async def streamed(client: httpx.AsyncClient, path: str, between: Callable[[], Awaitable[None]]) -> bytes:
    """The body, where this is done once the first piece of it is sent; raises BrokenOffError."""
    pieces: list[bytes] = []

    async def receive() -> dict[str, Any]:
        if not asked:
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send_on(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
        else:
            pieces.append(message.get("body", b""))
            ended.append(not message.get("more_body"))
            if len(pieces) == 1:
                await between()

    asked, ended = list[bool](), list[bool]()
    app = client._transport.app  # type: ignore[attr-defined]
    await app(_scope(path), receive, send_on)
    if not ended[-1]:
        raise BrokenOffError
    return b"".join(pieces)


def _scope(path: str) -> dict[str, Any]:
    head = [(b"host", b"localhost:8080"), (b"authorization", b"Bearer person-1"), (b"accept", b"*/*")]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": EVERYTHING.encode(),
        "headers": head,
        "client": ("127.0.0.1", 50_000),
        "server": ("localhost", 8080),
    }


@pytest.fixture
async def granted(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The archive, in which person 1 may find the collection."""
    await filled(client)
    recognise(monkeypatch)
    archive = client._transport.app.state.archive  # type: ignore[attr-defined]

    def work(connection: Any) -> None:
        enrol(connection, 1)
        own = select(COLLECTION.c.id).where(COLLECTION.c.slug == "chest")
        grant(connection, 1, "viewer", connection.scalar(own))

    await archive.database.write(work)
    return archive


@pytest.mark.parametrize("root", ["", "/collections/chest"])
async def test_rights_that_are_withdrawn_end_the_answer(
    client: httpx.AsyncClient, granted: Any, root: str
) -> None:
    path = f"{root}/dicom-web/instances"

    async def nothing() -> None: ...

    assert (await streamed(client, path, nothing)).count(b'"00080018"') == 6

    async def withdrawn() -> None:
        def work(connection: Any) -> None:
            connection.execute(delete(GRANT))
            rights.changed(connection)

        await granted.database.write(work)

    with pytest.raises(BrokenOffError):
        await streamed(client, path, withdrawn)


async def test_a_slow_client_holds_nothing_but_the_next_page(
    client: httpx.AsyncClient, granted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Any] = []
    read = onward.read
    monkeypatch.setattr(onward, "read", lambda *of: reads.append(of) or read(*of))

    async def waiting() -> None:
        # The one being sent, the one behind it that showed that there is more, and the next.
        await until(lambda: len(reads) == 3 and not granted.database._scans.borrowed_tokens)
        await asyncio.sleep(0.3)
        assert len(reads) == 3
        assert granted.database._scans.borrowed_tokens == 0

    assert (await streamed(client, "/dicom-web/instances", waiting)).count(b'"00080018"') == 6
    assert len(reads) == 6


def broken_off(url: str, then: Callable[[], None]) -> bytes:
    """What comes of a search that is broken off, where this is done after its first bytes."""
    got = b""
    head = {"accept-encoding": "identity"}
    with httpx.stream("GET", f"{url}/dicom-web/instances?{EVERYTHING}", headers=head) as answer:
        assert answer.status_code == 200
        try:
            for piece in answer.iter_bytes():
                if not got:
                    then()
                got += piece
        except httpx.RemoteProtocolError:
            return got
    raise AssertionError("it ended as if it were whole")


async def test_a_database_that_goes_away_breaks_the_connection(
    settings: Any, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(client)
    read, gone = onward.read, list[bool]()

    def going(*of: Any) -> Any:
        if gone:
            raise DatabaseUnavailable
        time.sleep(0.3)
        return read(*of)

    monkeypatch.setattr(onward, "read", going)
    with serving(settings) as url:
        got = await in_thread(broken_off, url, lambda: gone.append(True))
        assert got.startswith(b"[{")
        assert not got.endswith(b"]")
        refused = await in_thread(httpx.get, f"{url}/dicom-web/instances?{EVERYTHING}")
        assert refused.status_code == 503


@pytest.mark.timeout(180)
def test_a_server_that_is_stopped_breaks_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = onward.read
    monkeypatch.setattr(onward, "read", lambda *of: time.sleep(0.3) or read(*of))
    with cluster() as server:
        asyncio.run(migrate(server.url("postgres")))
        settings = Settings(data=tmp_path / "data", database=server.url("postgres"), jobs=False)
        with serving(settings) as url:
            head = {"content-type": "application/dicom"}
            for number in range(6):
                body = part10(ct(instance=f"1.{number}"))
                assert httpx.post(f"{url}/dicom-web/studies", content=body, headers=head).status_code == 200
            got = broken_off(url, server.stop)
            assert got.startswith(b"[{")
            assert not got.endswith(b"]")
