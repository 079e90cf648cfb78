"""What each caller may do as the database has it, on both engines, in every process."""

from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Connection, delete, insert

from app.access.callers import Caller
from app.database import Database
from app.registry import rights
from app.registry.rights import Rights
from app.registry.tables import COLLECTION, GRANT, GROUP, MEMBER, PERSON, SITE, UNIT
from app.viewer import Capability
from tests.access.drawn import CALLERS, COLLECTIONS, GROUPS, MOMENTS, NOON, PEOPLE, SITES, givens, places
from tests.access.oracle import Given, Place, may
from tests.access.test_decide import held
from tests.index.entries import collect

PROFILE = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FLAGS = {"admin": False, "auditor": False, "disabled": False}


def clear(connection: Connection) -> None:
    """Nobody, nothing, and no collection but these; their rows are not those of the inbox."""
    for table in (GRANT, MEMBER, GROUP, PERSON, UNIT, SITE, COLLECTION):
        connection.execute(delete(table))
    record = {"kind": "collection", "licence": "", "record": b"{}", "rolling": False, "latest_version": 0}
    times = {"created_at": NOON, "changed_at": NOON, "revision": 1}
    for row in COLLECTIONS:
        values = {"id": row, "slug": f"c{row}", "title": "", **record, **times}
        connection.execute(insert(COLLECTION).values(values))
    for row in filter(None, SITES):
        connection.execute(insert(SITE).values(id=row, collection_id=1, slug=f"s{row}", name=""))
    for row in PEOPLE:
        who = {"issuer": "", "subject": f"p{row}", "name": "", "email": "", "password": ""}
        connection.execute(insert(PERSON).values(id=row, **who, **FLAGS, created_at=NOON))
    for row in GROUPS:
        connection.execute(insert(GROUP).values(id=row, slug=f"g{row}", name="", created_at=NOON))


def put(connection: Connection, where: list[Place], grants: list[Given]) -> None:
    """Write the units, in their order from 1, and the grants with the members of their groups."""
    clear(connection)
    for number, place in enumerate(where, 1):
        kind = {"tier": place.tier, "embargo_until": place.embargo, "hidden": place.hidden}
        row = {"id": number, "collection_id": place.collection, "site_id": place.site, **kind}
        connection.execute(insert(UNIT).values(row))
    groups = {each.names: each.members or {} for each in grants if each.to == "group"}
    for group, members in groups.items():
        for person, until in members.items():
            connection.execute(insert(MEMBER).values(group_id=group, person_id=person, ends_at=until))
    for each in grants:
        connection.execute(insert(GRANT).values(_row(each)))
    rights.changed(connection)


def _row(grant: Given) -> dict:
    return {
        "to": grant.to,
        "person_id": grant.names if grant.to == "person" else None,
        "group_id": grant.names if grant.to == "group" else None,
        "role": grant.role,
        "collection_id": grant.collection,
        "site_id": grant.site,
        "starts_at": grant.starts,
        "ends_at": grant.ends,
        "revoked_at": NOON if grant.revoked else None,
        "reason": "",
        "granted_by": "owner",
    }


def somebody(person: int | None) -> Caller:
    return Caller(f"p{person}", person, signed_in=person is not None)


def at(moment: datetime):
    return patch("app.registry.rights.now", lambda: moment)


@PROFILE
@given(places(), givens(), CALLERS, MOMENTS, MOMENTS)
async def test_everybody_may_what_the_oracle_says(database, where, grants, person, first, second):
    """Also of callers who are remembered, when the moment at which something ends has passed."""
    await database.write(lambda connection: put(connection, where, grants))
    found = await database.lookup(lambda connection: rights.granted(connection, person))
    key = lambda each: (each.role, each.collection, each.site or 0, each.starts_at, str(each.ends_at))  # noqa: E731
    bare = [replace(each, to="personally") for each in found]
    assert sorted(bare, key=key) == sorted(held(grants, person), key=key)
    known = Rights(database)
    for moment in sorted([first, second]):
        with at(moment):
            viewer = await known.viewer(somebody(person), await known.register())
        for capability in Capability:
            wanted = {n for n, p in enumerate(where, 1) if may(capability.value, p, grants, person, moment)}
            assert viewer.where(capability) == wanted, capability
        assert viewer.units == viewer.where(Capability.FIND)


