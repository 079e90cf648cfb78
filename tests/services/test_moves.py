"""A backup goes from any kind of store into any other, and the archive there answers as the first one did."""

from pathlib import Path

import pytest

from app.database import migrate
from app.services import backups, restores
from app.settings import Settings
from app.storage import keys
from tests.house import OWNER, OWNERS, house
from tests.keeping import answers, fill, found, objects, quiet
from tests.postgres import Cluster
from tests.routers.versions_of import send
from tests.seaweed import CREDENTIALS, Seaweed

#: Larger than what is put as a whole, and than what is read at once.
LARGE = 9 << 20


@pytest.mark.parametrize(
    ("database", "begins", "ends"),
    [("postgres", "folder", "bucket"), ("sqlite", "bucket", "bucket"), ("postgres", "bucket", "folder")],
)
async def test_a_restored_archive_answers_as_the_first(
    request: pytest.FixtureRequest, seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    database: str, begins: str, ends: str,
) -> None:  # fmt: skip
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    cluster: Cluster | None = request.getfixturevalue("postgres") if database == "postgres" else None
    here, there = [
        await _settings(tmp_path / f"moves_{place}", store, seaweed, cluster)
        for place, store in (("here", begins), ("there", ends))
    ]
    await migrate(here.database_url)
    async with house(here) as opened:
        await fill(opened)
        large = {"study": "1.2.11", "series": "1.2.11.1", "instance": "11.1"}
        await send(opened.browser, "head", **large, PixelData=bytes(LARGE))
        kept, said = await objects(opened.archive), await answers(opened.browser)
        await backups.backup(opened.archive, tmp_path / "backup", quiet, lambda _: None)
    await restores.restore(there, tmp_path / "backup", quiet)
    async with house(there) as opened:
        opened.browser.headers.update(OWNER)
        assert await answers(opened.browser) == said
        assert await objects(opened.archive) == kept
        assert await found(opened.archive, deep=True) == []


async def _settings(data: Path, store: str, seaweed: Seaweed, cluster: Cluster | None) -> Settings:
    """Those of an empty place."""
    chosen = seaweed.address(f"moves/{keys.fresh()}") if store == "bucket" else None
    url = f"sqlite:///{data}/readingroom.sqlite"
    if cluster:
        await cluster.execute(f"DROP DATABASE IF EXISTS {data.name} WITH (FORCE)")
        await cluster.execute(f"CREATE DATABASE {data.name}")
        url = cluster.url(data.name)
    return Settings(data=data, database=url, store=chosen, owner_token=OWNERS, jobs=False)
