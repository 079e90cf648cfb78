"""Signing in with a browser: by password and by link, and what a cookie is good for."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.models.types import now
from app.ohif.package import unpack
from app.registry import people
from app.registry.tables import TOKEN
from app.services import passwords, sign_in
from app.settings import Settings
from app.turnstile import Policy
from tests.house import BASE, DAY, OWNER, PASSWORD, House, house
from tests.ohif.packed import tarball

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OURS = {"Origin": BASE}
HOSTILE = [
    *(
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "\\\\evil.example",
    ),
    *("/%0d%0aSet-Cookie: a=b"[:1] + "\r\nSet-Cookie: a=b", "", "viewer", "/a\\b", "/\tb", "///evil.example"),
    *("/" + "a" * 3000, "/ÿ", "http:/viewer"),
]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked of the database here, tests of tokens ask of both."""
    return sqlite_url


@pytest.fixture(scope="module")
def hashed() -> dict[str, str]:
    """A hash takes its time: it is made once."""
    return {}


@pytest.fixture
async def room(settings: Settings, tmp_path: Path, hashed: dict[str, str]) -> AsyncIterator[House]:
    """An archive with accounts and a viewer; Mary may read the hidden collection `kept`."""
    unpack(tarball(tmp_path / "packed.tgz"), tmp_path / "viewer")
    hashed["mary"] = hashed.get("mary") or await passwords.hashed(PASSWORD)
    async with house(settings, accounts=True, viewer=tmp_path / "viewer") as opened:
        person = await opened.person("mary", password=hashed["mary"])
        await opened.grant(person, await opened.collection("kept"), "reader")
        await opened.store("kept")
        yield opened


async def enter(
    browser: httpx.AsyncClient, name: str = "mary", password: str = PASSWORD, to: str = "", **more: str
) -> httpx.Response:
    form = {"name": name, "password": password, "next": to}
    return await browser.post("/sign-in", data=form, headers={**OURS, **more})


async def me(browser: httpx.AsyncClient) -> Any:
    answer = await browser.get("/api/v1/me")
    return answer.json()["name"] if answer.status_code == 200 else answer.status_code


