"""Those who use the servers of a run: some store, some retrieve, and all write down what they see."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from random import Random

import httpx

from soak.crash.instances import Instance, make
from soak.crash.ledger import Ledger
from soak.crash.servers import Server
from tests.bodies import content_type, multipart

HEADERS = {"content-type": content_type()}
#: How many instances one request stores: mostly few, now and then many.
MANY = (1, 1, 1, 2, 5, 30)
#: Who was cut off sends the same again, as often as not.
SENT_AGAIN = 0.6


@dataclass(slots=True)
class Run:
    """What the clients of a run share."""

    seed: int
    servers: list[Server]
    ledger: Ledger = field(default_factory=Ledger)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    over: bool = False

    def dice(self, who: str) -> Random:
        """The chance of one client."""
        return Random(f"{self.seed}/{who}")


async def storing(run: Run, who: str) -> None:
    """Store until the run is over; what was cut off is sent again, at times to two servers at once."""
    dice = run.dice(who)
    while not run.over:
        batch = [make(run.seed, next(run.numbers)) for _ in range(dice.choice(MANY))]
        run.ledger.send(batch)
        while not await _stored(run, [dice.choice(run.servers)], batch) and not run.over:
            if dice.random() > SENT_AGAIN:
                break
            if not await _stored(run, dice.sample(run.servers, 2), batch):
                await asyncio.sleep(dice.uniform(0, 0.5))


async def _stored(run: Run, servers: list[Server], batch: list[Instance]) -> bool:
    return any(await asyncio.gather(*(_store(run, each, batch) for each in servers)))


async def _store(run: Run, server: Server, batch: list[Instance]) -> bool:
    """Store at one server; whether that was acknowledged, all or none."""
    body = multipart(each.data for each in batch)
    with server.doing("stores"):
        answer = await told(
            run, "stores", lambda: server.client.post("studies", content=body, headers=HEADERS)
        )
    if answer is None:
        return False
    held = {_text(item, "00081155") for item in answer.json().get("00081199", {}).get("Value", [])}
    if answer.status_code != 200 or held != {each.uid for each in batch}:
        run.ledger.wrong.append(
            f"storing {len(batch)} was answered {answer.status_code}: {answer.text[:300]}"
        )
        return False
    run.ledger.acknowledge(batch)
    return True


async def told(run: Run, what: str, ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response | None:
    """A whole answer; None where it was refused or visibly cut, as at a server that was killed."""
    counts = getattr(run.ledger, what)
    try:
        answer = await ask()
    except httpx.ConnectError:
        counts["refused"] += 1
        await asyncio.sleep(0.02)
        return None
    except httpx.TimeoutException as error:
        run.ledger.wrong.append(f"{what}: hung ({error!r})")
        return None
    except httpx.TransportError:
        counts["cut"] += 1
        return None
    counts["whole"] += 1
    if answer.status_code >= 500:
        run.ledger.wrong.append(f"{what}: {answer.status_code} {answer.text[:300]}")
        return None
    return answer


def _text(item: dict[str, dict[str, list[str]]], tag: str) -> str:
    return item[tag]["Value"][0]
