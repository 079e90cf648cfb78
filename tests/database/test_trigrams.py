"""The index of trigrams: there where PostgreSQL has the extension, done without where we may not have it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, make_url, text

from app.database import Database, check_revision, migrate
from app.dicom.resource import Resource
from app.index.comparisons import comparison, is_telling, lifted
from app.index.scope import ARCHIVE
from app.index.search import search
from app.query import qido
from app.query.ast import Level
from app.viewer import OWNER
from tests.index.entries import element, entry, inbox, upsert
from tests.postgres import Cluster

AVAILABLE = text("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'")
INDEXED = text("SELECT count(*) FROM pg_indexes WHERE indexname = 'study_trigrams'")
PLAN = text("EXPLAIN SELECT id FROM study WHERE patient_id LIKE '%CGA-0%' ESCAPE '/'")


@pytest.fixture
def unprivileged_url(postgres: Cluster, empty_postgres_url: str) -> Iterator[str]:
    """The address of an empty database in which we make tables, but no extension."""
    name = make_url(empty_postgres_url).database or ""
    postgres.run("CREATE ROLE plain LOGIN; GRANT CREATE ON SCHEMA public TO plain", name)
    yield empty_postgres_url.replace("postgres@", "plain@")
    postgres.run("DROP OWNED BY plain; DROP ROLE plain", name)


def found(connection: Connection, asked: str) -> list[str]:
    query = qido.parse(Level.STUDY, Resource(), [("PatientID", asked)])
    return sorted(row.resource.study or "" for row in search(connection, query, ARCHIVE, OWNER).rows)


def fill(connection: Connection) -> None:
    of = {f"1.{number}": element("LO", f"TCGA-0{number}") for number in range(3)}
    entries = [entry(uid, f"{uid}.1", f"{uid}.1.1", x00100020=patient) for uid, patient in of.items()]
    upsert(connection, inbox(connection), entries)


async def test_where_the_extension_is_the_index_is_used(empty_postgres_url):
    await migrate(empty_postgres_url)
    database = await Database.open(empty_postgres_url)

    def plan(connection: Connection) -> str:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join(connection.execute(PLAN).scalars())

    try:
        there = await database.write(lambda connection: connection.scalar(AVAILABLE))
        assert await database.write(lambda connection: connection.scalar(INDEXED)) == there
        if there:
            assert "study_trigrams" in await database.write(plan)
    finally:
        await database.close()


async def test_without_the_extension_all_is_found_as_well(unprivileged_url, empty_sqlite_url):
    for url in (unprivileged_url, empty_sqlite_url):
        await migrate(url)
        await check_revision(url)
        database = await Database.open(url)
        try:
            await database.write(fill)
            assert await database.scan(lambda connection: found(connection, "*GA-01*")) == ["1.1"]
            assert len(await database.scan(lambda connection: found(connection, "*0*"))) == 3
        finally:
            await database.close()
    database = await Database.open(unprivileged_url)
    try:
        assert await database.write(lambda connection: connection.scalar(INDEXED)) == 0
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("asked", "telling"),
    [
        ("TC*", True),
        ("*CGA*", True),
        ("*_CC*", True),
        ("*CC-*", True),
        ("*GA*", False),
        ("*?GA*", False),
        ("*G?A-0*", False),
        ("*", False),
        ("TCGA", True),
    ],
)
def test_a_pattern_tells_enough_by_its_beginning_three_letters_or_two_at_the_end_of_a_word(asked, telling):
    values = {}
    for condition in qido.parse(Level.STUDY, Resource(), [("PatientID", asked)]).conditions:
        made = lifted(comparison(condition), values) if asked != "*" else None
        assert made is None or is_telling(made, values) is telling
