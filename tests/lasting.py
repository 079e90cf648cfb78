"""Codec processes that outlive their archive: to start some takes longer than most tests."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from unittest.mock import patch

from app.codecs import Codecs
from app.codecs.workers import Worker, Workers

#: Processes that wait for the next archive, by the memory that they may have: some may not raise that again.
_WAITING: defaultdict[int, list[Worker]] = defaultdict(list)
_OWN = Codecs.__dict__["_workers"]


class _Lasting(Workers):
    """The processes of one pool, of which those that wait for a call are left to others."""

    def __init__(self, waiting: list[Worker]) -> None:
        super().__init__()
        self._idle = waiting

    async def close(self) -> None:
        """End those that answer a call."""
        self._closed = True
        busy = list(self._busy)
        for worker in busy:
            worker.kill()
        for worker in busy:
            await asyncio.to_thread(worker.reap)


@contextmanager
def lasting() -> Iterator[None]:
    """Archives of this process hand on their codec processes, which end with the block."""
    workers = cached_property(lambda codecs: _Lasting(_WAITING[codecs._memory]))
    workers.__set_name__(Codecs, "_workers")
    try:
        with patch.object(Codecs, "_workers", workers):
            yield
    finally:
        _end()


@contextmanager
def own() -> Iterator[None]:
    """But not here: each archive has its own, and there are no others."""
    _end()
    with patch.object(Codecs, "_workers", _OWN):
        yield


def _end() -> None:
    for waiting in _WAITING.values():
        while waiting:
            worker = waiting.pop()
            worker.end()
            worker.reap()
