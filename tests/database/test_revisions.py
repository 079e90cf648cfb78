"""The schema's history on both engines: it makes what the models say, once, however many ask."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, select, text, update

from app.database import Database, check_revision, migrate, revisions
from app.errors import DatabaseUnavailable, Misconfigured
from app.index.tables import SERIES, STUDY
from app.models import Study
from tests.index.entries import entry, inbox, upsert
from tests.processes import together

ROOT = Path(__file__).parents[2]
METADATA = Study.metadata
MIGRATE = (
    "import asyncio, sys; from app.database import migrate, revisions; asyncio.run(migrate(sys.argv[1]))"
)
#: There is one where PostgreSQL has the extension: the models say nothing of it.
TRIGRAMS = "study_trigrams"
CATALOGUE = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
}


async def on(url: str, work) -> object:
    """Run work in a transaction of its own."""
    database = await Database.open(url)
    try:
        return await database.write(work)
    finally:
        await database.close()


async def inboxes(url: str) -> list[tuple[str, bool, int]]:
    found = text(
        "SELECT slug, rolling, (SELECT count(*) FROM access_unit WHERE collection_id = collection.id) "
        "FROM collection"
    )
    return [tuple(row) for row in await on(url, lambda connection: connection.execute(found).all())]


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def indexes(connection: Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql(CATALOGUE[connection.dialect.name]).all()
    ours = [row for row in rows if not row[0].startswith("alembic") and row[0] != TRIGRAMS]
    return {name: " ".join(sql.split()) for name, sql in ours}


def columns(connection: Connection) -> dict[str, list[str]]:
    seen = inspect(connection)
    return {
        table: sorted(
            f"{each['name']} {each['type']!r} {each['nullable']} {getattr(each['type'], 'collation', None)}"
            for each in seen.get_columns(table)
        )
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
async def test_alembic_sees_no_difference(database_url):
    """SQLite shows nothing of indexes on expressions: those are compared below."""
    expressions = {"study_newest", "series_added", "series_removed"}

    def compared(_, name, kind, *others):
        return kind != "index" or name != TRIGRAMS

    def differences(connection):
        options = {"compare_type": True, "include_object": compared}
        context = MigrationContext.configure(connection, opts=options)
        found = compare_metadata(context, METADATA)
        return [
            each for each in found if connection.dialect.name != "sqlite" or each[1].name not in expressions
        ]

    assert await on(database_url, differences) == []


async def test_the_catalogue_is_that_of_the_models(database_url):
    """Columns, types, collations and indexes are those of tables made from the models at once."""

    def catalogue(connection):
        return columns(connection), indexes(connection)

    def anew(connection):
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
        made = catalogue(connection)
        connection.rollback()
        return made

    migrated = await on(database_url, catalogue)
    assert len(migrated[0]) == len(METADATA.tables)
    assert migrated == await on(database_url, anew)


async def test_migrating_again_changes_nothing(empty_database_url):
    for _ in range(2):
        await migrate(empty_database_url)
        await check_revision(empty_database_url)
        assert await inboxes(empty_database_url) == [("inbox", True, 1)]


async def test_down_and_up_again(empty_database_url):
    await migrate(empty_database_url)

    def down(connection):
        command.downgrade(revisions._config(connection=connection), "base")

    await on(empty_database_url, down)
    assert await on(empty_database_url, tables) == {"alembic_version"}
    with pytest.raises(Misconfigured, match="readingroom migrate"):
        await check_revision(empty_database_url)
    await migrate(empty_database_url)
    await check_revision(empty_database_url)


async def test_what_rows_keep_is_stored_anew(empty_database_url):
    """As one line, as revision 0002 left it, and then as the index writes it today."""
    await migrate(empty_database_url)
    await on(
        empty_database_url,
        lambda connection: upsert(
            connection, inbox(connection), [entry("1", f"1.{n}", "1") for n in range(3)]
        ),
    )

    def kept(connection):
        return [connection.execute(select(each.c.id, each.c.attributes)).all() for each in (STUDY, SERIES)]

    def back(connection):
        command.downgrade(revisions._config(connection=connection), "0002")
        for each, rows in zip((STUDY, SERIES), kept(connection), strict=True):
            for row in rows:
                plain = orjson.dumps(orjson.loads(row.attributes))
                connection.execute(update(each).where(each.c.id == row.id).values(attributes=plain))

    written = await on(empty_database_url, kept)
    await on(empty_database_url, back)
    assert await on(empty_database_url, kept) != written
    await migrate(empty_database_url)
    assert await on(empty_database_url, kept) == written


async def test_unmigrated(empty_database_url):
    """Workers say what to run, and make nothing themselves."""
    with pytest.raises(Misconfigured, match="readingroom migrate"):
        await check_revision(empty_database_url)
    if empty_database_url.startswith("sqlite"):
        assert not Path(empty_database_url.removeprefix("sqlite:///")).parent.exists()


async def test_a_failed_migration_leaves_nothing(empty_database_url, monkeypatch):
    upgrade = revisions._upgrade

    def fail(connection):
        upgrade(connection)
        raise KeyError("ours")

    monkeypatch.setattr(revisions, "_upgrade", fail)
    with pytest.raises(KeyError):
        await migrate(empty_database_url)
    assert await on(empty_database_url, tables) == set()
    monkeypatch.undo()
    await migrate(empty_database_url)
    assert await inboxes(empty_database_url) == [("inbox", True, 1)]


def _migrate(url: str) -> int:
    asyncio.run(migrate(url))
    return os.getpid()


async def test_ten_processes_at_once(empty_database_url):
    assert len(set(together(_migrate, [empty_database_url] * 10))) == 10
    await check_revision(empty_database_url)
    assert await inboxes(empty_database_url) == [("inbox", True, 1)]


def test_installed(tmp_path):
    """A wheel holds the migrations inside the package: they are found there, from any folder."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "app", tmp_path / "site" / "app", ignore=ignored)
    shutil.copytree(ROOT / "migrations", tmp_path / "site" / "app" / "migrations", ignore=ignored)
    url = f"sqlite:///{tmp_path}/index.db"
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{MIGRATE}; print(revisions.MIGRATIONS)", url],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(tmp_path / "site" / "app" / "migrations")
    asyncio.run(check_revision(url))


async def test_a_path_with_odd_characters(tmp_path):
    url = f"sqlite:///{tmp_path}/50% of Ünïcode/index.db"
    await migrate(url)
    await check_revision(url)


async def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "letter").write_text("no folder")
    with pytest.raises(DatabaseUnavailable):
        await migrate(f"sqlite:///{tmp_path}/letter/index.db")


async def test_no_server_to_migrate():
    for ask in (check_revision, migrate):
        with pytest.raises(DatabaseUnavailable):
            await ask("postgresql://postgres@127.0.0.1:1/index")


def test_sqlite_is_write_ahead_from_the_start(sqlite_url):
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    assert path.read_bytes()[18:20] == b"\2\2"  # the file's format version is that of write-ahead logs


async def test_pages_are_long_in_a_new_file_and_stay_as_they_are_in_an_old_one(tmp_path):
    old = tmp_path / "old.db"
    connection = sqlite3.connect(old)
    connection.execute("PRAGMA page_size = 4096")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    for name, length in (("old", 4096), ("new", 32768)):
        await migrate(f"sqlite:///{tmp_path}/{name}.db")
        assert int.from_bytes((tmp_path / f"{name}.db").read_bytes()[16:18]) == length
