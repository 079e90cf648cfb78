"""Why somebody may do what they may, over HTTP, and what they are told to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.access.callers import Caller
from app.viewer import Capability
from tests.routers.house import House

OWN = "/api/v1/collections/lung"
TAKES = ["metadata.read", "pixel.read", "download"]


async def grant(house: House, caller: Caller, role: str = "reader", **more) -> None:
    body = {"to": "person", "person": caller.person, "role": role, "collection": "lung", "reason": "So."}
    assert (await house.owner.post("/api/v1/grants", json={**body, **more})).status_code == 201


async def units(client, **params) -> list[dict]:
    answer = await client.get(f"{OWN}/explain", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["units"]


async def test_tiers_embargo_and_grants_in_plain_words(house):
    day = (datetime.now(UTC) + timedelta(days=9)).date()
    public = {"hidden": False}
    await house.collection(
        "lung",
        {"tier": "request", **public},
        {"tier": "open", "embargo_until": day, "site": "north", **public},
        {"tier": "open", "site": "south", **public},
    )
    eve = await house.person("eve")
    await grant(house, eve, "viewer", starts_at="2090-01-01T00:00:00Z")
    first, embargoed, free = await units(house.client(eve))
    assert [each["rule"] for each in first["rules"]] == [
        "The role viewer, granted personally, begins at 2090-01-01 00:00 UTC.",
        "The tier request gives whoever has signed in: metadata.read.",
    ]
    assert (first["site"], first["tier"], first["capabilities"]) == (None, "request", ["metadata.read"])
    assert "asked for access" in first["how_to_get_in"]
    assert first["why"]["download"] == {"allowed": False, "because": ["No rule gives it."]}
    assert first["why"]["metadata.read"] == {"allowed": True, "because": [first["rules"][1]["rule"]]}
    assert embargoed["site"] == "north"
    assert embargoed["how_to_get_in"].startswith(f"There is an embargo until {day}")
    assert (free["capabilities"], free["how_to_get_in"]) == (TAKES, None)
    stranger = await units(house.stranger)
    assert [each["capabilities"] for each in stranger] == [["metadata.read"], ["metadata.read"], TAKES]
    for client in (house.client(eve), house.stranger):
        for each in await units(client):
            given = {capability for rule in each["rules"] for capability in rule["gives"]}
            assert given == set(each["capabilities"])
            assert given == {name for name, why in each["why"].items() if why["allowed"]}


async def test_a_token_that_leaves_something_out(house):
    await house.collection("lung", {})
    eve = await house.person("eve")
    await grant(house, eve)
    narrow = replace(eve, capabilities=frozenset({Capability.FIND}))
    [told] = await units(house.client(narrow))
    assert told["capabilities"] == ["metadata.read"]
    assert told["how_to_get_in"].startswith("Your token or link leaves out: pixel.read, download.")
    assert told["why"]["download"] == {"allowed": False, "because": ["Your token or link leaves it out."]}
    assert told["why"]["curate"]["because"] == ["No rule gives it."]
    link = replace(eve, using="link:7", capabilities=frozenset({Capability.FIND}))
    [followed] = await units(house.client(link))
    assert [each["rule"] for each in followed["rules"]] == ["Your link gives this."]
    assert followed["capabilities"] == ["metadata.read"]
    about = await house.client(link).get(f"{OWN}/explain?person={eve.person}")
    assert about.status_code == 403
    elsewhere = replace(eve, collections=frozenset({4711}))
    assert (await house.client(elsewhere).get(f"{OWN}/explain")).status_code == 404


async def test_the_owner_and_administrators(house):
    await house.collection("lung", {})
    root = await house.person("root", admin=True)
    for client in (house.owner, house.client(root)):
        [told] = await units(client)
        assert told["rules"][0]["rule"] == "The archive's owner and its administrators may do everything."
        assert len(told["capabilities"]) == len(Capability)


async def test_others_rights_are_for_those_who_own(house):
    await house.collection(
        "lung", {"tier": "registered", "hidden": False}, {"site": "north"}, {"site": "south"}
    )
    ada, ben, eve = [await house.person(name) for name in ("ada", "ben", "eve")]
    root, gone = await house.person("root", admin=True), await house.person("gone", disabled=True)
    await grant(house, ada, "owner")
    await grant(house, ben, "owner", site="north")
    await grant(house, eve, "submitter", site="south")
    whole = await units(house.client(ada), person=eve.person)
    assert [each["capabilities"] for each in whole] == [TAKES, [], ["submit"]]
    assert "This is for members" in whole[2]["how_to_get_in"]
    assert whole == await units(house.owner, person=eve.person)
    [north] = await units(house.client(ben), person=eve.person)
    assert north == whole[1]
    # What they know of themselves is what they may do something with.
    assert [each["site"] for each in await units(house.client(eve))] == [None, "south"]
    assert await units(house.client(eve), person=eve.person) == await units(house.client(eve))
    assert (await house.client(eve).get(f"{OWN}/explain", params={"person": ada.person})).status_code == 403
    assert (await house.stranger.get(f"{OWN}/explain", params={"person": ada.person})).status_code == 401
    assert (await house.client(ada).get(f"{OWN}/explain", params={"person": 4711})).status_code == 404
    assert len((await units(house.client(ada), person=root.person))[1]["capabilities"]) == len(Capability)
    assert (await units(house.client(ada), person=gone.person))[0]["capabilities"] == ["metadata.read"]


@pytest.mark.parametrize("path", ["explain", "explain?person=1", "access", "request-form", "agreements"])
async def test_hidden_is_unknown(house, statements, path):
    """The same body, by the same statements."""
    await house.collection("lung", {"tier": "request"})
    await house.collection("open", {"tier": "open"})
    eve = await house.person("eve")
    for client in (house.client(eve), house.stranger):
        await client.get("/api/v1/collections/none/explain")
        answers, seen = [], []
        for slug in ("lung", "none"):
            with statements() as sent:
                answers.append(await client.get(f"/api/v1/collections/{slug}/{path}"))
            seen.append(sent)
        assert answers[0].status_code == answers[1].status_code == 404
        assert answers[0].content == answers[1].content
        assert seen[0] == seen[1]


async def test_how_one_stands(house):
    await house.collection("lung", {"tier": "request", "hidden": False}, {"tier": "open"}, {})
    eve = await house.person("eve")
    await house.owner.post(f"{OWN}/agreements", json={"text": "One"})
    await house.owner.put(f"{OWN}/request-form", json={"questions": []})
    stranger = (await house.stranger.get(f"{OWN}/access")).json()
    assert [each["tier"] for each in stranger["units"]] == ["request", "open"]
    assert (stranger["licence"], stranger["takes_requests"]) == ("CC-BY-4.0", True)
    assert stranger["agreement"]["address"] == f"{OWN}/agreements/1"
    assert stranger["request"] is None
    assert "rules" not in stranger["units"][0]
    body = {"agreement": {"version": 1, "signed_as": "Eve"}}
    made = await house.client(eve).post(f"{OWN}/requests", json=body)
    assert (await house.client(eve).get(f"{OWN}/access")).json()["request"]["state"] == "draft"
    await house.client(eve).post(f"{made.headers['location']}/submit")
    await house.owner.post(f"{made.headers['location']}/approve", json={"ends_at": "2090-01-01T00:00:00Z"})
    told = (await house.client(eve).get(f"{OWN}/access")).json()
    assert told["request"] == {
        "id": int(made.headers["location"].rpartition("/")[2]),
        "state": "approved",
        "access": "active",
        "ends_at": "2090-01-01T00:00:00Z",
    }
    assert [each["capabilities"] for each in told["units"]] == [TAKES, TAKES, TAKES]
