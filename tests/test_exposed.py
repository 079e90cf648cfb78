"""What a process that serves nobody tells Prometheus, and whom."""

import socket
from pathlib import Path

import httpx
import pytest

from app.errors import Misconfigured
from app.exposed import exposed
from app.settings import Settings
from tests.ports import free_port
from tests.test_workers_killed import SETTING, working

TOKEN = "0123456789abcdef-for-prometheus"


def test_it_tells_who_has_the_token() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    with exposed(Settings(work_metrics_port=port, metrics_token=TOKEN)):
        for wrong in ({}, {"authorization": "Bearer wrong"}, {"authorization": b"Bearer W\xf6rt"}):
            assert httpx.get(url, headers=wrong).status_code == 401
        answer = httpx.get(url, headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert "readingroom_store_seconds" in answer.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_without_a_port_nothing_listens() -> None:
    with exposed(Settings()):
        assert Settings().work_metrics_port is None


def test_who_says_nothing_keeps_nobody_waiting() -> None:
    port = free_port()
    with exposed(Settings(work_metrics_port=port)), socket.create_connection(("127.0.0.1", port)):
        assert httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).status_code == 200


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(Misconfigured, match="READINGROOM_WORK_METRICS_PORT"),
            exposed(Settings(work_metrics_port=port)),
        ):
            pytest.fail("it listens where somebody else does")


def test_the_worker_has_it(sqlite_url: str, tmp_path: Path) -> None:
    port = free_port()
    chosen = {"DATA": str(tmp_path), "DATABASE": sqlite_url, "WORK_METRICS_PORT": str(port)}
    with working(tmp_path, "log", {SETTING + name: value for name, value in chosen.items()}):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert 'readingroom_database_seconds_count{way="write"}' in text
