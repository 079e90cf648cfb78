"""Long work in the event loop, in slices: who needs only a moment of it waits for no more than one."""

import asyncio
from heapq import heappop, heappush
from itertools import count

#: Turns of the loop between two slices: a short request is served within them.
_BETWEEN = 4


class Turns:
    """One slice at a time, of all who have such work; who has begun goes on before others begin."""

    def __init__(self) -> None:
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._asked = count()
        self._giving: asyncio.Task[None] | None = None

    async def take(self, *, begins: bool = False) -> None:
        """Wait for a turn, which lasts until the caller waits for anything: let it be half a millisecond."""
        turn = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (begins, next(self._asked), turn))
        self._giving = self._giving or asyncio.create_task(self._give())
        await turn

    async def _give(self) -> None:
        while self._waiting:
            for _ in range(_BETWEEN):
                await asyncio.sleep(0)
            *_, turn = heappop(self._waiting)
            if not turn.cancelled():
                turn.set_result(None)
        self._giving = None
