"""What a run found, as Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bench.scale.asking import Measured
from bench.scale.sizes import Sizes
from bench.scale.whole import Streamed


@dataclass(slots=True)
class Result:
    """One database filled with one fraction of the source."""

    engine: str
    fraction: float
    sizes: Sizes
    loading: float
    waited: float
    measured: list[Measured] = field(default_factory=list)
    stored: float = 0.0
    streamed: Streamed | None = None

    @property
    def where(self) -> str:
        """Its name in tables."""
        return f"{self.engine}, {self.fraction:.4g}"


_HEAD = ("database, fraction", "query", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "may (p95)")
_SIZES = (
    "database, fraction",
    "series",
    "instances",
    "GB",
    "bytes a series",
    "bytes an instance beside JSON",
)
_LOADING = ("loading s", "of which waited for descriptions s")
_WHOLE = (
    *("database, fraction", "largest collection, rows", "MB", "MB/s", "MB a CPU second"),
    *("peak MiB of its own", "with what it maps"),
    "STOW, instances/s",
)


def markdown(results: Sequence[Result]) -> str:
    """All tables: queries, sizes and loading, growth."""
    tables = [_table(_HEAD, _queries(results)), _table((*_SIZES, *_LOADING), _sizes(results))]
    tables.append(_table(_WHOLE, _others(results)))
    if growth := list(_growth(results)):
        tables.append(_table(("database", "query", "from", "to", "p95 grows"), growth))
    return "\n".join(tables)


def _table(head: Sequence[str], rows: Iterator[list[str]] | list[list[str]]) -> str:
    lines = [head, ["---", "---", *["---:"] * (len(head) - 2)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _queries(results: Sequence[Result]) -> Iterator[list[str]]:
    for result in results:
        for each in result.measured:
            walls = [f"{each.percentile(of):.1f}" for of in (50, 95, 99)]
            yield [result.where, each.kind.name, *walls, f"{each.cpu:.1f}", f"{each.kind.may:g}"]


def _sizes(results: Sequence[Result]) -> Iterator[list[str]]:
    for result in results:
        own = result.sizes
        counts = [f"{own.series:,}", f"{own.instances:,}", f"{own.total / 1e9:.2f}"]
        bytes_ = [f"{own.a_series:,.0f}", f"{own.an_instance:,.0f}"]
        yield [result.where, *counts, *bytes_, f"{result.loading:.0f}", f"{result.waited:.0f}"]


def _others(results: Sequence[Result]) -> Iterator[list[str]]:
    for result in results:
        if own := result.streamed:
            rates = [f"{own.megabytes / each:.1f}" for each in (own.seconds, own.cpu)]
            told = [f"{own.rows:,}", f"{own.megabytes:.0f}", *rates, f"{own.own:.0f}", f"{own.peak:.0f}"]
            yield [result.where, *told, f"{result.stored:.0f}"]


def _growth(results: Sequence[Result]) -> Iterator[list[str]]:
    for engine in dict.fromkeys(result.engine for result in results):
        own = [result for result in results if result.engine == engine]
        for small, large in pairwise(own):
            for one, other in zip(small.measured, large.measured, strict=True):
                times = other.percentile(95) / one.percentile(95)
                ends = [f"{small.fraction:.4g}", f"{large.fraction:.4g}", f"{times:.2f} x"]
                yield [engine, other.kind.name, *ends]
