"""What all commands share at the terminal: facts said plainly, and progress."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.errors import Fact


@contextmanager
def said_plainly() -> Iterator[None]:
    """A fact ends the command with its sentence and exit code 1, without a traceback."""
    try:
        yield
    except Fact as fact:
        Console(stderr=True).print(f"[red]{escape(fact.detail)}[/red]", soft_wrap=True, highlight=False)
        raise typer.Exit(1) from None


def progress() -> Progress:
    """A bar with how many are done and how long the rest will take, out of the way of the output."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))