async def ours(database: Database, *grants: Given, **place) -> None:
    private = Place(1, None, **{"tier": "private", "embargo": None, "hidden": True, **place})
    await database.write(lambda connection: put(connection, [private], list(grants)))


def reader(to: str = "person", names: int | None = 1, **more) -> Given:
    return Given(to, names, "reader", 1, None, **{"starts": NOON - timedelta(days=9), "ends": None, **more})


async def test_another_process_sees_the_change_with_its_next_request(database_url):
    one, other = await Database.open(database_url), await Database.open(database_url)
    try:
        await ours(one)
        here, there = Rights(one), Rights(other)
        for each in (here, there):
            assert not (await each.viewer(somebody(1), await each.register())).may
        await one.write(
            lambda connection: put(connection, [Place(1, None, "private", None, True)], [reader()])
        )
        viewer = await there.viewer(somebody(1), await there.register())
        assert viewer.holds(Capability.DOWNLOAD, 1)
        await other.write(lambda c: (c.execute(GRANT.update().values(revoked_at=NOON)), rights.changed(c)))
        viewer = await here.viewer(somebody(1), await here.register())
        assert not viewer.may
    finally:
        await one.close()
        await other.close()


async def test_what_has_not_changed_is_not_read_again(database, statements):
    await ours(database, reader())
    known = Rights(database)
    await known.viewer(somebody(1), await known.register())
    with statements() as seen:
        viewer = await known.viewer(somebody(1), await known.register())
    assert viewer.holds(Capability.DOWNLOAD, 1)
    assert len(seen) == 1


@pytest.mark.parametrize(("grant", "member", "until"), [(5, 3, 3), (3, 5, 3), (None, 3, 3), (3, None, 3)])
async def test_a_membership_ends_at_the_earlier_of_both(database, grant, member, until):
    def day(number: int | None) -> datetime | None:
        return None if number is None else NOON + timedelta(days=number)

    await ours(database, reader("group", 1, ends=day(grant), members={1: day(member)}))
    [found] = await database.lookup(lambda connection: rights.granted(connection, 1))
    assert (found.ends_at, found.to) == (day(until), "to the group g1")
    known, end = Rights(database), NOON + timedelta(days=until)
    for moment, holds in ((end - timedelta(microseconds=1), True), (end, False)):
        with at(moment):
            viewer = await known.viewer(somebody(1), await known.register())
        assert viewer.holds(Capability.FIND, 1) is holds


ALL = frozenset(Capability)


@pytest.mark.parametrize(
    ("narrowed", "left"),
    [
        ({}, {Capability.FIND, Capability.VIEW, Capability.DOWNLOAD}),
        ({"capabilities": frozenset({Capability.FIND, Capability.OWN})}, {Capability.FIND}),
        ({"collections": frozenset({2})}, set()),
        ({"collections": frozenset({1})}, {Capability.FIND, Capability.VIEW, Capability.DOWNLOAD}),
        ({"everything": True, "collections": frozenset({1})}, ALL),
        ({"everything": True, "collections": frozenset({2})}, set()),
        ({"everything": True, "capabilities": frozenset({Capability.VIEW})}, {Capability.VIEW}),
    ],
)
async def test_a_token_is_never_more_than_its_person(database, narrowed, left):
    await ours(database, reader())
    known = Rights(database)
    caller = replace(somebody(1), **narrowed)
    viewer = await known.viewer(caller, await known.register())
    assert {each for each in Capability if viewer.holds(each, 1)} == left
    assert not viewer.sees_all


async def test_who_does_not_sign_in_has_nothing_of_the_persons(database):
    await ours(database, reader(), reader("registered", None))
    known = Rights(database)
    link = Caller("link", 1)
    assert not (await known.viewer(link, await known.register())).may
    assert await database.lookup(lambda connection: rights.granted(connection, None)) == []


async def test_collections_come_in_one_order_whatever_was_changed_last(database: Database) -> None:
    def put(connection: Connection) -> list[str]:
        for slug in ("b", "a"):
            collect(connection, slug)
        connection.execute(COLLECTION.update().where(COLLECTION.c.slug == "a").values(title="other"))
        return list(rights.register(connection).collections)

    assert await database.write(put) == ["a", "b", "inbox"]
