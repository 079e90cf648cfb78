"""`readingroom audit`: the whole audit made sure of, by reading it."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from app.database import Database
from app.errors import Misconfigured
from app.registry import audit_check
from app.registry.audit_check import Anchor, Check, Entry, Finding


async def verify(
    database: Database, kept: Sequence[dict[str, Any]], progress: Callable[[int, int], None]
) -> list[Finding]:
    """All that is wrong. `kept` are anchors from outside; `progress` is told how many entries are read of how
    many.

    What is entered meanwhile does no harm: the anchors are read first, and name nothing that comes later.
    """
    anchors = await database.scan(audit_check.anchors)
    total = await database.scan(audit_check.count)
    found = [*audit_check.check_anchors(anchors), *audit_check.check_kept(kept, anchors)]
    outside = [Anchor(**{**each, "entry": bytes.fromhex(each["entry"])}) for each in kept]
    check = Check(audit_check.marks([*anchors, *outside]))
    done = 0
    async for entry in _entries(database):
        found += check.take(entry)
        done += 1
        if done % audit_check.BATCH == 0:
            progress(done, max(done, total))
    found += check.end()
    progress(done, done)
    anchors += await database.scan(partial(audit_check.anchors, after=anchors[-1].id if anchors else 0))
    return [*found, *audit_check.check_named(check.named, anchors)]


async def _entries(database: Database) -> AsyncIterator[Entry]:
    after = ("", 0)
    while batch := await database.scan(partial(audit_check.entries, after=after)):
        for entry in batch:
            yield entry
        after = batch[-1].chain, batch[-1].number


async def anchors(database: Database) -> list[dict[str, Any]]:
    """Every anchor, as JSON takes it."""
    return [each.export() for each in await database.scan(audit_check.anchors)]


def kept(path: Path) -> list[dict[str, Any]]:
    """The anchors in a file that `readingroom audit anchors` wrote. Raises Misconfigured where it is none."""
    try:
        lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        for each in lines:
            bytes.fromhex(Anchor(**each).entry)
    except (OSError, ValueError, TypeError):
        raise Misconfigured(
            f"{path} holds no anchors: give what 'readingroom audit anchors' wrote."
        ) from None
    return lines
