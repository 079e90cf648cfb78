"""Fixtures for whatever touches the index: it runs on SQLite and on a real PostgreSQL."""

import asyncio
import itertools
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import _lru_cache_wrapper, cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from fastapi.dependencies import models as fastapi_models
from sqlalchemy import Connection, Engine, event

from app.database import Database, migrate
from app.database.statements import Statement
from app.models import Study
from tests.lasting import lasting, own
from tests.postgres import Cluster, NoServerError, cluster, remember, restore
from tests.required import lacking
from tests.seaweed import Seaweed, seaweed_or_none

NUMBERS = itertools.count()
TABLES = Study.metadata.sorted_tables
# A machine that does much else is slow, and nothing is wrong with what it answers: 5 seconds are too few.
httpx._config.DEFAULT_TIMEOUT_CONFIG.__init__(60)  # type: ignore[misc]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what tests recorded under the name `told`: the counts of long ones."""
    for report in terminalreporter.stats.get("passed", []):
        for text in [text for name, text in report.user_properties if name == "told"]:
            terminalreporter.section(report.nodeid, sep="-")
            terminalreporter.line(text)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """FastAPI remembers every endpoint that it looked into, and with it the application of each test."""
    yield
    for each in vars(fastapi_models).values():
        if isinstance(each, _lru_cache_wrapper):
            each.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def authorities() -> Iterator[None]:
    """Each client of httpx reads all of a hundred certificates: 20 ms, and most talk to no stranger."""
    with patch.object(httpx._transports.default, "create_ssl_context", cache(httpx.create_ssl_context)):
        yield


@pytest.fixture(scope="session", autouse=True)
def lasting_codecs() -> Iterator[None]:
    """Archives of a run hand on their codec processes."""
    with lasting():
        yield


@pytest.fixture(scope="module")
def own_codecs() -> Iterator[None]:
    """For a module whose tests are of those processes: each archive has its own."""
    with own():
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A throwaway PostgreSQL server, one for each process of the run."""
    try:
        with cluster() as running:
            yield running
    except NoServerError as missing:
        lacking(str(missing.__doc__))


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """A throwaway S3 server, one for each process of the run: leave it running."""
    with seaweed_or_none() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Cluster) -> Cluster:
    """The server with the migrated database `index`, which remembers how it was."""
    postgres.run("CREATE DATABASE index")
    asyncio.run(migrate(postgres.url("index")))
    postgres.run(remember(TABLES), "index")
    return postgres


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database to copy: of short pages, as there are thousands of copies."""
    path = tmp_path_factory.mktemp("sqlite") / "index.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA journal_mode = WAL")
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The address of a migrated SQLite database, for this test alone."""
    path = tmp_path / "index.db"
    shutil.copyfile(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(migrated_postgres: Cluster) -> str:
    """The address of a migrated PostgreSQL database, put back to its beginning for this test."""
    migrated_postgres.run(restore(TABLES), "index")
    return migrated_postgres.url("index")


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite database that is still to be made."""
    return f"sqlite:///{tmp_path}/new/empty.db"


@pytest.fixture
def empty_postgres_url(postgres: Cluster) -> Iterator[str]:
    """The address of a PostgreSQL database without any table, for this test alone."""
    name = f"empty_{next(NUMBERS)}"
    postgres.run(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    postgres.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """The address of a database that no migration has seen yet, on each engine in turn."""
    url: str = request.getfixturevalue(f"empty_{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a migrated database of this test alone, on each engine in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An opened, migrated database that holds nothing but the collection `inbox`, on each engine in turn."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def statements() -> Callable[[], AbstractContextManager[list[str]]]:
    """`with statements() as seen:` collects the SQL that is sent meanwhile, on either engine."""
    return _statements


@contextmanager
def _statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def record(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    def execute(statement: Statement, *arguments: Any) -> Any:
        seen.append(statement._text.text)
        return original(statement, *arguments)

    original = Statement._execute
    event.listen(Engine, "before_cursor_execute", record)
    try:
        with patch.object(Statement, "_execute", execute):
            yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", record)
