"""What was acknowledged is there after a crash, and nothing is acknowledged before it is durable."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, Engine, event

from app.database import Database
from app.main import create_app
from app.settings import Settings
from app.storage import local
from app.storage.disk import DISK
from app.storage.local import LocalStore
from tests.bodies import content_type, multipart
from tests.instances import ct, part10
from tests.live import Process

ROUNDS = 10
STUDIES = "/dicom-web/studies"


def test_acknowledged_instances_survive_kill_9(tmp_path: Path, database_url: str) -> None:
    server = Process(tmp_path / "data", database_url)
    acknowledged: dict[str, bytes] = {}
    chance = random.Random(1)
    rounds = 0
    # On a slow machine some end before anything was acknowledged.
    while rounds < ROUNDS or len(acknowledged) <= ROUNDS:
        rounds += 1
        server.start()
        loads = [_Load(server.url, acknowledged) for _ in range(2)]
        time.sleep(chance.uniform(0.1, 0.6))
        server.kill()
        for load in loads:
            load.join()
    server.start()
    try:
        _check_everything(server.url, acknowledged, tmp_path / "data" / "objects")
    finally:
        server.stop()


class _Load(threading.Thread):
    """Stores one instance after another until the server is gone, and notes each that was acknowledged."""

    def __init__(self, url: str, acknowledged: dict[str, bytes]) -> None:
        super().__init__(daemon=True)
        self._url, self._acknowledged = url, acknowledged
        self.start()

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10) as client:
            while self._store(client):
                pass

    def _store(self, client: httpx.Client) -> bool:
        dataset = ct(PixelData=os.urandom(96))
        sent = part10(dataset)
        try:
            answer = client.post(STUDIES, content=multipart([sent]), headers={"content-type": content_type()})
        except httpx.TransportError:
            return False
        assert answer.status_code == 200, answer.text
        self._acknowledged[dataset.SOPInstanceUID] = sent
        return True


def _check_everything(url: str, acknowledged: dict[str, bytes], objects: Path) -> None:
    """Every acknowledged instance is whole, every row has its bytes, and the counts agree with the rows."""
    with httpx.Client(base_url=url, headers={"accept": "application/dicom; transfer-syntax=*"}) as client:
        found = client.get("/dicom-web/instances?limit=10000", headers={"accept": "application/json"}).json()
        uids = {each["00080018"]["Value"][0] for each in found}
        assert set(acknowledged) <= uids
        for uid in uids:
            answer = client.get(f"{STUDIES}/1.2.3/series/1.2.3.4/instances/{uid}")
            assert answer.status_code == 200
            assert answer.content == acknowledged.get(uid, answer.content)
        (study,) = client.get(STUDIES, headers={"accept": "application/json"}).json()
        assert study["00201208"]["Value"] == [len(uids)]
    assert sum(path.is_file() for path in objects.rglob("*")) >= len(uids)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The steps that make an instance durable, in the order in which they end."""
    seen: list[str] = []

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            result = call(*arguments)
            seen.append(name)
            return result

        return run

    disk = replace(
        DISK,
        fsync=watched("fsync", DISK.fsync),
        link=watched("name", DISK.link),
        fsync_directory=watched("fsync directory", DISK.fsync_directory),
    )
    monkeypatch.setattr(local.LocalStore.__init__, "__defaults__", (disk,))
    write = Database.write

    def committed(_: Connection) -> None:
        seen.append("commit")

    event.listen(Engine, "commit", committed)
    yield seen
    event.remove(Engine, "commit", committed)
    assert Database.write is write


async def test_the_answer_comes_after_fsync_name_and_commit(
    tmp_path: Path, sqlite_url: str, steps: list[str]
) -> None:
    # What is done in the background commits too.
    app = create_app(Settings(data=tmp_path, database=sqlite_url, jobs=False))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        steps.clear()
        answer = await client.post(
            STUDIES, content=part10(ct()), headers={"content-type": "application/dicom"}
        )
        steps.append("answer")
    assert answer.status_code == 200
    steps = steps[: steps.index("answer") + 1]
    essential = [step for step in steps if step != "fsync directory"]
    assert essential == ["fsync", "name", "commit", "answer"]
    # The new name is durable before the row that points at it is committed.
    assert "fsync directory" in steps[steps.index("name") : steps.index("commit")]
    assert "fsync directory" not in steps[steps.index("commit") :]


@pytest.mark.parametrize("broken", ["write", "fsync", "link", "fsync_directory"])
async def test_a_failing_step_is_503_and_stores_nothing(
    tmp_path: Path, sqlite_url: str, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    working = True
    call = getattr(DISK, broken)
    disk = replace(DISK, **{broken: lambda *arguments: (call if working else fail)(*arguments)})
    monkeypatch.setattr(LocalStore.__init__, "__defaults__", (disk,))
    app = create_app(Settings(data=tmp_path, database=sqlite_url))
    transport = httpx.ASGITransport(app)
    head = {"content-type": "application/dicom"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        working = False
        refused = await client.post(STUDIES, content=part10(ct()), headers=head)
        assert refused.status_code == 503
        assert "retry-after" in refused.headers
        assert (await client.get(STUDIES)).status_code == 204
        working = True
        assert (await client.post(STUDIES, content=part10(ct()), headers=head)).status_code == 200
        (study,) = (await client.get(STUDIES)).json()
        assert study["00201208"]["Value"] == [1]
