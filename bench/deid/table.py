"""The tables of a run, as Markdown."""

from collections.abc import Iterator, Mapping

from bench.deid.tools import OURS
from tests.deid.judge.score import MEASURES, Score
from tests.deid.key import Action


def scores(found: Mapping[str, Score]) -> str:
    """What passed of all that was asked, in percent, by tool."""
    return _markdown(["check", "asked", *found], _scores(found))


def _scores(found: Mapping[str, Score]) -> Iterator[list[str]]:
    first = next(iter(found.values()))
    totals = [f"**{score.total.share:.2f}**" for score in found.values()]
    yield ["**all ten types (MIDI-B)**", f"{first.total.total:,}", *totals]
    for action in Action:
        tallies = [score.actions[action.value] for score in found.values()]
        yield [action.value, f"{tallies[0].total:,}", *(f"{tally.share:.2f}" for tally in tallies)]
    for name in MEASURES:
        tallies = [score.measures[name] for score in found.values()]
        shares = (f"{tally.share:.2f}" if tally.total else "-" for tally in tallies)
        yield [name, f"{max(tally.total for tally in tallies):,}", *shares]


def speeds(found: Mapping[str, float]) -> str:
    """Instances in a second of CPU, by tool, and how many times ours is of each."""
    ours = found[OURS]
    rows = (
        [title, f"{cpu * 1000:.2f}", f"{1 / cpu:,.0f}", f"{cpu / ours:.2f} x"] for title, cpu in found.items()
    )
    return _markdown(["CT, 512 x 512, 175 elements", "CPU ms", "a CPU-second", "ours is faster by"], rows)


def _markdown(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
