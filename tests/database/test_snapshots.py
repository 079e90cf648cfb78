"""A copy of the database is one moment of it, whatever is written meanwhile."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, make_url, text

from app.database import Database, migrate, postgres_tools, snapshots
from app.errors import DatabaseUnavailable, Misconfigured
from tests.postgres import Cluster

COUNT = text("SELECT count(*) FROM audit_anchor")


def add(connection: Connection) -> None:
    values = "VALUES (:chain, 1, '2026-01-02 03:04:05', :entry, :entry)"
    statement = text(f"INSERT INTO audit_anchor (chain, number, at, entry, digest) {values}")
    connection.execute(statement, {"chain": os.urandom(8).hex(), "entry": os.urandom(60_000)})


async def count(url: str) -> Any:
    return await snapshots.read(url, lambda connection: connection.scalar(COUNT))


async def test_a_copy_is_one_moment_while_others_write(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, path = empty_database_url, make_url(empty_database_url).database
    await migrate(url)
    database = await Database.open(url)
    for _ in range(20):
        await database.write(add)
    monkeypatch.setattr(snapshots, "_STEP", 5)
    other = sqlite3.connect(str(path), check_same_thread=False) if url.startswith("sqlite") else None
    steps: list[int] = []

    def meanwhile(done: int, total: int | None) -> None:
        steps.append(done)
        if other:  # another process stores, between two steps
            other.execute(
                "INSERT INTO lease (name, holder, token, until) VALUES (?, '', '', '')", (str(done),)
            )
            other.execute("UPDATE audit_anchor SET number = number WHERE 0")
            other.commit()

    copy = tmp_path / "copy"
    async with snapshots.snapshot(url, copy, ("webhook",), meanwhile) as reader:
        await database.write(add)
        assert await reader(lambda connection: connection.scalar(COUNT)) == 20
        assert await reader(lambda c: c.scalar(text("SELECT count(*) FROM lease"))) == 0
    await database.close()
    assert len(steps) > 5 if other else steps
    assert steps == sorted(steps)  # it never began anew
    if other:
        other.close()


async def test_a_copy_goes_into_an_empty_database_only(empty_database_url: str, tmp_path: Path) -> None:
    url = empty_database_url
    assert await snapshots.is_empty(url)
    await migrate(url)
    assert not await snapshots.is_empty(url)
    async with snapshots.snapshot(url, tmp_path / "copy", (), lambda *_: None):
        pass
    with pytest.raises(Misconfigured, match="not empty"):
        await snapshots.put_back(url, tmp_path / "copy")


async def test_a_damaged_file_is_not_put_in_place(tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"no database at all" * 500)
    url = f"sqlite:///{tmp_path}/new/readingroom.sqlite"
    with pytest.raises((Misconfigured, DatabaseUnavailable)):
        await snapshots.put_back(url, tmp_path / "copy")
    assert await snapshots.is_empty(url)


async def test_a_dump_that_is_none_leaves_the_database_empty(empty_postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"no dump at all")
    with pytest.raises(DatabaseUnavailable, match="pg_restore failed"):
        await snapshots.put_back(empty_postgres_url, tmp_path / "copy")
    assert await snapshots.is_empty(empty_postgres_url)


async def test_without_the_programs_it_is_said_what_to_install(
    postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_tools, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match="pg_dump is not installed"):
        async with snapshots.snapshot(postgres.url("postgres"), tmp_path / "copy", (), lambda *_: None):
            pass


def test_the_password_is_on_no_command_line() -> None:
    url = make_url("postgresql+asyncpg://me:secret@db.example.org:5433/index?ssl=require")
    said = postgres_tools._environment(url)
    told = {
        name: said[name] for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE")
    }
    assert told == {
        "PGHOST": "db.example.org",
        "PGPORT": "5433",
        "PGUSER": "me",
        "PGPASSWORD": "secret",
        "PGDATABASE": "index",
        "PGSSLMODE": "require",
    }


async def test_what_cannot_be_reached_is_a_fact(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        await snapshots.is_empty("postgresql://nobody@127.0.0.1:9/none")
