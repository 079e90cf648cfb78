"""The whole application over each database, spoken to without a socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.routers.house import House, opened

HOST = "http://localhost:8080"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Local mode, with an index and a store of this test alone; nothing is done in the background."""
    return Settings(data=tmp_path / "data", database=database_url, jobs=False)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running application."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=HOST) as opened,
    ):
        yield opened


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    """The running application, for whoever calls."""
    async with opened(settings) as running:
        yield running
