"""Work that is given up when nobody waits for it any more."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")

#: How often a client is looked after while it waits.
SECONDS = 1.0


async def attended(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. Cancels it, and raises ClientDisconnect, when the client leaves before.

    Decoding a series may take minutes: the codecs are for those who still wait.
    """
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=SECONDS)
            if not task.done() and await request.is_disconnected():
                raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
