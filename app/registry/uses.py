"""When tokens were last used, written beside the requests that use them."""

import asyncio

import structlog

from app.database import Database
from app.errors import DatabaseUnavailable
from app.logs import told
from app.registry import tokens

log = structlog.get_logger("readingroom")


class Uses:
    """Writes one use at a time; whoever notes one does not wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def note(self, token: int) -> None:
        """The token was used now."""
        if token not in self._tasks:
            task = self._tasks[token] = asyncio.create_task(self._write(token))
            task.add_done_callback(lambda _: self._tasks.pop(token, None))

    async def close(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._tasks.values())

    async def _write(self, token: int) -> None:
        try:
            await self._database.write(lambda connection: tokens.used(connection, token))
        except DatabaseUnavailable as error:
            log.warning("when a token was used could not be written", **told(error))
