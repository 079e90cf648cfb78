"""Signing in with a real OpenID provider: browsers with a code, machines with its JWTs."""

import re
from collections.abc import AsyncIterator, Iterator
from time import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from app.errors import InvalidToken, ProviderUnavailable
from app.openid import published
from app.openid.provider import Journey
from app.openid.provider import Provider as Ours
from app.settings import Settings
from tests.house import House, bearer, house
from tests.openid.running import AUDIENCE, CLIENT, SECRET, NoProviderError, Provider, provider
from tests.ports import free_port
from tests.required import lacking

HERE = "http://127.0.0.1:9"
BACK = f"{HERE}/sign-in/callback"


@pytest.fixture(scope="module")
def theirs() -> Iterator[Provider]:
    """The provider."""
    try:
        with provider(BACK) as running:
            yield running
    except NoProviderError as missing:
        lacking(str(missing.__doc__))


@pytest.fixture
def chosen(tmp_path: Any, sqlite_url: str, theirs: Provider) -> Settings:
    """The settings of an archive that knows the provider."""
    return Settings(
        data=tmp_path / "data",
        database=sqlite_url,
        oidc_issuer=theirs.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_audience=AUDIENCE,
        oidc_name="The Institute",
    )


@pytest.fixture
async def room(chosen: Settings) -> AsyncIterator[House]:
    """That archive."""
    async with house(chosen) as opened:
        yield opened


@pytest.fixture
async def ours(chosen: Settings) -> AsyncIterator[Ours]:
    """Our side of it, alone."""
    opened = Ours(chosen)
    yield opened
    await opened.close()


@pytest.fixture
async def browser(room: House) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that goes where it is sent."""
    async with room.another_browser(HERE, follow_redirects=True) as opened:
        yield opened


async def me(room: House, token: str) -> Any:
    return await room.browser.get("/api/v1/me", headers=bearer(token))


async def sign_in(browser: httpx.AsyncClient, at: httpx.Response, name: str = "mary") -> httpx.Response:
    """Fill in the provider's form."""
    return await browser.post(str(at.url), data={"login": name, "password": name[::-1]})


async def test_a_browser_goes_there_and_comes_back(room: House, browser: httpx.AsyncClient) -> None:
    person = await room.person("mary", issuer=room.archive.settings.oidc_issuer or "")
    await room.grant(person, await room.collection("kept"), "reader")
    await room.store("kept")
    form = await browser.get("/sign-in?next=/collections/kept/dicom-web/studies")
    assert "The provider" in form.text
    assert "That is not right" in (await browser.post(str(form.url), data={"login": "mary"})).text
    back = await sign_in(browser, form)
    assert str(back.url) == f"{HERE}/collections/kept/dicom-web/studies"
    assert back.json()[0]["0020000D"]["Value"] == ["1.2.3"]
    told = (await browser.get("/api/v1/me")).json()
    assert (told["name"], told["person"], told["using"][:8]) == ("Mary Major", person, "session:")
    assert "readingroom-journey" not in {each.name for each in browser.cookies.jar}


async def test_who_comes_first_becomes_somebody(room: House, browser: httpx.AsyncClient) -> None:
    back = await sign_in(browser, await browser.get("/sign-in?next=/api/v1/me"), "john")
    assert (back.json()["name"], back.json()["collections"]) == ("John Minor", {})
    # A second time it is the same person, by whatever they come.
    token = Provider(room.archive.settings.oidc_issuer or "").mint(sub="john")
    assert (await me(room, token)).json()["person"] == back.json()["person"]


async def test_the_page_offers_it(room: House) -> None:
    page = await room.browser.get("/sign-in")
    assert "Sign in with The Institute" in page.text
    assert "password" not in page.text


async def test_the_disabled_are_told_so(room: House, browser: httpx.AsyncClient) -> None:
    issuer = room.archive.settings.oidc_issuer or ""
    person = await room.person("mary", issuer)
    from app.services.people import change

    await change(room.archive.database, person, "owner", disabled=True)
    answer = await sign_in(browser, await browser.get("/sign-in?next=/viewer"))
    assert answer.status_code == 403
    assert "disabled" in answer.text
    assert (await me(room, Provider(issuer).mint())).status_code == 401


