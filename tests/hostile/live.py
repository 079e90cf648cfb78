"""The archive as it serves strangers: uvicorn as `app.server` configures it, in a thread of the tests."""

import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from app.main import create_app
from app.server import configuration
from app.settings import Settings
from soak.server import Remains, remains
from tests.live import wait_until


@dataclass(frozen=True)
class Live:
    """A running archive: its port and its folder."""

    port: int
    data: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def healthy(self) -> bool:
        """Whether somebody else is answered meanwhile, and soon."""
        return httpx.get(f"{self.url}/dicom-web/studies?limit=1", timeout=5).status_code in (200, 204)

    def temporary(self) -> list[Path]:
        """What lies in the folders for temp files."""
        return [path for folder in self.data.rglob("temp") for path in folder.rglob("*") if path.is_file()]

    def remains(self) -> Remains:
        """Rows, objects and counts compared, once nothing is under way."""
        with suppress(AssertionError):
            wait_until(lambda: not self.temporary(), 10)
        return remains(self.data)

    def rows(self) -> int:
        """How many instances are stored."""
        with sqlite3.connect(self.data / "readingroom.sqlite") as database:
            (count,) = database.execute("SELECT count(*) FROM instance").fetchone()
        return int(count)


def impatient(folder: Path, migrated: Path, **chosen: object) -> Settings:
    """Settings for an archive in `folder` that waits half a second for a head, one for anything else."""
    data = folder / "data"
    data.mkdir()
    shutil.copyfile(migrated, data / "readingroom.sqlite")
    patience = {"head_seconds": 0.5, "stall_seconds": 1.0, "codec_seconds": 5}
    return Settings.load(**{"data": data, "port": 0, **patience, **chosen})


@contextmanager
def live(settings: Settings) -> Iterator[Live]:
    """Serve in a thread until the block ends."""
    config = configuration(settings, logging=False)
    config.app, config.factory = create_app(settings), False
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive())
            yield Live(bound.getsockname()[1], settings.data)
        finally:
            server.should_exit = server.force_exit = True
            thread.join(20)


def answered(connection: socket.socket) -> bytes:
    """All that comes until the other side closes; empty where it reset the connection."""
    pieces = []
    with suppress(ConnectionError):
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


def status(answer: bytes) -> int:
    """The status of an answer; 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def seconds_until_closed(connection: socket.socket) -> tuple[float, bytes]:
    """How long the other side kept the connection open, and what it said."""
    began = time.monotonic()
    said = answered(connection)
    return time.monotonic() - began, said
