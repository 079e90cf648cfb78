"""Personal tokens and share links, as those who send them see them."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.models.types import now
from app.registry import people
from app.registry.tables import SHARE_LINK, TOKEN
from app.services import accounts, sign_in
from app.settings import Settings
from app.turnstile import Policy
from app.viewer import Capability
from tests.house import DAY, OWNER, House, bearer, house

STUDIES = "/collections/kept/dicom-web/studies"
TOKENS, LINKS = "/api/v1/tokens", "/api/v1/share-links"


@pytest.fixture
async def kept(settings: Settings) -> AsyncIterator[House]:
    """An archive of two hidden collections, in each of which a study lies."""
    async with house(settings) as opened:
        for slug in ("kept", "other"):
            await opened.collection(slug)
            await opened.store(slug, {"kept": "1.2.3", "other": "1.2.4"}[slug])
        yield opened


@pytest.fixture
async def reader(kept: House) -> int:
    """Somebody who may read both collections."""
    return await read_both(kept, "mary")


async def read_both(kept: House, name: str, role: str = "reader") -> int:
    person = await kept.person(name)
    register = await kept.archive.rights.register()
    for slug in ("kept", "other"):
        await kept.grant(person, register.collections[slug].id, role)
    return person


async def studies(kept: House, headers: dict[str, str], path: str = "/dicom-web/studies") -> Any:
    """The UIDs of the studies that are found, or the status."""
    answer = await kept.browser.get(path, headers=headers)
    if answer.status_code != 200:
        return [] if answer.status_code == 204 else answer.status_code
    return [each["0020000D"]["Value"][0] for each in answer.json()]


def basic(token: str, user: str = "anybody") -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{token}'.encode()).decode()}"}


async def me(kept: House, headers: dict[str, str]) -> Any:
    return (await kept.browser.get("/api/v1/me", headers=headers)).json()


def refused(answer: httpx.Response) -> bool:
    said = answer.headers.get("www-authenticate", "")
    return answer.status_code == 401 and said.startswith("Bearer ") and 'error="invalid_token"' in said


async def make(kept: House, headers: dict[str, str], path: str = TOKENS, **body: Any) -> Any:
    answer = await kept.browser.post(path, headers=headers, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"].endswith(f"{path}/{answer.json()['id']}")
    return answer.json()


async def link(kept: House, headers: dict[str, str], **body: Any) -> Any:
    return await make(kept, headers, LINKS, **{"expires_at": (now() + DAY).isoformat(), **body})


@pytest.mark.parametrize("form", [bearer, basic, lambda token: basic(token, "")])
async def test_a_token_is_its_person(kept: House, reader: int, form: Callable[[str], dict[str, str]]) -> None:
    token = await kept.token(reader)
    assert await studies(kept, form(token)) == ["1.2.3", "1.2.4"]
    assert (await me(kept, form(token)))["person"] == reader


async def test_a_token_of_nobody_in_particular_sees_nothing(kept: House) -> None:
    token = await kept.token(await kept.person("john"))
    assert await studies(kept, bearer(token)) == []
    assert await studies(kept, bearer(token), STUDIES) == 404


async def test_scopes_narrow(kept: House, reader: int) -> None:
    token = bearer(await kept.token(reader, [Capability.FIND]))
    assert await studies(kept, token) == ["1.2.3", "1.2.4"]
    assert (await kept.browser.get(f"{STUDIES}/1.2.3", headers=token)).status_code == 403
    assert (await me(kept, token))["collections"]["kept"] == ["metadata.read"]


async def test_collections_narrow(kept: House, reader: int) -> None:
    register = await kept.archive.rights.register()
    token = bearer(await kept.token(reader, within=[register.collections["kept"].id]))
    assert await studies(kept, token) == ["1.2.3"]
    assert await studies(kept, token, "/collections/other/dicom-web/studies") == 404


async def test_a_scope_gives_nothing_that_its_person_has_not(kept: House, reader: int) -> None:
    token = bearer(await kept.token(reader, list(Capability)))
    assert "grant" not in (await me(kept, token))["collections"]["kept"]
    assert "download" in (await me(kept, token))["collections"]["kept"]


async def test_an_administrators_token_may_be_narrow(kept: House) -> None:
    boss = await kept.person("boss", admin=True)
    narrow, whole = bearer(await kept.token(boss, [Capability.FIND])), bearer(await kept.token(boss))
    assert await studies(kept, narrow) == ["1.2.3", "1.2.4"]
    assert (await kept.browser.get("/api/v1/people", headers=narrow)).status_code == 403
    assert (await kept.browser.get(f"{STUDIES}/1.2.3", headers=narrow)).status_code == 403
    assert (await kept.browser.get("/api/v1/people", headers=whole)).status_code == 200


UNKNOWN: tuple[Any, ...] = (
    *(bearer("rr_" + "a" * 43), bearer("rrl_" + "a" * 43), bearer("rrs_" + "a" * 43), bearer("wrong")),
    *(bearer(""), bearer("a.b.c"), {"Authorization": b"Bearer \xff"}, basic("wrong")),
    *({"Authorization": "Basic ???"}, {"Authorization": "Digest a"}, {"Authorization": "Bearer"}),
    *({"Authorization": "Basic"}, basic(OWNER["Authorization"].removeprefix("Bearer "))),
)


async def test_what_is_not_known_is_never_a_stranger(kept: House) -> None:
    await kept.collection("open", "open", False)
    await kept.store("open", "1.2.5")
    assert await studies(kept, {}) == ["1.2.5"]
    for sent in UNKNOWN:
        for path in ("/dicom-web/studies", "/api/v1/me", "/collections/kept/dicom-web/studies/1.2.3"):
            assert refused(await kept.browser.get(path, headers=sent)), (sent, path)


async def test_it_ends(kept: House, reader: int) -> None:
    assert refused(await kept.browser.get("/api/v1/me", headers=bearer(await kept.token(reader, ends=now()))))
    token = bearer(await kept.token(reader))
    assert (await me(kept, token))["signed_in"]
    write = kept.archive.database.write
    await write(lambda connection: people.change(connection, reader, {"disabled": True}))
    assert refused(await kept.browser.get("/api/v1/me", headers=token))
    await write(lambda connection: people.change(connection, reader, {"disabled": False}))
    await write(lambda connection: connection.execute(update(TOKEN).values(revoked_at=now())))
    assert refused(await kept.browser.get("/api/v1/me", headers=token))


async def test_a_token_is_looked_up_in_one_statement(
    kept: House, reader: int, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    token = bearer(await kept.token(reader))
    # Once for what is remembered, and to write when it was used.
    await studies(kept, token)
    await kept.archive.uses.close()
    with statements() as by_token:
        await studies(kept, token)
    assert len([each for each in by_token if "token" in each]) == 1
    with statements() as of_a_stranger:
        await studies(kept, {})
    assert not [each for each in of_a_stranger if "token" in each]


async def test_when_it_was_used_is_written_once_a_minute(kept: House, reader: int) -> None:
    token = bearer(await kept.token(reader))

    async def used() -> Any:
        await kept.archive.uses.close()
        return await kept.archive.database.lookup(
            lambda connection: connection.scalar(select(TOKEN.c.used_at))
        )

    assert await used() is None
    await me(kept, token)
    first = await used()
    assert now() - first < timedelta(seconds=20)
    await me(kept, token)
    assert await used() == first
    then = first - timedelta(seconds=61)
    await kept.archive.database.write(
        lambda connection: connection.execute(update(TOKEN).values(used_at=then))
    )
    await me(kept, token)
    assert await used() > then


async def test_it_is_made_shown_once_listed_rotated_and_taken_back(kept: House) -> None:
    boss = await kept.person("boss", admin=True)
    browser = signed_in = {"Cookie": await session(kept, boss), "Origin": "http://archive.test"}
    made = await make(kept, browser, name="nightly", scopes=["metadata.read"], collections=["kept"])
    first = bearer(made["token"])
    assert await studies(kept, first) == ["1.2.3"]
    (listed,) = (await kept.browser.get(TOKENS, headers=signed_in)).json()["items"]
    assert listed == {**{k: v for k, v in made.items() if k != "token"}, "used_at": listed["used_at"]}
    assert made["token"].startswith(made["beginning"])
    again = (await kept.browser.post(f"{TOKENS}/{made['id']}/rotate", headers=browser)).json()
    assert again["id"] == made["id"]
    assert refused(await kept.browser.get("/api/v1/me", headers=first))
    # A token may renew itself, and take itself back; nothing else.
    second = bearer(again["token"])
    third = (await kept.browser.post(f"{TOKENS}/{made['id']}/rotate", headers=second)).json()["token"]
    assert (await kept.browser.get(TOKENS, headers=bearer(third))).status_code == 403
    answer = await kept.browser.post(TOKENS, headers=bearer(third), json={"name": "a"})
    assert answer.status_code == 403
    assert (await kept.browser.delete(f"{TOKENS}/{made['id']}", headers=bearer(third))).status_code == 204
    assert refused(await kept.browser.get("/api/v1/me", headers=bearer(third)))
    assert (await kept.browser.post(f"{TOKENS}/{made['id']}/rotate", headers=browser)).status_code == 409
    assert (await kept.browser.get(f"{TOKENS}/{made['id']}", headers=browser)).json()["revoked_at"]


async def session(kept: House, person: int) -> str:
    """The cookie of somebody who signed in."""
    from app.services import sign_in

    return f"readingroom={(await sign_in.begin(kept.archive, person, None)).secret}"


async def test_others_tokens_and_links_are_not_there(kept: House, reader: int) -> None:
    mine = {"Cookie": await session(kept, reader), "Origin": "http://archive.test"}
    token, made = await make(kept, OWNER, name="a"), await link(kept, OWNER, collection="kept")
    for path in (f"{TOKENS}/{token['id']}", f"{LINKS}/{made['id']}"):
        for method in ("GET", "DELETE"):
            assert (await kept.browser.request(method, path, headers=mine)).status_code == 404
    assert (await kept.browser.post(f"{TOKENS}/{token['id']}/rotate", headers=mine)).status_code == 404
    for path in (TOKENS, LINKS):
        assert (await kept.browser.get(path, headers=mine)).json()["items"] == []
        assert (await kept.browser.get(path)).status_code == 401


async def test_a_list_goes_on(kept: House) -> None:
    ids = [(await make(kept, OWNER, name=str(number)))["id"] for number in range(5)]
    first = (await kept.browser.get(f"{TOKENS}?limit=3", headers=OWNER)).json()
    rest = (await kept.browser.get(f"{TOKENS}?limit=3&after={first['next']}", headers=OWNER)).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == ids
    assert rest["next"] is None


async def test_the_owners_token_ends_with_the_owner(kept: House) -> None:
    made = bearer((await make(kept, OWNER, name="a", scopes=["metadata.read"]))["token"])
    assert await studies(kept, made) == ["1.2.3", "1.2.4"]
    own = kept.archive.settings
    object.__setattr__(
        kept.archive, "settings", own.model_copy(update={"owner_token": None, "accounts": True})
    )
    assert refused(await kept.browser.get("/api/v1/me", headers=made))


@pytest.mark.parametrize("after", [{"owner_token": "another-of-the-owners"}, {"owner_token": None}])
async def test_with_another_owners_token_all_that_was_made_with_it_ends(
    settings: Settings, after: dict[str, Any]
) -> None:
    async with house(settings) as kept:
        await kept.collection("kept")
        made, shared = await make(kept, OWNER, name="a"), await link(kept, OWNER, collection="kept")
        kept.browser.cookies.set(
            "readingroom-link", (await sign_in.follow(kept.archive, shared["token"])).secret
        )
        before = dict(kept.browser.cookies)
        own = await kept.token(await kept.person())
        sent = [bearer(made["token"]), bearer(shared["token"]), {}]
        for each in sent:
            assert (await me(kept, each))["signed_in"]
    async with house(settings, accounts=True, **after) as kept:
        kept.browser.cookies.update(before)
        for each in sent:
            assert refused(await kept.browser.get("/api/v1/me", headers=each))
        assert (await me(kept, bearer(own)))["signed_in"]
        if after["owner_token"]:
            # The owner may give the token another secret, which is then theirs.
            owner = bearer(after["owner_token"])
            again = await kept.browser.post(f"{TOKENS}/{made['id']}/rotate", headers=owner)
            assert (await me(kept, bearer(again.json()["token"])))["signed_in"]


async def test_who_is_disabled_loses_what_they_made(kept: House, reader: int) -> None:
    mine = {"Cookie": await session(kept, reader), "Origin": "http://archive.test"}
    sent = [
        bearer(await kept.token(reader)),
        bearer((await link(kept, mine, collection="kept"))["token"]),
        mine,
    ]
    for disabled in (True, False):
        answer = await kept.browser.patch(
            f"/api/v1/people/{reader}", json={"disabled": disabled}, headers=OWNER
        )
        assert answer.status_code == 200
        for each in sent:
            assert refused(await kept.browser.get("/api/v1/me", headers=each))


WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    (TOKENS, {"name": ""}),
    (TOKENS, {"name": "a\0b"}),
    (TOKENS, {"name": "a", "scopes": ["everything"]}),
    (TOKENS, {"name": "a", "expires_at": "2020-01-01T00:00:00Z"}),
    (TOKENS, {"name": "a", "expires_at": "9999-12-31T23:59:59-14:00"}),
    (TOKENS, {"name": "a", "expires_at": "0001-01-01T00:00:00+14:00"}),
    (TOKENS, {"name": "a", "expires_at": "2027-01-01T00:00:00"}),
    (TOKENS, {"name": "a", "admin": True}),
    (LINKS, {"collection": "kept"}),
    (LINKS, {"expires_at": "soon", "collection": "kept"}),
    (LINKS, {"expires_at": (now() + DAY).isoformat()}),
    (LINKS, {"expires_at": (now() + DAY).isoformat(), "studies": ["1.2.3"], "capability": "grant"}),
    (LINKS, {"expires_at": (now() + DAY).isoformat(), "studies": ["x"]}),
    (LINKS, {"expires_at": (now() + DAY).isoformat(), "collection": "kept", "most_uses": 0}),
)


async def test_what_cannot_be_made_is_400(kept: House) -> None:
    for path, body in WRONG:
        assert (await kept.browser.post(path, headers=OWNER, json=body)).status_code == 400, body


async def test_no_such_row(kept: House) -> None:
    for row in ("0", "-1", "9" * 30, "a", "%00"):
        for path in (TOKENS, LINKS, "/api/v1/people"):
            assert (await kept.browser.get(f"{path}/{row}", headers=OWNER)).status_code in {400, 404}
            assert (await kept.browser.get(f"{path}?after={row}", headers=OWNER)).status_code in {200, 400}
    assert (await kept.browser.delete(f"{LINKS}/999", headers=OWNER)).status_code == 404


async def test_nobody_keeps_a_secret(kept: House) -> None:
    token = (await make(kept, OWNER, name="a"))["token"]
    shared = (await link(kept, OWNER, collection="kept"))["token"]
    found = await kept.archive.database.scan(
        lambda connection: [
            str(row) for table in (TOKEN, SHARE_LINK) for row in connection.execute(select(table))
        ]
    )
    assert not any(secret[10:30] in row for row in found for secret in (token, shared))


async def test_a_link_shows_what_it_is_to(kept: House, reader: int) -> None:
    mine = {"Cookie": await session(kept, reader), "Origin": "http://archive.test"}
    collection, study = await link(kept, mine, collection="kept"), await link(kept, mine, studies=["1.2.4"])
    assert await studies(kept, bearer(collection["token"])) == ["1.2.3"]
    assert await studies(kept, basic(study["token"])) == ["1.2.4"]
    assert await studies(kept, {}, f"/dicom-web/studies?token={study['token']}&limit=5") == ["1.2.4"]
    assert (await kept.browser.get(f"{STUDIES}?token={study['token']}")).status_code == 404
    assert collection["url"].endswith(f"/collections/kept/viewer?token={collection['token']}")
    assert study["url"].endswith(f"/viewer/viewer?StudyInstanceUIDs=1.2.4&token={study['token']}")
    told = await me(kept, bearer(collection["token"]))
    assert (told["name"], told["person"], told["groups"]) == ("the bearer of a link", None, [])


async def test_a_link_to_a_study_makes_no_collection_known(kept: House) -> None:
    """But for those that it names, and of these neither sites, nor access units, nor what its maker holds."""
    for named, seen in ((None, 404), ("kept", 200)):
        body = {"studies": ["1.2.3"], **({"collection": named} if named else {})}
        token = bearer((await link(kept, OWNER, **body))["token"])

        async def get(path: str, token: dict[str, str] = token) -> httpx.Response:
            return await kept.browser.get(path, headers=token)

        assert len((await get("/dicom-web/studies")).json()) == 1
        for path in ("", "/explain", "/sites", "/facts", "/usage"):
            answer = await get(f"/api/v1/collections/kept{path}")
            assert answer.status_code == (403 if seen == 200 and path == "/usage" else seen), (named, path)
        told = (await get("/api/v1/collections/kept/explain")).text
        assert "owner" not in told
        assert list((await get("/api/v1/me")).json()["collections"]) == ([named] if named else [])
        assert [each["slug"] for each in (await get("/api/v1/collections")).json()["items"]] == (
            [named] if named else []
        )
        assert (await get("/api/v1/collections/other")).status_code == 404


async def test_owners_read_of_links_to_their_studies(kept: House) -> None:
    await kept.store("other", "1.2.3")
    made = await link(kept, OWNER, studies=["1.2.3"])
    await sign_in.follow(kept.archive, made["token"])
    for slug in ("kept", "other"):
        for what in ("link.create", "link.open"):
            path = f"/api/v1/audit?collection={slug}&what={what}"
            (entry,) = (await kept.browser.get(path, headers=OWNER)).json()["items"]
            assert entry["details"]["link"] == made["id"]


async def test_a_link_is_to_look_at_or_to_take(kept: House, reader: int) -> None:
    mine = {"Cookie": await session(kept, reader), "Origin": "http://archive.test"}
    look = bearer((await link(kept, mine, collection="kept"))["token"])
    take = bearer((await link(kept, mine, collection="kept", capability="download"))["token"])
    frames = f"{STUDIES}/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/frames/1"
    for sent, whole in ((look, 403), (take, 200)):
        assert (await kept.browser.get(frames, headers=sent)).status_code == 200
        assert (await kept.browser.get(f"{STUDIES}/1.2.3", headers=sent)).status_code == whole
        for call in (TOKENS, LINKS):
            assert (await kept.browser.get(call, headers=sent)).status_code == 403
        head = {**sent, "Content-Type": "application/dicom"}
        assert (await kept.browser.post(STUDIES, content=b"DICM", headers=head)).status_code == 403


async def test_a_link_gives_no_more_than_its_maker_may(kept: House) -> None:
    person = await read_both(kept, "john", "viewer")
    mine = {"Cookie": await session(kept, person), "Origin": "http://archive.test"}
    body = {"expires_at": (now() + DAY).isoformat(), "capability": "download"}
    for wanted, status in (
        ({"collection": "kept"}, 403),
        ({"collection": "none"}, 404),
        ({"studies": ["1.2.3"]}, 404),
        ({"studies": ["9.9"]}, 404),
        ({"studies": ["1.2.3"], "capability": "pixel.read"}, 201),
        ({"studies": ["1.2.3"], "collection": "other", "capability": "pixel.read"}, 404),
    ):
        answer = await kept.browser.post(LINKS, headers=mine, json={**body, **wanted})
        assert answer.status_code == status, wanted


async def test_a_link_ends_with_what_its_maker_may(kept: House, reader: int) -> None:
    from app.registry import rights
    from app.registry.tables import GRANT

    mine = {"Cookie": await session(kept, reader), "Origin": "http://archive.test"}
    sent = bearer((await link(kept, mine, collection="kept"))["token"])
    assert await studies(kept, sent) == ["1.2.3"]

    def revoke(connection: Any) -> None:
        connection.execute(update(GRANT).values(revoked_at=now()))
        rights.changed(connection)

    await kept.archive.database.write(revoke)
    assert await studies(kept, sent) == []
    await kept.archive.database.write(
        lambda connection: people.change(connection, reader, {"disabled": True})
    )
    assert refused(await kept.browser.get("/api/v1/me", headers=sent))


async def test_a_link_ends(kept: House) -> None:
    made = await link(kept, OWNER, collection="kept")
    sent, path = bearer(made["token"]), f"{LINKS}/{made['id']}"
    assert await studies(kept, sent) == ["1.2.3"]
    assert (await kept.browser.delete(path, headers=OWNER)).status_code == 204
    assert refused(await kept.browser.get("/dicom-web/studies", headers=sent))
    assert refused(await kept.browser.get(f"/dicom-web/studies?token={made['token']}"))
    assert (await kept.browser.get(path, headers=OWNER)).json()["revoked_at"]
    late = await link(kept, OWNER, collection="kept")
    past = now() - DAY
    await kept.archive.database.write(
        lambda connection: connection.execute(update(SHARE_LINK).values(expires_at=past))
    )
    assert refused(await kept.browser.get("/dicom-web/studies", headers=bearer(late["token"])))


async def test_too_many_unknown_tokens_are_429(kept: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "UNKNOWN_TOKENS", Policy("unknown-tokens", 3, 60))
    token = bearer(await kept.token(await kept.person("mary")))
    answers = [await kept.browser.get("/api/v1/me", headers=bearer("wrong")) for _ in range(5)]
    assert [each.status_code for each in answers] == [401] * 3 + [429] * 2
    assert [each.headers["ratelimit"].partition(";t=")[0] for each in answers[:3]] == [
        f'"unknown-tokens";r={left}' for left in (2, 1, 0)
    ]
    last = answers[-1].headers
    assert 1 <= int(last["retry-after"]) <= 60
    assert last["ratelimit-policy"] == '"unknown-tokens";q=3;w=60'
    assert last["ratelimit"] == f'"unknown-tokens";r=0;t={last["retry-after"]}'
    # The owner's might be guessed, and is not told to be right; what nobody can guess goes on.
    assert (await kept.browser.get("/api/v1/me", headers=OWNER)).status_code == 429
    assert (await kept.browser.get("/api/v1/me", headers=token)).status_code == 200


async def test_what_nobody_can_guess_locks_nobody_out(kept: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "UNKNOWN_TOKENS", Policy("unknown-tokens", 3, 60))
    ended = [f"{kind}{'a' * 43}" for kind in ("rr_", "rrl_", "rrs_")]
    for sent in (
        *(*map(bearer, ended), *map(basic, ended), basic("wrong"), {"Authorization": "Digest a"}),
        *({"Cookie": f"readingroom={ended[2]}"}, {"Cookie": f"readingroom-link={ended[2]}"}),
    ):
        for _ in range(4):
            assert refused(await kept.browser.get("/api/v1/me", headers=sent)), sent
    for _ in range(4):
        assert refused(await kept.browser.get(f"/dicom-web/studies?token={ended[1]}"))
    assert (await kept.browser.get("/api/v1/me", headers=OWNER)).status_code == 200


async def test_requests_are_counted_where_they_are_limited(settings: Settings) -> None:
    async with house(settings, requests_per_minute=2) as kept:
        tokens = [bearer(await kept.token(await kept.person(name))) for name in ("mary", "john")]
        for sent in (*tokens, {}):
            answers = [await kept.browser.get("/api/v1/me", headers=sent) for _ in range(3)]
            assert [each.status_code for each in answers] == [200, 200, 429]
            assert answers[0].headers["ratelimit-policy"] == '"requests";q=2;w=60'
            assert answers[0].headers["ratelimit"].startswith('"requests";r=1;t=')
            assert "retry-after" in answers[2].headers


async def test_another_token_is_not_another_caller(settings: Settings) -> None:
    async with house(settings, requests_per_minute=2) as kept:
        mary = await kept.person("mary")
        answers = [
            await kept.browser.get("/api/v1/me", headers=bearer(await kept.token(mary))) for _ in range(3)
        ]
        assert [each.status_code for each in answers] == [200, 200, 429]


async def test_two_tokens_at_once(kept: House, reader: int) -> None:
    token = bearer(await kept.token(reader))
    answers = await asyncio.gather(*(studies(kept, token) for _ in range(10)))
    assert answers == [["1.2.3", "1.2.4"]] * 10
