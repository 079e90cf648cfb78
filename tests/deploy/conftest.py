"""Three real servers on one PostgreSQL and one S3 store, alone or behind a real nginx."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database import migrate
from tests.deploy.proxied import ROOT, Nginx, NoNginxError, nginx
from tests.house import OWNERS
from tests.live import Process, start_together
from tests.postgres import Cluster
from tests.required import lacking
from tests.seaweed import CREDENTIALS, Seaweed

#: What operators set on every machine alike.
COMMON = {
    "READINGROOM_OWNER_TOKEN": OWNERS,
    "READINGROOM_ACCOUNTS": "true",
    "READINGROOM_TRUSTED_PROXIES": "127.0.0.1",
    "READINGROOM_LOG_KEY": "one key for the logs of all machines",
    "READINGROOM_CODEC_PROCESSES": "1",
    # As in deploy/compose.yaml.
    "READINGROOM_DRAIN_SECONDS": "8",
    **CREDENTIALS,
}


@pytest.fixture(scope="session")
def shared_database(postgres: Cluster) -> Iterator[str]:
    """The database of the three servers."""
    postgres.run("CREATE DATABASE shared")
    url = postgres.url("shared")
    asyncio.run(migrate(url))
    yield url
    postgres.run("DROP DATABASE shared WITH (FORCE)")


@pytest.fixture(scope="session")
def three(
    shared_database: str, seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Process]]:
    """Three servers that run; who ends one starts it again."""
    folder = tmp_path_factory.mktemp("three")
    chosen = COMMON | {"READINGROOM_STORE": seaweed.address("three")}
    made = [Process(folder / f"server-{number}", shared_database, **chosen) for number in range(3)]
    start_together(made)
    yield made
    for each in made:
        each.kill()


@pytest.fixture(scope="session")
def proxy(three: list[Process], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """A real nginx before the three."""
    try:
        with nginx(
            tmp_path_factory.mktemp("proxy") / "nginx", [f"127.0.0.1:{each.port}" for each in three]
        ) as it:
            yield it
    except NoNginxError as missing:
        lacking(str(missing.__doc__))


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `deploy/make-secrets` writes."""
    folder = tmp_path_factory.mktemp("made") / "deploy"
    folder.mkdir()
    script = shutil.copy(ROOT / "deploy" / "make-secrets", folder)
    subprocess.run([script, "archive.test"], check=True, capture_output=True)
    return folder / "secrets"
