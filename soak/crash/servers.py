"""The servers of a run, each a real process with a folder of its own, and what is under way at each."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx

from tests.live import Process
from tests.seaweed import CREDENTIALS

#: A request that takes longer hangs; to start may take as long as others on the machine let it.
HANG_SECONDS, PATIENCE = 180, 900
NO_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)


class Server:
    """One server, its client, and how many requests of each kind are under way there."""

    def __init__(self, folder: Path, database: str, store: str) -> None:
        chosen = {"READINGROOM_STORE": store, "READINGROOM_CODEC_PROCESSES": "1", **CREDENTIALS}
        self.process = Process(folder, database, **chosen)
        self.client = httpx.AsyncClient(
            base_url=f"{self.process.url}/dicom-web/", timeout=HANG_SECONDS, limits=NO_LIMITS
        )
        self.under_way: Counter[str] = Counter()

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Count a request while it lasts."""
        self.under_way[what] += 1
        try:
            yield
        finally:
            self.under_way[what] -= 1

    async def start(self) -> None:
        """Start the process, and wait until it is ready."""
        await asyncio.to_thread(self.process.start, PATIENCE)

    async def kill(self) -> Counter[str]:
        """End it at once; what was under way then."""
        before = +self.under_way
        await asyncio.to_thread(self.process.kill)
        return before


@asynccontextmanager
async def servers(folder: Path, database: str, store: str, count: int = 3) -> AsyncIterator[list[Server]]:
    """Servers that answer, gone at the end."""
    made = [Server(folder / f"server-{number}", database, store) for number in range(count)]
    try:
        await asyncio.gather(*(each.start() for each in made))
        yield made
    finally:
        for each in made:
            await each.client.aclose()
            if each.process.process:
                await asyncio.to_thread(each.process.kill)