async def test_what_is_sent_there(room: House) -> None:
    answer = await room.browser.get("/sign-in/provider?next=//evil.example")
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["response_type"] == ["code"]
    assert min(len(asked[name][0]) for name in ("state", "nonce", "code_challenge")) >= 32
    assert SECRET not in answer.headers["location"]
    (cookie,) = answer.headers.get_list("set-cookie")
    assert {"HttpOnly", "SameSite=lax", "Max-Age=600"} <= set(cookie.split("; "))


async def test_only_the_browser_that_went_comes_back(room: House, browser: httpx.AsyncClient) -> None:
    form = await browser.get("/sign-in?next=/viewer")
    # Somebody hands on the address at which they would come back, to sign another in as themselves.
    browser.follow_redirects = False
    answer = await sign_in(browser, form)
    while not (address := answer.headers["location"]).startswith(BACK):
        assert answer.next_request
        answer = await browser.send(answer.next_request)
    async with room.another_browser(HERE) as victim:
        assert (await victim.get(address)).status_code == 401
        await victim.get("/sign-in/provider")
        assert (await victim.get(address)).status_code == 401
        assert (await victim.get("/api/v1/me")).json()["signed_in"] is False
    assert (await browser.get(address)).status_code == 303
    # A code is good once.
    assert (await browser.get(address)).status_code == 401


async def test_what_the_provider_refuses_is_said(room: House, browser: httpx.AsyncClient) -> None:
    await browser.get("/sign-in/provider")
    browser.follow_redirects = False
    for query in (
        "error=access_denied",
        "code=guessed",
        "",
        "state=",
        "code=a&state=b&iss=https://evil.example",
    ):
        answer = await browser.get(f"/sign-in/callback?{query}")
        assert answer.status_code == 401, query
        assert "readingroom=" not in str(answer.headers)


async def test_a_cookie_of_the_way_is_ours(ours: Ours) -> None:
    journey = Journey.begin("/viewer")
    sealed = ours.seal(journey)
    assert ours.unseal(sealed) == journey
    forged = jwt.encode(
        {"state": "a", "nonce": "a", "verifier": "a", "next": "a", "exp": time() + 9}, "k" * 32
    )
    for cookie in (forged, sealed[:-2], "", "a.b.c", jwt.encode({"state": "a"}, None, "none")):
        assert ours.unseal(cookie) is None


async def test_a_nonce_is_checked(ours: Ours, monkeypatch: pytest.MonkeyPatch, theirs: Provider) -> None:
    journey = Journey.begin("/viewer")

    async def exchanged(nonce: str) -> Any:
        async def exchange(*_: object) -> str:
            return theirs.mint(aud=CLIENT, nonce=nonce)

        monkeypatch.setattr(ours, "_exchange", exchange)
        return await ours.arrival(journey, {"state": journey.state, "code": "a"}, BACK)

    assert (await exchanged(journey.nonce)).subject == "mary"
    with pytest.raises(InvalidToken):
        await exchanged("another")


