"""Versions of collections over HTTP: published, told apart, withdrawn from, and seen by whom they may be."""

import csv
from io import StringIO

import httpx
import pytest

from tests.instances import ct, part10
from tests.routers.callers import ANYONE, enrol, grant, person, recognise
from tests.routers.versions_of import API, SLUG, held, make, publish, send

HOME = f"/collections/{SLUG}"
INSTANCE = f"{HOME}/dicom-web/studies/1.2.3/series/1.2.3.4/instances"


async def two_versions(client: httpx.AsyncClient) -> None:
    """Version 1 has two series; in version 2 an instance of one is corrected and the other is withdrawn."""
    await make(client)
    for series, instance in (("1.2.3.4", "1.1"), ("1.2.3.4", "1.2"), ("1.2.3.5", "1.3")):
        key = await send(client, series=series, instance=instance, SeriesDescription="before")
    await publish(client, submissions=[key], note="first")
    key = await send(client, instance="1.2", SeriesDescription="after")
    leaving = [{"study": "1.2.3", "series": "1.2.3.5", "reason": "Wrong patient"}]
    await publish(client, submissions=[key], withdraw=leaving)


async def test_a_draft_is_not_there_before_it_is_published(client: httpx.AsyncClient) -> None:
    await make(client)
    key = await send(client, instance="1.1")
    assert await held(client, HOME) == []
    refused = await client.post(f"{API}/versions", json={})
    assert refused.status_code == 409
    for act in ("close", "approve"):
        assert (await client.post(f"/api/v1/submissions/{key}/{act}")).status_code == 200
    said = await publish(client, note="first")
    assert (said["version"], said["changes"]["series_added"]) == (1, 1)
    assert await held(client, HOME) == await held(client, f"{HOME}/versions/1") == ["1.1"]
    sent = (await client.get(f"/api/v1/submissions/{key}")).json()
    assert (sent["state"], sent["published_version"]) == ("published", 1)
    assert await send(client, instance="1.2") != key


async def test_every_version_stays_byte_for_byte(client: httpx.AsyncClient) -> None:
    await two_versions(client)
    assert await held(client, f"{HOME}/versions/1") == ["1.1", "1.2", "1.3"]
    assert await held(client, f"{HOME}/versions/2") == await held(client, HOME) == ["1.1", "1.2"]
    for number, description in ((1, "before"), (2, "after")):
        root = f"{HOME}/versions/{number}/dicom-web"
        got = await client.get(
            f"{root}/studies/1.2.3/series/1.2.3.4/instances/1.2", headers={"accept": "application/dicom"}
        )
        assert got.content == part10(ct(instance="1.2", SeriesDescription=description))
        metadata = await client.get(f"{root}/studies/1.2.3/series/1.2.3.4/instances/1.2/metadata")
        assert metadata.json()[0]["0008103E"]["Value"] == [description]
        assert f"/versions/{number}/dicom-web/" in metadata.text
        search = await client.get(f"{root}/series", params={"ModalitiesInStudy": "CT", "PatientID": "P1"})
        assert len(search.json()) == 3 - number
    listed = (await client.get(f"{API}/versions")).json()["items"]
    assert [(each["version"], each["note"]) for each in listed] == [(1, "first"), (2, "")]
    assert (await client.get(f"{HOME}/versions/3/dicom-web/studies")).status_code == 404
    assert (await client.get(f"{HOME}/versions/01/dicom-web/studies")).status_code == 404


async def test_nothing_is_stored_into_a_version(client: httpx.AsyncClient) -> None:
    await two_versions(client)
    head = {"content-type": "application/dicom"}
    answer = await client.post(f"{HOME}/versions/1/dicom-web/studies", content=part10(ct()), headers=head)
    assert answer.status_code == 405
    told = await client.options(f"{HOME}/versions/1/dicom-web/studies")
    assert "POST" not in told.headers["allow"]


async def test_versions_are_told_apart_by_series_instance_and_attribute(client: httpx.AsyncClient) -> None:
    await two_versions(client)
    changes = (await client.get(f"{API}/versions/2/changes")).json()["items"]
    assert [(each["series"], each["change"]) for each in changes] == [
        ("1.2.3.4", "replaced"),
        ("1.2.3.5", "withdrawn"),
    ]
    one = (await client.get(f"{API}/versions/2/changes/1.2.3.4")).json()["items"][0]
    assert (one["added"], one["replaced"], one["withdrawn"]) == ([], ["1.2"], [])
    (attribute,) = one["attributes"]
    assert attribute == {"path": "0008103E", "before": '["before"]', "after": '["after"]', "instances": 1}
    whole = (await client.get(f"{API}/diff", params={"from": 0})).json()["items"]
    assert [(each["series"], each["change"]) for each in whole] == [("1.2.3.4", "added")]
    assert (await client.get(f"{API}/versions/2/changes/9.9")).status_code == 404
    assert (await client.get(f"{API}/diff", params={"from": 2, "to": 1})).status_code == 404


