"""Places for archives that are backed up and restored."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.settings import Settings
from tests.house import OWNERS
from tests.postgres import Cluster

Urls = Callable[[str], str]


@pytest.fixture(params=["sqlite", "postgres"])
async def urls(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Urls]:
    """Addresses of databases by name, none of which exists; of PostgreSQL an empty one."""
    if request.param == "sqlite":
        yield lambda name: f"sqlite:///{tmp_path}/{name}/readingroom.sqlite"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    for name in ("first", "second"):
        await cluster.execute(f"CREATE DATABASE {name}")
    yield cluster.url
    for name in ("first", "second"):
        await cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def elsewhere(urls: Urls, tmp_path: Path) -> Settings:
    """The settings of an empty place."""
    return Settings(data=tmp_path / "second", database=urls("second"), owner_token=OWNERS)
