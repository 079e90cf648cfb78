"""How often somebody may try something: counted in memory, by each worker for itself."""

from dataclasses import dataclass
from math import ceil
from time import time

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.errors import TooMany


@dataclass(frozen=True, slots=True)
class Policy:
    """So many at most in so many seconds, for each who is counted."""

    name: str
    most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Passed:
    """What is left to somebody, and after how many seconds there is more again."""

    policy: Policy
    left: int
    wait: int


class Turnstile:
    """Counts, and lets nobody through who came too often."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def enter(self, policy: Policy, who: str) -> Passed:
        """Count somebody. Raises TooMany, and then does not count."""
        passed = self._limiter.hit(_item(policy), policy.name, who)
        state = self.look(policy, who)
        if not passed:
            raise TooMany(policy.name, policy.most, policy.seconds, state.wait)
        return state

    def look(self, policy: Policy, who: str) -> Passed:
        """What is left to somebody, without counting."""
        until, left = self._limiter.get_window_stats(_item(policy), policy.name, who)
        return Passed(policy, left, max(1, ceil(until - time())))

    def forget(self, policy: Policy, who: str) -> None:
        """Begin anew with somebody."""
        self._limiter.clear(_item(policy), policy.name, who)


def _item(policy: Policy) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(policy.most, policy.seconds)