async def test_a_password_signs_in_and_out(room: House) -> None:
    browser = room.browser
    asked = await browser.get("/collections/kept/viewer?StudyInstanceUIDs=1.2.3")
    assert asked.status_code == 303
    page = await browser.get(asked.headers["location"])
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    (to,) = re.findall(r'name="next" value="([^"]*)"', page.text)
    answer = await enter(browser, to=to)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/collections/kept/viewer?StudyInstanceUIDs=1.2.3"
    assert (await browser.get(answer.headers["location"])).status_code == 200
    assert (await browser.get("/collections/kept/dicom-web/studies")).status_code == 200
    assert await me(browser) == "mary"
    assert "signed in as <strong>mary</strong>" in (await browser.get("/sign-in")).text
    kept = dict(browser.cookies)
    answer = await browser.post("/sign-out", headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert dict(browser.cookies) == {}
    assert await me(browser) == "stranger"
    # What the browser held is worth nothing to who kept a copy of it.
    browser.cookies.update(kept)
    assert await me(browser) == 401


@pytest.mark.parametrize("name", ["mary ", "MARY"])
async def test_a_name_is_the_same_however_it_is_typed(room: House, name: str) -> None:
    assert (await enter(room.browser, name)).status_code == 303


WRONG = (
    ("mary", "wrong horse battery"),
    ("john", PASSWORD),
    ("mary", ""),
    ("", ""),
    ("mary", "a" * 5000),
    ("ma\0ry", PASSWORD),
    ("ÿ", PASSWORD),
    ("a" * 5000, "\0"),
)


async def test_who_is_wrong_is_told_the_same(room: House) -> None:
    for name, password in WRONG:
        answer = await enter(room.browser, name, password)
        assert answer.status_code == 401
        assert "The name or the password is wrong." in answer.text
        assert "set-cookie" not in answer.headers


async def test_the_disabled_do_not_sign_in(room: House) -> None:
    assert (await enter(room.browser)).status_code == 303
    await change(room, disabled=True)
    assert await me(room.browser) == 401
    assert (await enter(room.browser)).status_code == 401


async def change(room: House, **values: Any) -> None:
    await room.archive.database.write(lambda connection: people.change(connection, 1, values))


async def test_a_pipeline_has_no_password(room: House) -> None:
    await room.person("robot")
    assert (await enter(room.browser, "robot", "")).status_code == 401


async def test_nobody_is_sent_elsewhere(room: House) -> None:
    for to in HOSTILE:
        page = await room.browser.get("/sign-in", params={"next": to})
        assert 'name="next" value="/viewer"' in page.text
    answer = await enter(room.browser, to="//evil.example")
    assert (answer.status_code, answer.headers["location"]) == (303, "/viewer")


FOREIGN: tuple[dict[str, str], ...] = (
    {},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://archive.test"},
    {"Origin": "http://archive.test:81"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": BASE},
)


async def test_another_sites_page_does_nothing(room: House) -> None:
    form = {"name": "mary", "password": PASSWORD}
    for sent in FOREIGN:
        assert (await room.browser.post("/sign-in", data=form, headers=sent)).status_code == 403
    await enter(room.browser)
    for sent in FOREIGN:
        for method, path in (
            *(("POST", "/sign-out"), ("POST", "/api/v1/tokens"), ("DELETE", "/api/v1/tokens/1")),
            *(("POST", "/dicom-web/studies"), ("PATCH", "/api/v1/people/1"), ("POST", "/api/v1/share-links")),
        ):
            assert (await room.browser.request(method, path, headers=sent)).status_code == 403, path
        # Reading is no harm: the other page does not see the answer. A token is sent by nobody else's page.
        assert (await room.browser.get("/api/v1/me", headers=sent)).status_code == 200
        answer = await room.browser.post("/api/v1/tokens", headers={**OWNER, **sent}, json={"name": "a"})
        assert answer.status_code == 201


async def test_our_own_page_does(room: House) -> None:
    await enter(room.browser)
    for sent in (OURS, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        made = await room.browser.post("/api/v1/tokens", json={"name": "a"}, headers=sent)
        assert made.status_code == 201


async def test_a_session_is_never_one_that_was_there_before(room: House) -> None:
    await enter(room.browser)
    planted = dict(room.browser.cookies)
    assert (await enter(room.browser)).status_code == 303
    assert dict(room.browser.cookies) != planted
    async with room.another_browser() as thief:
        thief.cookies.update(planted)
        assert await me(thief) == 401
        thief.cookies.clear()
        thief.cookies.update({"readingroom": "rrs_chosen"})
        assert await me(thief) == 401
        await enter(thief)
        given = [each.value for each in thief.cookies.jar if each.domain]
        assert given
        assert "rrs_chosen" not in given


async def test_the_cookie_is_for_us_alone(room: House) -> None:
    (plain,) = [each for each in cookies(await enter(room.browser)) if each.startswith("readingroom=")]
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=43200"} <= set(plain.split("; "))
    assert "Secure" not in plain
    assert "Domain" not in plain


async def test_over_https_the_cookie_stays_there(settings: Settings, hashed: dict[str, str]) -> None:
    hashed["mary"] = hashed.get("mary") or await passwords.hashed(PASSWORD)
    async with house(settings, accounts=True, public_url="https://archive.example/room") as room:
        await room.person("mary", password=hashed["mary"])
        answer = await enter(room.browser, Origin="https://archive.example")
        assert answer.headers["location"] == "/room/viewer"
        (sent,) = [each for each in cookies(answer) if each.startswith("__Host-readingroom=")]
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(sent.split("; "))
        secret = sent.partition(";")[0].partition("=")[2]
        for name, status in (("__Host-readingroom", 200), ("readingroom", 200)):
            answer = await room.browser.get("/api/v1/me", headers={"Cookie": f"{name}={secret}"})
            assert answer.status_code == status
            # Over plain http anybody on the way could have planted it.
            assert answer.json()["signed_in"] == name.startswith("__Host-")


def cookies(answer: httpx.Response) -> list[str]:
    return answer.headers.get_list("set-cookie")


async def test_a_session_ends(room: House) -> None:
    await enter(room.browser)
    past = now() - timedelta(seconds=1)
    await room.archive.database.write(
        lambda connection: connection.execute(update(TOKEN).values(expires_at=past))
    )
    assert await me(room.browser) == 401
    # The page takes the cookie that is worth nothing away.
    asked = await room.browser.get("/viewer")
    assert asked.headers["location"] == "/sign-in?next=%2Fviewer"
    await room.browser.get(asked.headers["location"])
    assert await me(room.browser) == "stranger"
    await enter(room.browser)
    rows = await room.archive.database.lookup(
        lambda connection: list(connection.execute(select(TOKEN.c.expires_at)).scalars())
    )
    assert len(rows) == 1
    assert rows[0] > now()


async def test_another_password_ends_every_session(room: House) -> None:
    from app.services.people import set_password

    await enter(room.browser)
    await set_password(room.archive.database, 1, "another horse battery", "operator")
    assert await me(room.browser) == 401
    assert (await enter(room.browser)).status_code == 401
    assert (await enter(room.browser, password="another horse battery")).status_code == 303


async def test_a_session_is_no_token_and_a_token_no_session(room: House) -> None:
    await enter(room.browser)
    secret = dict(room.browser.cookies)["readingroom"]
    async with room.another_browser() as other:
        assert (
            await other.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
        ).status_code == 401
        other.cookies.update({"readingroom": await room.token(1)})
        assert await me(other) == 401


async def test_who_tries_too_often_waits(room: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "BY_NAME", Policy("sign-in-name", 2, 900))
    monkeypatch.setattr(sign_in, "BY_ADDRESS", Policy("sign-in-address", 6, 900))
    seen = [await enter(room.browser, password="wrong wrong wrong") for _ in range(3)]
    assert [each.status_code for each in seen] == [401, 401, 429]
    assert (await enter(room.browser)).status_code == 429
    assert seen[0].headers["ratelimit"].startswith('"sign-in-name";r=1;t=')
    assert int(seen[-1].headers["retry-after"]) > 800
    assert seen[-1].headers["ratelimit-policy"] == '"sign-in-name";q=2;w=900'
    others = [await enter(room.browser, name, "wrong wrong wrong") for name in ("a", "b", "c")]
    assert [each.status_code for each in others] == [401, 401, 429]
    assert others[-1].headers["ratelimit-policy"] == '"sign-in-address";q=6;w=900'


async def test_who_gets_in_begins_anew(room: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "BY_NAME", Policy("sign-in-name", 2, 900))
    for _ in range(4):
        assert (await enter(room.browser)).status_code == 303


async def test_a_form_is_small(room: House) -> None:
    head = {**FORM, **OURS}
    assert (await room.browser.post("/sign-in", content=b"a" * 20_000, headers=head)).status_code == 413
    assert (await room.browser.post("/sign-in", content=b"a=1&" * 50, headers=head)).status_code == 400
    assert (await room.browser.post("/sign-in", content=b"\xff\x00%ff", headers=head)).status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/viewer", 303), ("/collections/kept/viewer", 303), ("/collections/none/viewer", 303)),
        *(("/collections/registered/viewer", 303), ("/collections/open/viewer", 200)),
        *(("/viewer?token=of-another-kind", 200), ("/viewer/app-config.js", 200)),
    ],
)
async def test_strangers_are_asked_to_sign_in_where_they_see_nothing(
    room: House, path: str, status: int
) -> None:
    await room.collection("registered", "registered", False)
    if "open" in path:
        await room.collection("open", "open", False)
    assert (await room.browser.get(path)).status_code == status


async def test_a_link_is_exchanged_for_a_cookie(room: House) -> None:
    until = (now() + DAY).isoformat()
    body = {"collection": "kept", "expires_at": until, "most_uses": 1}
    made = (await room.browser.post("/api/v1/share-links", json=body, headers=OWNER)).json()
    async with room.another_browser() as guest:
        # Who looks what an address is does not open it.
        looked = await guest.head(made["url"])
        assert (looked.status_code, looked.headers["location"]) == (303, "/collections/kept/viewer")
        assert "set-cookie" not in looked.headers
        answer = await guest.get(made["url"])
        assert answer.status_code == 303
        assert answer.headers["location"] == "/collections/kept/viewer"
        assert made["token"] not in str(answer.headers)
        assert (await guest.get("/collections/kept/viewer")).status_code == 200
        assert len((await guest.get("/dicom-web/studies")).json()) == 1
        assert await me(guest) == "the bearer of a link"
        assert (await guest.get("/api/v1/tokens")).status_code == 403
        # It may be opened once only, and as a token it would not be counted.
        async with room.another_browser() as another:
            assert (await another.get(made["url"])).status_code == 401
        assert (await guest.get(f"/dicom-web/studies?token={made['token']}")).status_code == 401
        # Whoever signed in is, once they are done with the link, who they were.
        await enter(guest)
        assert await me(guest) == "mary"
        guest.cookies.set("readingroom-link", await followed(room, body), "archive.test")
        assert await me(guest) == "the bearer of a link"
        await guest.post("/sign-out", headers=OURS)
        assert await me(guest) == "mary"


async def followed(room: House, body: dict[str, Any]) -> str:
    made = (await room.browser.post("/api/v1/share-links", json=body, headers=OWNER)).json()
    async with room.another_browser() as guest:
        await guest.get(made["url"])
        return dict(guest.cookies)["readingroom-link"]


async def test_a_link_that_is_taken_back_ends_in_browsers_too(room: House) -> None:
    body = {"collection": "kept", "expires_at": (now() + DAY).isoformat()}
    made = (await room.browser.post("/api/v1/share-links", json=body, headers=OWNER)).json()
    async with room.another_browser() as guest:
        await guest.get(made["url"])
        assert await me(guest) == "the bearer of a link"
        await room.browser.delete(f"/api/v1/share-links/{made['id']}", headers=OWNER)
        assert await me(guest) == 401
        assert (await guest.get("/collections/kept/viewer")).status_code == 303


async def test_a_link_that_is_taken_back_leaves_who_signed_in(room: House) -> None:
    body = {"collection": "kept", "expires_at": (now() + DAY).isoformat()}
    await enter(room.browser)
    made = (await room.browser.post("/api/v1/share-links", json=body, headers=OWNER)).json()
    await room.browser.get(made["url"])
    assert await me(room.browser) == "the bearer of a link"
    await room.browser.delete(f"/api/v1/share-links/{made['id']}", headers=OWNER)
    assert "readingroom-link" in dict(room.browser.cookies)
    assert await me(room.browser) == "mary"
    assert "readingroom-link" not in dict(room.browser.cookies)
    # They sign out of their own sign-in then.
    await room.browser.post("/sign-out", headers=OURS)
    assert await me(room.browser) == "stranger"


async def test_without_accounts_there_is_no_page(settings: Settings) -> None:
    async with house(settings) as room:
        for method, path in (("GET", "/sign-in"), ("GET", "/sign-in/provider"), ("GET", "/sign-in/callback")):
            assert (await room.browser.request(method, path)).status_code == 404
        assert (await enter(room.browser)).status_code == 404


async def test_the_page_runs_nothing(room: House) -> None:
    page = await room.browser.get('/sign-in?next=/"><script>alert(1)</script>')
    assert "<script" not in page.text
    assert page.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (await room.browser.head("/sign-in")).status_code == 200


async def test_people_are_for_administrators(room: House) -> None:
    await enter(room.browser)
    assert (await room.browser.get("/api/v1/people")).status_code == 403
    async with room.another_browser() as stranger:
        assert (await stranger.get("/api/v1/people")).status_code == 401
        (mary,) = (await stranger.get("/api/v1/people", headers=OWNER)).json()["items"]
        assert (mary["subject"], mary["issuer"], mary["admin"]) == ("mary", "", False)
        assert "password" not in mary
        path = f"/api/v1/people/{mary['id']}"
        first = await stranger.get(path, headers=OWNER)
        tag = first.headers["etag"]
        held = await stranger.get(path, headers={**OWNER, "If-None-Match": tag})
        assert held.status_code == 304
        changed = await stranger.patch(path, json={"admin": True}, headers={**OWNER, "If-Match": tag})
        assert changed.json()["admin"]
        stale = await stranger.patch(path, json={"admin": False}, headers={**OWNER, "If-Match": tag})
        assert stale.status_code == 412
        assert (await stranger.patch(path, json={"name": "x"}, headers=OWNER)).status_code == 400
        assert (await stranger.patch("/api/v1/people/99", json={}, headers=OWNER)).status_code == 404
    assert (await room.browser.get("/api/v1/people")).status_code == 200
