"""Servers that share everything are killed while they are used; `make soak-crash` is the long run."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from app.database import migrate
from app.storage.open import open_store
from soak.crash.clients import Run, _store
from soak.crash.instances import IN_STUDY, LARGE_BYTES, LARGE_EACH, make
from soak.crash.judge import Verdict, judge
from soak.crash.ledger import Ledger
from soak.crash.readers import _judge, _parts
from soak.crash.report import lines
from soak.crash.run import Outcome, run
from soak.crash.servers import Server, servers
from tests.bodies import content_type, multipart
from tests.postgres import Cluster
from tests.seaweed import CREDENTIALS, Seaweed

ROUNDS, SEED = 10, 7


@pytest.mark.timeout(900)
async def test_nothing_acknowledged_is_lost_when_servers_are_killed(
    empty_postgres_url: str, seaweed: Seaweed, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await migrate(empty_postgres_url)
    outcome = await run(tmp_path, empty_postgres_url, seaweed.address("crash/ten"), ROUNDS, SEED)
    told = "\n".join(lines(outcome))
    record_property("told", told)
    assert outcome.good, told
    # Servers were killed while they stored and while they sent, and clients noticed.
    assert min(outcome.interrupted["stores"], outcome.interrupted["retrievals"]) > 0, told
    assert min(outcome.ledger.stores["cut"], outcome.ledger.retrievals["cut"]) > 0, told
    assert len(outcome.ledger.acknowledged) > 10 * ROUNDS
    assert outcome.verdict.rows >= len(outcome.ledger.acknowledged)
    assert outcome.verdict.objects >= outcome.verdict.rows


@pytest.fixture
async def held(
    empty_postgres_url: str, seaweed: Seaweed, tmp_path: Path
) -> AsyncIterator[tuple[list[Server], Ledger, str, str, Path]]:
    """A server that holds five instances, and what the judges need."""
    await migrate(empty_postgres_url)
    store = seaweed.address(f"crash/{tmp_path.name}")
    async with servers(tmp_path, empty_postgres_url, store, 1) as started:
        shared = Run(SEED, started)
        batch = [make(SEED, number) for number in range(5)]
        shared.ledger.send(batch)
        assert await _store(shared, started[0], batch)
        yield started, shared.ledger, empty_postgres_url, store, tmp_path


async def test_the_judges_see_what_is_wrong(
    held: tuple[list[Server], Ledger, str, str, Path], postgres: Cluster
) -> None:
    started, ledger, database, address, folder = held
    verdict = await judge(*held)
    assert (verdict.good, verdict.rows, verdict.objects) == (True, 5, 5), verdict
    name = database.rpartition("/")[2]
    await postgres.execute("UPDATE series SET number_of_series_related_instances = 7", name)
    assert (await judge(*held)).miscounted > 0
    await postgres.execute("DELETE FROM instance WHERE id = (SELECT min(id) FROM instance)", name)
    assert (await judge(*held)).lost == 1
    os.environ |= CREDENTIALS
    store = open_store(address, folder / "temp")
    for key in [key async for key, _ in store.list()]:
        await store.delete(key)
    await store.close()
    verdict = await judge(*held)
    assert (verdict.damaged, verdict.objects, verdict.good) == (4, 0, False)
    assert verdict.found_by_check >= 4
    assert any("missing object" in each for each in ledger.wrong)
    stranger = make(SEED + 1, 0)
    await started[0].client.post(
        "studies", content=multipart([stranger.data]), headers={"content-type": content_type()}
    )
    assert (await judge(*held)).foreign == 1


def test_an_answer_that_lacks_something_is_noticed() -> None:
    two = [make(SEED, number) for number in range(2)]
    shared = Run(SEED, [])
    shared.ledger.send(two)
    known, whole = {each.uid for each in two}, [each.data for each in two]
    _judge(shared, "whole", whole, known)
    assert shared.ledger.wrong == []
    for wrong in (whole[:1], [whole[0], whole[1][:-1]], [*whole, b"more"]):
        _judge(shared, "wrong", wrong, known)
    assert len(shared.ledger.wrong) == 3


def test_a_multipart_answer_without_its_end_has_no_parts() -> None:
    body = multipart([b"one", b"two"])
    head = {"content-type": content_type()}
    assert _parts(httpx.Response(200, headers=head, content=body)) == [b"one", b"two"]
    cut = body[: body.rindex(b"--", 0, -4)]
    assert _parts(httpx.Response(200, headers=head, content=cut)) == []


def test_a_seed_always_sends_the_same() -> None:
    assert make(1, 3) == make(1, 3)
    assert make(1, 3).data != make(2, 3).data
    assert make(1, IN_STUDY).study != make(1, IN_STUDY - 1).study
    assert len(make(1, LARGE_EACH - 1).data) > LARGE_BYTES


def test_any_fault_is_bad() -> None:
    assert Verdict(rows=3, objects=4, doubtful_held=1).good
    for name in ("lost", "foreign", "damaged", "twice", "miscounted", "disagreeing", "found_by_check"):
        assert not Verdict(**{name: 1}).good
    assert Outcome(SEED, ROUNDS, Ledger()).good
    assert not Outcome(SEED, ROUNDS, Ledger(wrong=["it hung"])).good
    assert not Outcome(SEED, ROUNDS, Ledger(), Verdict(lost=1)).good
