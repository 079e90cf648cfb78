"""What was done is entered, counted and shown to whom it concerns."""

import asyncio
import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, func, insert, select

from app.access.callers import OWNER, STRANGER, Caller
from app.access.roles import ROLES
from app.errors import Forbidden, NotFound, NotSignedIn
from app.main import create_app
from app.registry import audit
from app.registry.audit_log import Wanted
from app.registry.rights import changed
from app.registry.tables import AUDIT_ANCHOR, AUDIT_ENTRY, COLLECTION, GRANT, PERSON, UNIT
from app.services import audit as reading
from app.services import views
from app.settings import Settings
from app.viewer import Capability
from tests.instances import ct, part10

AUDIT = "/api/v1/audit"
STUDIES = "/dicom-web/studies"
HEAD = {"content-type": "application/dicom"}
Opened = tuple[FastAPI, httpx.AsyncClient]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Opened]:
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as client,
    ):
        yield app, client


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[Opened]:
    """The running application, and a client of it: the owner."""
    async with opened(settings) as both:
        yield both


@pytest.fixture
def client(house: Opened) -> httpx.AsyncClient:
    return house[1]


async def entered(house: Opened, **wanted: str) -> list[dict[str, Any]]:
    """The entries, the newest first, once all that was counted is among them."""
    await views.write_down(house[0].state.archive)
    answer = await house[1].get(AUDIT, params=wanted)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def store(client: httpx.AsyncClient, *uids: str, root: str = "/dicom-web") -> None:
    answer = await client.post(f"{root}/studies", content=part10(ct(*uids)), headers=HEAD)
    assert answer.status_code == 200, answer.text


def counts(entry: dict[str, Any]) -> dict[tuple[str, str], tuple[int, int, int]]:
    return {
        (each["act"], each["status"]): (each["requests"], each["instances"], each["bytes"])
        for each in entry["details"]["counts"]
    }


async def test_a_chain_begins_with_the_process(house: Opened) -> None:
    (first,) = await entered(house, what=audit.BEGUN)
    assert (first["who"], first["number"]) == ("system", 1)
    assert len(first["digest"]) == 64


async def test_views_are_summed_by_collection_act_and_outcome(house: Opened) -> None:
    client, inbox, uids = house[1], "/collections/inbox/dicom-web", ("1.2.3", "1.2.3.4", "1.2.3.4.5")
    await store(client, *uids)
    sent = await client.get(f"{inbox}/studies/1.2.3")
    for path in ("/studies", "/studies/1.2.3/metadata", "/studies/1.2.3/thumbnail", "/studies/1.2.3"):
        assert (await client.get(inbox + path)).status_code == 200
    assert (await client.get(f"{inbox}/studies/9.9")).status_code == 404
    assert (await client.head(f"{inbox}/studies/1.2.3")).status_code == 200
    here, nowhere = {}, {}
    for each in await entered(house, what="views"):
        assert each["who"] == "owner"
        (here if each["collection"] == "inbox" else nowhere).update(counts(each))
    assert here[("download", "2xx")] == (2, 2, 2 * len(sent.content))
    assert here[("store", "2xx")] == (1, 1, len(part10(ct(*uids))))
    assert {key: value[:2] for key, value in here.items()} == {
        ("download", "2xx"): (2, 2),
        ("metadata", "2xx"): (2, 0),
        ("search", "2xx"): (1, 0),
        ("store", "2xx"): (1, 1),
        ("view", "2xx"): (1, 0),
    }
    assert {key: value[0] for key, value in nowhere.items()} == {("download", "4xx"): 1}


async def test_no_uid_is_entered(house: Opened) -> None:
    await store(house[1])
    await house[1].get(f"{STUDIES}/1.2.3/series/1.2.3.4/metadata")
    await house[1].get(f"{STUDIES}/9.8.7")
    said = str(await entered(house))
    assert "1.2.3" not in said
    assert "9.8.7" not in said


async def test_what_is_read_of_the_whole_archive_is_told_to_the_collection(house: Opened) -> None:
    await store(house[1])
    assert (await house[1].get(f"{STUDIES}/1.2.3")).status_code == 200
    wado = "/wado?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.4&objectUID=1.2.3.4.5"
    assert (await house[1].get(f"{wado}&contentType=application%2Fdicom")).status_code in (200, 404)
    (entry,) = await entered(house, what="views", collection="inbox")
    assert counts(entry)[("download", "2xx")][:2] == (1, 1)