async def test_the_manifest_of_a_difference_says_what_to_fetch_and_delete(client: httpx.AsyncClient) -> None:
    await two_versions(client)
    text = (await client.get(f"{API}/diff.csv", params={"from": 1})).text
    lines = list(csv.DictReader(StringIO(text)))
    assert [(each["action"], each["instance"]) for each in lines] == [("fetch", "1.2"), ("delete", "1.3")]
    got = await client.get(lines[0]["url"], headers={"accept": "application/dicom"})
    assert str(len(got.content)) == lines[0]["bytes"]


async def test_the_feed_goes_on_where_it_was_left(client: httpx.AsyncClient) -> None:
    await two_versions(client)
    whole = (await client.get("/api/v1/changes")).json()
    steps, after = [], ""
    while found := (
        page := (await client.get("/api/v1/changes", params={"limit": 1, "after": after})).json()
    )["items"]:
        steps += found
        after = page["next"]
    assert steps == whole["items"]
    assert [(each["version"], each["change"]) for each in steps] == [
        (1, "added"),
        (1, "added"),
        (2, "replaced"),
        (2, "withdrawn"),
    ]
    await publish(client, submissions=[await send(client, series="1.2.3.9", instance="1.9")])
    more = (await client.get("/api/v1/changes", params={"after": after})).json()["items"]
    assert [(each["version"], each["series"]) for each in more] == [(3, "1.2.3.9")]


async def test_what_was_withdrawn_is_gone_for_those_who_could_see_it(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_versions(client)
    recognise(monkeypatch)
    collection = (await client.get(API)).json()
    await _people(client)
    path = "/studies/1.2.3/series/1.2.3.5/instances/1.3/metadata"
    for headers in ({}, person(1)):
        for root in (f"{HOME}/dicom-web", "/dicom-web", f"{HOME}/versions/2/dicom-web"):
            gone = await client.get(root + path, headers=headers)
            assert gone.status_code == 410, (root, gone.text)
            assert gone.json()["reason"] == "Wrong patient"
            assert gone.json()["last_version"].endswith(f"{HOME}/versions/1/dicom-web")
        assert (await client.get(f"{HOME}/versions/1/dicom-web{path}", headers=headers)).status_code == 200
    for headers, status in ((person(2), 404), (ANYONE, 401)):
        assert (await client.get(f"/dicom-web{path}", headers=headers)).status_code == status
    assert collection["slug"] == SLUG


async def test_versions_are_published_by_those_who_curate_all_of_the_collection(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make(client)
    recognise(monkeypatch)
    await _people(client)
    key = await send(client, headers=person(3), instance="1.1")
    withdrawals = f"/api/v1/submissions/{key}/withdrawals"
    for headers, status in ((person(1), 403), (person(2), 404), (person(3), 403), (ANYONE, 401)):
        answer = await client.post(f"{API}/versions", json={"submissions": [key]}, headers=headers)
        assert answer.status_code == status, (headers, answer.text)
        if status != 401:
            assert (await client.post(f"/api/v1/submissions/{key}/approve", headers=headers)).status_code in (
                403,
                404,
            )
    assert (await client.post(f"/api/v1/submissions/{key}/close", headers=person(3))).json()[
        "state"
    ] == "closed"
    assert (await client.post(f"/api/v1/submissions/{key}/reopen", headers=person(3))).json()[
        "state"
    ] == "open"
    assert (
        await client.put(withdrawals, json=[{"study": "9.9", "reason": "x"}], headers=person(3))
    ).status_code == 400
    answer = await client.post(f"{API}/versions", json={"submissions": [key]}, headers=person(4))
    assert answer.status_code == 201, answer.text
    again = await client.post(f"{API}/versions", json={"submissions": [key]}, headers=person(4))
    assert again.status_code == 409
    proposed = [{"study": "1.2.3", "series": "", "instance": "", "reason": "Consent"}]
    key = await send(client, series="1.2.3.8", instance="1.8")
    put = await client.put(f"/api/v1/submissions/{key}/withdrawals", json=proposed)
    assert put.json() == proposed == (await client.get(f"/api/v1/submissions/{key}/withdrawals")).json()
    assert (await client.post(f"{API}/versions", json={"submissions": [key]})).status_code == 201
    assert await held(client, HOME) == ["1.8"]  # what was sent with it is not what was withdrawn


async def test_a_rolling_collection_is_cut(client: httpx.AsyncClient) -> None:
    await make(client, rolling=True)
    await send(client, instance="1.1")
    assert await held(client, HOME) == ["1.1"]
    await publish(client)
    await send(client, instance="1.2")
    assert await held(client, HOME) == ["1.1", "1.2"]
    assert await held(client, f"{HOME}/versions/1") == ["1.1"]
    assert (await publish(client))["changes"]["series_replaced"] == 1
    assert (await client.post(f"{API}/versions", json={})).status_code == 409


async def _people(client: httpx.AsyncClient) -> None:
    """A reader, nobody in particular, a submitter and a curator."""
    app = client._transport.app  # type: ignore[attr-defined]
    archive = app.state.archive
    register = await archive.rights.register()
    collection = register.collections[SLUG].id

    def put(connection: object) -> None:
        enrol(connection, 4)  # type: ignore[arg-type]
        for number, role in ((1, "reader"), (3, "submitter"), (4, "curator")):
            grant(connection, number, role, collection)  # type: ignore[arg-type]

    await archive.database.write(put)
