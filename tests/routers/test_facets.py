"""Facets: by what the series that somebody may find can be narrowed, and nothing of any other."""

from tests.routers import versions_of
from tests.routers.callers import ANYONE, enrol, person
from tests.routers.test_collections import SHOWN, archive, give, make, store

__all__ = ["archive"]
FACETS = "/api/v1/facets"
NAMES = ("modality", "body_part", "manufacturer", "collection")


async def filled(client):
    """An open collection, one on request that tells of itself, and a hidden one."""
    await make(client, "a", rolling=True, **SHOWN)
    await make(client, "b", rolling=True, tier="request", hidden=False)
    await make(client, "secret", rolling=True)
    said = {"Manufacturer": "ACME", "BodyPartExamined": "CHEST"}
    await store(client, "a", study="1.1", series="1.1.1", **said)
    await store(client, "a", study="1.1", series="1.1.1", **said)
    await store(client, "a", study="1.1", series="1.1.2", Modality="PT", **said)
    await store(client, "b", study="1.2", series="1.2.1", BodyPartExamined="CHEST")
    await store(client, "b", study="1.2", series="1.2.2", Manufacturer="Other")
    await store(client, "secret", study="1.3", series="1.3.1", Modality="XA", Manufacturer="Hidden")


async def ask(client, path=FACETS, headers=None, **asked):
    answer = await client.get(path, params=asked, headers=headers or {})
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(found):
    """The series of each value of each facet."""
    return {
        name: {each["value"]: each["series"] for each in found[name]["values"]}
        for name in NAMES
        if found[name]["values"]
    }


async def test_values_are_counted_as_stored_and_missing_is_null(client):
    await filled(client)
    found = await ask(client)
    assert told(found) == {
        "modality": {"CT": 3, "PT": 1, "XA": 1},
        "body_part": {"CHEST": 3, None: 2},
        "manufacturer": {"ACME": 2, None: 1, "Hidden": 1, "Other": 1},
        "collection": {"a": 2, "b": 2, "secret": 1},
    }
    assert [each["value"] for each in found["manufacturer"]["values"]] == ["ACME", None, "Hidden", "Other"]
    assert (found["series"], found["instances"]) == (5, 6)
    chest = found["body_part"]["values"][0]
    assert (chest["instances"], chest["bytes"]) == (4, found["bytes"] - await bytes_without(client))


async def bytes_without(client):
    return (await ask(client, body_part=""))["bytes"]


async def test_what_is_chosen_narrows_every_other_facet(client):
    await filled(client)
    found = await ask(client, modality="CT")
    assert told(found) == {
        "modality": {"CT": 3, "PT": 1, "XA": 1},
        "body_part": {"CHEST": 2, None: 1},
        "manufacturer": {"ACME": 1, None: 1, "Other": 1},
        "collection": {"a": 1, "b": 2},
    }
    assert found["series"] == 3
    either = await ask(client, modality=["CT", "PT"], manufacturer=["", "ACME"])
    assert (either["series"], told(either)["manufacturer"]) == (3, {"ACME": 2, None: 1, "Other": 1})
    both = await ask(client, modality="PT", manufacturer="Other")
    assert told(both) == {"modality": {"CT": 1}, "manufacturer": {"ACME": 1}}
    assert (both["series"], both["instances"], both["bytes"]) == (0, 0, 0)
    one = await ask(client, collection=["a", "none"])
    assert told(one)["collection"] == {"a": 2, "b": 2, "secret": 1}
    assert told(one)["modality"] == {"CT": 1, "PT": 1}


async def test_everyone_is_told_of_their_own_part(client, archive):
    await filled(client)
    await archive.database.write(lambda connection: enrol(connection, 2))
    await give(archive, 2, "reader", "secret")
    for headers, values in (
        (ANYONE, {"a": 2, "b": 2}),
        (person(1), {"a": 2, "b": 2}),
        (person(2), {"a": 2, "b": 2, "secret": 1}),
    ):
        found = await ask(client, headers=headers)
        assert told(found)["collection"] == values
        assert ("XA" in told(found)["modality"]) is ("secret" in values)
        assert found["manufacturer"]["distinct"] == len(values) + 1
        hidden = await client.get("/api/v1/collections/secret/facets", headers=headers)
        assert hidden.status_code == (200 if "secret" in values else 404)
    chosen = await ask(client, headers=ANYONE, collection="secret")
    assert chosen == await ask(client, headers=ANYONE, collection="unknown")


async def test_a_collection_has_its_own(client):
    await filled(client)
    found = await ask(client, "/api/v1/collections/a/facets", modality="PT")
    assert told(found) == {
        "modality": {"CT": 1, "PT": 1},
        "body_part": {"CHEST": 1},
        "manufacturer": {"ACME": 1},
        "collection": {"a": 1},
    }
    assert (await client.get("/api/v1/collections/none/facets")).status_code == 404


async def test_a_version_is_counted_as_it_was(client):
    await versions_of.make(client)
    for number, modality in enumerate(("CT", "MR"), 1):
        await versions_of.send(client, study="1.1", series=f"1.1.{number}", Modality=modality)
        (sent,) = (await client.get("/api/v1/submissions")).json()["items"][-1:]
        await client.post(f"/api/v1/submissions/{sent['key']}/close")
        await client.post(f"/api/v1/submissions/{sent['key']}/approve")
        await versions_of.publish(client)
    path = f"{versions_of.API}/versions/{{}}/facets".format
    assert told(await ask(client, path(1)))["modality"] == {"CT": 1}
    assert told(await ask(client, path(2)))["modality"] == {"CT": 1, "MR": 1}
    assert told(await ask(client, f"{versions_of.API}/facets"))["modality"] == {"CT": 1, "MR": 1}
    assert (await client.get(path(3))).status_code == 404


async def test_drafts_are_in_no_count(client):
    await versions_of.make(client)
    await versions_of.send(client, study="1.1", series="1.1.1")
    assert told(await ask(client)) == {}


async def test_the_most_frequent_values_are_listed_and_all_counted(client):
    await filled(client)
    found = await ask(client, limit=1)
    assert [found[name]["distinct"] for name in NAMES] == [3, 2, 4, 3]
    assert [each["value"] for each in found["modality"]["values"]] == ["CT"]


async def test_what_nobody_could_mean_is_400_or_nothing(client):
    for wrong in ({"modality": "x" * 501}, {"modality": ["x"] * 101}, {"limit": 0}, {"limit": "x"}):
        assert (await client.get(FACETS, params=wrong)).status_code == 400
    for odd in ("\0", "%", "\U0001f300", "' OR 1=1"):
        assert (await ask(client, modality=odd, collection=odd))["series"] == 0


async def test_the_same_again_is_304(client):
    await filled(client)
    answer = await client.get(FACETS)
    again = await client.get(FACETS, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
