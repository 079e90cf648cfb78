"""What was tried and could not be made, so that it is not tried again for everybody who asks.

What an instance itself forbids is remembered for long. A codec that crashed or took too long may have met a
loaded machine instead of a damaged instance: that is remembered briefly, and twice as long each time that it
comes again.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.errors import CannotDecode, CannotEncode, CodecFailed, Fact, InvalidInstance

#: Seconds.
LONG, BRIEFLY = 24 * 3600.0, 60.0
#: As many are remembered, some hundred bytes each; those asked for longest ago are forgotten first.
MOST = 50_000


@dataclass(frozen=True, slots=True)
class _Refusal:
    fact: type[Fact]
    detail: str
    seconds: float
    until: float


class Refusals:
    """Facts by the key of what was to be made, as the cache names it: one process's own, gone with it."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[str, _Refusal] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_key)

    def check(self, key: str) -> None:
        """Raises the fact for which `key` was refused not long ago."""
        refusal = self._by_key.get(key)
        if refusal is None:
            return
        self._by_key.move_to_end(key)
        if time.monotonic() < refusal.until:
            raise refusal.fact(refusal.detail)

    @contextmanager
    def remembered(self, key: str) -> Iterator[None]:
        """Make what `key` names in this block. Raises as `check` does, and remembers what it raises."""
        self.check(key)
        try:
            yield
        except (CannotDecode, CannotEncode, InvalidInstance) as fact:
            self._remember(key, fact)
            raise
        self._by_key.pop(key, None)

    def _remember(self, key: str, fact: Fact) -> None:
        before = self._by_key.pop(key, None)
        seconds = LONG
        if isinstance(fact, CodecFailed):
            seconds = min(LONG, 2 * before.seconds if before else BRIEFLY)
        self._by_key[key] = _Refusal(type(fact), fact.detail, seconds, time.monotonic() + seconds)
        if len(self._by_key) > MOST:
            self._by_key.popitem(last=False)
