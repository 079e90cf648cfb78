"""How often somebody may try something: counted in memory, by each worker for itself."""

from dataclasses import dataclass
from math import ceil
from time import time

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.errors import Allowance, TooMany

#: With more who were counted, all begin anew.
MOST_KNOWN = 100_000


@dataclass(frozen=True, slots=True)
class Policy:
    """So many at most in so many seconds, for each who is counted."""

    name: str
    most: int
    seconds: int


class Turnstile:
    """Counts, and lets nobody through who came too often."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def enter(self, policy: Policy, who: str) -> Allowance:
        """Count somebody. Raises TooMany, and then does not count."""
        if len(self._storage.events) > MOST_KNOWN:
            # The storage empties what has run out, but keeps the names.
            self._storage.reset()
        passed = self._limiter.hit(_item(policy), policy.name, who)
        state = self.look(policy, who)
        if not passed:
            raise TooMany(state)
        return state

    def look(self, policy: Policy, who: str) -> Allowance:
        """What is left to somebody, without counting them."""
        until, left = self._limiter.get_window_stats(_item(policy), policy.name, who)
        return Allowance(policy.name, policy.most, policy.seconds, left, max(1, ceil(until - time())))

    def forget(self, policy: Policy, who: str) -> None:
        """Begin anew with somebody."""
        self._limiter.clear(_item(policy), policy.name, who)


def _item(policy: Policy) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(policy.most, policy.seconds)
