"""Requests for access over HTTP, from a draft to the data and back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.access.callers import Caller
from app.viewer import Capability
from tests.routers.house import House

OWN = "/api/v1/collections/lung"
REQUESTS = "/api/v1/requests"
ANSWERS = {
    "name": "Eve",
    "institution": "Institute",
    "country": "Nowhere",
    "purpose": "To read.\nAgain.",
    "public_abstract": "To read.",
}


async def owner_of(house: House, slug: str, name: str, **more) -> Caller:
    made = await house.person(name)
    grant = {"to": "person", "person": made.person, "role": "owner", "collection": slug, "reason": "Hers."}
    assert (await house.owner.post("/api/v1/grants", json={**grant, **more})).status_code == 201
    return made


async def lung(house: House) -> tuple[Caller, Caller]:
    """The owner of a collection that takes requests, and somebody who knows of it."""
    await house.collection("lung", {"tier": "request", "hidden": False})
    return await owner_of(house, "lung", "ada"), await house.person("eve")


async def submitted(house: House, eve: Caller) -> str:
    made = await house.client(eve).post(f"{OWN}/requests", json={"answers": ANSWERS})
    assert made.status_code == 201, made.text
    answer = await house.client(eve).post(f"{made.headers['location']}/submit")
    assert answer.json()["state"] == "submitted", answer.text
    return made.headers["location"]


async def able(house: House, caller: Caller) -> list[str]:
    answer = await house.client(caller).get(f"{OWN}/access")
    return answer.json()["units"][0]["capabilities"] if answer.status_code == 200 else []


def number(address: str) -> int:
    """The number of the request at an address."""
    return int(address.rpartition("/")[2])


async def test_the_whole_way(house):
    ada, eve = await lung(house)
    asks, decides = house.client(eve), house.client(ada)
    made = await asks.post(f"{OWN}/requests", json={"answers": {"name": "Eve"}})
    address = made.headers["location"]
    assert (made.json()["state"], made.json()["possible"]) == ("draft", ["change", "submit", "withdraw"])
    assert (await asks.post(f"{address}/submit")).json()["detail"].endswith("purpose, public_abstract.")
    assert (await asks.patch(address, json={"answers": ANSWERS})).json()["answers"] == ANSWERS
    assert (await asks.post(f"{address}/submit")).status_code == 200
    early = await asks.post(f"{address}/answer")
    assert (early.status_code, early.json()["possible"]) == (409, ["withdraw"])
    assert (await asks.post(f"{address}/approve")).status_code == 403
    assert (await decides.post(f"{address}/ask")).status_code == 400
    asked = (await decides.post(f"{address}/ask", json={"text": "Which vote?"})).json()
    assert (asked["state"], asked["possible"]) == ("info_needed", ["approve", "decline"])
    await asks.patch(address, json={"answers": {**ANSWERS, "recipients": "Ben"}})
    answered = (await asks.post(f"{address}/answer", json={"text": "This one."})).json()
    assert answered["state"] == "submitted"
    assert await able(house, eve) == ["metadata.read"]
    approved = (await decides.post(f"{address}/approve", json={"text": "Welcome."})).json()
    assert (approved["state"], approved["access"]) == ("approved", "active")
    year = datetime.now(UTC) + timedelta(days=365)
    assert abs(datetime.fromisoformat(approved["ends_at"]) - year) < timedelta(minutes=1)
    assert await able(house, eve) == ["metadata.read", "pixel.read", "download"]
    grant = (await asks.get(f"/api/v1/grants/{approved['grant']}")).json()
    assert (grant["role"], grant["granted_by"], grant["reason"]) == (
        "reader",
        "ada",
        f"Request {number(address)}",
    )
    told = [(each["act"], each["by"], each["text"]) for each in approved["history"]]
    assert told == [
        ("submit", "eve", ""),
        ("ask", "ada", "Which vote?"),
        ("answer", "eve", "This one."),
        ("approve", "ada", "Welcome."),
    ]
    revoked = (await decides.post(f"{address}/revoke", json={"text": "Misused."})).json()
    assert (revoked["state"], revoked["access"], revoked["possible"]) == ("revoked", "revoked", [])
    assert await able(house, eve) == ["metadata.read"]


async def test_who_sees_which(house):
    ada, eve = await lung(house)
    await house.collection(
        "heart", {"tier": "request", "hidden": False}, {"tier": "request", "site": "north"}
    )
    ben, site = await owner_of(house, "heart", "ben"), await owner_of(house, "heart", "sue", site="north")
    draft = (await house.client(eve).post(f"{OWN}/requests", json={})).headers["location"]

    async def seen(caller: Caller, **params) -> list[int]:
        return [
            each["id"] for each in (await house.client(caller).get(REQUESTS, params=params)).json()["items"]
        ]

    one = number(draft)
    assert (await seen(eve), await seen(ada)) == ([one], [])
    assert (await house.client(ada).get(draft)).status_code == 404
    assert (await house.owner.get(draft)).status_code == 404
    await house.client(eve).post(f"{draft}/withdraw")
    assert (await house.client(ada).get(draft)).status_code == 404
    second = await submitted(house, eve)
    third = await house.client(ada).post("/api/v1/collections/heart/requests", json={"answers": ANSWERS})
    await house.client(ada).post(f"{third.headers['location']}/submit")
    two, three = number(second), number(third.headers["location"])
    everybody = [await seen(each) for each in (eve, ada, ben, site)]
    assert everybody == [[one, two], [two, three], [three], []]
    assert await seen(ada, collection="lung") == [two]
    assert await seen(eve, state="withdrawn") == [one]
    assert await seen(ada, collection="none") == []
    for caller in (ben, site):
        answer = await house.client(caller).get(second)
        assert (answer.status_code, answer.content) == (
            404,
            (await house.client(caller).get(f"{REQUESTS}/99")).content,
        )
        assert (await house.client(caller).post(f"{second}/approve")).status_code == 404
    assert (await house.stranger.get(REQUESTS)).status_code == 401
    narrow = replace(eve, capabilities=frozenset({Capability.FIND}))
    assert await seen(narrow) == []
    assert (await house.client(narrow).post(f"{OWN}/requests", json={})).status_code == 403
    # Once the collection is hidden from them it is as if there were none.
    await house.write(lambda connection: connection.exec_driver_sql("UPDATE access_unit SET hidden = true"))
    assert await seen(eve) == []
    assert (await house.client(eve).get(second)).status_code == 404


async def test_where_nothing_is_asked_for(house):
    await house.collection("open", {"tier": "open", "hidden": False})
    await house.collection("secret", {"tier": "request"})
    await house.collection("private", {"hidden": False})
    await house.collection("mixed", {"tier": "open", "hidden": False}, {"tier": "request"})
    ada, eve = await owner_of(house, "private", "ada"), await house.person("eve")

    async def asks(client, slug: str) -> int:
        return (await client.post(f"/api/v1/collections/{slug}/requests", json={})).status_code

    client = house.client(eve)
    assert [await asks(client, slug) for slug in ("open", "mixed", "private", "secret", "none")] == [
        409,
        409,
        409,
        404,
        404,
    ]
    assert (await asks(house.stranger, "private"), await asks(house.stranger, "secret")) == (401, 404)
    assert await asks(house.owner, "private") == 403
    form = {"questions": [], "when_private": True}
    address = "/api/v1/collections/private"
    assert not (await client.get(f"{address}/access")).json()["takes_requests"]
    await house.client(ada).put(f"{address}/request-form", json=form)
    assert (await client.get(f"{address}/access")).json()["takes_requests"]
    assert await asks(client, "private") == 201


async def test_one_at_a_time_and_by_who_read_it_last(house):
    ada, eve = await lung(house)
    address = await submitted(house, eve)
    assert (await house.client(eve).post(f"{OWN}/requests", json={})).status_code == 409
    tag = (await house.client(ada).get(address)).headers["etag"]
    assert (await house.client(ada).get(address, headers={"if-none-match": tag})).status_code == 304
    await house.client(ada).post(f"{address}/ask", json={"text": "Why?"})
    stale = await house.client(ada).post(f"{address}/approve", headers={"if-match": tag})
    assert stale.status_code == 412
    assert (await house.client(eve).get("/api/v1/grants")).json()["items"] == []
    assert (await house.client(ada).post(f"{address}/decline", json={"text": "No."})).json()["possible"] == []
    assert (await house.client(eve).post(f"{OWN}/requests", json={})).status_code == 201


async def test_nobody_decides_about_their_own(house):
    ada, _ = await lung(house)
    address = await submitted(house, ada)
    assert (await house.client(ada).post(f"{address}/approve")).status_code == 403
    # A token with which she may grant is still hers, and does not ask in her name either.
    narrow = house.client(replace(ada, capabilities=frozenset({Capability.FIND, Capability.OWN})))
    for act in ("approve", "withdraw"):
        assert (await narrow.post(f"{address}/{act}")).status_code == 403
    assert (await house.owner.post(f"{address}/approve")).status_code == 200


async def test_renewing_and_closing(house):
    ada, eve = await lung(house)
    address = await submitted(house, eve)
    end = {"role": "viewer", "ends_at": "2090-01-01T00:00:00Z"}
    approved = (await house.client(ada).post(f"{address}/approve", json=end)).json()
    assert approved["ends_at"] == end["ends_at"]
    renewed = await house.client(eve).post(f"{address}/renew", json={"text": "Half is done."})
    assert renewed.json()["history"][0]["text"] == "Half is done."
    assert (renewed.status_code, renewed.json()["answers"]) == (201, ANSWERS)
    assert renewed.json()["renews"] == number(address)
    second = renewed.headers["location"]
    assert (await house.client(eve).post(f"{address}/renew")).status_code == 409
    await house.client(eve).post(f"{second}/submit")
    assert (await house.client(ada).post(f"{second}/approve")).status_code == 200
    old = (await house.client(eve).get(address)).json()
    assert (old["state"], old["history"][-1]["text"]) == ("closed", f"Renewed by request {number(second)}.")
    states = [each["state"] for each in (await house.client(eve).get("/api/v1/grants")).json()["items"]]
    assert states == ["revoked", "active"]
    closed = (await house.client(eve).post(f"{second}/close", json={"text": "Published."})).json()
    assert (closed["state"], closed["access"]) == ("closed", "revoked")
    assert await able(house, eve) == ["metadata.read"]


async def test_what_is_sent_is_checked(house):
    ada, eve = await lung(house)
    wrong = [
        {"answers": {"more": "x"}},
        {"answers": {"name": 1}},
        {"answers": {"name": "a\0"}},
        {"answers": {"name": "\ud800"}},
        {"answers": {"\ud800": "x"}},
        {"answers": {"name": "x" * 501}},
        {"answers": {"end_date": "soon"}},
        {"answers": {str(key): "x" for key in range(51)}},
        {"agreement": {"version": 0, "signed_as": "Eve"}},
        {"agreement": {"version": 2**31, "signed_as": "Eve"}},
        {"agreement": {"version": 1, "signed_as": " "}},
        [],
    ]
    head = {"content-type": "application/json"}
    for body in wrong:
        answer = await house.client(eve).post(f"{OWN}/requests", content=json.dumps(body), headers=head)
        assert answer.status_code == 400, body
    none = {"agreement": {"version": 1, "signed_as": "Eve"}}
    assert (await house.client(eve).post(f"{OWN}/requests", json=none)).status_code == 409
    address = await submitted(house, eve)
    for body in ({"ends_at": "2020-01-01T00:00:00Z"}, {"role": "king"}, {"text": "a\0"}, {"more": 1}):
        assert (await house.client(ada).post(f"{address}/approve", json=body)).status_code == 400, body
    assert (await house.client(ada).post(f"{address}/dance")).status_code == 400
    assert (await house.client(ada).get(address)).json()["state"] == "submitted"
