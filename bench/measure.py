"""Measuring one operation against several archives, in turn: A B C, C B A, A B C ..."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import median

from bench.client import Client, Times, run
from bench.ct import Instance
from bench.operations import MOST_A_REQUEST, Operation, Unit, multipart
from bench.peers import Peer

#: How long a block of requests should last: long against the clock, short against the noise.
BLOCK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Block:
    """One run of an operation: units that came right in a second, and seconds of CPU for each."""

    rate: float
    cpu: float
    client_cpu: float
    latency: float
    first_byte: float


@dataclass(slots=True)
class Cost:
    """What an operation costs one archive: medians over its blocks."""

    blocks: list[Block] = field(default_factory=list)
    #: Why it is not counted: its answers are wrong.
    wrong: bool = False

    @property
    def rate(self) -> float:
        """Units a second."""
        return median(block.rate for block in self.blocks)

    @property
    def latency(self) -> float:
        """Seconds for a unit, as one client sees it."""
        return median(block.latency for block in self.blocks)

    @property
    def first_byte(self) -> float:
        """Seconds until the first byte of an answer."""
        return median(block.first_byte for block in self.blocks)

    @property
    def cpu(self) -> float:
        """Seconds of the server's CPU for a unit."""
        return median(block.cpu for block in self.blocks)

    @property
    def client_cpu(self) -> float:
        """Seconds of the clients' CPU for a unit."""
        return median(block.client_cpu for block in self.blocks)


def compared(operation: Operation, peers: Sequence[Peer], rounds: int, seconds: float) -> dict[str, Cost]:
    """The cost of the operation to each of the peers, by name."""
    costs = {peer.name: Cost() for peer in peers}
    sizes = {peer.name: _calibrated(operation, peer, costs[peer.name], seconds) for peer in peers}
    for number in range(rounds):
        for peer in peers if number % 2 == 0 else reversed(peers):
            cost = costs[peer.name]
            if not cost.wrong:
                count, least = sizes[peer.name]
                cost.blocks.append(_block(operation, peer, count, least))
    return costs


def _calibrated(operation: Operation, peer: Peer, cost: Cost, seconds: float) -> tuple[int, int]:
    """How many units make a block, and the length of a right answer; wrong ones are noted in the cost."""
    client = Client(peer.port)
    (unit,) = islice(operation.units(peer), 1)
    answers = [client.fetch(request, keep=operation.keep) for request in unit]
    cost.wrong = any(answer.status != 200 for answer in answers) or not operation.right(answers)
    if cost.wrong:
        return 0, 0
    # What depends on UIDs and numbers may be a little shorter than the one that was looked at.
    least = int(sum(len(answer.data) or answer.length for answer in answers) * 0.95)
    if operation.at_most == 1:
        return 1, least
    once = _block(operation, peer, 2, least)
    return max(1, min(operation.at_most, int(seconds * once.rate / operation.clients))), least


def _block(operation: Operation, peer: Peer, count: int, least: int) -> Block:
    units: list[Sequence[Unit]] = [
        list(islice(operation.units(peer), count)) for _ in range(operation.clients)
    ]
    used = peer.cpu()
    times = run(peer.port, units, least, renew=operation.renew)
    return _judged(times, peer.cpu() - used, count * operation.clients)


def _judged(times: Times, cpu: float, count: int) -> Block:
    return Block(
        rate=times.right / times.seconds,
        cpu=cpu / count,
        client_cpu=times.client_cpu / count,
        latency=median(times.each),
        first_byte=median(times.first_bytes),
    )


def load(peer: Peer, instances: Iterable[Instance]) -> Iterator[int]:
    """Store instances; how many, one number for each request. Raises RuntimeError where one is refused."""
    client, waiting = Client(peer.port), iter(instances)
    while some := list(islice(waiting, MOST_A_REQUEST)):
        answer = client.fetch(multipart(some, peer.root))
        if answer.status != 200:
            raise RuntimeError(f"{peer.name} refused: {answer.status} {answer.data[:500]!r}")
        # Making the next ones takes longer than some servers keep an idle connection.
        client.renew()
        yield len(some)