async def test_what_could_not_be_written_is_counted_with_the_next(house: Opened, monkeypatch) -> None:
    await house[1].get(STUDIES)
    archive = house[0].state.archive

    async def fails(_: object) -> None:
        raise OSError("none")

    with monkeypatch.context() as broken:
        broken.setattr(type(archive.database), "write", lambda *_: fails(None))
        with pytest.raises(OSError, match="none"):
            await views.write_down(archive)
    (entry,) = await entered(house, what="views")
    assert counts(entry)[("search", "2xx")][0] == 1


async def test_at_the_end_all_is_written_and_anchored(settings: Settings) -> None:
    async with opened(settings) as (_, client):
        await client.get(STUDIES)
    async with opened(settings) as house:
        found = await entered(house)
        assert [each["what"] for each in found] == [audit.ENDED, "views", audit.BEGUN]
        anchored = await house[0].state.archive.database.write(audit.anchor)
        assert anchored == 0


async def test_every_minute_and_every_hour(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "SECONDS", 0.05)
    monkeypatch.setattr(views, "MINUTES_TO_ANCHOR", 2)
    async with opened(settings) as (app, client):
        database = app.state.archive.database
        await client.get(STUDIES)
        for table in (AUDIT_ENTRY, AUDIT_ANCHOR):
            rows = select(func.max(table.c.number))
            for _ in range(1000):
                found = await database.lookup(lambda c, rows=rows: c.execute(rows).scalar())
                if found == 2:
                    break
                await asyncio.sleep(0.02)
            assert found == 2


async def test_refusals_are_counted(settings: Settings) -> None:
    token = "0123456789abcdef"
    given = {"authorization": f"Bearer {token}"}
    guarded = Settings(data=settings.data, database=settings.database, owner_token=token)
    async with opened(guarded) as (app, client):
        for sent in ({}, {"authorization": "Bearer wrong"}):
            assert (await client.get(STUDIES, headers=sent)).status_code == 401
        # What is refused may be named anything.
        for path in ("%00", "%ff", "1.2.3", "x" * 200):
            for root in ("/dicom-web/studies/", "/collections/", "/submissions/"):
                below = "" if root.startswith("/dicom") else "/dicom-web/studies"
                assert (await client.get(root + path + below)).status_code == 401
        await views.write_down(app.state.archive)
        answer = await client.get(AUDIT, params={"who": "stranger"}, headers=given)
        (entry,) = answer.json()["items"]
        assert counts(entry)[("search", "401")][0] == 2 + 2 * 4
        assert counts(entry)[("download", "401")][0] == 4
        assert (await client.get(AUDIT)).status_code == 401


async def test_paging_newest_first(house: Opened) -> None:
    archive = house[0].state.archive
    for place in range(7):
        await archive.database.write(lambda c, place=place: audit.enter(c, "a", "b", None, place=place))
    found, after = [], None
    while True:
        asked = {"what": "b", "limit": "3", **({"after": after} if after else {})}
        page = (await house[1].get(AUDIT, params=asked)).json()
        found += [each["details"]["place"] for each in page["items"]]
        assert len(page["items"]) <= 3
        after = page["next"]
        if after is None:
            break
    assert found == [6, 5, 4, 3, 2, 1, 0]