async def test_a_machines_token(room: House, theirs: Provider) -> None:
    told = (await me(room, theirs.for_a_pipeline())).json()
    assert (told["signed_in"], told["using"], told["name"]) == (True, "jwt", "pipeline")
    assert (await me(room, theirs.mint(name="Mary"))).json()["name"] == "Mary"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"aud": "https://other.test"}, {"aud": None}, {"aud": ["a", "b"]}, {"aud": CLIENT}),
        *({"iss": "https://evil.example"}, {"iss": None}, {"sub": None}, {"sub": ""}, {"sub": 7}),
        *({"exp": 1}, {"exp": None}, {"exp": "soon"}, {"nbf": int(time()) + 1_000_000}),
        {"sub": "a\0b"},
    ],
)
async def test_a_wrong_claim_is_refused(ours: Ours, theirs: Provider, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        await ours.verify(theirs.mint(**wrong))


async def test_a_subject_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Ours(Settings(oidc_issuer="https://a.test", oidc_client_id=CLIENT))

    async def known(said: object) -> str:
        async def decoded(*_: object) -> dict[str, object]:
            return {"sub": said}

        monkeypatch.setattr(alone, "_decode", decoded)
        return (await alone.verify("")).subject

    for right in ("mary", "a b", "Zoë", "a" * 255):
        assert await known(right) == right
    for wrong in (
        "",
        " ",
        "mary ",
        " mary",
        "\u00a0mary",
        "mary\n",
        "a\tb",
        "a\0b",
        "\ud800",
        "a" * 256,
        7,
        None,
    ):
        with pytest.raises(InvalidToken):
            await known(wrong)
    await alone.close()


async def test_clocks_may_differ_a_little(ours: Ours, theirs: Provider) -> None:
    assert (await ours.verify(theirs.mint(exp=int(time()) - 5, nbf=int(time()) + 5))).subject == "mary"
    assert (await ours.verify(theirs.mint(aud=["other", AUDIENCE]))).subject == "mary"


async def test_a_wrong_signature_is_refused(ours: Ours, theirs: Provider) -> None:
    right = theirs.mint()
    head, claims, signature = right.split(".")
    kid = jwt.get_unverified_header(right)["kid"]
    said = jwt.decode(right, options={"verify_signature": False})
    (key,) = theirs.keys()
    shared = [
        jwt.encode(said, secret, "HS256", headers={"kid": kid}) for secret in (SECRET * 2, key["n"], "k" * 32)
    ]
    for token in (
        *(*shared, jwt.encode(said, None, "none", headers={"kid": kid}), f"{head}.{claims}."),
        *(f"{head}.{claims}.{signature[:-4]}AAAA", f"{head}.e30.{signature}", "a.b.c", "..", "é.b.c"),
        theirs.mint({"typ": "logout+jwt"}),
        theirs.mint({"kid": None}),
    ):
        with pytest.raises(InvalidToken):
            await ours.verify(token)


async def test_a_new_key_is_looked_up(ours: Ours, theirs: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    before = theirs.mint()
    await ours.verify(before)
    theirs.rotate()
    # At most once a minute: whoever sends tokens of no key does not make us ask each time.
    with pytest.raises(InvalidToken):
        await ours.verify(theirs.mint())
    monkeypatch.setattr(published, "AGAIN", 0)
    assert (await ours.verify(theirs.mint())).subject == "mary"
    with pytest.raises(InvalidToken):
        await ours.verify(before)


async def test_a_provider_that_does_not_answer_is_503(chosen: Settings, theirs: Provider) -> None:
    away = chosen.model_copy(update={"oidc_issuer": f"http://127.0.0.1:{free_port()}"})
    async with house(away) as room:
        answer = await me(room, theirs.mint())
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        page = await room.browser.get("/sign-in/provider")
        assert page.status_code == 503
        assert "does not answer" in page.text
        assert (await room.browser.get("/api/v1/me")).status_code == 200


class Said:
    """A provider of our own making: what it says, and how often it was asked."""

    def __init__(self, **more: Any) -> None:
        self.answers: dict[str, Any] = {
            "/.well-known/openid-configuration": {
                "issuer": "https://a.test",
                "jwks_uri": "https://a.test/keys",
            },
            "/keys": {"keys": [{"kid": "1"}, "nonsense", {"kid": "2", "use": "enc"}]},
            **more,
        }
        self.asked: list[str] = []

    def publications(self) -> published.Publications:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        return published.Publications("https://a.test", http)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        answer = self.answers.get(request.url.path, b"nothing")
        return (
            httpx.Response(200, content=answer)
            if isinstance(answer, bytes)
            else httpx.Response(200, json=answer)
        )


async def test_keys_are_read_once() -> None:
    said = Said()
    read = said.publications()
    assert [await read.key(kid) for kid in ("1", "1", "2", None, "3")] == [
        {"kid": "1"},
        {"kid": "1"},
        None,
        None,
        None,
    ]
    assert said.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_what_was_read_serves_while_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said()
    read = said.publications()
    await read.key("1")
    monkeypatch.setattr(published, "LASTING", -1)
    monkeypatch.setattr(published, "AGAIN", 0)
    said.answers["/keys"] = b"down"
    assert await read.key("1") == {"kid": "1"}
    with pytest.raises(ProviderUnavailable):
        await read.key("9")


@pytest.mark.parametrize(
    "more",
    [
        {"/keys": b"not json"},
        {"/keys": []},
        {"/keys": b" " * (2 << 20)},
        {"/.well-known/openid-configuration": {"issuer": "https://other.test"}},
        {"/.well-known/openid-configuration": {"issuer": "https://a.test", "jwks_uri": "no address"}},
    ],
)
async def test_nonsense_is_no_answer(more: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable):
        await Said(**more).publications().latest()


def test_the_script_names_nothing_else() -> None:
    """Its lock names packages by their digests, from whichever registry they come."""
    from tests.openid.running import HERE as FOLDER

    assert not re.search(r'"resolved"', (FOLDER / "package-lock.json").read_text())
