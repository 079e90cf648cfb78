"""Sites and access units over HTTP: each with its own rights, progress and visibility."""

import pytest
from sqlalchemy import select, update

from app.registry.tables import AUDIT_ENTRY, UNIT
from tests.instances import ct, part10
from tests.routers.callers import ANYONE, enrol, person
from tests.routers.test_collections import API, DICOM, SHOWN, archive, give, make, store

__all__ = ["archive"]
CHEST = f"{API}/chest"


async def site(client, slug="north", **more):
    answer = await client.post(f"{CHEST}/sites", json={"slug": slug, "name": slug.title(), **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def unit(client, **more):
    answer = await client.post(f"{CHEST}/units", json=more)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(f"/units/{answer.json()['id']}")
    return answer.json()["id"]


async def seen(client, headers, address):
    """The UIDs that a search in the collection gives to who sends these headers."""
    answer = await client.get(f"/collections/chest/dicom-web/{address}", headers=headers)
    tag = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}[address]
    return sorted(each[tag]["Value"][0] for each in (answer.json() if answer.status_code == 200 else []))


async def test_a_site_has_a_unit_like_the_collections(client):
    await make(client, **SHOWN, embargo_until="2100-01-01")
    made = await site(client, expected_studies=50)
    assert (made["slug"], made["name"]) == ("north", "North")
    assert made["progress"] == {"expected": 50, "received": 0, "shown": 0, "drafts": 0}
    own, its = (await client.get(f"{CHEST}/units")).json()["items"]
    assert its == {**own, "id": made["units"][0], "site": "north"}
    other = await site(client, "south", tier="private", hidden=True)
    answer = await client.get(f"{CHEST}/units/{other['units'][0]}")
    assert (answer.json()["tier"], answer.json()["hidden"]) == ("private", True)
    assert answer.json()["embargo_until"] == "2100-01-01"
    assert (await client.post(f"{CHEST}/sites", json={"slug": "north", "name": "N"})).status_code == 409
    for wrong in (
        {"slug": "A b", "name": "x"},
        {"slug": "x"},
        {"slug": "x", "name": "y", "expected_studies": -1},
    ):
        assert (await client.post(f"{CHEST}/sites", json=wrong)).status_code == 400
    first = (await client.get(f"{CHEST}/sites", params={"limit": 1})).json()
    assert [each["slug"] for each in first["items"]] == [first["next"]] == ["north"]
    rest = (await client.get(f"{CHEST}/sites", params={"after": "north"})).json()
    assert [each["slug"] for each in rest["items"]] == ["south"]


async def test_a_site_is_changed(client):
    await make(client)
    await site(client)
    before = await client.get(f"{CHEST}/sites/north")
    match = {"If-Match": before.headers["etag"]}
    answer = await client.patch(f"{CHEST}/sites/north", json={"expected_studies": 7}, headers=match)
    assert (answer.json()["name"], answer.json()["progress"]["expected"]) == ("North", 7)
    assert (await client.patch(f"{CHEST}/sites/north", json={}, headers=match)).status_code == 412
    assert (await client.patch(f"{CHEST}/sites/none", json={})).status_code == 404
    assert (await client.patch(f"{CHEST}/sites/north", json={"expected_studies": None})).status_code == 200


async def test_rights_and_progress_by_site(client, archive):
    await archive.database.write(lambda connection: enrol(connection, 5))
    await make(client)
    await site(client, "north", expected_studies=2)
    await site(client, "south")
    await give(archive, 1, "submitter", "chest", "north")
    await give(archive, 2, "owner", "chest", "south")
    await give(archive, 3, "reader", "chest", "south")
    content = part10(ct("1.1", "1.1.1"))
    sent = await client.post(
        "/collections/chest/dicom-web/studies", content=content, headers={**DICOM, **person(1)}
    )
    assert sent.status_code == 200
    await give(archive, 4, "submitter", "chest", "north")
    everything = (await client.get(f"{CHEST}/sites")).json()["items"]
    assert [(each["slug"], each["progress"]["received"]) for each in everything] == [
        ("north", 1),
        ("south", 0),
    ]
    (others,) = (await client.get(f"{CHEST}/sites", headers=person(4))).json()["items"]
    # What somebody else sent is the curators' business.
    assert others["progress"] == {"expected": 2, "received": 0, "shown": 0, "drafts": 0}
    (own,) = (await client.get(f"{CHEST}/sites", headers=person(1))).json()["items"]
    assert (own["slug"], own["progress"]) == (
        "north",
        {"expected": 2, "received": 1, "shown": 0, "drafts": 1},
    )
    (read,) = (await client.get(f"{CHEST}/sites", headers=person(3))).json()["items"]
    assert (read["slug"], read["progress"]) == ("south", None)
    hidden = await client.get(f"{CHEST}/sites/north", headers=person(3))
    assert (hidden.status_code, hidden.content) == (
        404,
        (await client.get(f"{CHEST}/sites/none", headers=person(3))).content,
    )
    # Who owns a site changes that, and nothing of the collection.
    for method, path, body, status in (
        ("PATCH", "/sites/south", {"name": "S"}, 200),
        ("POST", "/units", {"site": "south"}, 201),
        ("POST", "/units", {"site": "north"}, 404),
        ("POST", "/units", {"site": "none"}, 404),
        ("POST", "/units", {}, 403),
        ("POST", "/sites", {"slug": "east", "name": "East"}, 403),
        ("PATCH", "", {"title": "Mine"}, 403),
    ):
        answer = await client.request(method, f"{CHEST}{path}", json=body, headers=person(2))
        assert answer.status_code == status, (method, path, answer.text)
    assert (await client.patch(f"{CHEST}/sites/north", json={}, headers=person(1))).status_code == 403
    assert (await client.get(f"{CHEST}/sites", headers=person(5))).status_code == 404


async def test_a_unit_decides_who_sees_what_lies_in_it(client, archive):
    await archive.database.write(lambda connection: enrol(connection, 1))
    await make(client, rolling=True, **SHOWN)
    await store(client, "chest", study="1.1", series="1.1.1")
    await store(client, "chest", study="1.1", series="1.1.2")
    apart = await unit(client, tier="private")
    await client.post(f"{CHEST}/units/{apart}/series", json={"series": ["1.1.2"]})
    assert await seen(client, ANYONE, "series") == ["1.1.1"]
    before = await client.get(f"{CHEST}/units/{apart}")
    match = {"If-Match": before.headers["etag"]}
    shown = await client.patch(f"{CHEST}/units/{apart}", json={"hidden": False}, headers=match)
    assert shown.json() == {**before.json(), "hidden": False}
    assert await seen(client, ANYONE, "series") == ["1.1.1", "1.1.2"]
    again = await client.patch(f"{CHEST}/units/{apart}", json={"tier": "open"}, headers=match)
    assert again.status_code == 412
    assert [each["id"] for each in (await client.get(f"{CHEST}/units", headers=ANYONE)).json()["items"]] == [
        each["id"] for each in (await client.get(f"{CHEST}/units")).json()["items"]
    ]
    assert (await client.patch(f"{CHEST}/units/{apart}", json={}, headers=person(1))).status_code == 403
    for wrong in ("0", "x", "9" * 40, "-1"):
        assert (await client.get(f"{CHEST}/units/{wrong}")).status_code in (400, 404)
    for wrong in ({"tier": "none"}, {"hidden": "maybe"}, {"tier": None}, {"site": "x"}):
        assert (await client.patch(f"{CHEST}/units/{apart}", json=wrong)).status_code == 400


async def test_a_study_moves_and_its_row_follows(client, archive):
    await make(client, rolling=True, **SHOWN)
    for series in ("1.1.1", "1.1.2"):
        await store(client, "chest", study="1.1", series=series)
    await store(client, "chest", study="2.2", series="2.2.1")
    apart = await unit(client, tier="private")
    moved = await client.post(f"{CHEST}/units/{apart}/series", json={"studies": ["1.1"]})
    assert moved.json() == {"series": 2, "instances": 2}
    assert await seen(client, ANYONE, "studies") == ["2.2"]
    assert await seen(client, {}, "studies") == ["1.1", "2.2"]
    again = await client.post(f"{CHEST}/units/{apart}/series", json={"studies": ["1.1"]})
    assert again.json() == {"series": 0, "instances": 0}
    own = (await client.get(f"{CHEST}/units")).json()["items"][0]["id"]
    back = await client.post(f"{CHEST}/units/{own}/series", json={"series": ["1.1.2"]})
    assert back.json() == {"series": 1, "instances": 1}
    assert await seen(client, ANYONE, "series") == ["1.1.2", "2.2.1"]
    counts = (
        await client.get("/collections/chest/dicom-web/studies?StudyInstanceUID=1.1", headers=ANYONE)
    ).json()
    assert counts[0]["00201206"]["Value"] == [1]
    unknown = await client.post(f"{CHEST}/units/{apart}/series", json={"series": ["2.2.1", "9.9"]})
    assert unknown.status_code == 404
    assert await seen(client, ANYONE, "series") == ["1.1.2", "2.2.1"]
    for wrong in ({"series": ["\0"]}, {"series": ["x"]}, {"other": []}, {"series": "1.1"}):
        assert (await client.post(f"{CHEST}/units/{apart}/series", json=wrong)).status_code == 400


async def test_only_curators_move_and_only_out_of_where_they_curate(client, archive):
    await archive.database.write(lambda connection: enrol(connection, 3))
    await make(client, rolling=True, **SHOWN)
    north, south = [(await site(client, slug))["units"][0] for slug in ("north", "south")]
    await store(client, "chest", study="1.1", series="1.1.1")
    await client.post(f"{CHEST}/units/{north}/series", json={"series": ["1.1.1"]})
    await give(archive, 1, "curator", "chest", "south")
    await give(archive, 2, "curator", "chest")
    asked = {"series": ["1.1.1"]}
    for headers, status in ((ANYONE, 403), (person(3), 403), (person(1), 404), (person(2), 200)):
        answer = await client.post(f"{CHEST}/units/{south}/series", json=asked, headers=headers)
        assert answer.status_code == status, headers
    assert (
        await client.post(f"{CHEST}/units/{north}/series", json=asked, headers=person(1))
    ).status_code == 403
    rows = await archive.database.lookup(
        lambda connection: connection.scalars(
            select(AUDIT_ENTRY.c.what).where(AUDIT_ENTRY.c.what == "series.move")
        ).all()
    )
    assert len(rows) == 2


async def test_a_change_that_was_overtaken_is_refused(client, archive, monkeypatch: pytest.MonkeyPatch):
    await make(client)
    (own,) = (await client.get(f"{CHEST}/units")).json()["items"]
    original = archive.database.__class__.write

    async def overtaken(database, work):
        await original(
            database, lambda connection: connection.execute(update(UNIT).values(tier="request")) and None
        )
        return await original(database, work)

    monkeypatch.setattr(archive.database.__class__, "write", overtaken)
    answer = await client.patch(f"{CHEST}/units/{own['id']}", json={"tier": "open"})
    assert answer.status_code == 409


async def test_what_is_elsewhere_has_neither_sites_nor_data(client):
    await make(client, kind="external", external={"url": "https://example.org/data"}, **SHOWN)
    for path, body in (("sites", {"slug": "north", "name": "North"}), ("units", {})):
        assert (await client.post(f"{CHEST}/{path}", json=body)).status_code == 400
    sent = await client.post("/collections/chest/dicom-web/studies", content=part10(ct()), headers=DICOM)
    assert sent.status_code == 403
