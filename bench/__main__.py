"""`make bench`: Reading Room and Orthanc side by side in one run, as ratios.

Each operation is asked of every archive in turn, several times; its answers are looked at first, and wrong
ones do not count. What is printed are medians. CPU time per operation is what holds on a noisy machine.
"""

import sys
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.corpus import SHORT, Scale
from bench.ct import Instance
from bench.machine import floors
from bench.measure import BLOCK_SECONDS, compared, load
from bench.operations import Operation, on_postgres, reading, searching, storing
from bench.patience import patience
from bench.peers import Peer, installed, orthanc, reading_room
from bench.report import Row, Table, growth, markdown, rich

GROWN, GROWN_SHORT = (5_000, 50_000), (200, 400)
#: Of the table, whatever the terminal's.
WIDTH = 170


def main() -> int:
    """Run as the command line says; 1 where one of our own answers is wrong."""
    options, console = _options(), Console(width=WIDTH)
    with _running(options) as peers:
        table = (_grown if options.grown else _whole)(console, peers, options)
    console.print(rich(table))
    if options.markdown:
        options.markdown.write_text(markdown(table))
    return int(any(row.ours.wrong for row in table.rows))


@contextmanager
def _running(options: Namespace) -> Iterator[list[Peer]]:
    """Ours first."""
    with ExitStack() as running:
        if options.database:
            first = reading_room(options.workers, options.database, "PostgreSQL")
            beside = [reading_room(options.workers, "", "SQLite")]
        else:
            first = reading_room(options.workers, "", "Reading Room")
            beside = [orthanc()] if options.orthanc else []
            beside += [orthanc(options.tree)] if options.tree else []
        yield [running.enter_context(each) for each in (first, *beside)]


def _whole(console: Console, peers: Sequence[Peer], options: Namespace) -> Table:
    """Every operation, and with all of them what the machine can do at best."""
    scale = SHORT if options.short else Scale()
    table, every = Table(), not (options.only or options.database)
    if every:
        table.floors = floors(options.rounds, scale.series)
    _fill(console, peers, scale.instances, sum(1 for _ in scale.instances()))
    operations = (*searching(scale), *reading(scale), *storing())
    if options.database:
        operations = tuple(map(on_postgres, operations))
    table.rows += _measured(console, peers, operations, options)
    if every:
        table.patience = patience(peers[0], scale, options.rounds)
    table.memory = {peer.name: peer.memory() for peer in peers}
    return table


def _grown(console: Console, peers: Sequence[Peer], options: Namespace) -> Table:
    """Searching and storing in an archive of few instances, and in the same one when it has many."""
    table, held, a_study = Table(), 0, Scale().instances_a_study
    for instances in GROWN_SHORT if options.short else GROWN:
        scale = Scale(studies=instances // a_study)
        _fill(console, peers, partial(scale.found, held // a_study), instances - held)
        operations, held = (*searching(scale), *storing()), instances
        table.rows += _measured(console, peers, operations, options, f", of {instances:,} instances")
    table.memory = {peer.name: peer.memory() for peer in peers}
    half = len(table.rows) // 2
    table.growth = [growth(*pair) for pair in zip(table.rows[:half], table.rows[half:], strict=True)]
    return table


def _fill(
    console: Console, peers: Sequence[Peer], instances: Callable[[], Iterable[Instance]], count: int
) -> None:
    """All of them at once: what is stored while they are filled is not measured."""

    def fill(peer: Peer) -> None:
        task = bar.add_task(f"filling {peer.name}", total=count)
        for stored in load(peer, instances()):
            bar.advance(task, stored)

    with _bar(console) as bar, ThreadPoolExecutor(len(peers)) as threads:
        list(threads.map(fill, peers))


def _measured(
    console: Console,
    peers: Sequence[Peer],
    operations: Sequence[Operation],
    options: Namespace,
    where: str = "",
) -> Iterator[Row]:
    chosen = [each for each in operations if each.name.startswith(tuple(options.only) or "")]
    with _bar(console) as bar:
        task = bar.add_task("measuring", total=len(chosen))
        for operation in chosen:
            bar.update(task, description=operation.name)
            yield Row(
                f"{operation.name}{where}",
                operation,
                compared(operation, peers, options.rounds, options.seconds),
            )
            bar.advance(task)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _options() -> Namespace:
    parser = ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="little data: shows only that the benchmark works"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        help="the operations whose names begin so, as `STOW`; again for more",
    )
    parser.add_argument(
        "--grown", action="store_true", help="instead: searches and STOW at 5,000, then at 50,000 instances"
    )
    parser.add_argument("--rounds", type=int, default=4, help="blocks of each operation and archive")
    parser.add_argument("--seconds", type=float, default=BLOCK_SECONDS, help="how long a block lasts")
    parser.add_argument("--workers", type=int, default=2, help="processes of Reading Room")
    parser.add_argument(
        "--database", default="", help="instead: Reading Room on this empty PostgreSQL, beside SQLite"
    )
    parser.add_argument(
        "--orthanc",
        action=BooleanOptionalAction,
        default=installed(),
        help="compare with this system's Orthanc",
    )
    parser.add_argument(
        "--tree", type=Path, help="the root of another Debian, with an Orthanc to compare with too"
    )
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
