"""Turns at the stored objects: while one process copies or sweeps them, no other takes any away."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from secrets import token_hex
from typing import TypeVar

from app.database import Database
from app.errors import Conflict, DatabaseUnavailable
from app.registry import leases

T = TypeVar("T")
OBJECTS = "objects"
BACKUP, SWEEP = "backup", "sweep"
#: Seconds that a turn outlives its process, and between two looks at another's.
LEASE, POLL = 60.0, 1.0


async def staying(database: Database) -> bool:
    """Whether every object has to stay for now, as a backup may have yet to copy it.

    A backup that begins after the answer was no copies nothing that rows had ceased to name before.
    """
    return await database.lookup(lambda connection: leases.holder(connection, OBJECTS)) == BACKUP


async def turn(
    database: Database,
    what: str,
    work: Callable[[], Awaitable[T]],
    waiting: Callable[[str], None],
    seconds: float = LEASE,
) -> T:
    """What `work` gives, done while nobody else has a turn; `waiting` is told for whom it waits.

    Raises Conflict where the turn was lost, to a clock or to a database that was away for too long.
    """
    token = token_hex(16)
    await _take(database, what, token, waiting, seconds)
    body = asyncio.ensure_future(work())
    renewing = asyncio.create_task(_renew(database, token, body, seconds))
    try:
        await asyncio.wait([body])
    except asyncio.CancelledError:
        body.cancel()
        await asyncio.wait([body])
        raise
    finally:
        renewing.cancel()
        with suppress(DatabaseUnavailable):
            await database.write(lambda connection: leases.release(connection, OBJECTS, token))
    if body.cancelled():
        raise Conflict("Another process took over, as the database was away for too long: begin again.")
    return body.result()


async def _take(
    database: Database, what: str, token: str, waiting: Callable[[str], None], seconds: float
) -> None:
    while not await database.write(lambda connection: leases.take(connection, OBJECTS, what, token, seconds)):
        waiting(await database.lookup(lambda connection: leases.holder(connection, OBJECTS)))
        await asyncio.sleep(POLL)


async def _renew(database: Database, token: str, body: "asyncio.Future[T]", seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds / 3)
        # Where the database is away, the lease may hold until it is back.
        with suppress(DatabaseUnavailable):
            if not await database.write(lambda connection: leases.renew(connection, OBJECTS, token, seconds)):
                body.cancel()
                return
