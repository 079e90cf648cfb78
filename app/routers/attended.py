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
    task = asyncio.ensure_future(work)
    try:
        async with asyncio.timeout(seconds):
            while not task.done():
                await asyncio.wait({task}, timeout=SECONDS)
                if not task.done() and await request.is_disconnected():
                    raise ClientDisconnect
    except TimeoutError:
        raise TooMuchToConvert(
            f"This takes longer than {seconds:g} seconds to convert: ask for less of it, or as stored with "
            "transfer-syntax=*. Asked again it goes faster, since what is converted is kept for a while."
        ) from None
    finally:
        task.cancel()
    return task.result()
