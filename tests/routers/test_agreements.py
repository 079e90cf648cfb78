"""Agreements and forms over HTTP: written by who owns, read by who knows, and what a new version ends."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from tests.routers.house import House

OWN = "/api/v1/collections/lung"
TEXT = "# Use\n\nI identify nobody. Ünïcode."


async def prepared(house: House):
    """An owner, and somebody without a grant in a collection of which everybody knows."""
    await house.collection("lung", {"tier": "request", "hidden": False})
    await house.collection("heart")
    ada, eve = await house.person("ada"), await house.person("eve")
    grant = {"to": "person", "person": ada.person, "role": "owner", "collection": "lung", "reason": "Hers."}
    assert (await house.owner.post("/api/v1/grants", json=grant)).status_code == 201
    return house.client(ada), house.client(eve)


async def test_versions(house):
    ada, eve = await prepared(house)
    assert (await eve.get(f"{OWN}/agreements")).json() == {"items": [], "next": None}
    assert (await eve.get(f"{OWN}/agreements/1")).status_code == 404
    assert (await eve.post(f"{OWN}/agreements", json={"text": "Mine"})).status_code == 403
    assert (await house.stranger.post(f"{OWN}/agreements", json={"text": "Mine"})).status_code == 401
    made = await ada.post(f"{OWN}/agreements", json={"text": f" {TEXT} "})
    assert (made.status_code, made.headers["location"]) == (201, f"{OWN}/agreements/1")
    assert made.json()["sha256"] == sha256(TEXT.encode()).hexdigest()
    read = await house.stranger.get(f"{OWN}/agreements/1")
    assert (read.json(), read.headers["etag"]) == (made.json(), made.headers["etag"])
    assert (await ada.post(f"{OWN}/agreements", json={"text": "Two"})).json()["version"] == 2
    first = (await eve.get(f"{OWN}/agreements", params={"limit": 1})).json()
    second = (await eve.get(f"{OWN}/agreements", params={"after": first["next"]})).json()
    assert [each["text"] for each in first["items"] + second["items"]] == [TEXT, "Two"]
    for path in ("/agreements", "/agreements/1", "/request-form"):
        hidden = await eve.get(f"/api/v1/collections/heart{path}")
        unknown = await eve.get(f"/api/v1/collections/none{path}")
        assert (hidden.status_code, hidden.content) == (404, unknown.content)
    for path in (f"/agreements/{2**31 - 1}", "/agreements?after=9007199254740992"):
        assert (await eve.get(OWN + path)).status_code in (200, 404)
    for path in (f"/agreements/{2**31}", "/agreements/0", "/agreements?after=x"):
        assert (await eve.get(OWN + path)).status_code == 400
    for wrong in (
        {},
        {"text": ""},
        {"text": "a\0"},
        {"text": "x", "accept_within_days": -1},
        {"text": "x" * 200_001},
    ):
        assert (await ada.post(f"{OWN}/agreements", json=wrong)).status_code == 400


async def test_the_form(house):
    ada, eve = await prepared(house)
    read = await eve.get(f"{OWN}/request-form")
    keys = [each["key"] for each in read.json()["questions"]]
    assert keys[:3] == ["name", "institution", "country"]
    form = {"questions": [{"key": "vote", "label": "Ethics vote", "kind": "url", "required": True}]}
    assert (await eve.put(f"{OWN}/request-form", json=form)).status_code == 403
    assert (await ada.put(f"{OWN}/request-form", json=form, headers={"if-match": '"x"'})).status_code == 412
    tag = {"if-match": read.headers["etag"]}
    written = await ada.put(f"{OWN}/request-form", json=form, headers=tag)
    assert written.json()["questions"] == [{**form["questions"][0], "choices": []}]
    assert (await ada.put(f"{OWN}/request-form", json=form, headers=tag)).status_code == 412
    assert (await eve.get(f"{OWN}/request-form")).json() == written.json()
    for questions in (form["questions"] * 2, [{"key": "a"}], [{"key": "a", "label": "\ud800"}], [{}] * 51):
        content = json.dumps({"questions": questions})
        head = {"content-type": "application/json"}
        assert (await ada.put(f"{OWN}/request-form", content=content, headers=head)).status_code == 400
    assert (await ada.put(f"{OWN}/request-form", json={"questions": []})).status_code == 200


async def test_a_version_that_renews_ends_what_was_given_under_older_ones(house):
    ada, eve = await prepared(house)
    await ada.put(f"{OWN}/request-form", json={"questions": []})
    await ada.post(f"{OWN}/agreements", json={"text": "One"})
    accepted = {"agreement": {"version": 1, "signed_as": "Eve"}}
    made = (await eve.post(f"{OWN}/requests", json=accepted)).json()
    request = f"/api/v1/requests/{made['id']}"
    assert (await eve.post(f"{request}/submit")).status_code == 200
    approved = (await ada.post(f"{request}/approve")).json()
    await ada.post(f"{OWN}/agreements", json={"text": "Two"})
    assert (await eve.get(request)).json()["ends_at"] == approved["ends_at"]
    third = (await ada.post(f"{OWN}/agreements", json={"text": "Three", "accept_within_days": 10})).json()
    told = (await eve.get(request)).json()
    assert (told["ends_at"], told["access"]) == (third["accept_by"], "expiring")
    soon = datetime.now(UTC) + timedelta(days=10)
    assert abs(datetime.fromisoformat(told["ends_at"]) - soon) < timedelta(minutes=1)
    # The owner's own grant came from no request, and goes on.
    assert (await ada.get("/api/v1/grants")).json()["items"][0]["ends_at"] is None
    renewed = (await eve.post(f"{request}/renew")).json()
    newer = f"/api/v1/requests/{renewed['id']}"
    assert (await eve.post(f"{newer}/submit")).json()["detail"].startswith("Read version 3")
    await eve.patch(newer, json={"agreement": {"version": 3, "signed_as": "Eve"}})
    assert (await eve.post(f"{newer}/submit")).status_code == 200
    assert (await ada.post(f"{newer}/approve")).json()["access"] == "active"
    old = (await eve.get(request)).json()
    assert (old["state"], old["access"]) == ("closed", "revoked")


async def test_what_is_to_be_accepted_anew_is_not_approved_under_the_old(house):
    ada, eve = await prepared(house)
    await ada.put(f"{OWN}/request-form", json={"questions": []})
    made = (await eve.post(f"{OWN}/requests", json={})).json()
    request = f"/api/v1/requests/{made['id']}"
    await eve.post(f"{request}/submit")
    await ada.post(f"{OWN}/agreements", json={"text": "One", "accept_within_days": 0})
    assert (await ada.post(f"{request}/approve")).status_code == 409
    assert (await ada.post(f"{request}/ask", json={"text": "Accept version 1."})).status_code == 200
    assert (await eve.post(f"{request}/answer")).status_code == 409
    accepted = {"agreement": {"version": 1, "signed_as": "Eve"}}
    assert (await eve.patch(request, json=accepted)).json()["agreement"] == 1
    assert (await eve.post(f"{request}/answer")).json()["state"] == "submitted"
    assert (await ada.post(f"{request}/approve")).status_code == 200
