"""Webhooks over HTTP: made, signed, delivered, and told nothing that their people may not know."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import update
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app import hooks
from app.access.secrets import SESSION, digest
from app.access.secrets import make as secret_of
from app.errors import InvalidRequest, RemoteRefused
from app.models.types import now
from app.registry import tokens
from app.registry.tables import PERSON
from app.services.webhooks import WITHDRAWAL, announce
from app.settings import Settings
from tests.house import DAY, OWNER, House, bearer
from tests.house import house as opened
from tests.routers.test_dois import change, make, publish, work

PATH = "/api/v1/webhooks"
ALL = ["collection.version.published", "collection.changed", "withdrawal"]


@dataclass
class Listener:
    """What came, and with what it is answered."""

    url: str = ""
    host: str = ""
    statuses: list[int] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def told(self) -> list[Any]:
        return [json.loads(body) for _, body in self.came]


@contextmanager
def listening() -> Iterator[Listener]:
    heard = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(heard.statuses.pop(0) if heard.statuses else 204)
            self.send_header("Location", f"{heard.url}/redirected")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    heard.host = f"127.0.0.1:{server.server_port}"
    heard.url = f"http://{heard.host}/hook"
    Thread(target=server.serve_forever, daemon=True).start()
    yield heard
    server.shutdown()
    server.server_close()


@pytest.fixture
def heard() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture
async def house(settings: Settings, heard: Listener) -> AsyncIterator[House]:
    """An archive that may send to the listener, whose jobs the tests run themselves."""
    async with opened(settings, jobs=False, webhook_hosts=(heard.host,), accounts=True) as running:
        yield running


async def session(house: House, person: int) -> dict[str, str]:
    """The headers of a browser in which somebody has signed in: tokens make no webhooks."""
    secret = secret_of(SESSION)
    await house.archive.database.write(
        lambda connection: tokens.begin_session(connection, digest(secret), now() + DAY, person)
    )
    return {"Cookie": f"readingroom={secret}", "Origin": "http://archive.test"}


async def hook(house: House, heard: Listener, head: dict[str, str] = OWNER, **more: Any) -> dict[str, Any]:
    answer = await house.browser.post(PATH, json={"url": heard.url, "events": ALL} | more, headers=head)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_an_event_is_told_and_signed(house: House, heard: Listener) -> None:
    await make(house)
    made = await hook(house, heard)
    await change(house, title="Another")
    await work(house)
    [(headers, body)] = heard.came
    assert Webhook(made["secret"]).verify(body, headers) == heard.told[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(hooks.make_secret()).verify(body, headers)
    assert heard.told[0]["type"] == "collection.changed"
    assert heard.told[0]["data"] == {
        "collection": "chest-ct",
        "url": "http://127.0.0.1:8080/collections/chest-ct",
    }


async def test_a_version_that_is_published_is_told(house: House, heard: Listener) -> None:
    await make(house)
    await hook(house, heard, events=["collection.version.published"])
    await publish(house, "chest-ct", "1.2.3")
    await change(house, title="Another")
    await work(house)
    [told] = heard.told
    assert told["type"] == "collection.version.published"
    assert told["data"]["version"] == 1


async def test_it_is_tried_again_with_the_same_id(house: House, heard: Listener) -> None:
    await make(house)
    await hook(house, heard)
    heard.statuses = [500, 302, 404]
    await change(house, title="Another")
    for _ in range(5):
        await work(house)
    assert len(heard.came) == 4
    assert len({headers["webhook-id"] for headers, _ in heard.came}) == 1
    assert all("redirected" not in str(headers) for headers, _ in heard.came)


async def test_who_is_gone_is_not_told_again(house: House, heard: Listener) -> None:
    await make(house)
    await hook(house, heard)
    heard.statuses = [410]
    for title in ("Another", "A third"):
        await change(house, title=title)
        await work(house)
    assert len(heard.came) == 1
    assert (await house.browser.get(PATH, headers=OWNER)).json()["items"] == []


async def test_it_is_told_only_what_its_person_may_know_then(house: House, heard: Listener) -> None:
    await make(house)
    await make(house, "secret", hidden=True, tier="private")
    mary = await house.person("mary")
    await hook(house, heard, await session(house, mary))
    await change(house, "secret", title="Another")
    await work(house)
    assert heard.told == []
    row = (await house.archive.rights.register()).collections["secret"]
    await house.grant(mary, row.id, "reader")
    await change(house, "secret", title="A third")
    await work(house)
    assert [each["data"]["collection"] for each in heard.told] == ["secret"]
    # It was asked for while they could know, and is delivered when they cannot sign in any more.
    await change(house, title="Another")
    await house.archive.database.write(
        lambda connection: connection.execute(update(PERSON).where(PERSON.c.id == mary).values(disabled=True))
    )
    await work(house)
    assert len(heard.told) == 1


async def test_what_leaves_a_unit_is_told_to_those_who_find_what_lies_there(
    house: House, heard: Listener
) -> None:
    await make(house)
    await hook(house, heard, await session(house, await house.person("mary")))
    known = (await house.archive.rights.register()).collections["chest-ct"]
    for units in ([999], [known.units[0].id]):
        await house.archive.database.write(
            lambda connection, units=units: announce(connection, WITHDRAWAL, known.id, 2, units)
        )
    await work(house)
    assert [each["type"] for each in heard.told] == ["withdrawal"]


async def test_a_deleted_webhook_is_told_nothing(house: House, heard: Listener) -> None:
    await make(house)
    made = await hook(house, heard)
    await change(house, title="Another")
    path = f"{PATH}/{made['id']}"
    assert (await house.browser.delete(path, headers=OWNER)).status_code == 204
    assert (await house.browser.get(path, headers=OWNER)).status_code == 404
    await work(house)
    assert heard.came == []


async def test_the_secret_is_shown_once_and_to_nobody_else(house: House, heard: Listener) -> None:
    made = await hook(house, heard)
    path = f"{PATH}/{made['id']}"
    assert made["secret"].startswith("whsec_")
    assert "secret" not in (await house.browser.get(path, headers=OWNER)).json()
    [listed] = (await house.browser.get(PATH, headers=OWNER)).json()["items"]
    assert "secret" not in listed
    other = await session(house, await house.person("mary"))
    assert (await house.browser.get(path, headers=other)).status_code == 404
    assert (await house.browser.delete(path, headers=other)).status_code == 404
    assert (await house.browser.get(PATH, headers=other)).json()["items"] == []
    assert (await house.browser.get(PATH)).status_code == 401
    token = bearer(await house.token(await house.person("john")))
    assert (await house.browser.get(PATH, headers=token)).status_code == 403


async def test_nobody_has_too_many(house: House, heard: Listener) -> None:
    for _ in range(20):
        await hook(house, heard)
    answer = await house.browser.post(PATH, json={"url": heard.url, "events": ALL}, headers=OWNER)
    assert answer.status_code == 409


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example.org/", "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/"),
        *("https://169.254.169.254/latest/meta-data", "https://[::ffff:127.0.0.1]/", "ftp://example.org/"),
        *("https://user:pass@example.org/", "https://example.org:99999/", "https:///x", "example.org"),
        *(
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[fec0::1]/",
            "https://224.0.0.1/",
            "https://[::/",
        ),
        *("https://0.0.0.0/", "https://100.64.0.1/", "https://example.org/#part"),
    ],
)
async def test_where_nothing_is_sent(house: House, url: str) -> None:
    answer = await house.browser.post(PATH, json={"url": url, "events": ALL}, headers=OWNER)
    assert answer.status_code == 400
    with pytest.raises(InvalidRequest):
        hooks.check(url, ())


async def test_a_name_that_leads_inside_is_not_followed() -> None:
    with pytest.raises(RemoteRefused):
        await hooks.send("https://localhost/", hooks.make_secret(), "msg_1", 1, b"{}", ())
    with pytest.raises(RemoteRefused):
        await hooks.send("https://0x7f000001/", hooks.make_secret(), "msg_1", 1, b"{}", ())


@pytest.mark.parametrize("events", [[], ["nothing"], ["withdrawal"] * 11])
async def test_events_are_those_there_are(house: House, heard: Listener, events: list[str]) -> None:
    answer = await house.browser.post(PATH, json={"url": heard.url, "events": events}, headers=OWNER)
    assert answer.status_code == 400


async def purge(house: House) -> None:
    wanted = {"study": "1.2.3", "reason": "x"}
    answer = await house.browser.post("/api/v1/collections/chest-ct/purges", json=wanted, headers=OWNER)
    assert answer.status_code == 200, answer.text
    await work(house)


async def test_a_purge_announces_no_version_that_there_is_not(house: House, heard: Listener) -> None:
    await make(house)
    await hook(house, heard, await session(house, await house.person("mary")), events=["withdrawal"])
    await publish(house, "chest-ct", "1.2.3")
    await purge(house)
    [told] = heard.told
    assert set(told["data"]) == {"collection", "url"}


async def test_the_purge_of_a_draft_is_announced_to_nobody_who_could_not_see_it(
    house: House, heard: Listener
) -> None:
    await make(house)
    await hook(house, heard, await session(house, await house.person("mary")))
    await house.store("chest-ct")
    await purge(house)
    assert heard.came == []
