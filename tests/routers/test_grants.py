"""Grants over HTTP: who makes, sees, changes and revokes them, and what they give."""

import json
from dataclasses import replace
from itertools import product

from app.access.roles import PUBLIC, ROLES
from app.viewer import Capability
from tests.routers.house import House

GRANTS = "/api/v1/grants"


def grant(to: str = "person", role: str = "reader", collection: str = "lung", **more) -> dict:
    return {"to": to, "role": role, "collection": collection, "reason": "A reader study.", **more}


async def made(house: House, **values) -> dict:
    answer = await house.owner.post(GRANTS, json=grant(**values))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def ids(client, **filters) -> list[int]:
    answer = await client.get(GRANTS, params=filters)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["items"]]


async def test_a_grant_opens_a_collection_and_its_end_closes_it(house):
    await house.collection("lung")
    ada = await house.person("ada")
    assert (await house.client(ada).get("/api/v1/collections/lung/explain")).status_code == 404
    found = await made(house, person=ada.person)
    assert found["person"] == {"id": ada.person, "name": "ada"}
    assert (found["state"], found["granted_by"], found["site"]) == ("active", "owner", None)
    assert (await house.client(ada).get("/api/v1/collections/lung/explain")).status_code == 200
    revoked = await house.owner.delete(f"{GRANTS}/{found['id']}")
    assert revoked.json()["state"] == "revoked"
    assert (await house.client(ada).get("/api/v1/collections/lung/explain")).status_code == 404
    assert await ids(house.owner, state="revoked") == [found["id"]]


async def test_location_tags_and_conditions(house):
    await house.collection("lung")
    answer = await house.owner.post(GRANTS, json=grant("anyone"))
    address, tag = answer.headers["location"], answer.headers["etag"]
    read = await house.owner.get(address)
    assert (read.headers["etag"], read.json()) == (tag, answer.json())
    assert (await house.owner.get(address, headers={"if-none-match": tag})).status_code == 304
    assert (await house.owner.head(address)).headers["etag"] == tag
    stale = {"if-match": '"other"'}
    body = {"ends_at": "2090-01-01T00:00:00+02:00"}
    assert (await house.owner.patch(address, json=body, headers=stale)).status_code == 412
    assert (await house.owner.delete(address, headers=stale)).status_code == 412
    changed = await house.owner.patch(address, json=body, headers={"if-match": tag})
    assert changed.json()["ends_at"] == "2089-12-31T22:00:00Z"
    assert changed.json()["reason"] == "A reader study."
    assert changed.headers["etag"] != tag
    assert (await house.owner.patch(address, json={"ends_at": None})).json()["ends_at"] is None
    assert (await house.owner.patch(address, json={})).status_code == 200


async def test_everybody_only_reads(house):
    await house.collection("lung")
    for to, role in product(["anyone", "registered"], ROLES):
        answer = await house.owner.post(GRANTS, json=grant(to, role))
        assert answer.status_code == (201 if role in PUBLIC else 400), (to, role)


async def test_a_person_is_named_by_row_or_by_subject(house):
    await house.collection("lung")
    ada = await house.person("ada", issuer="https://orcid.org")
    named = {"issuer": "https://orcid.org", "subject": "ada"}
    assert (await made(house, person=named))["person"]["id"] == ada.person
    assert (await house.owner.post(GRANTS, json=grant(person={"subject": "ada"}))).status_code == 400


async def test_the_same_is_not_granted_twice(house):
    await house.collection("lung")
    ada = await house.person("ada")
    first = await made(house, person=ada.person)
    again = await house.owner.post(GRANTS, json=grant(person=ada.person))
    assert again.status_code == 409
    assert str(first["id"]) in again.json()["detail"]
    await made(house, person=ada.person, role="viewer")
    await house.owner.delete(f"{GRANTS}/{first['id']}")
    await made(house, person=ada.person)


async def test_what_has_ended_stays_so(house):
    await house.collection("lung")
    found = await made(house, to="registered")
    address = f"{GRANTS}/{found['id']}"
    await house.owner.delete(address)
    assert (await house.owner.delete(address)).status_code == 409
    assert (await house.owner.patch(address, json={"reason": "Because."})).status_code == 409
    assert (await house.owner.get(address)).json()["reason"] == "A reader study."


async def test_who_owns_grants_within_what_they_own(house):
    await house.collection("lung", {}, {"site": "north"}, {"site": "south"})
    await house.collection("heart", {"tier": "open", "hidden": False})
    ada, ben, eve = [await house.person(name) for name in ("ada", "ben", "eve")]
    await made(house, person=ada.person, role="owner")
    await made(house, person=ben.person, role="owner", site="north")
    whole, north = house.client(ada), house.client(ben)

    async def tries(client, **values) -> int:
        return (await client.post(GRANTS, json=grant(person=eve.person, **values))).status_code

    assert await tries(whole) == 201
    assert await tries(whole, site="south") == 201
    assert await tries(whole, site="east") == 400
    assert await tries(whole, collection="heart") == 403
    assert await tries(whole, collection="brain") == 404
    assert await tries(north) == 403
    assert await tries(north, site="south") == 403
    assert await tries(north, site="east") == 403
    assert await tries(north, site="north") == 201
    assert await tries(house.client(eve), site="north") == 403
    assert await tries(house.stranger) == 404
    assert await tries(house.stranger, collection="heart") == 401


