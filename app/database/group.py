"""Group commit on SQLite: transactions that wait for the writer share one, and wait for the disk but once."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from app.database.facts import Work, patiently
from app.database.statements import Statement
from app.metrics import waited
from app.threads import in_thread

T = TypeVar("T")
#: So many at most share a transaction: the first of them waits for the last one's work.
MOST_TOGETHER = 32


@dataclass(slots=True, eq=False)
class _Write:
    """A piece of work that waits, or what came of it."""

    work: Work[Any]
    done: bool = False
    result: Any = None
    error: Exception | None = None


class _UndoneError(Exception):
    """The transaction was given up before it was committed: nothing is written."""


class GroupCommit:
    """Writes of one process. Each is all or nothing; each returns when it is durable."""

    def __init__(self, writer: Engine) -> None:
        self._writer = writer
        self._turn = asyncio.Lock()
        self._waiting: deque[_Write] = deque()

    async def run(self, work: Work[T]) -> T:
        """What `work` gives, committed. Raises what it raises, and DBAPIError."""
        mine, began = _Write(work), perf_counter()
        self._waiting.append(mine)
        try:
            # Who has a turn writes for all who wait; by the time of their own turn it is done.
            async with self._turn:
                waited("write", began)
                if not mine.done:
                    await self._write([self._waiting.popleft() for _ in range(self._next())])
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)
        if mine.error:
            raise mine.error
        result: T = mine.result
        return result

    def _next(self) -> int:
        return min(len(self._waiting), MOST_TOGETHER)

    async def _write(self, group: list[_Write]) -> None:
        try:
            if len(group) > 1:
                with suppress(_UndoneError):
                    await in_thread(self._together, group)
            for each in group:
                if not each.done:
                    await self._alone(each)
        finally:
            # Where this task is cancelled, the others are for the next one whose turn comes.
            self._waiting.extendleft(each for each in reversed(group) if not each.done)

    async def _alone(self, write: _Write) -> None:
        def attempt() -> None:
            with self._writer.begin() as connection:
                result = write.work(connection)
            write.result, write.done = result, True

        try:
            await patiently(lambda: in_thread(attempt))
        except Exception as error:
            write.error, write.done = error, True

    def _together(self, group: list[_Write]) -> None:
        """One transaction. Whose own mistake it is leaves it alone; a database that fails fails them all."""
        with self._writer.connect() as connection:
            try:
                connection.begin()
                outcomes = [_within(connection, each) for each in group]
            except DBAPIError as error:
                raise _UndoneError from error
            failed = _failure(connection)
        for each, (result, raised) in zip(group, outcomes, strict=True):
            each.result, each.error, each.done = result, failed or raised, True


def _failure(connection: Connection) -> Exception | None:
    """What the commit raises. It may have gone through all the same, so nothing is run again after it."""
    try:
        connection.commit()
    except Exception as error:
        connection.invalidate()
        return error
    return None


def _within(connection: Connection, write: _Write) -> tuple[Any, Exception | None]:
    _SAVEPOINT.rows(connection)
    outcome: tuple[Any, Exception | None]
    try:
        outcome = write.work(connection), None
    except DBAPIError:
        raise
    except Exception as error:
        _BACK.rows(connection)
        outcome = None, error
    _RELEASE.rows(connection)
    return outcome


_SAVEPOINT, _BACK, _RELEASE = (
    Statement(text(f"{what} before")) for what in ("SAVEPOINT", "ROLLBACK TO", "RELEASE")
)
