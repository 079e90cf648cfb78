"""The audit of real processes: several workers, a clean end, a kill, and a new start."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from app.database import Database
from app.registry import audit
from app.registry.audit_check import Finding
from app.registry.tables import AUDIT_ANCHOR, AUDIT_ENTRY
from app.services.audit_check import verify
from tests.live import Process, wait_until

ENTRIES = select(*AUDIT_ENTRY.c["chain", "number", "who", "what"]).order_by(AUDIT_ENTRY.c.id)
MARKS = select(*AUDIT_ANCHOR.c["chain", "number"]).order_by(AUDIT_ANCHOR.c.id)
Rows = list[tuple[Any, ...]]


async def _read(url: str) -> tuple[Rows, Rows, list[Finding]]:
    database = await Database.open(url)
    try:
        entries, marks = [
            await database.lookup(lambda c, rows=rows: [tuple(row) for row in c.execute(rows)])
            for rows in (ENTRIES, MARKS)
        ]
        return entries, marks, await verify(database, [], lambda done, total: None)
    finally:
        await database.close()


def _begun(url: str) -> int:
    return sum(what == audit.BEGUN for *_, what in asyncio.run(_read(url))[0])


def test_workers_that_end_and_are_killed(database_url: str, tmp_path: Path) -> None:
    archive = Process(tmp_path / "data", database_url, READINGROOM_WORKERS="2")
    archive.start()
    wait_until(lambda: _begun(database_url) == 2)
    for _ in range(8):
        assert httpx.get(f"{archive.url}/dicom-web/studies").status_code == 204
    assert archive.stop() == 0

    entries, marks, findings = asyncio.run(_read(database_url))
    assert findings == []
    chains = {chain for chain, *_ in entries}
    assert len(chains) == 2
    for chain in chains:
        acts = [what for each, _, _, what in entries if each == chain]
        assert acts[0] == audit.BEGUN
        assert acts[-1] == audit.ENDED
        assert (chain, len(acts)) in marks
    assert ("owner", "views") in {(who, what) for _, _, who, what in entries}

    archive.start()
    archive.kill()
    ended = {chain for chain, *_ in asyncio.run(_read(database_url))[0]}
    archive.start()
    assert archive.stop() == 0
    entries, marks, findings = asyncio.run(_read(database_url))
    assert findings == []
    for chain in ended:
        assert (chain, sum(each == chain for each, *_ in entries)) in marks
