"""`make soak`: 100,000 mutated instances and requests; ends with 1 where one of them broke something."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from soak.client import send
from soak.requests import Script
from soak.run import Tally, run
from soak.seeds import corpus
from soak.server import Remains, remains, serving

MOST_GROWTH = 256 << 20
#: Less patience than by default, so that its limits are met often and a run is not spent waiting for them.
IMPATIENT = {
    "READINGROOM_HEAD_SECONDS": "2",
    "READINGROOM_STALL_SECONDS": "4",
    "READINGROOM_CODEC_SECONDS": "10",
    "READINGROOM_CONVERSION_SECONDS": "30",
}
#: Descriptors that may be more at the end than when it was warm. Both times nothing is under way, and what
#: stays open is five database connections of two files each, a socket to each codec process and the event
#: loop's own; a codec process may just be replaced, and a connection that the pool closed be opened again.
DESCRIPTORS = 4


def main() -> int:
    """Run as the command line says."""
    options, console = _options(), Console()
    script = Script(options.seed, corpus())
    if options.only is not None:
        return _again(script, options.only, console)
    with TemporaryDirectory(prefix="readingroom-soak-") as folder:
        with serving(Path(folder), **IMPATIENT) as server, _bar(console) as bar:
            task = bar.add_task("", total=options.count)
            tally = asyncio.run(run(server, script, options.count, lambda: bar.advance(task)))
        left = remains(Path(folder, "data"))
        _report(console, options, tally, left)
        console.print("\n".join(server.errors()[:20]), markup=False)
        return 0 if passed(tally, left) else 1


def passed(tally: Tally, left: Remains) -> bool:
    """No 5xx, no hang, no leak, nothing half stored."""
    whole = not (left.rows_without_object or left.objects_without_row or left.temporary or left.miscounted)
    return (
        not tally.failed
        and not tally.hung
        and tally.growth < MOST_GROWTH
        and tally.leaked_descriptors <= DESCRIPTORS
        and whole
    )


def _options() -> Namespace:
    parser = ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=100_000, help="how many requests")
    parser.add_argument("--seed", type=int, default=1, help="another seed sends others")
    parser.add_argument("--only", type=int, help="send this one alone, after those it may depend on")
    return parser.parse_args()


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("soak"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )


def _report(console: Console, options: Namespace, tally: Tally, left: Remains) -> None:
    table = Table("kind", "status", "answers", title=f"{options.count} requests, seed {options.seed}")
    for (kind, status), count in sorted(tally.answers.items()):
        table.add_row(kind, str(status or "closed"), str(count))
    console.print(table)
    lines = {
        "5xx": len(tally.failed),
        "hangs": len(tally.hung),
        "memory growth": f"{tally.growth / (1 << 20):.0f} MiB",
        "descriptors left": tally.leaked_descriptors,
        "seconds": f"{tally.seconds:.0f}",
        "slowest request": f"{tally.slowest[0]:.1f} s, number {tally.slowest[1]}",
        "requests per second": f"{options.count / tally.seconds:.0f}",
        "slowest of others' searches": f"{tally.slowest_probe:.1f} s",
        "rows": left.rows,
        "rows without object, objects without row": f"{left.rows_without_object}, {left.objects_without_row}",
        "temp files, wrong counts": f"{left.temporary}, {left.miscounted}",
    }
    for name, value in lines.items():
        console.print(f"{name:<42}{value}")
    for number, status in sorted(tally.failed)[:20]:
        console.print(f"{status} for number {number}: python -m soak --seed {options.seed} --only {number}")
    console.print("" if not tally.hung else f"hung: {sorted(tally.hung)[:20]}")


def _again(script: Script, number: int, console: Console) -> int:
    with (
        TemporaryDirectory(prefix="readingroom-soak-") as folder,
        serving(Path(folder), **IMPATIENT) as server,
    ):
        for each in range(max(0, number - 401), number + 1):
            sent = script.request(each)
            came = asyncio.run(send(server.port, sent))
        console.print(f"{sent.kind}: {sent.data[:600]!r}", markup=False)
        console.print(f"{came}")
        console.print("\n".join(server.errors()[-4:]), markup=False)
    return came.status >= 500


if __name__ == "__main__":
    sys.exit(main())
