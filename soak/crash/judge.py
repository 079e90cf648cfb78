"""The judges of a run: every server's answers, the rows themselves, and `readingroom check --deep`."""

import asyncio
import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path

import asyncpg
import httpx

from app.storage.open import open_store
from soak.crash.ledger import Ledger
from soak.crash.servers import Server
from tests.seaweed import CREDENTIALS

AT_ONCE = 8
PAGE = 1000
AS_STORED = {"accept": "application/dicom; transfer-syntax=*"}
JSON = {"accept": "application/dicom+json"}
ROWS = "SELECT count(*), count(DISTINCT sop_instance_uid) FROM instance"
COUNTED = "SELECT coalesce(sum(number_of_series_related_instances), 0) FROM series"


@dataclass(slots=True)
class Verdict:
    """What a run left. `rows`, `objects` and `doubtful_held` tell; all others should be 0."""

    rows: int = 0
    objects: int = 0
    doubtful_held: int = 0
    lost: int = 0
    foreign: int = 0
    damaged: int = 0
    twice: int = 0
    miscounted: int = 0
    disagreeing: int = 0
    found_by_check: int = 0
    audit_broken: int = 0

    @property
    def good(self) -> bool:
        """Nothing is lost, damaged, there twice or miscounted."""
        return not any(getattr(self, each.name) for each in fields(self)[3:])


async def judge(servers: list[Server], ledger: Ledger, database: str, store: str, folder: Path) -> Verdict:
    """Look at everything, while nobody stores; what is wrong goes into the ledger, too."""
    verdict = Verdict()
    seen = [await _found(each) for each in servers]
    found = set(seen[0])
    verdict.disagreeing = sum(each != seen[0] for each in seen)
    verdict.lost = len(ledger.acknowledged - found)
    verdict.foreign = len(found - ledger.sent.keys())
    verdict.doubtful_held = len(found & ledger.doubtful)
    verdict.damaged = await _damaged(servers, ledger, found & ledger.sent.keys())
    verdict.miscounted = await _miscounted(servers[0], seen[0])
    await _rows(database, verdict, len(seen[0]))
    verdict.objects = await _objects(store, folder)
    verdict.found_by_check = await _check(ledger, database, store, folder)
    verdict.audit_broken = await _audit(ledger, database, folder)
    return verdict


async def _found(server: Server) -> Counter[str]:
    """The instances of every series of every study, as this server finds them."""
    found: Counter[str] = Counter()
    while True:
        query = {"limit": PAGE, "offset": found.total()}
        answer = await server.client.get("instances", params=query, headers=JSON)
        page = [_text(each, "00080018") for each in _rows_of(answer)]
        found.update(page)
        if len(page) < PAGE:
            return found


async def _damaged(servers: list[Server], ledger: Ledger, uids: set[str]) -> int:
    """How many instances are not, byte for byte, what was sent."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def whole(place: int, uid: str) -> bool:
        async with turns:
            client = servers[place % len(servers)].client
            answer = await client.get(ledger.paths[uid], headers=AS_STORED)
        return answer.status_code == 200 and sha256(answer.content).digest() == ledger.sent[uid]

    return (await asyncio.gather(*(whole(*each) for each in enumerate(sorted(uids))))).count(False)


async def _miscounted(server: Server, found: Counter[str]) -> int:
    """How many studies and series count their instances wrongly."""
    ask, wrong, total = server.client.get, 0, 0
    for study in _rows_of(await ask("studies?limit=1000", headers=JSON)):
        place = f"studies/{_text(study, '0020000D')}/series"
        series = _rows_of(await ask(f"{place}?limit=1000", headers=JSON))
        held = [await _held(server, f"{place}/{_text(each, '0020000E')}") for each in series]
        wrong += sum(_number(each, "00201209") != count for each, count in zip(series, held, strict=True))
        wrong += (_number(study, "00201206"), _number(study, "00201208")) != (len(series), sum(held))
        total += sum(held)
    return wrong + (total != found.total())


async def _held(server: Server, series: str) -> int:
    answer = await server.client.get(f"{series}/instances?limit=5000", headers=JSON)
    rows = _rows_of(answer)
    return len(rows) if int(answer.headers["x-total-count"]) == len(rows) else -1


async def _rows(database: str, verdict: Verdict, found: int) -> None:
    """What the tables say, which no server stands before."""
    connection = await asyncpg.connect(database)
    try:
        verdict.rows, distinct = await connection.fetchrow(ROWS)
        counted = await connection.fetchval(COUNTED)
    finally:
        await connection.close()
    verdict.twice = verdict.rows - distinct
    verdict.miscounted += (counted != verdict.rows) + (found != distinct)


async def _objects(address: str, folder: Path) -> int:
    os.environ.update(CREDENTIALS)
    store = open_store(address, folder / "temp")
    try:
        return sum([1 async for _ in store.list()])
    finally:
        await store.close()


async def _check(ledger: Ledger, database: str, store: str, folder: Path) -> int:
    told, code = await _command(folder, "check", "--deep", "--json", "--store", store, "--database", database)
    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    ledger.wrong += [str(line) for line in lines if "kind" in line]
    return int(lines[-1]["wrong"]) if lines else code or 1


async def _audit(ledger: Ledger, database: str, folder: Path) -> int:
    told, code = await _command(folder, "audit", "verify", "--database", database)
    ledger.wrong += [told] if code else []
    return int(bool(code))


async def _command(folder: Path, *words: str) -> tuple[str, int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", *words, "--data", str(folder / "keeping"),
        env={**os.environ, **CREDENTIALS}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await process.communicate()
    return told.decode(), process.returncode or 0


def _rows_of(answer: httpx.Response) -> list[dict[str, dict[str, list[str]]]]:
    return [] if answer.status_code == 204 else answer.raise_for_status().json()


def _text(row: dict[str, dict[str, list[str]]], tag: str) -> str:
    return row[tag]["Value"][0]


def _number(row: dict[str, dict[str, list[str]]], tag: str) -> int:
    return int(_text(row, tag))