async def test_from_and_to(house: Opened) -> None:
    (first,) = await entered(house)
    at = datetime.fromisoformat(first["at"])
    later = (at + timedelta(microseconds=1)).isoformat()
    assert await entered(house, **{"from": first["at"], "to": later, "what": audit.BEGUN}) == [first]
    assert await entered(house, to=first["at"]) == []
    assert await entered(house, **{"from": later, "what": audit.BEGUN}) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"after": "x"},
        {"after": "2026-01-01T00:00:00Z~99999999999999999999"},
        {"after": "0001-01-01T00:00:00+14:00~1"},
        {"from": "0001-01-01T00:00:00+14:00"},
        {"to": "9999-12-31T23:59:59-14:00"},
        {"from": "yesterday"},
        {"who": "a\0b"},
        {"what": "\0"},
        {"limit": "0"},
        {"format": "xml"},
    ],
)
async def test_what_is_not_understood(client: httpx.AsyncClient, asked: dict[str, str]) -> None:
    answer = await client.get(AUDIT, params=asked)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_csv(house: Opened) -> None:
    archive = house[0].state.archive
    await archive.database.write(lambda c: audit.enter(c, "=1+1", "b", None, said='a "quoted", word'))
    answer = await house[1].get(AUDIT, params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, newest, *_ = csv.reader(StringIO(answer.text))
    assert head[:5] == ["at", "who", "what", "collection", "details"]
    assert newest[1:5] == ["'=1+1", "b", "", '{"said":"a \\"quoted\\", word"}']
    assert (await house[1].get(AUDIT, params={"format": "csv", "collection": "x"})).status_code == 404


async def test_csv_has_more_than_are_read_at_once(house: Opened, monkeypatch) -> None:
    monkeypatch.setattr(reading, "BATCH", 3)
    archive = house[0].state.archive
    for _ in range(8):
        await archive.database.write(lambda c: audit.enter(c, "a", "b"))
    answer = await house[1].get(AUDIT, params={"format": "csv", "what": "b"})
    assert len(answer.text.splitlines()) == 9


# Others than the owner: rows made by hand, and the services called with them.


def people(connection: Connection) -> tuple[int, int, int]:
    """A collection that is hidden, and two people of whom the first owns it."""
    moment = datetime.now(UTC) - timedelta(days=1)
    made = insert(COLLECTION).values(slug="own", title="Own", created_at=moment, changed_at=moment)
    collection = connection.execute(made.returning(COLLECTION.c.id)).scalar_one()
    connection.execute(insert(UNIT).values(collection_id=collection))
    rows = [
        connection.execute(insert(PERSON).values(subject=each).returning(PERSON.c.id)).scalar_one()
        for each in ("ann", "bob")
    ]
    connection.execute(
        insert(GRANT).values(
            to="person",
            person_id=rows[0],
            role="owner",
            collection_id=collection,
            starts_at=moment,
            reason="",
            granted_by="",
        )
    )
    changed(connection)
    audit.enter(connection, "bob", "in.own", collection)
    audit.enter(connection, "ann", "elsewhere")
    audit.enter(connection, "bob", "elsewhere")
    return collection, rows[0], rows[1]


async def read(house: Opened, caller: Caller, slug: str | None = None) -> set[tuple[str, str]]:
    found, _ = await reading.entries(house[0].state.archive, caller, Wanted(), slug, None, 100)
    return {(each.who, each.what) for each in found}


async def test_who_may_read_what(house: Opened) -> None:
    collection, ann, bob = await house[0].state.archive.database.write(people)
    begun, mine = ("system", audit.BEGUN), {("bob", "in.own"), ("bob", "elsewhere")}
    everything = {begun, *mine, ("ann", "elsewhere")}
    her = Caller("ann", person=ann, signed_in=True)
    him = Caller("bob", person=bob, signed_in=True)
    assert await read(house, OWNER) == everything
    assert await read(house, Caller("eve", signed_in=True, audits=True)) == everything
    auditor = Caller("eve", person=bob, signed_in=True, audits=True)
    assert await read(house, auditor, "own") == {("bob", "in.own")}
    assert await reading.usage(house[0].state.archive, auditor, "own", "", 12) == ([], [])
    assert await read(house, her) == {("bob", "in.own"), ("ann", "elsewhere")}
    assert await read(house, her, "own") == {("bob", "in.own")}
    assert await read(house, him) == mine
    with pytest.raises(NotFound):
        await read(house, him, "own")
    with pytest.raises(NotSignedIn):
        await read(house, STRANGER)
    # A token reads less than its person, also an administrator's.
    owning = Caller("ann", person=ann, signed_in=True, collections=frozenset({collection}))
    assert await read(house, owning) == {("bob", "in.own")}
    for narrowed in (
        Caller("bob", person=bob, signed_in=True, collections=frozenset({collection})),
        Caller("ann", person=ann, signed_in=True, capabilities=ROLES["reader"]),
        Caller("eve", signed_in=True, everything=True, audits=True, capabilities=ROLES["reader"]),
    ):
        with pytest.raises((Forbidden, NotSignedIn)):
            await read(house, narrowed)
    assert Capability.OWN in ROLES["owner"]


async def test_names_of_hidden_collections_are_not_told(house: Opened) -> None:
    collection, ann, bob = await house[0].state.archive.database.write(people)
    for caller, names in (
        (Caller("ann", ann, signed_in=True), True),
        (Caller("bob", bob, signed_in=True), False),
    ):
        _, told = await reading.entries(house[0].state.archive, caller, Wanted(), None, None, 100)
        assert (collection in told) is names


async def test_usage_by_month(house: Opened) -> None:
    await store(house[1])
    size = len((await house[1].get("/collections/inbox/dicom-web/studies/1.2.3")).content)
    picture = len((await house[1].get("/collections/inbox/dicom-web/studies/1.2.3/thumbnail")).content)
    for _ in range(2):
        await views.write_down(house[0].state.archive)
        page = (await house[1].get("/api/v1/collections/inbox/usage")).json()
        sums = {"views": 1, "downloads": 1, "instances": 1, "bytes": size + picture}
        month = f"{datetime.now(UTC):%Y-%m}"
        assert page == {
            "items": [{"month": month, **sums, "people": [{"who": "owner", **sums}]}],
            "next": None,
        }
    await house[1].get("/collections/inbox/dicom-web/studies/1.2.3")
    await views.write_down(house[0].state.archive)
    (month,) = (await house[1].get("/api/v1/collections/inbox/usage")).json()["items"]
    assert (month["downloads"], month["bytes"]) == (2, 2 * size + picture)
    assert (await house[1].get("/api/v1/collections/none/usage")).status_code == 404


async def test_usage_is_for_owners_and_auditors(house: Opened) -> None:
    archive = house[0].state.archive
    _, ann, bob = await archive.database.write(people)
    assert await reading.usage(archive, Caller("ann", ann, signed_in=True), "own", "", 12) == ([], [])
    with pytest.raises(NotFound):
        await reading.usage(archive, Caller("bob", bob, signed_in=True), "own", "", 12)

    def open_it(connection: Connection) -> None:
        connection.execute(UNIT.update().values(tier="open", hidden=False))
        changed(connection)

    await archive.database.write(open_it)
    with pytest.raises(Forbidden):
        await reading.usage(archive, Caller("bob", bob, signed_in=True), "own", "", 12)


async def test_months_come_in_pages(house: Opened) -> None:
    def old(connection: Connection) -> None:
        inbox = connection.execute(select(COLLECTION.c.id)).scalar_one()
        rows = [
            {
                "collection_id": inbox,
                "month": f"2025-{month:02}",
                "who": who,
                "act": "download",
                "requests": month,
                "instances": 2,
                "bytes": 3,
            }
            for month in range(1, 6)
            for who in ("a", "b")
        ]
        views.views.add(connection, rows)

    await house[0].state.archive.database.write(old)
    first = (await house[1].get("/api/v1/collections/inbox/usage?limit=3")).json()
    assert [each["month"] for each in first["items"]] == ["2025-05", "2025-04", "2025-03"]
    assert first["items"][0]["downloads"] == 10
    assert [each["downloads"] for each in first["items"][0]["people"]] == [5, 5]
    last = (await house[1].get(f"/api/v1/collections/inbox/usage?limit=3&after={first['next']}")).json()
    assert [each["month"] for each in last["items"]] == ["2025-02", "2025-01"]
    assert last["next"] is None
    assert (await house[1].get("/api/v1/collections/inbox/usage?after=x")).status_code == 400


async def test_the_entry_is_in_the_transaction_of_what_it_is_about(house: Opened) -> None:
    def fails(connection: Connection) -> None:
        audit.enter(connection, "a", "undone")
        raise NotFound

    with pytest.raises(NotFound):
        await house[0].state.archive.database.write(fails)
    rows = select(AUDIT_ENTRY.c.what)
    found = await house[0].state.archive.database.lookup(lambda c: list(c.execute(rows).scalars()))
    assert found == [audit.BEGUN]
