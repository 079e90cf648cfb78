"""The archive on a store that is slow, full, or gone in the middle: what its clients see, and afterwards."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.instances import ct, part10
from tests.live import Process, wait_until
from tests.required import lacking
from tests.seaweed import CREDENTIALS, Seaweed, seaweed_or_none
from tests.slow_proxy import SlowProxy, slow_proxy
from tests.test_store_outages import (
    AS_STORED,
    STUDIES,
    instance_of,
    instances,
    require_unavailable,
    stow,
)

LARGE = 20 << 20
#: Seconds that a request to the store may take here, and that a client waits at most.
PATIENCE, WAITED = 5, 30
POLICY = "name: chest\nextends: tcia\npixels: {ocr: false, regions: false}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Seaweed]:
    with seaweed_or_none() as running:
        yield running


@pytest.fixture
def proxy(server: Seaweed) -> Iterator[SlowProxy]:
    with slow_proxy(server.port) as running:
        yield running


@pytest.fixture
def client(server: Seaweed, proxy: SlowProxy, tmp_path: Path) -> Iterator[httpx.Client]:
    """Of an archive that reaches the server by way of the proxy."""
    store = f"{server.address(f'troubles/{tmp_path.name}', proxy.port)}&timeout={PATIENCE}"
    with _client(Process(tmp_path / "data", READINGROOM_STORE=store, **CREDENTIALS)) as opened:
        yield opened


@contextmanager
def _client(archive: Process) -> Iterator[httpx.Client]:
    try:
        archive.start()
        with httpx.Client(base_url=archive.url, timeout=60) as client:
            yield client
    finally:
        archive.stop()


def large(**more: Any) -> Any:
    return ct(PixelData=bytes(LARGE), **more)


def get(client: httpx.Client, uid: str) -> httpx.Response:
    return client.get(instance_of(uid), headers=AS_STORED)


def test_a_slow_store_is_waited_for_so_long_and_no_longer(client: httpx.Client, proxy: SlowProxy) -> None:
    small, big, refused, slowly = ct(), large(), large(), ct()
    assert stow(client, part10(small), part10(big)).status_code == 200
    proxy.rate = 200_000.0
    assert get(client, small.SOPInstanceUID).content == part10(small)
    assert stow(client, part10(slowly)).status_code == 200
    for ask in (lambda: get(client, big.SOPInstanceUID), lambda: stow(client, part10(refused))):
        began = time.monotonic()
        require_unavailable(ask(), began, WAITED)
    assert instances(client) == {each.SOPInstanceUID for each in (small, big, slowly)}
    proxy.rate = 0
    assert stow(client, part10(refused)).status_code == 200
    for each in (small, big, slowly, refused):
        assert get(client, each.SOPInstanceUID).content == part10(each)


@pytest.mark.parametrize("accept", ["application/zip", "application/dicom; transfer-syntax=*", "multipart/*"])
def test_who_has_the_beginning_sees_that_there_is_no_end(
    client: httpx.Client, proxy: SlowProxy, accept: str
) -> None:
    sent = large()
    assert stow(client, part10(sent), part10(large())).status_code == 200
    path = instance_of(sent.SOPInstanceUID) if "syntax" in accept else f"{STUDIES}/1.2.3"
    began = time.monotonic()
    got, length = _cut(client, path, accept, proxy)
    assert 0 < got < length
    assert time.monotonic() - began < WAITED
    proxy.rate = 0
    assert client.get(path, headers={"accept": accept}).status_code == 200


def _cut(client: httpx.Client, path: str, accept: str, proxy: SlowProxy) -> tuple[int, int]:
    """How many bytes came, of how many, before the connection broke."""
    got = 0
    with client.stream("GET", path, headers={"accept": accept}) as answer:
        assert answer.status_code == 200
        proxy.rate = 20_000.0
        with suppress(httpx.TransportError):
            for piece in answer.iter_bytes():
                got += len(piece)
            pytest.fail("the answer ended as if it were whole")
    return got, int(answer.headers["content-length"])


def test_a_full_store_takes_nothing_and_gives_what_it_has(client: httpx.Client, server: Seaweed) -> None:
    held = ct()
    assert stow(client, part10(held)).status_code == 200
    server.stop()
    server.start(full=True)
    try:
        for more in ([ct()], [ct() for _ in range(20)], [large()]):
            began = time.monotonic()
            answer = stow(client, *map(part10, more))
            require_unavailable(answer, began, WAITED)
        assert get(client, held.SOPInstanceUID).content == part10(held)
        assert instances(client) == {held.SOPInstanceUID}
    finally:
        server.stop()
        server.start()
    assert stow(client, *map(part10, more)).status_code == 200
    assert client.get("/readyz").status_code == 200


def test_a_full_disk_takes_nothing_until_something_goes(tmp_path: Path) -> None:
    alone = ("unshare", "--user", "--map-root-user", "--mount")
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True).returncode:
        lacking("a name space of one's own to mount in: apt-get install util-linux, and let users have them")
    (disk := tmp_path / "disk").mkdir()
    # A small disk that only the server sees.
    within = (*alone, "sh", "-c", f'mount -t tmpfs -o size=6m tmpfs {disk} && exec "$@"', "sh")
    with _client(Process(tmp_path / "data", within=within, READINGROOM_STORE=str(disk))) as client:
        held = [ct(PixelData=bytes(1 << 20))]
        while (answer := stow(client, part10(held[-1]))).status_code == 200:
            held.append(ct(PixelData=bytes(1 << 20)))
        require_unavailable(answer, time.monotonic())
        assert "full" in answer.json()["detail"]
        refused, held = held[-1], held[:-1]
        assert 2 <= len(held) <= 5
        assert stow(client, *(part10(ct()) for _ in range(3)), part10(refused)).status_code == 503
        assert instances(client) == {each.SOPInstanceUID for each in held}
        assert all(get(client, each.SOPInstanceUID).content == part10(each) for each in held)
        gone = {"study": "1.2.3", "series": "1.2.3.4", "instance": held[0].SOPInstanceUID, "reason": "room"}
        assert client.post("/api/v1/collections/inbox/purges", json=gone).status_code == 200
        assert stow(client, part10(refused)).status_code == 200
        assert get(client, refused.SOPInstanceUID).content == part10(refused)


def test_the_door_keeps_nothing_and_the_job_comes_again(
    client: httpx.Client, server: Seaweed, tmp_path: Path
) -> None:
    new = {"slug": "chest", "title": "Chest", "licence": "CC-BY-4.0", "tier": "private"}
    assert client.post("/api/v1/collections", json=new).status_code == 201
    policy = {"policy": POLICY}
    assert client.put("/api/v1/collections/chest/deidentification", json=policy).status_code == 200
    root = "/collections/chest/dicom-web/studies"
    head = {"content-type": "application/dicom"}

    def send() -> httpx.Response:
        return client.post(root, content=part10(ct(PatientName="Zebrowsky^Quimby")), headers=head)

    assert send().status_code in (200, 202)
    (submission,) = client.get("/api/v1/submissions").json()["items"]
    home = f"/api/v1/submissions/{submission['key']}"
    server.stop()
    try:
        began = time.monotonic()
        require_unavailable(send(), began, WAITED)
        assert client.post(f"{home}/close").status_code == 200
        wait_until(lambda: _pass(client)["error"], 60)
        assert _pass(client)["state"] == "waiting"
        assert client.get(f"{home}/deidentification").json()["state"] == "waiting"
    finally:
        server.start()
    wait_until(lambda: _pass(client)["state"] == "done", 100)
    assert client.get(f"{home}/deidentification").json()["state"] in ("passed", "held")
    assert not any(each.is_file() for each in (tmp_path / "data" / "temp").rglob("*"))


def _pass(client: httpx.Client) -> Any:
    (job,) = [each for each in client.get("/api/v1/jobs").json()["items"] if each["kind"] == "second-pass"]
    return job
