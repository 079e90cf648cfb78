"""Whatever is begun at one server goes on at any other: each step is asked of the next of three."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.database import Database
from app.services import people
from tests.bodies import content_type, multipart
from tests.house import OWNER, PASSWORD, bearer
from tests.instances import ct, part10
from tests.live import Process

pytestmark = pytest.mark.xdist_group("three")
OURS = {"Sec-Fetch-Site": "same-origin"}
#: As a proxy says it, so that all of them have one name.
PROXIED = {"X-Forwarded-Host": "archive.test", "X-Forwarded-Proto": "http"}
NUMBERS = itertools.count()
JSON = {"accept": "application/dicom+json"}


@pytest.fixture
def anyone(three: list[Process]) -> Iterator[Callable[..., httpx.Response]]:
    """Asks each server in its turn, never the same twice; as the owner, unless told otherwise."""
    turns = itertools.cycle(three)
    with httpx.Client(timeout=60) as client:

        def ask(
            method: str, path: str, headers: dict[str, str] | None = None, **more: object
        ) -> httpx.Response:
            client.cookies.clear()
            said = PROXIED | (OWNER if headers is None else headers)
            return client.request(method, f"{next(turns).url}{path}", headers=said, **more)

        yield ask


@pytest.fixture
def person(shared_database: str) -> tuple[int, str]:
    """Somebody with a password here: number and name."""
    name = f"mary{next(NUMBERS)}"

    async def add() -> int:
        opened = await Database.open(shared_database)
        try:
            return await people.add(opened, name, PASSWORD, people.OPERATOR)
        finally:
            await opened.close()

    return asyncio.run(add()), name


@pytest.fixture
def collection(anyone: Callable[..., httpx.Response]) -> str:
    """A private collection whose submissions are published in versions."""
    slug = f"shared-{next(NUMBERS)}"
    new = {"slug": slug, "title": slug, "licence": "CC-BY-4.0", "tier": "private"}
    assert anyone("POST", "/api/v1/collections", json=new).status_code == 201
    return slug


def stow(anyone: Callable[..., httpx.Response], root: str, *instances: bytes) -> httpx.Response:
    head = {**OWNER, "content-type": content_type()}
    answer = anyone("POST", f"{root}/studies", head, content=multipart(instances))
    assert answer.status_code == 200, answer.text
    return answer


def sign_in(anyone: Callable[..., httpx.Response], name: str) -> dict[str, str]:
    answer = anyone("POST", "/sign-in", OURS, data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_who_signed_in_at_one_is_signed_in_at_all(
    anyone: Callable[..., httpx.Response], person: tuple[int, str]
) -> None:
    number, name = person
    cookie = sign_in(anyone, name)
    for _ in range(3):
        assert anyone("GET", "/api/v1/me", cookie).json()["person"] == number
    anyone("POST", "/sign-out", cookie | OURS)
    for _ in range(3):
        assert anyone("GET", "/api/v1/me", cookie).status_code == 401


def test_tokens_and_their_end(anyone: Callable[..., httpx.Response], person: tuple[int, str]) -> None:
    cookie = sign_in(anyone, person[1])
    made = anyone("POST", "/api/v1/tokens", cookie | OURS, json={"name": "one"}).json()
    for _ in range(3):
        assert anyone("GET", "/api/v1/me", bearer(made["token"])).json()["person"] == person[0]
    assert anyone("DELETE", f"/api/v1/tokens/{made['id']}", cookie | OURS).status_code == 204
    for _ in range(3):
        assert anyone("GET", "/api/v1/me", bearer(made["token"])).status_code == 401


def test_what_is_granted_and_revoked_counts_everywhere_at_once(
    anyone: Callable[..., httpx.Response], person: tuple[int, str], collection: str
) -> None:
    cookie, page = sign_in(anyone, person[1]), f"/api/v1/collections/{collection}"
    for _ in range(3):
        assert anyone("GET", page, cookie).status_code == 404
    wanted = {
        "to": "person",
        "person": person[0],
        "role": "reader",
        "collection": collection,
        "reason": "Reads.",
    }
    grant = anyone("POST", "/api/v1/grants", json=wanted).json()
    for _ in range(3):
        assert anyone("GET", page, cookie).status_code == 200
    assert anyone("DELETE", f"/api/v1/grants/{grant['id']}").status_code < 300
    for _ in range(3):
        assert anyone("GET", page, cookie).status_code == 404


def test_a_submission_goes_on_and_is_published(
    anyone: Callable[..., httpx.Response], collection: str
) -> None:
    home, study = f"/collections/{collection}", f"1.8.{next(NUMBERS)}"
    addresses = set()
    for _ in range(3):
        answer = stow(anyone, f"{home}/dicom-web", part10(ct(study, f"{study}.1")))
        addresses.add(answer.json()["00081190"]["Value"][0].split("/submissions/")[1].split("/")[0])
    (submission,) = addresses
    stow(anyone, f"/submissions/{submission}/dicom-web", part10(ct(study, f"{study}.1")))
    drafts = f"/submissions/{submission}/dicom-web/instances"
    assert [len(anyone("GET", drafts).json()) for _ in range(3)] == [4] * 3
    api = f"/api/v1/collections/{collection}"
    version = anyone("POST", f"{api}/versions", json={"note": "First.", "submissions": [submission]})
    assert version.status_code == 201, version.text
    for _ in range(3):
        assert len(anyone("GET", f"{home}/versions/1/dicom-web/instances").json()) == 4


def test_what_is_stored_shows_in_answers_that_others_keep(anyone: Callable[..., httpx.Response]) -> None:
    study = f"1.8.{next(NUMBERS)}"
    path, tags = f"/dicom-web/studies/{study}/series/{study}.1/metadata", set()
    for count in range(1, 5):
        stow(anyone, "/dicom-web", part10(ct(study, f"{study}.1")))
        answers = [anyone("GET", path, OWNER | JSON) for _ in range(3)]
        assert [len(each.json()) for each in answers] == [count] * 3
        # One tag for one state, whoever is asked.
        assert len({each.headers["etag"] for each in answers}) == 1
        tags.add(answers[0].headers["etag"])
    assert len(tags) == 4


def test_carts_and_links(anyone: Callable[..., httpx.Response]) -> None:
    study = f"1.8.{next(NUMBERS)}"
    stow(anyone, "/dicom-web", part10(ct(study, f"{study}.1")))
    cart = anyone("POST", "/api/v1/carts", json={"name": "One", "studies": [study]}).json()["key"]
    for _ in range(3):
        assert anyone("GET", f"/api/v1/carts/{cart}").json()["instances"] == 1
        assert len(anyone("GET", f"/carts/{cart}/dicom-web/instances").json()) == 1
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    link = anyone("POST", "/api/v1/share-links", json={"cart": cart, "expires_at": until}).json()
    for _ in range(3):
        seen = anyone("GET", f"/carts/{cart}/dicom-web/instances", bearer(link["token"]))
        assert len(seen.json()) == 1
    assert anyone("DELETE", f"/api/v1/share-links/{link['id']}").status_code == 204
    for _ in range(3):
        assert anyone("GET", f"/carts/{cart}/dicom-web/instances", bearer(link["token"])).status_code == 401


def test_lists_and_searches_go_on(anyone: Callable[..., httpx.Response], collection: str) -> None:
    """Page by page, each of another server."""
    slugs, after = [], "0"
    while after is not None:
        page = anyone("GET", "/api/v1/collections", params={"limit": 1, "after": after}).json()
        slugs += [each["slug"] for each in page["items"]]
        after = page["next"]
    assert collection in slugs
    assert len(slugs) == len(set(slugs))
    study = f"1.8.{next(NUMBERS)}"
    stow(anyone, "/dicom-web", *(part10(ct(study, f"{study}.{each}")) for each in range(7)))
    found = [
        anyone("GET", f"/dicom-web/studies/{study}/series", params={"limit": 1, "offset": each}).json()[0]
        for each in range(7)
    ]
    assert len({each["0020000E"]["Value"][0] for each in found}) == 7


def test_a_change_that_another_server_overtook_is_refused(
    anyone: Callable[..., httpx.Response], collection: str
) -> None:
    path = f"/api/v1/collections/{collection}"
    tag = anyone("GET", path).headers["etag"]
    first = anyone("PATCH", path, OWNER | {"If-Match": tag}, json={"title": "First"})
    assert first.status_code == 200, first.text
    assert anyone("PATCH", path, OWNER | {"If-Match": tag}, json={"title": "Second"}).status_code == 412
    assert {anyone("GET", path).json()["title"] for _ in range(3)} == {"First"}
    assert anyone("GET", path, OWNER | {"If-None-Match": first.headers["etag"]}).status_code == 304
