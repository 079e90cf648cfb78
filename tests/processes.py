"""Work in several real processes at once."""

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

A = TypeVar("A")
T = TypeVar("T")


def together(work: Callable[[A], T], arguments: Iterable[A]) -> list[T]:
    """Run `work`, a function of a test module, on each argument in its own process; the answers in order.

    The processes are forked from one that has imported the module, so that they really meet: each would
    otherwise spend a second on its imports.
    """
    each = list(arguments)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__module__])
    with ProcessPoolExecutor(len(each), mp_context=context) as pool:
        return list(pool.map(work, each))