async def test_who_sees_which(house):
    await house.collection("lung", {}, {"site": "north"})
    await house.collection("heart")
    ada, ben, eve = [await house.person(name) for name in ("ada", "ben", "eve")]
    owner = await made(house, person=ada.person, role="owner", collection="heart")
    site = await made(house, person=ben.person, role="owner", site="north")
    other = await made(house, person=eve.person, site="north")
    lung = await made(house, person=eve.person)
    heart = await made(house, person=eve.person, collection="heart")
    every = [each["id"] for each in (owner, site, other, lung, heart)]
    assert await ids(house.owner) == every
    assert await ids(house.client(ada)) == [owner["id"], heart["id"]]
    assert await ids(house.client(ben)) == [site["id"], other["id"]]
    assert await ids(house.client(eve)) == [other["id"], lung["id"], heart["id"]]
    assert await ids(house.client(eve), collection="heart") == [heart["id"]]
    assert await ids(house.client(ada), collection="lung") == []
    assert await ids(house.client(ada), collection="none") == []
    assert await ids(house.owner, person=eve.person) == [other["id"], lung["id"], heart["id"]]
    assert (await house.client(ada).get(f"{GRANTS}/{lung['id']}")).status_code == 404
    assert (await house.client(eve).delete(f"{GRANTS}/{lung['id']}")).status_code == 403
    assert (await house.stranger.get(GRANTS)).status_code == 401
    # A token for less than its person says nothing of what is theirs alone.
    narrow = replace(eve, capabilities=frozenset({Capability.FIND}))
    assert await ids(house.client(narrow)) == []


async def test_own_grants_where_one_no_longer_knows_are_not_told(house):
    await house.collection("lung", {}, {"site": "north"})
    eve = await house.person("eve")
    lung = await made(house, person=eve.person, starts_at="2090-01-01T00:00:00Z")
    assert await ids(house.client(eve)) == []
    north = await made(house, person=eve.person, site="north", starts_at="2090-01-01T00:00:00Z")
    submits = await made(house, person=eve.person, role="submitter")
    seen = [lung["id"], north["id"], submits["id"]]
    assert await ids(house.client(eve)) == seen  # a grant of the whole collection is one of its sites, too
    await house.owner.delete(f"{GRANTS}/{submits['id']}")
    assert await ids(house.client(eve)) == []


async def test_pages_follow_each_other(house):
    await house.collection("lung")
    people = [await house.person(f"p{number}") for number in range(5)]
    every = [(await made(house, person=each.person))["id"] for each in people]
    seen, after = [], ""
    while after is not None:
        answer = (await house.owner.get(GRANTS, params={"limit": 2, "after": after})).json()
        seen += [each["id"] for each in answer["items"]]
        after = answer["next"]
    assert seen == every


WRONG = [
    {"to": "person"},
    {"to": "group"},
    {"to": "group", "group": "nobody"},
    {"to": "person", "person": 4711},
    {"to": "person", "person": 2**70},
    {"to": "person", "person": True},
    {"to": "person", "person": {"subject": "a\0b"}},
    {"to": "anyone", "person": 1},
    {"to": "everyone"},
    {"to": "anyone", "role": "admin"},
    {"to": "anyone", "reason": " "},
    {"to": "anyone", "reason": "NUL \0"},
    {"to": "anyone", "reason": "half \ud800"},
    {"to": "anyone", "ends_at": "2020-01-01T00:00:00Z"},
    {"to": "anyone", "ends_at": "2030-01-01T00:00:00"},
    {"to": "anyone", "ends_at": "9999-12-31T23:59:59-23:59"},
    {"to": "anyone", "ends_at": "0001-01-01T00:00:00+23:59"},
    {"to": "anyone", "ends_at": 1e300},
    {"to": "anyone", "starts_at": "2090-01-01T00:00:00Z", "ends_at": "2089-01-01T00:00:00Z"},
    {"to": "anyone", "site": "none"},
    {"to": "anyone", "more": 1},
]


async def test_what_cannot_be_granted(house):
    await house.collection("lung")
    head = {"content-type": "application/json"}
    for wrong in WRONG:
        answer = await house.owner.post(GRANTS, content=json.dumps(grant(**wrong)), headers=head)
        assert answer.status_code == 400, wrong
    assert await ids(house.owner) == []


async def test_odd_addresses(house):
    nines = "9" * 40
    for path in (
        "?after=x",
        f"?after={nines}",
        "?after=%00",
        "?state=x",
        "?person=0",
        "?limit=0",
        "/x",
        f"/{nines}",
    ):
        assert (await house.owner.get(GRANTS + path)).status_code == 400, path
    assert (await house.owner.get(f"{GRANTS}/4711")).status_code == 404
