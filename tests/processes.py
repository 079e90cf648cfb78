"""Work in several real processes at once."""

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from typing import TypeVar

A = TypeVar("A")
T = TypeVar("T")
SECONDS_TO_BEGIN = 60


def together(work: Callable[[A], T], arguments: Iterable[A]) -> list[T]:
    """Run `work`, a function of a test module, on each argument in its own process; the answers in order.

    They are forked from one that has imported the module, and begin together: each would otherwise spend a
    second on its imports, and the first might be done before the last is there.
    """
    each = list(arguments)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__module__])
    start = context.Barrier(len(each))
    with ProcessPoolExecutor(len(each), context, initializer=_begin, initargs=(start,)) as pool:
        return list(pool.map(work, each))


def _begin(start: Barrier) -> None:
    start.wait(SECONDS_TO_BEGIN)
