"""Connections of PostgreSQL that are held: used again, few, and given up when they are dead."""

import asyncio

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.util import await_only

from app.database import engines
from app.database.facts import patiently
from app.database.held import MOST, HeldConnections

BACKEND = select(func.pg_backend_pid())
SLEEP = select(func.pg_sleep(600))
END_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
async def engine(empty_postgres_url):
    made = engines.postgres(engines.parse(empty_postgres_url))
    yield made
    await made.dispose()


@pytest.fixture
async def held(engine):
    connections = HeldConnections(engine.execution_options(isolation_level="AUTOCOMMIT"))
    yield connections
    await connections.close()
    assert engine.pool.checkedout() == 0


def backend(connection):
    return connection.scalar(BACKEND)


async def at_once(held, count):
    """Run so many reads, none of which ends before all have begun."""
    together = asyncio.Barrier(count)

    def read(connection):
        await_only(together.wait())
        connection.execute(BACKEND)

    await asyncio.wait_for(asyncio.gather(*(held.run(read) for _ in range(count))), 60)


async def test_one_is_used_again(held, engine):
    assert await held.run(backend) == await held.run(backend)
    assert engine.pool.checkedout() == 1


async def test_of_many_at_once_few_stay(held, engine):
    await at_once(held, MOST + 3)
    assert engine.pool.checkedout() == MOST


async def test_dead_ones_are_replaced(held, engine):
    await at_once(held, MOST)
    dead = await held.run(backend)
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as other:
        await other.execute(END_OTHERS)
    assert await patiently(lambda: held.run(backend)) != dead
    assert engine.pool.checkedout() == 1


async def test_after_an_error_it_goes_on(held):
    for _ in range(3):
        with pytest.raises(ProgrammingError):
            await held.run(lambda connection: connection.exec_driver_sql("SELECT nothing"))
        assert await held.run(backend)


async def test_one_that_is_cut_off_is_not_used_again_as_it_is(held, engine):
    begun = asyncio.Event()
    reading = asyncio.create_task(held.run(lambda connection: begun.set() or connection.execute(SLEEP)))
    await begun.wait()
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert engine.pool.checkedout() == 0
    assert await held.run(backend)
