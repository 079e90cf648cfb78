"""Two who write at once, on PostgreSQL: one waits for the other where it has to, and nothing is lost."""

import asyncio

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.util import await_only

from app.database import Database
from app.index import carts, purge, writer
from app.index.publish import Leaving
from app.index.scope import Scope
from app.index.tables import INSTANCE
from app.registry import carts as registry_carts
from app.registry import versions
from app.viewer import OWNER
from tests.index.test_publish import Filled


@pytest.fixture
async def postgres_database(postgres_url):
    database = await Database.open(postgres_url)
    yield database
    await database.close()


def cart_of(connection: Connection, filled: Filled, series: str) -> int:
    made = registry_carts.create(connection, None, {"name": "c", "description": "", "audience": "nobody"})
    carts.put(connection, made.id, filled.scope(), OWNER, series=[series], most=9)
    return made.id


async def test_what_is_stored_while_a_cart_is_made_is_not_added_to_it(postgres_database) -> None:
    database = postgres_database
    filled = await database.write(lambda connection: Filled(connection, rolling=True))
    await database.write(lambda c: filled.put(c, None, ("1.1", "1.1.1", "1.1.1.1")))
    made, go_on = asyncio.Event(), asyncio.Event()

    def make(connection: Connection):
        cart = cart_of(connection, filled, "1.1.1")
        before = filled.held(connection, Scope(cart=cart))
        made.set()
        await_only(asyncio.wait_for(go_on.wait(), 60))
        return cart, before

    making = asyncio.create_task(database.write(make))
    await made.wait()
    storing = asyncio.create_task(database.write(lambda c: filled.put(c, None, ("1.1", "1.1.1", "1.1.1.2"))))
    await asyncio.sleep(0.5)
    go_on.set()
    cart, before = await making
    await storing
    after = await database.lookup(lambda c: filled.held(c, Scope(cart=cart)))
    assert before == after


async def test_what_is_withdrawn_while_a_cart_is_made_stays_in_it(postgres_database) -> None:
    database = postgres_database
    filled = await database.write(lambda connection: Filled(connection, rolling=True))
    for series in ("1.1.1", "1.1.2"):
        await database.write(lambda c, s=series: filled.put(c, None, ("1.1", s, f"{s}.1")))
    made, go_on = asyncio.Event(), asyncio.Event()

    def make(connection: Connection):
        cart = cart_of(connection, filled, "1.1.1")
        before = filled.held(connection, Scope(cart=cart))
        made.set()
        await_only(asyncio.wait_for(go_on.wait(), 60))
        return cart, before

    making = asyncio.create_task(database.write(make))
    await made.wait()
    leaving = asyncio.create_task(database.write(lambda c: filled.publish(c, [], [Leaving("1.1", "1.1.1")])))
    await asyncio.sleep(0.5)
    go_on.set()
    cart, before = await making
    await leaving
    after = await database.lookup(lambda c: filled.held(c, Scope(cart=cart)))
    assert before == after


async def test_to_publish_does_not_wait_for_who_stores_into_another_submission(postgres_database) -> None:
    """Nor they for it: whoever takes a turn leaves the key of the collection's row alone."""
    database = postgres_database
    filled = await database.write(Filled)
    first, other = await database.write(lambda c: (filled.submission(c), filled.submission(c)))
    await database.write(lambda c: filled.put(c, first, ("1.1", "1.1.1", "1.1.1.1")))
    stored, go_on = asyncio.Event(), asyncio.Event()

    def store(connection: Connection):
        filled.put(connection, other, ("1.2", "1.2.1", "1.2.1.1"))
        stored.set()
        await_only(asyncio.wait_for(go_on.wait(), 60))

    storing = asyncio.create_task(database.write(store))
    await stored.wait()
    publishing = asyncio.create_task(database.write(lambda c: filled.publish(c, [first])))
    done, _ = await asyncio.wait([publishing], timeout=20)
    go_on.set()
    await asyncio.gather(storing, publishing)
    assert done


async def test_what_is_stored_into_a_draft_beside_what_is_purged_is_kept(postgres_database) -> None:
    """Acknowledged: its row is there, or its object is destroyed with the rest and a tombstone says so."""
    database = postgres_database
    filled = await database.write(Filled)
    draft = await database.write(filled.submission)
    await database.write(lambda c: filled.put(c, draft, ("1.1", "1.1.1", "1.1.1.1")))
    stored, go_on = asyncio.Event(), asyncio.Event()

    def store(connection: Connection):
        outcome = filled.put(connection, draft, ("1.1", "1.1.1", "1.1.1.2"))
        stored.set()
        await_only(asyncio.wait_for(go_on.wait(), 60))
        return outcome

    said = {"reason": "r", "by": "x"}
    address = Leaving("1.1", "1.1.1", "1.1.1.1")

    def destroy(connection: Connection):
        number = versions.begin(connection, filled.collection)
        return purge.purge(connection, filled.collection, address, number, said)

    storing = asyncio.create_task(database.write(store))
    await stored.wait()
    purging = asyncio.create_task(database.write(destroy))
    await asyncio.sleep(0.5)
    go_on.set()
    assert await storing is writer.Outcome.STORED
    await purging
    kept = await database.lookup(lambda c: set(c.scalars(select(INSTANCE.c.sop_instance_uid))))
    assert kept == {"1.1.1.2"}


async def test_a_purge_of_a_series_leaves_no_object_of_it(postgres_database) -> None:
    database = postgres_database
    filled = await database.write(Filled)
    draft = await database.write(filled.submission)
    await database.write(lambda c: filled.put(c, draft, ("1.1", "1.1.1", "1.1.1.1")))
    stored, go_on = asyncio.Event(), asyncio.Event()

    def store(connection: Connection):
        filled.put(connection, draft, ("1.1", "1.1.1", "1.1.1.2"))
        stored.set()
        await_only(asyncio.wait_for(go_on.wait(), 60))

    def destroy(connection: Connection):
        number = versions.begin(connection, filled.collection)
        said = {"reason": "r", "by": "x"}
        return purge.purge(connection, filled.collection, Leaving("1.1"), number, said)

    storing = asyncio.create_task(database.write(store))
    await stored.wait()
    purging = asyncio.create_task(database.write(destroy))
    await asyncio.sleep(0.5)
    go_on.set()
    await asyncio.gather(storing, purging)
    doomed = {key for _, key in await database.lookup(purge.doomed)}
    assert doomed == {"key-1.1.1.1", "key-1.1.1.2"}
