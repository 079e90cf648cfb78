"""The archive as a process: it starts, says where to look, finishes what it began, and ends."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.errors import Misconfigured
from app.server import greeting, listener, reachable
from app.settings import PREFIX, Settings
from tests.corpus import readable
from tests.live import wait_until

TOKEN = "correct-horse-battery"
SECONDS = 60


@dataclass
class Served:
    """A running `readingroom serve`: where it answers, and what it printed."""

    process: subprocess.Popen[str]
    folder: Path

    @property
    def printed(self) -> str:
        return (self.folder / "out").read_text()

    @property
    def logged(self) -> str:
        return (self.folder / "err").read_text()

    @property
    def url(self) -> str:
        found = re.search(r"DICOMweb +(http://\S+)/dicom-web", self.printed)
        assert found
        return found[1]

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host.strip("[]"), int(port)

    def stop(self, sign: int = signal.SIGTERM) -> int:
        self.process.send_signal(sign)
        return self.process.wait(SECONDS)


def _heeds_control_c() -> None:
    # A shell that runs the tests in its background has them, and what they start, ignore it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def served(folder: Path, *options: str, **environment: str) -> Iterator[Served]:
    """Serve from `folder` on a free port, and wait until it says that it listens."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "app", "serve", "--data", str(folder / "data"), "--port", "0", *options]
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        process = subprocess.Popen(
            command, env=clean | environment, stdout=out, stderr=err, text=True, preexec_fn=_heeds_control_c
        )
    running = Served(process, folder)
    try:
        deadline = time.monotonic() + SECONDS
        while "Ctrl+C" not in running.printed:
            assert process.poll() is None, running.logged
            assert time.monotonic() < deadline, running.logged
            time.sleep(0.05)
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(SECONDS)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_and_ends(tmp_path: Path, workers: str) -> None:
    with served(tmp_path, "--workers", workers) as archive:
        assert httpx.get(f"{archive.url}/healthz").status_code == 200
        assert httpx.get(f"{archive.url}/readyz").status_code == 200
        assert httpx.get(f"{archive.url}/openapi.json").status_code == 200
        refused = httpx.get(f"{archive.url}/readyz", headers={"X-Forwarded-For": "192.0.2.1"})
        assert refused.status_code == 400
        assert "server" not in refused.headers
        assert archive.stop() in {0, -signal.SIGTERM}
    assert (tmp_path / "data" / "readingroom.sqlite").exists()
    assert "Traceback" not in archive.logged


def test_control_c_is_no_error(tmp_path: Path) -> None:
    with served(tmp_path) as archive:
        assert archive.stop(signal.SIGINT) == 0
        assert archive.printed.endswith("Stopped.\n")
    assert "Traceback" not in archive.logged


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_running_request_is_finished(tmp_path: Path, workers: str) -> None:
    body = readable()[0].read_bytes()
    head = (
        "POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/dicom\r\n"
        f"Accept: application/dicom+json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with served(tmp_path, "--workers", workers) as archive:
        with socket.create_connection(archive.address, timeout=SECONDS) as connection:
            connection.sendall(head.encode())
            # Whoever is told to go on is being listened to.
            assert connection.recv(65536).startswith(b"HTTP/1.1 100")
            connection.sendall(body[:1000])
            archive.process.send_signal(signal.SIGTERM)
            wait_until(lambda: _refused(archive.address), SECONDS)
            connection.sendall(body[1000:])
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert archive.process.wait(SECONDS) in {0, -signal.SIGTERM}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_idle_connection_brings_one_more_request(tmp_path: Path, workers: str) -> None:
    with served(tmp_path, "--workers", workers, READINGROOM_DRAIN_SECONDS="30") as archive:
        connection = HTTPConnection(*archive.address, timeout=SECONDS)
        assert _said(connection, "/healthz") == (200, None)
        archive.process.send_signal(signal.SIGTERM)
        # Nobody else is let in any more.
        wait_until(lambda: _refused(archive.address), SECONDS)
        assert _said(connection, "/healthz") == (200, "close")
        assert archive.process.wait(20) in {0, -signal.SIGTERM}


def _said(connection: HTTPConnection, path: str) -> tuple[int, str | None]:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers["connection"]


def _refused(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == errno.ECONNREFUSED


def test_workers_count_together(tmp_path: Path) -> None:
    with served(tmp_path, "--workers", "2") as archive:
        for _ in range(20):
            httpx.get(f"{archive.url}/dicom-web/studies")
        # Who has an answer is a moment ahead of the process that counts it.
        wait_until(lambda: _counted(archive.url) == (20, 1), SECONDS)


def _counted(url: str) -> tuple[float, float]:
    """Searches that were answered, and requests under way: this one."""
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    counted = sum(
        sample.value
        for sample in samples
        if sample.name == "readingroom_requests_total" and sample.labels["route"] == "/dicom-web/studies"
    )
    in_flight = sum(sample.value for sample in samples if sample.name == "readingroom_requests_in_flight")
    return counted, in_flight


def test_others_need_the_token(tmp_path: Path) -> None:
    with served(tmp_path, "--host", "0.0.0.0", READINGROOM_OWNER_TOKEN=TOKEN) as archive:
        assert TOKEN not in archive.printed
        assert httpx.get(f"{archive.url}/readyz").status_code == 200
        assert httpx.get(f"{archive.url}/dicom-web/studies").status_code == 401
        wrong = {"Authorization": f"Bearer {TOKEN}x"}
        assert httpx.get(f"{archive.url}/dicom-web/studies", headers=wrong).status_code == 401
        signed_in = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{archive.url}/dicom-web/studies", headers=signed_in).status_code in {200, 204}
    assert TOKEN not in archive.logged


def test_logs_hold_no_uids(tmp_path: Path) -> None:
    uid = "1.2.840.99999.77"
    with served(tmp_path) as archive:
        httpx.get(f"{archive.url}/dicom-web/studies/{uid}/metadata?PatientName=DOE")
        archive.stop()
    assert '"event":"request"' in archive.logged
    assert uid not in archive.logged
    assert "DOE" not in archive.logged


def test_the_port_is_taken_once() -> None:
    with listener(Settings(port=0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(
            Misconfigured, match=f"Cannot listen on 127.0.0.1 port {port} .address already in use"
        ):
            listener(Settings(port=port))


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours(host: str) -> None:
    with pytest.raises(Misconfigured, match=f"Cannot listen on {host}"):
        listener(Settings(host=host))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0.0.0.0"])
def test_it_listens_where_it_says(host: str) -> None:
    with listener(Settings(host=host, port=0)) as bound:
        socket.create_connection((reachable(host), bound.getsockname()[1]), timeout=5).close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("[::1]", "::1"),
        ("", "127.0.0.1"),
        ("a.example", "a.example"),
    ],
)
def test_how_this_machine_reaches_it(host: str, expected: str) -> None:
    assert reachable(host) == expected


def test_the_greeting_says_how_to_begin() -> None:
    said = greeting(Settings(host="::1"), 8080)
    assert "http://[::1]:8080/dicom-web/studies" in said
    assert "readingroom demo --url http://[::1]:8080\n" in said
    assert "Authorization" not in said


def test_the_greeting_never_shows_the_token() -> None:
    said = greeting(Settings(owner_token=TOKEN, public_url="https://archive.example/room/"), 8080)
    assert "https://archive.example/room/dicom-web/studies" in said
    assert "Bearer $READINGROOM_OWNER_TOKEN" in said
    assert TOKEN not in said
