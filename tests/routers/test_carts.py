"""Carts over HTTP: they never change, and each who opens one sees of it what they may."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.models.types import now
from app.settings import Settings
from tests.house import OWNER, bearer, house
from tests.routers.callers import ANYONE, enrol, person, recognise
from tests.routers.versions_of import held, make, publish, send

CARTS = "/api/v1/carts"


async def filled(client: httpx.AsyncClient) -> None:
    """An open collection for commerce, and a private one that is not; a series in each, in one study."""
    await make(client, "open", tier="open", hidden=False, rolling=True)
    await make(client, "closed", licence="CC-BY-NC-4.0", rolling=True)
    await send(client, "open", series="1.2.3.4", instance="1.1")
    await send(client, "closed", series="1.2.3.5", instance="1.2")


async def made(client: httpx.AsyncClient, headers: Any = None, **values: Any) -> Any:
    """Make a cart; what the archive says of it."""
    answer = await client.post(CARTS, json={"name": "A cart", **values}, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(answer.json()["key"])
    return answer.json()


async def test_a_cart_holds_what_was_there_when_it_was_made(client: httpx.AsyncClient) -> None:
    await filled(client)
    cart = await made(client, studies=["1.2.3"])
    root = f"/carts/{cart['key']}"
    await send(client, "open", series="1.2.3.4", instance="1.9")
    await publish(client, "open")
    leaving = [{"study": "1.2.3", "reason": "Gone"}]
    await publish(client, "open", withdraw=leaving)
    assert await held(client, root) == ["1.1", "1.2"]
    studies = await client.get(f"{root}/dicom-web/studies")
    assert [each["00201208"]["Value"] for each in studies.json()] == [[2]]
    got = await client.get(f"{root}/dicom-web/studies/1.2.3/metadata")
    assert len(got.json()) == 2
    assert await held(client, "/collections/open") == []


async def test_a_cart_is_made_of_what_a_search_finds(client: httpx.AsyncClient) -> None:
    await filled(client)
    for wanted, expected in (
        ({"search": "Modality=CT"}, ["1.1", "1.2"]),
        ({"search": "Modality=CT", "collection": "closed"}, ["1.2"]),
        ({"series": ["1.2.3.5"]}, ["1.2"]),
    ):
        cart = await made(client, **wanted)
        assert await held(client, f"/carts/{cart['key']}") == expected
    for wanted in (
        {"search": "Modality=MR"},
        {"series": ["9.9"]},
        {},
        {"search": "Nonsense=1"},
        {"version": 1, "series": ["1.2.3.5"]},
    ):
        refused = await client.post(CARTS, json={"name": "A cart", **wanted})
        assert refused.status_code == 400, refused.text
    await publish(client, "open")
    cart = await made(client, collection="open", version=1, search="")
    assert cart["series"] == 1


async def test_totals_and_licences_are_rolled_up(client: httpx.AsyncClient) -> None:
    await filled(client)
    cart = await made(client, studies=["1.2.3"])
    assert (cart["series"], cart["instances"], cart["series_non_commercial"]) == (2, 2, 1)
    assert cart["in_words"] == "1 of 2 series may not be used commercially."
    assert {each["collection"]: each["licence"] for each in cart["licences"]} == {
        "open": "CC-BY-4.0",
        "closed": "CC-BY-NC-4.0",
    }


async def test_each_sees_of_a_cart_what_they_may(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(client)
    recognise(monkeypatch)
    await client._transport.app.state.archive.database.write(lambda connection: enrol(connection, 2))  # type: ignore[attr-defined]
    cart = await made(client, studies=["1.2.3"])
    address, root = f"{CARTS}/{cart['key']}", f"/carts/{cart['key']}"
    for headers in (person(1), ANYONE):
        assert (await client.get(address, headers=headers)).status_code == 404
        assert (await client.get(f"{root}/dicom-web/studies", headers=headers)).status_code == 404
    for audience, seen in (("registered", (200, 404)), ("anyone", (200, 200))):
        assert (await client.patch(address, json={"audience": audience})).json()["audience"] == audience
        for headers, status in zip((person(1), ANYONE), seen, strict=True):
            shown = await client.get(address, headers=headers)
            assert shown.status_code == status
            if status == 200:
                assert (shown.json()["series"], shown.json()["own"]) == (1, False)
                assert "closed" not in shown.text
                assert await held(client, root, headers) == ["1.1"]
    assert (await client.patch(address, json={"name": "x"}, headers=person(1))).status_code == 403
    assert (await client.delete(address, headers=person(1))).status_code == 403
    own = await made(client, headers=person(1), studies=["1.2.3"])
    assert own["series"] == 1
    assert [each["key"] for each in (await client.get(CARTS, headers=person(1))).json()["items"]] == [
        own["key"]
    ]
    assert (
        await client.post(CARTS, json={"name": "x", "studies": ["1.2.3"]}, headers=ANYONE)
    ).status_code == 401
    assert (await client.delete(f"{CARTS}/{own['key']}", headers=person(1))).status_code == 204
    assert (await client.get(f"{CARTS}/{own['key']}", headers=person(1))).status_code == 404


async def test_a_change_takes_the_state_that_was_read(client: httpx.AsyncClient) -> None:
    await filled(client)
    cart = await made(client, studies=["1.2.3"])
    address = f"{CARTS}/{cart['key']}"
    etag = (await client.get(address)).headers["etag"]
    assert (await client.patch(address, json={"name": "b"}, headers={"if-match": etag})).status_code == 200
    assert (await client.patch(address, json={"name": "c"}, headers={"if-match": etag})).status_code == 412
    assert (await client.get(address, headers={"if-none-match": etag})).status_code == 200


async def test_a_link_to_a_cart_shows_that_and_nothing_else(settings: Settings) -> None:
    async with house(settings) as opened:
        client, owner = opened.browser, OWNER
        client.headers.update(owner)
        await filled(client)
        cart, other = await made(client, series=["1.2.3.5"]), await made(client, series=["1.2.3.5"])
        client.headers.pop("authorization")
        until = (now() + timedelta(days=1)).isoformat()
        wanted = {"cart": cart["key"], "expires_at": until}
        link = await client.post("/api/v1/share-links", json=wanted, headers=owner)
        assert link.status_code == 201, link.text
        assert f"/carts/{cart['key']}/viewer" in link.json()["url"]
        by_link = bearer(link.json()["token"])
        assert await held(client, f"/carts/{cart['key']}", by_link) == ["1.2"]
        assert (await client.get(f"{CARTS}/{cart['key']}", headers=by_link)).json()["own"] is False
        assert await held(client, "", by_link) == []
        elsewhere = (
            "/api/v1/collections/closed",
            f"{CARTS}/{other['key']}",
            f"/carts/{other['key']}/dicom-web/studies",
        )
        for path in elsewhere:
            assert (await client.get(path, headers=by_link)).status_code == 404, path
        assert (await client.get(CARTS, headers=by_link)).status_code == 403
        wanted["collection"] = "closed"
        assert (await client.post("/api/v1/share-links", json=wanted, headers=owner)).status_code == 400


async def test_a_cart_of_studies_has_no_more_series_than_any(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(client, rolling=True)
    for number in range(3):
        await send(client, series=f"1.2.3.{number}", instance=f"1.{number}")
    for most, status in ((2, 400), (3, 201)):
        monkeypatch.setattr("app.services.carts.MOST", most)
        answer = await client.post(CARTS, json={"name": "A cart", "studies": ["1.2.3"]})
        assert answer.status_code == status
    assert len((await client.get(CARTS)).json()["items"]) == 1
