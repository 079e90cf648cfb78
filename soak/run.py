"""Sends a script's requests, some at once, and counts what came of them."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from soak.client import Came, send
from soak.requests import Script, Sent
from soak.server import Serving

AT_ONCE = 16
PROBE_SECONDS = 0.5
#: Caches are full, pools open and the allocator has its arenas after this share of a run.
WARM = 0.3
#: After which all that a request took has been given back.
QUIET_SECONDS = 2


@dataclass(slots=True)
class Tally:
    """What a run came to. `failed` and `hung` are numbers of requests, to be sent again one by one."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failed: list[tuple[int, int]] = field(default_factory=list)
    hung: list[int] = field(default_factory=list)
    seconds: float = 0
    slowest: tuple[float, int] = (0, 0)
    slowest_probe: float = 0
    memory: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def add(self, number: int, sent: Sent, came: Came, seconds: float) -> None:
        """Count one request."""
        self.answers[sent.kind, came.status] += 1
        self.slowest = max(self.slowest, (seconds, number))
        if came.status >= 500:
            self.failed.append((number, came.status))
        if came.hung:
            self.hung.append(number)

    def measure(self, server: Serving) -> None:
        """What the server holds now, while nothing is asked of it."""
        self.memory.append(server.memory())
        self.descriptors.append(server.descriptors())

    @property
    def growth(self) -> int:
        """Bytes by which the server grew from when it was warm to its end."""
        return self.memory[-1] - self.memory[0] if self.memory else 0

    @property
    def leaked_descriptors(self) -> int:
        """Files and connections open at the end, beyond those when it was warm."""
        return self.descriptors[-1] - self.descriptors[0] if self.descriptors else 0


async def run(server: Serving, script: Script, count: int, advance: Callable[[], object]) -> Tally:
    """Send requests 0 to `count`; `advance` is told of each."""
    tally, began, warm = Tally(), time.monotonic(), int(count * WARM)
    for numbers in (range(warm), range(warm, count)):
        await _together(server, script, numbers, tally, advance)
        await asyncio.sleep(QUIET_SECONDS)
        tally.measure(server)
    tally.seconds = time.monotonic() - began - 2 * QUIET_SECONDS
    return tally


async def _together(
    server: Serving, script: Script, numbers: range, tally: Tally, advance: Callable[[], object]
) -> None:
    following = iter(numbers)
    probing = asyncio.create_task(_probe(server.port, tally))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(_work(server, script, following, tally, advance))
    probing.cancel()


async def _work(
    server: Serving,
    script: Script,
    numbers: Iterator[int],
    tally: Tally,
    advance: Callable[[], object],
) -> None:
    for number in numbers:
        sent, began = script.request(number), time.monotonic()
        came = await send(server.port, sent)
        tally.add(number, sent, came, time.monotonic() - began)
        advance()


async def _probe(port: int, tally: Tally) -> None:
    """A patient user meanwhile: how long do they wait for a page of studies."""
    asked = b"GET /dicom-web/studies?limit=5 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    while True:
        began = time.monotonic()
        await send(port, Sent("probe", asked))
        tally.slowest_probe = max(tally.slowest_probe, time.monotonic() - began)
        await asyncio.sleep(PROBE_SECONDS)
