"""Groups over HTTP: who makes, fills and sees them, and what membership gives until when."""

import json

from tests.routers.house import House

GROUPS = "/api/v1/groups"
NEW = {"slug": "readers", "name": "Readers"}
SOON = "2090-01-01T00:00:00Z"


async def explained(house: House, caller) -> int:
    return (await house.client(caller).get("/api/v1/collections/lung/explain")).status_code


async def slugs(client) -> list[str]:
    return [each["slug"] for each in (await client.get(GROUPS)).json()["items"]]


async def test_members_have_what_the_group_has_as_long_as_they_are_in_it(house):
    await house.collection("lung")
    ada = await house.person("ada")
    made = await house.owner.post(GROUPS, json=NEW)
    assert (made.status_code, made.headers["location"]) == (201, f"{GROUPS}/readers")
    granted = {"to": "group", "group": "readers", "role": "reader", "collection": "lung", "reason": "Read."}
    assert (await house.owner.post("/api/v1/grants", json=granted)).json()["group"] == "readers"
    assert await explained(house, ada) == 404
    member = f"{GROUPS}/readers/members/{ada.person}"
    assert (await house.owner.put(member, json={})).status_code == 201
    again = await house.owner.put(member, json={"ends_at": SOON})
    person = {"id": ada.person, "name": "ada"}
    assert (again.status_code, again.json()) == (200, {"person": person, "ends_at": SOON})
    told = await house.client(ada).get("/api/v1/collections/lung/explain")
    assert told.json()["units"][0]["rules"][0]["rule"] == (
        "The role reader, granted to the group readers, holds until 2090-01-01 00:00 UTC."
    )
    own = (await house.client(ada).get("/api/v1/grants")).json()["items"]
    assert [each["group"] for each in own] == ["readers"]
    assert await slugs(house.client(ada)) == ["readers"]
    assert (await house.owner.delete(member)).status_code == 204
    assert (await house.owner.delete(member)).status_code == 404
    assert await explained(house, ada) == 404
    assert await slugs(house.client(ada)) == []


async def test_only_administrators_make_and_fill_groups(house):
    await house.collection("lung")
    ada, eve = await house.person("ada"), await house.person("eve")
    root = await house.person("root", admin=True)
    granted = {"to": "person", "person": ada.person, "role": "owner", "collection": "lung", "reason": "Hers."}
    await house.owner.post("/api/v1/grants", json=granted)
    assert (await house.client(root).post(GROUPS, json=NEW)).status_code == 201
    address = f"{GROUPS}/readers"
    for caller, seen in ((ada, 200), (eve, 404)):
        client = house.client(caller)
        assert (await client.post(GROUPS, json={**NEW, "slug": "more"})).status_code == 403
        assert (await client.patch(address, json={"name": "Mine"})).status_code == 403
        assert (await client.delete(address)).status_code == 403
        assert (await client.put(f"{address}/members/{eve.person}", json={})).status_code == 403
        assert (await client.delete(f"{address}/members/{eve.person}")).status_code == 403
        assert (await client.get(address)).status_code == seen
        assert (await client.get(f"{address}/members")).status_code == seen
    assert await slugs(house.client(ada)) == ["readers"]
    assert (await house.stranger.get(GROUPS)).status_code == 401
    await house.client(root).put(f"{address}/members/{eve.person}", json={})
    assert (await house.client(eve).get(address)).status_code == 200
    assert (await house.client(eve).get(f"{address}/members")).status_code == 403


async def test_names_and_ends(house):
    ada, ben = await house.person("ada"), await house.person("ben")
    made = await house.owner.post(GROUPS, json=NEW)
    assert (await house.owner.post(GROUPS, json=NEW)).status_code == 409
    address = f"{GROUPS}/readers"
    assert (
        await house.owner.patch(address, json={"name": "B"}, headers={"if-match": '"x"'})
    ).status_code == 412
    tag = {"if-match": made.headers["etag"]}
    assert (await house.owner.patch(address, json={"name": "B"}, headers=tag)).json()["name"] == "B"
    for person in (ada, ben):
        await house.owner.put(f"{address}/members/{person.person}", json={})
    first = (await house.owner.get(f"{address}/members", params={"limit": 1})).json()
    second = (await house.owner.get(f"{address}/members", params={"after": first["next"]})).json()
    assert [each["person"]["name"] for each in first["items"] + second["items"]] == ["ada", "ben"]
    assert second["next"] is None
    members = (await house.owner.get(address)).json()["members"]
    assert members == 2
    past = {"ends_at": "2020-01-01T00:00:00Z"}
    assert (await house.owner.put(f"{address}/members/{ada.person}", json=past)).status_code == 400
    assert (await house.owner.put(f"{address}/members/4711", json={})).status_code == 400
    assert (await house.owner.delete(address)).status_code == 204
    assert (await house.owner.get(address)).status_code == 404


async def test_a_group_that_was_granted_something_is_not_forgotten(house):
    await house.collection("lung")
    await house.owner.post(GROUPS, json=NEW)
    granted = {"to": "group", "group": "readers", "role": "reader", "collection": "lung", "reason": "Read."}
    found = (await house.owner.post("/api/v1/grants", json=granted)).json()
    await house.owner.delete(f"/api/v1/grants/{found['id']}")
    assert (await house.owner.delete(f"{GROUPS}/readers")).status_code == 409
    assert [each["id"] for each in (await house.owner.get("/api/v1/grants?group=readers")).json()["items"]]


async def test_odd_names(house):
    for slug in ("", "A", "a b", "a\0", "\ud800", "a" * 101, ".a"):
        body = json.dumps({"slug": slug, "name": "x"})
        head = {"content-type": "application/json"}
        assert (await house.owner.post(GROUPS, content=body, headers=head)).status_code == 400, slug
    for path in ("?after=%00", "?after=A", "/A", "/%00"):
        assert (await house.owner.get(GROUPS + path)).status_code == 400, path
