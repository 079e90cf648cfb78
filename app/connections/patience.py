"""How long a client may keep the archive waiting."""

from dataclasses import dataclass

TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """`head_seconds` for a request's head; at least `bytes_per_second` in every `window_seconds` after it;
    and `drain_seconds` for a last request, of a server that is to stop.
    """

    head_seconds: float
    window_seconds: float
    bytes_per_second: float
    drain_seconds: float

    @property
    def tick(self) -> float:
        """Seconds between two looks at a connection."""
        return min(TICK_SECONDS, self.head_seconds / 4, self.window_seconds / 4)


class Clock:
    """How long the client was waited for in this window, and how many bytes moved meanwhile."""

    __slots__ = ("moved", "waited")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.waited, self.moved = 0.0, 0

    def too_slow(self, patience: Patience) -> bool:
        """Judge a window that is over, and begin the next."""
        self.waited += patience.tick
        if self.waited < patience.window_seconds:
            return False
        slow = self.moved < self.waited * patience.bytes_per_second
        self.reset()
        return slow
