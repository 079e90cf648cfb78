"""Work that is given up when nobody waits for it any more, or when it has taken more than its time."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.errors import TooMuchToConvert
from app.services.root import Root

T = TypeVar("T")

#: How often a client is looked after while it waits.
SECONDS = 1.0


async def attended(request: Request, root: Root, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. Cancels it, and raises ClientDisconnect, when the client leaves before.

    Decoding a series may take minutes: the codecs are for those who still wait, and for each of them in turn.
    Raises TooMuchToConvert after the seconds that the settings give one request.
    """
    seconds = root.archive.settings.conversion_seconds
    limit = asyncio.timeout(seconds)
    watch = _Watch(request, limit)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        if watch.has_left:
            raise ClientDisconnect from None
        raise TooMuchToConvert(
            f"This takes longer than {seconds:g} seconds to convert: ask for less of it, or as stored with "
            "transfer-syntax=*. Asked again it goes faster, since what is converted is kept for a while."
        ) from None
    finally:
        watch.stop()


class _Watch:
    """Looks after the client, and ends the time when it has left. What is quick is never looked after."""

    def __init__(self, request: Request, limit: asyncio.Timeout) -> None:
        self._request, self._limit = request, limit
        self._looking: asyncio.Task[None] | None = None
        self._wait()
        self.has_left = False

    def stop(self) -> None:
        """Look no longer."""
        self._timer.cancel()
        if self._looking:
            self._looking.cancel()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SECONDS, self._begin)

    def _begin(self) -> None:
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        if await self._request.is_disconnected():
            self.has_left = True
            self._limit.reschedule(asyncio.get_running_loop().time())
        else:
            self._wait()
