"""Blocking work off the event loop, never left behind half done."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """At most `most` threads of one kind of work; idle ones cost nothing.

    A limiter around `run` holds for as long as the thread works, which neither asyncio's nor anyio's own ways
    into threads promise: a task that is cancelled leaves those at once, and its turn goes to the next one.
    """

    def __init__(self, name: str, most: int) -> None:
        self._threads = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`function(*args)` in a thread; a cancelled caller is let go only when the thread is done.

        Whoever is cancelled closes descriptors and removes temp files next. Were the thread still writing,
        its bytes could land in another object that was given the same descriptor.
        """
        context = copy_context()
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, lambda: context.run(function, *args, **kwargs))
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


#: For work that computes, or waits for a database; storage has threads of its own.
in_thread = Threads("work", 64).run
