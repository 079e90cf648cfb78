"""PostgreSQL connections that stay out of their pool: to take one from it costs as much as to read a row."""

from contextlib import AsyncExitStack
from time import perf_counter
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.database.facts import Work
from app.metrics import waited

T = TypeVar("T")
#: So many at most are held: the pool has others, for writes and for busy hours.
MOST = 4


class HeldConnections:
    """Connections for short reads, each for one of them at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._idle: list[AsyncConnection] = []

    async def run(self, work: Work[T]) -> T:
        """What the work gives."""
        async with AsyncExitStack() as returning:
            connection = self._idle.pop() if self._idle else await self._another()
            returning.push_async_exit(connection)
            try:
                result = await connection.run_sync(work)
            except BaseException:
                # It may be dead, and so may the others then: the pool knows what to do about that.
                self._return_all(returning)
                raise
            if len(self._idle) < MOST:
                returning.pop_all()
                self._idle.append(connection)
            return result

    async def _another(self) -> AsyncConnection:
        began = perf_counter()
        connection = await self._engine.connect()
        waited("lookup", began)
        return connection

    async def close(self) -> None:
        """Give them back to the pool."""
        async with AsyncExitStack() as returning:
            self._return_all(returning)

    def _return_all(self, returning: AsyncExitStack) -> None:
        while self._idle:
            returning.push_async_exit(self._idle.pop())
