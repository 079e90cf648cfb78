"""Bytes that were made lately, in memory, so that they need not be made again."""

from collections import OrderedDict
from collections.abc import Sized
from typing import Generic, TypeVar

T = TypeVar("T", bound=Sized)

#: No entry takes more than this part of the bound, so that one does not throw out all others.
_SHARE = 4


class Recent(Generic[T]):
    """At most `limit` bytes under names, in whatever knows its length; a name stands for one thing for ever.

    What was asked for longest ago goes first. For one event loop.
    """

    def __init__(self, limit: int) -> None:
        self._left = limit
        self.largest = limit // _SHARE
        self._entries: OrderedDict[str, T] = OrderedDict()

    def get(self, name: str) -> T | None:
        """What was kept under a name, if it still is."""
        found = self._entries.get(name)
        if found is not None:
            self._entries.move_to_end(name)
        return found

    def clear(self) -> None:
        """Keep nothing."""
        self._left += sum(map(len, self._entries.values()))
        self._entries.clear()

    def keep(self, name: str, data: T) -> None:
        """Keep bytes for as long as there is room for them, or not at all when they are too many."""
        if len(data) > self.largest or name in self._entries:
            return
        self._entries[name] = data
        self._left -= len(data)
        while self._left < 0:
            self._left += len(self._entries.popitem(last=False)[1])
