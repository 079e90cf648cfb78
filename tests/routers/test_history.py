"""Versions, carts and drafts tell nobody what they may not know, and lose nothing that was acknowledged."""

import csv
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from typing import Any

import httpx
import pytest

from app.access.secrets import LINK, digest
from app.access.secrets import make as secret_of
from app.models.types import now
from app.registry import carts, share_links
from app.settings import Settings
from app.viewer import Capability
from tests.house import OWNER, bearer, house
from tests.routers.callers import enrol, grant, person, recognise
from tests.routers.versions_of import API, SLUG, held, make, publish, send

HOME = f"/collections/{SLUG}"


async def test_what_never_was_is_not_gone(client: httpx.AsyncClient) -> None:
    """A series was withdrawn once and is published again; of it an instance is asked for that never was."""
    await make(client)
    await publish(client, submissions=[await send(client, instance="1.1")])
    await publish(client, withdraw=[{"study": "1.2.3", "series": "1.2.3.4", "reason": "x"}])
    await publish(client, submissions=[await send(client, instance="1.1")])
    path = "/dicom-web/studies/1.2.3/series/1.2.3.4/instances/9.9/metadata"
    assert (await client.get(HOME + path)).status_code == 404


async def test_a_narrowed_token_does_not_open_a_cart_to_anyone(settings: Settings) -> None:
    async with house(settings) as opened:
        row = await opened.collection("open")
        await opened.store("open")
        mary = await opened.person("mary")
        await opened.grant(mary, row, "reader")
        other = await opened.collection("other")
        whole = bearer(await opened.token(mary))
        narrow = bearer(await opened.token(mary, [Capability.FIND], [other]))
        new = {"name": "A cart", "studies": ["1.2.3"]}
        made = await opened.browser.post("/api/v1/carts", json=new, headers=whole)
        assert made.status_code == 201, made.text
        path = f"/api/v1/carts/{made.json()['key']}"
        answer = await opened.browser.patch(path, json={"audience": "anyone"}, headers=narrow)
        dropped = await opened.browser.delete(path, headers=narrow)
        assert (answer.status_code, dropped.status_code) in ((403, 403), (404, 404))


async def test_a_link_to_a_cart_ends_when_its_maker_may_not_open_it(settings: Settings) -> None:
    async with house(settings) as opened:
        row = await opened.collection("open")
        await opened.store("open")
        mary, john = await opened.person("mary"), await opened.person("john")
        for each in (mary, john):
            await opened.grant(each, row, "reader")
        hers, his = bearer(await opened.token(mary)), (await opened.token(john))
        new = {"name": "A cart", "studies": ["1.2.3"], "audience": "registered"}
        made = (await opened.browser.post("/api/v1/carts", json=new, headers=hers)).json()

        secret = secret_of(LINK)

        def write(connection: Any) -> None:

            cart = carts.find(connection, made["key"])
            share_links.make(
                connection, john, digest(secret), None, (), cart, capability="pixel.read",
                expires_at=now() + timedelta(days=1), most_uses=None, note="", owner=None,
            )  # fmt: skip

        await opened.archive.database.write(write)
        path = f"/carts/{made['key']}/dicom-web/studies"
        assert (await opened.browser.get(path, headers=bearer(secret))).status_code == 200
        closed = await opened.browser.patch(
            f"/api/v1/carts/{made['key']}", json={"audience": "nobody"}, headers=hers
        )
        assert closed.status_code == 200
        assert (await opened.browser.get(path, headers=bearer(his))).status_code == 404
        assert (await opened.browser.get(path, headers=bearer(secret))).status_code == 404


