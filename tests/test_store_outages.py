"""The archive on a bucket whose server is really stopped and started again: what its clients see."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.bodies import content_type, multipart
from tests.instances import ct, part10
from tests.live import Process
from tests.required import lacking
from tests.seaweed import BUCKET, CREDENTIALS, NoSeaweedError, Seaweed, seaweed

STUDIES = "/dicom-web/studies"
AS_STORED = {"accept": "application/dicom; transfer-syntax=*"}
#: Seconds that a request to the store may take here, and that a client waits at most.
PATIENCE, WAITED = 2, 12


@pytest.fixture
def server() -> Iterator[Seaweed]:
    try:
        with seaweed() as running:
            yield running
    except NoSeaweedError as missing:
        lacking(str(missing.__doc__))


@pytest.fixture
def archive(server: Seaweed, tmp_path: Path) -> Iterator[Process]:
    store = f"{server.address('archive/one')}&timeout={PATIENCE}"
    chosen = {"READINGROOM_STORE": store, "READINGROOM_LOG_LEVEL": "debug", **CREDENTIALS}
    running = Process(tmp_path / "data", **chosen)
    running.start()
    yield running
    running.stop()


def stow(client: httpx.Client, *instances: bytes) -> httpx.Response:
    return client.post(STUDIES, content=multipart(instances), headers={"content-type": content_type()})


def instances(client: httpx.Client) -> set[str]:
    answer = client.get("/dicom-web/instances?limit=1000", headers={"accept": "application/json"})
    return {each["00080018"]["Value"][0] for each in answer.json()} if answer.status_code == 200 else set()


def instance_of(uid: str) -> str:
    return f"{STUDIES}/1.2.3/series/1.2.3.4/instances/{uid}"


def require_unavailable(answer: httpx.Response, began: float, waited: float = WAITED) -> None:
    assert time.monotonic() - began < waited
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0


def test_clients_are_told_to_come_again_and_nothing_is_lost(
    archive: Process, server: Seaweed, tmp_path: Path
) -> None:
    # Small ones, and one that goes up in parts.
    sent = {each.SOPInstanceUID: part10(each) for each in (ct(), ct(), ct(PixelData=bytes(20 << 20)))}
    refused = [ct() for _ in range(40)]
    with httpx.Client(base_url=archive.url, timeout=60) as client:
        assert stow(client, *sent.values()).status_code == 200
        for end, begin in ((server.stop, server.start), (server.pause, server.resume)):
            end()
            try:
                _require_refused(client, list(sent), [part10(each) for each in refused])
            finally:
                begin()
            _require_whole(client, sent)
            again = ct()
            assert stow(client, part10(again)).status_code == 200
            sent[again.SOPInstanceUID] = part10(again)
        assert stow(client, *(part10(each) for each in refused)).status_code == 200
        assert instances(client) == {*sent, *(each.SOPInstanceUID for each in refused)}
    _require_silence(tmp_path)


def _require_refused(client: httpx.Client, held: list[str], refused: list[bytes]) -> None:
    """Neither stored nor sent, in time; the index answers, and has no row of what was refused."""
    for ask in (
        lambda: stow(client, refused[0]),
        lambda: stow(client, *refused),
        lambda: stow(client, part10(ct(PixelData=bytes(20 << 20)))),
        lambda: client.get(instance_of(held[0]), headers=AS_STORED),
        lambda: client.get(f"{instance_of(held[0])}/frames/1"),
        lambda: client.get(f"{instance_of(held[0])}/rendered"),
        lambda: client.get(f"{STUDIES}/1.2.3", headers={"accept": "application/zip"}),
        lambda: client.get("/readyz"),
    ):
        began = time.monotonic()
        require_unavailable(ask(), began)
    assert instances(client) == set(held)
    assert client.get("/healthz").status_code == 200


def _require_whole(client: httpx.Client, sent: dict[str, bytes]) -> None:
    assert client.get("/readyz").status_code == 200
    for uid, data in sent.items():
        answer = client.get(instance_of(uid), headers=AS_STORED)
        assert (answer.status_code, answer.content == data) == (200, True)


def _require_silence(folder: Path) -> None:
    said = (folder / "data.log").read_text()
    assert said.count('"event":"request"') > 20
    for secret in (*CREDENTIALS.values(), f"/{BUCKET}/archive", "Signature"):
        assert secret not in said


def test_the_archive_starts_while_its_store_is_down(server: Seaweed, tmp_path: Path) -> None:
    server.stop()
    store = f"{server.address()}&timeout={PATIENCE}"
    archive = Process(tmp_path / "data", READINGROOM_STORE=store, **CREDENTIALS)
    archive.start(ready=False)
    try:
        assert httpx.get(f"{archive.url}/readyz", timeout=WAITED).json()["unavailable"] == ["store"]
        server.start()
        assert httpx.get(f"{archive.url}/readyz").status_code == 200
    finally:
        archive.stop()
