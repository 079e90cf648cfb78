"""`make soak-crash`: 200 rounds; ends with 1 where anything was lost or is wrong."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.database import migrate
from soak.crash.report import lines
from soak.crash.run import Outcome, run
from tests.postgres import cluster
from tests.seaweed import seaweed

DATABASE = "crash"


def main() -> int:
    """Run as the command line says."""
    options, console = _options(), Console()
    with (
        TemporaryDirectory(prefix="readingroom-crash-") as folder,
        cluster() as postgres,
        seaweed() as store,
        _bar(console) as bar,
    ):
        postgres.run(f"CREATE DATABASE {DATABASE}")
        task = bar.add_task("", total=options.rounds)
        outcome = asyncio.run(
            _run(
                options,
                Path(folder),
                postgres.url(DATABASE),
                store.address("crash"),
                lambda: bar.advance(task),
            )
        )
    for line in lines(outcome):
        console.print(line, markup=False, soft_wrap=True)
    return 0 if outcome.good else 1


async def _run(options: Namespace, folder: Path, database: str, store: str, advance: object) -> Outcome:
    await migrate(database)
    assert callable(advance)
    return await run(folder, database, store, options.rounds, options.seed, advance)


def _options() -> Namespace:
    parser = ArgumentParser(prog="soak.crash", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=200, help="how many servers are killed")
    parser.add_argument("--seed", type=int, default=1, help="another seed kills at other moments")
    return parser.parse_args()


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("crash"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )


if __name__ == "__main__":
    sys.exit(main())
