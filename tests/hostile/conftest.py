"""A live archive, impatient enough for tests, and raw connections to it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.live import Live, impatient, live


@pytest.fixture(scope="module")
def archive(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """An archive on SQLite that a module's tests share, served as `readingroom serve` serves it."""
    with live(impatient(tmp_path_factory.mktemp("hostile"), migrated_sqlite)) as running:
        yield running


@pytest.fixture
def line(archive: Live) -> Iterator[socket.socket]:
    """A bare connection."""
    with socket.create_connection(("127.0.0.1", archive.port), timeout=20) as connection:
        yield connection