async def test_nothing_is_proposed_to_a_submission_that_was_approved_meanwhile(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Approved between the look at its state and the write."""
    await make(client)
    await publish(client, submissions=[await send(client, instance="1.1")])
    key = await send(client, instance="1.2")
    archive = client._transport.app.state.archive  # type: ignore[attr-defined]
    real = archive.database.write

    async def write(work: Any) -> Any:
        monkeypatch.setattr(archive.database, "write", real)
        approved = await client.post(f"/api/v1/submissions/{key}/approve")
        assert approved.status_code == 200
        return await real(work)

    monkeypatch.setattr(archive.database, "write", write)
    proposed = [{"study": "1.2.3", "reason": "not looked at"}]
    answer = await client.put(f"/api/v1/submissions/{key}/withdrawals", json=proposed)
    assert answer.status_code == 409


async def test_what_was_sent_and_withdrawn_at_once_is_not_lost(client: httpx.AsyncClient) -> None:
    """Acknowledged, published, and then in no version, no draft, and no row."""
    await make(client)
    await publish(client, submissions=[await send(client, instance="1.1")])
    key = await send(client, series="1.2.3.9", instance="1.9")
    said = await publish(client, submissions=[key], withdraw=[{"study": "1.2.3", "reason": "superseded"}])
    root = f"{HOME}/versions/{said['version']}"
    draft = await held(client, f"/submissions/{key}")
    assert "1.9" in [*await held(client, root), *draft]


async def test_a_draft_gives_no_right_to_what_is_published_beside_it(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metadata are public, pixels on request; who may only submit sends something of a published study."""
    await make(client, tier="request", hidden=False)
    await publish(client, submissions=[await send(client, instance="1.1")])
    recognise(monkeypatch)
    archive = client._transport.app.state.archive  # type: ignore[attr-defined]
    collection = (await archive.rights.register()).collections[SLUG].id

    def put(connection: Any) -> None:
        enrol(connection, 1)
        grant(connection, 1, "submitter", collection)

    await archive.database.write(put)
    path = "studies/1.2.3/series/1.2.3.4/instances/1.1"
    assert (await client.get(f"{HOME}/dicom-web/{path}/frames/1", headers=person(1))).status_code == 403
    key = await send(client, headers=person(1), series="1.2.3.7", instance="1.7")
    root = f"/submissions/{key}/dicom-web"
    taken = await client.get(f"{root}/{path}", headers={**person(1), "accept": "application/dicom"})
    looked = await client.get(f"{root}/{path}/frames/1", headers=person(1))
    zipped = await client.get(f"/submissions/{key}/archive.zip", headers=person(1))
    assert (taken.status_code, looked.status_code, b"1.1.dcm" in zipped.content) == (404, 404, False)


async def test_a_study_is_listed_once_in_an_older_version(client: httpx.AsyncClient) -> None:
    """Its first series is withdrawn in version 2; the one that stays says otherwise of the study."""
    await make(client)
    await send(client, series="1.2.3.4", instance="1.1", StudyDescription="one", PatientID="A")
    key = await send(client, series="1.2.3.5", instance="1.2", StudyDescription="other", PatientID="B")
    await publish(client, submissions=[key])
    root = f"{HOME}/versions/1/dicom-web"
    asked = f"{root}/studies?includefield=StudyDescription"
    before = (await client.get(asked)).json()
    assert len(before) == 1
    assert (await client.get(f"{root}/studies?PatientID=B")).status_code == 204
    await publish(client, withdraw=[{"study": "1.2.3", "series": "1.2.3.4", "reason": "x"}])
    after = (await client.get(asked)).json()
    found = await client.get(f"{root}/studies?PatientID=B")
    assert (after, found.status_code) == (before, 204)


async def test_who_submits_is_not_told_what_was_purged_of_what_is_hidden(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(client)
    await publish(client, submissions=[await send(client, instance="1.1")])
    purged = await client.post(f"{API}/purges", json={"study": "1.2.3", "reason": "secret"})
    assert purged.status_code == 200
    recognise(monkeypatch)
    archive = client._transport.app.state.archive  # type: ignore[attr-defined]
    collection = (await archive.rights.register()).collections[SLUG].id

    def put(connection: Any) -> None:
        enrol(connection, 1)
        grant(connection, 1, "submitter", collection)

    await archive.database.write(put)
    key = await send(client, headers=person(1), study="2.2", series="2.2.1", instance="2.1")
    path = "studies/1.2.3/series/1.2.3.4/instances/1.1/metadata"
    hidden = await client.get(f"{HOME}/dicom-web/{path}", headers=person(1))
    assert hidden.status_code == 404
    told = await client.get(f"/submissions/{key}/dicom-web/{path}", headers=person(1))
    assert (told.status_code, "secret" in told.text) == (404, False)


async def test_what_a_manifest_names_is_what_its_digest_says(client: httpx.AsyncClient) -> None:
    """Also after the next version."""
    await make(client)
    await publish(client, submissions=[await send(client, instance="1.1")])
    (line,) = csv.DictReader(StringIO((await client.get(f"{API}/diff.csv", params={"from": 0})).text))
    await publish(client, submissions=[await send(client, instance="1.1", PatientComments="corrected")])
    got = await client.get(line["url"], headers={"accept": "application/dicom"})
    assert sha256(got.content).hexdigest() == line["sha256"]


async def test_who_follows_a_link_to_a_study_is_not_registered(settings: Settings) -> None:
    """A stranger with somebody's link opens what is for those who have signed in."""
    async with house(settings) as opened:
        row = await opened.collection("open")
        await opened.store("open")
        mary, john = await opened.person("mary"), await opened.person("john")
        for each in (mary, john):
            await opened.grant(each, row, "reader")
        hers = bearer(await opened.token(mary))
        new = {"name": "Suspected fraud", "studies": ["1.2.3"], "audience": "registered"}
        made = (await opened.browser.post("/api/v1/carts", json=new, headers=hers)).json()
        secret = secret_of(LINK)

        def write(connection: Any) -> None:
            share_links.make(
                connection, john, digest(secret), None, ["1.2.3"], None, capability="pixel.read",
                expires_at=now() + timedelta(days=1), most_uses=None, note="", owner=None,
            )  # fmt: skip

        await opened.archive.database.write(write)
        answer = await opened.browser.get(f"/api/v1/carts/{made['key']}", headers=bearer(secret))
        assert answer.status_code in (401, 403, 404)


async def test_the_feed_tells_of_what_a_machine_published_whose_clock_is_behind(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or of the same machine, whose clock was set back while the archive was started again."""
    for slug in ("one", "other"):
        await make(client, slug)
    await publish(client, "one", submissions=[await send(client, "one", instance="1.1")])
    known = (await client.get("/api/v1/changes")).json()["next"]
    monkeypatch.setattr("app.models.types._LAST", [0])
    monkeypatch.setattr("app.models.types.now", lambda: now() - timedelta(seconds=30))
    await publish(client, "other", submissions=[await send(client, "other", instance="1.2")])
    more = (await client.get("/api/v1/changes", params={"after": known})).json()["items"]
    assert [each["collection"] for each in more] == ["other"]


async def _with_link(opened: Any, headers: Any) -> dict[str, str]:
    """A link to the study alone; its bearer is not told from which collection it is."""
    new = {"studies": ["1.2.3"], "expires_at": (now() + timedelta(days=1)).isoformat()}
    made = await opened.browser.post("/api/v1/share-links", json=new, headers=headers)
    assert made.status_code == 201, made.text
    head = bearer(made.json()["token"])
    hidden = await opened.browser.get("/api/v1/collections/secret-name", headers=head)
    assert hidden.status_code == 404
    return head


async def test_what_was_withdrawn_does_not_name_the_collection_to_who_may_not_know_it(
    settings: Settings,
) -> None:
    async with house(settings) as opened:
        await opened.collection("secret-name")
        await opened.store("secret-name")
        opened.browser.headers.update(OWNER)
        await publish(opened.browser, "secret-name")
        head = await _with_link(opened, OWNER)
        left = [{"study": "1.2.3", "reason": "x"}]
        await publish(opened.browser, "secret-name", withdraw=left)
        gone = await opened.browser.get("/dicom-web/studies/1.2.3/metadata", headers=head)
        assert "secret-name" not in gone.text


async def test_a_cart_does_not_name_a_collection_to_who_may_not_know_it(settings: Settings) -> None:
    async with house(settings) as opened:
        await opened.collection("secret-name")
        await opened.store("secret-name")
        head = await _with_link(opened, OWNER)
        new = {"name": "A cart", "studies": ["1.2.3"], "audience": "anyone"}
        made = await opened.browser.post("/api/v1/carts", json=new, headers=OWNER)
        shown = await opened.browser.get(f"/api/v1/carts/{made.json()['key']}", headers=head)
        assert shown.status_code == 200
        assert "secret-name" not in shown.text
