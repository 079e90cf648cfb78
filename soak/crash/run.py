"""A run: clients at work, and round for round one server that is killed and started again."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from soak.crash.clients import Run, storing
from soak.crash.judge import Verdict, judge
from soak.crash.ledger import Ledger
from soak.crash.readers import retrieving
from soak.crash.servers import servers

STORING, RETRIEVING = 4, 3
#: Seconds after a round's beginning at which its server is killed, and for which it stays dead.
LIVES, STAYS_DEAD = (0.05, 1.5), (0.0, 0.3)


@dataclass(slots=True)
class Outcome:
    """What a run came to; `interrupted` were under way where and when a server was killed."""

    seed: int
    rounds: int
    ledger: Ledger
    verdict: Verdict = field(default_factory=Verdict)
    interrupted: Counter[str] = field(default_factory=Counter)
    seconds: float = 0

    @property
    def good(self) -> bool:
        """Nothing went wrong, while it ran or in what is left."""
        return self.verdict.good and not self.ledger.wrong


async def run(
    folder: Path, database: str, store: str, rounds: int, seed: int, advance: Callable[[], object] = int
) -> Outcome:
    """Kill so many servers; `advance` is told of each round."""
    began = time.monotonic()
    async with servers(folder, database, store) as started:
        shared = Run(seed, started)
        outcome = Outcome(seed, rounds, shared.ledger)
        async with asyncio.TaskGroup() as tasks:
            for work, count in ((storing, STORING), (retrieving, RETRIEVING)):
                for number in range(count):
                    tasks.create_task(work(shared, f"{work.__name__} {number}"))
            tasks.create_task(_rounds(shared, outcome, advance))
        outcome.verdict = await judge(started, shared.ledger, database, store, folder)
    outcome.seconds = time.monotonic() - began
    return outcome


async def _rounds(shared: Run, outcome: Outcome, advance: Callable[[], object]) -> None:
    dice = shared.dice("rounds")
    try:
        for _ in range(outcome.rounds):
            server = dice.choice(shared.servers)
            await asyncio.sleep(dice.uniform(*LIVES))
            outcome.interrupted += await server.kill()
            await asyncio.sleep(dice.uniform(*STAYS_DEAD))
            await server.start()
            advance()
    finally:
        shared.over = True
