"""`readingroom work`: what is done in the background, in a process that serves nobody."""

import asyncio
import logging.config
import signal
from contextlib import suppress

from rich.console import Console

from app import logs, traces
from app.archive import Archive
from app.database import migrate
from app.exposed import exposed
from app.services import background, purges
from app.settings import Settings


def work(settings: Settings, console: Console) -> None:
    """Work until told to stop; what is not done by then others do.

    Raises Misconfigured, DatabaseUnavailable or StoreUnavailable before it begins.
    """
    settings.check_servable()
    logging.config.dictConfig(logs.configuration(settings.log_level, settings.log_format))
    traces.start()
    try:
        with exposed(settings):
            asyncio.run(_work(settings, console))
    finally:
        traces.stop()
    console.print("Stopped.")


async def _work(settings: Settings, console: Console) -> None:
    await migrate(settings.database_url)
    archive = await Archive.open(settings)
    try:
        await purges.finish(archive)
        console.print("Working on what is to be done in the background; Ctrl+C stops it.", highlight=False)
        await _until_told(asyncio.create_task(background.worker(archive).run()))
    finally:
        await archive.close()


async def _until_told(task: "asyncio.Task[None]") -> None:
    """Wait for a task that is cancelled by the signals that end a process."""
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
