"""Blocking work off the event loop, never left behind half done."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Apart from asyncio's own pool, so that slow fsyncs never keep others from theirs; idle threads cost nothing.
_threads = ThreadPoolExecutor(16, thread_name_prefix="storage")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(*args)` in a thread; a cancelled caller is let go only when the thread is done.

    Whoever is cancelled closes descriptors and removes temp files next. Were the thread still writing, its
    bytes could land in another object that was given the same descriptor.
    """
    work = asyncio.get_running_loop().run_in_executor(_threads, lambda: function(*args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await _ended(work)
        raise


async def _ended(work: asyncio.Future[T]) -> None:
    """Wait for the work whatever happens, and look at its outcome so that nobody warns of it later."""
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            continue
    if not work.cancelled():
        work.exception()
