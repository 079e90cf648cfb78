"""What all commands share at the terminal: facts said plainly, and progress."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.database import Database, check_revision
from app.errors import Fact
from app.settings import Settings

if TYPE_CHECKING:
    from app.archive import Archive

T = TypeVar("T")


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


def on_database(settings: Settings, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    """Do something with the database of these settings, whose schema must be this version's."""

    async def run() -> T:
        await check_revision(settings.database_url)
        opened = await Database.open(settings.database_url)
        try:
            return await work(opened)
        finally:
            await opened.close()

    return asyncio.run(run())


def on_archive(settings: Settings, work: Callable[["Archive"], Coroutine[Any, Any, T]]) -> T:
    """Do something with the whole archive of these settings, whose schema must be this version's."""
    from app.archive import Archive

    async def run() -> T:
        await check_revision(settings.database_url)
        opened = await Archive.open(settings)
        try:
            return await work(opened)
        finally:
            await opened.close()

    return asyncio.run(run())
