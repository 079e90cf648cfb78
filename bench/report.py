"""The table of one run: for people in a terminal, and as Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Group
from rich.table import Table as Rich

from bench.measure import Cost
from bench.operations import SERIES_OF, Operation


@dataclass(frozen=True, slots=True)
class Row:
    """One operation, and what it costs each archive by name, ours first."""

    name: str
    operation: Operation
    costs: dict[str, Cost]

    @property
    def ours(self) -> Cost:
        """What it costs ours."""
        return next(iter(self.costs.values()))

    @property
    def ratio(self) -> float | None:
        """How many times as many right answers a second as the best of the others; None without one."""
        ours, *others = self.costs.values()
        rates = [cost.rate for cost in others if not cost.wrong]
        return None if ours.wrong or not rates else ours.rate / max(rates)


@dataclass(slots=True)
class Table:
    """All rows of a run, with the highest memory of each archive and the floors of the machine."""

    rows: list[Row] = field(default_factory=list)
    patience: dict[str, str] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    floors: dict[str, str] = field(default_factory=dict)
    growth: list[tuple[str, str]] = field(default_factory=list)


def growth(small: Row, large: Row) -> tuple[str, str]:
    """What it is, and how many times as long it takes each archive when that has grown."""
    times = (
        f"{name} {small.costs[name].rate / cost.rate:.2f} x"
        for name, cost in large.costs.items()
        if not (cost.wrong or small.costs[name].wrong)
    )
    clients = large.operation.clients
    return f"{large.name}, clients: {clients}, to {small.name.rpartition(' of ')[2]}", ", ".join(times)


def rich(table: Table) -> Group:
    """For a terminal."""
    head, *lines = _lines(table)
    drawn = Rich(*head, title="Medians; ms for one client, answers a second for more")
    for column in drawn.columns[1:]:
        column.justify = "right"
    for line in lines:
        drawn.add_row(*line)
    return Group(drawn, *(f"{name}: {value}" for name, value in _remarks(table)))


def markdown(table: Table) -> str:
    """For a document."""
    head, *lines = _lines(table)
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return text + "\n\n" + "\n".join(f"- {name}: {value}" for name, value in _remarks(table)) + "\n"


def _lines(table: Table) -> Iterator[list[str]]:
    names = list(table.rows[0].costs)
    cpu = ["CPU ms", "may", *(f"CPU, {name}" for name in names[1:])]
    yield ["operation", "clients", *names, "ratio", "reach", *cpu]
    for row in table.rows:
        operation, costs = row.operation, [row.costs[name] for name in names]
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f} x"
        may = "" if operation.cpu is None else f"{operation.cpu:g}"
        ours, *others = (_milliseconds(cost) for cost in costs)
        rates = [_rate(cost, operation.clients) for cost in costs]
        reach = f"{operation.reach:g} x" if operation.reach else ""
        yield [row.name, str(operation.clients), *rates, ratio, reach, ours, may, *others]


def _rate(cost: Cost, clients: int) -> str:
    if cost.wrong:
        return "wrong"
    return f"{1000 / cost.rate:.2f} ms" if clients == 1 else f"{cost.rate:,.0f} /s"


def _milliseconds(cost: Cost) -> str:
    return "" if cost.wrong else f"{cost.cpu * 1000:.2f}"


def _remarks(table: Table) -> Iterator[tuple[str, str]]:
    for row in table.rows:
        if row.name.startswith(SERIES_OF) and not row.ours.wrong:
            first = row.ours.first_byte * 1000
            yield f"first byte of {row.name}, clients: {row.operation.clients}", f"{first:.1f} ms"
    for name, size in table.memory.items():
        yield f"largest process of {name}", f"{size / (1 << 20):.0f} MiB at its peak"
    yield from table.growth
    yield from table.patience.items()
    yield from table.floors.items()
