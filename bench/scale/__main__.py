"""The index at the size of the largest public archive: `make bench-scale`, or a fraction of it.

Fills SQLite and PostgreSQL with the series of NCI Imaging Data Commons, asks them what people ask, compares
every answer with DuckDB's over the same parquet, and prints what it takes. Ends with 1 where an answer
differs, and with 2 where `--strict` is given and something takes longer than it may. What is measured is the
time from a request to the end of its answer in this process, with all that the server does but its sockets.
"""

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from app.database import Database
from app.logs import handler
from bench.scale.archive import Archive
from bench.scale.asking import Measured, measured, worst
from bench.scale.door import WrongAnswerError, opened
from bench.scale.filling import fill
from bench.scale.oracle import Oracle
from bench.scale.places import ENGINES, Place, place
from bench.scale.queries import Kind, mix
from bench.scale.report import Result, markdown
from bench.scale.sizes import Sizes, sizes
from bench.scale.source import fetch
from bench.scale.source import opened as source
from bench.scale.storing import stored_per_second
from bench.scale.whole import Streamed, streamed


def main() -> int:
    """Measure, print, and say whether all was right."""
    options = _options()
    handler("ERROR", "json")
    parquet = fetch(options.cache)
    results: list[Result] = []
    try:
        for engine in options.engine or ENGINES:
            for fraction in options.fraction or [0.01, 0.1, 1.0]:
                results.append(_run(engine, fraction, parquet, options))
                _say(markdown(results[-1:]))
    except WrongAnswerError as error:
        _say(str(error))
        return 1
    text = markdown(results)
    if options.markdown:
        options.markdown.write_text(text)
    _say(text)
    slow = [f"{result.where}: {name}" for result in results for name in worst(result.measured)]
    if slow:
        _say("Slower than they may be:\n" + "\n".join(slow))
    return 2 if slow and options.strict else 0


def _run(engine: str, fraction: float, parquet: Path, options: Namespace) -> Result:
    with TemporaryDirectory(prefix="readingroom-scale-", dir=options.folder) as name:
        folder, duck = Path(name), source(parquet, fraction)
        with place(engine, folder) as at:
            filled = fill(at.url, duck)
            _say(f"{engine}, {fraction:g}: {filled.series:,} series in {filled.seconds:.0f} s")
            oracle = Oracle(duck, filled.archive.granted)
            held = asyncio.run(_sizes(at.url))
            result = Result(engine, fraction, held, filled.seconds, filled.waited)
            result.measured = asyncio.run(_asked(at, oracle, filled.archive, folder))
            result.streamed = _streamed(at.url, folder, oracle)
            result.stored = asyncio.run(_stored(at.url, folder))
            return result


async def _asked(at: Place, oracle: Oracle, archive: Archive, folder: Path) -> list[Measured]:
    async with opened(at.url, folder, archive.tokens) as door:
        return [await measured(door, kind, at.cpu) for kind in _timed(oracle)]


def _streamed(url: str, folder: Path, oracle: Oracle) -> Streamed:
    [(slug, rows)] = oracle.largest()
    found = streamed(url, folder, slug)
    if found.rows != rows:
        raise WrongAnswerError(f"{slug} has {rows:,} series, and {found.rows:,} came")
    return found


async def _stored(url: str, folder: Path) -> float:
    async with opened(url, folder, {}) as door:
        return await stored_per_second(door)


def _timed(oracle: Oracle) -> Iterator[Kind]:
    for kind in mix(oracle):
        began = time.perf_counter()
        yield kind
        print(f"{kind.name}: {time.perf_counter() - began:.1f} s", file=sys.stderr)


async def _sizes(url: str) -> Sizes:
    database = await Database.open(url)
    try:
        # As who writes: who reads has to be done within seconds.
        return await database.write(sizes)
    finally:
        await database.close()


def _say(text: str) -> None:
    print(text, flush=True)


def _options() -> Namespace:
    parser = ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--fraction", type=float, action="append", help="of the whole; again for more")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="both by default")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="where the source is kept")
    parser.add_argument("--folder", type=Path, help="where the databases are while they are measured")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--strict", action="store_true", help="fail where something is too slow")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
