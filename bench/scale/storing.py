"""Whether storing keeps its rate as the index grows: whole instances, through the application's own door."""

import time
from collections.abc import Iterator
from itertools import count

from bench.ct import Instance
from bench.operations import STORING, parts
from bench.scale.door import Door, WrongAnswerError

#: Instances in one request, and requests that are timed; the first ones are not.
TOGETHER, TIMES, BEFORE = 25, 20, 4
#: Of few pixels: what is measured is the index.
SIDE = 32


async def stored_per_second(door: Door) -> float:
    """Instances stored in a second by one client: new series of new studies, a request at a time."""
    requests = _requests()
    for _ in range(BEFORE):
        await _store(door, next(requests))
    bodies = [next(requests) for _ in range(TIMES)]
    began = time.perf_counter()
    for body in bodies:
        await _store(door, body)
    return TOGETHER * TIMES / (time.perf_counter() - began)


def _requests() -> Iterator[bytes]:
    for study in count(1):
        instances = (Instance(study, 1, number, SIDE) for number in range(1, TOGETHER + 1))
        yield b"".join(parts(instances))


async def _store(door: Door, body: bytes) -> None:
    answer = await door.send("owner", "/dicom-web/studies", STORING, body)
    if answer.status != 200:
        raise WrongAnswerError(f"STOW answered {answer.status}: {answer.body[:300]!r}")
