"""Whatever is done to the audit behind the archive's back is found; what was entered is never suspected."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import StaticPool
from typer.testing import CliRunner

from app.cli import app
from app.database import Database, migrate
from app.models import Study
from app.registry import audit, audit_check
from app.registry.audit_check import Finding
from app.registry.tables import AUDIT_ANCHOR, AUDIT_ENTRY
from app.services.audit_check import anchors, verify

FIRST, SECOND = "00000000000000aa", "00000000000000bb"
#: Entries of each chain once `fill` has run, and the places of anchors.
LONG = {FIRST: 7, SECOND: 5}
CHAINS = st.sampled_from(sorted(LONG))


class Rows:
    """A database of one connection, without the triggers that would keep it as it is."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def scan(self, work: Any) -> Any:
        return work(self.connection)

    def run(self, script: str, **values: Any) -> None:
        assert self.connection.execute(text(script), values).rowcount > 0

    def findings(self, kept: Any = ()) -> list[Finding]:
        return asyncio.run(verify(self, kept, lambda done, total: None))  # type: ignore[arg-type]


def enter(connection: Connection, chain: str, count: int) -> None:
    with patch.object(audit, "CHAIN", chain):
        for place in range(count):
            audit.enter(connection, f"person {place}", "grant.create", place, role="reader")


def fill(connection: Connection) -> None:
    """A chain that is anchored twice, and one that began between and names the first anchor."""
    enter(connection, FIRST, 3)
    audit.anchor(connection)
    enter(connection, SECOND, 2)
    enter(connection, FIRST, 3)
    enter(connection, SECOND, 2)
    audit.anchor(connection)


@contextmanager
def filled() -> Iterator[Rows]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        Study.metadata.create_all(connection, [AUDIT_ENTRY, AUDIT_ANCHOR])
        fill(connection)
        yield Rows(connection)
    engine.dispose()


def one(chain: str, number: int) -> str:
    return f"WHERE chain = '{chain}' AND number = {number}"


def test_what_was_entered_is_not_suspected() -> None:
    with filled() as rows:
        assert rows.findings() == []
        assert rows.findings(asyncio.run(anchors(rows))) == []


@settings(max_examples=60, deadline=None)
@given(CHAINS, st.data())
def test_a_change_is_found(chain: str, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, LONG[chain]))
    column, value = data.draw(
        st.one_of(
            st.tuples(st.sampled_from(("who", "what", "at")), st.text()),
            st.tuples(st.sampled_from(("details", "digest")), st.binary()),
            st.tuples(st.just("collection_id"), st.integers(100, 2**40) | st.text(min_size=1)),
            st.tuples(st.just("details"), st.text()),
        )
    )
    with filled() as rows:
        rows.run(f"UPDATE audit_entry SET {column} = :value {one(chain, number)}", value=value)
        found = rows.findings()
    assert Finding("changed", f"chain {chain} entry {number}", found[0].said) in found
    assert all(chain in each.where for each in found if not each.where.startswith("anchor"))


@settings(max_examples=40, deadline=None)
@given(CHAINS, st.data())
def test_a_change_whose_digests_were_all_made_again_is_found(chain: str, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, LONG[chain]))
    with filled() as rows:
        rows.run(f"UPDATE audit_entry SET who = 'nobody' {one(chain, number)}")
        before = b""
        for entry in audit_check.entries(rows.connection, (chain, 0)):
            if entry.chain == chain:
                before = audit.digest(before, entry[1:-1])
                rows.run(f"UPDATE audit_entry SET digest = :it {one(chain, entry.number)}", it=before)
        found = rows.findings()
    assert found
    assert all(each.kind == "changed" and f"chain {chain}" in each.where for each in found)


@settings(max_examples=40, deadline=None)
@given(CHAINS, st.data())
def test_what_is_taken_away_is_found(chain: str, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, LONG[chain]))
    last = data.draw(st.integers(first, LONG[chain]))
    with filled() as rows:
        rows.run(f"DELETE FROM audit_entry WHERE chain = '{chain}' AND number BETWEEN {first} AND {last}")
        found = [(each.kind, each.where) for each in rows.findings()]
    if last < LONG[chain]:
        span = f"{first}" if first == last else f"{first} to {last}"
        assert ("missing", f"chain {chain} entry {span}") in found
    else:
        after = f" after entry {first - 1}" if first > 1 else ""
        assert ("cut off", f"chain {chain}{after}") in found


@settings(max_examples=40, deadline=None)
@given(CHAINS, st.data())
def test_what_changed_places_is_found(chain: str, data: st.DataObject) -> None:
    pair = st.lists(st.integers(1, LONG[chain]), min_size=2, max_size=2, unique=True)
    (one_number, other), column = data.draw(pair), data.draw(st.sampled_from(("number", "id")))
    with filled() as rows:
        places = {
            number: rows.connection.execute(
                text(f"SELECT {column} FROM audit_entry {one(chain, number)}")
            ).scalar_one()
            for number in (one_number, other)
        }
        ids = {
            number: rows.connection.execute(
                text(f"SELECT id FROM audit_entry {one(chain, number)}")
            ).scalar_one()
            for number in places
        }
        rows.run(f"UPDATE audit_entry SET {column} = -1 WHERE id = {ids[one_number]}")
        rows.run(f"UPDATE audit_entry SET {column} = {places[one_number]} WHERE id = {ids[other]}")
        back = -1 if column == "id" else ids[one_number]
        rows.run(f"UPDATE audit_entry SET {column} = {places[other]} WHERE id = {back}")
        found = rows.findings()
    assert "reordered" in {each.kind for each in found}
    assert all(chain in each.where for each in found)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.data())
def test_a_change_of_an_anchor_is_found(place: int, data: st.DataObject) -> None:
    column, value = data.draw(
        st.one_of(
            st.tuples(st.sampled_from(("chain", "at")), st.text(min_size=1)),
            st.tuples(st.sampled_from(("entry", "digest")), st.binary()),
            st.tuples(st.just("number"), st.integers(100, 2**40)),
        )
    )
    with filled() as rows:
        rows.run(f"UPDATE audit_anchor SET {column} = :value WHERE id = {place}", value=value)
        found = rows.findings()
    assert Finding("changed", f"anchor {place}", found[0].said) in found


@pytest.mark.parametrize("gone", ["id = 1", "id = 2", "id < 3", "true"])
def test_an_anchor_taken_away_is_found(gone: str) -> None:
    with filled() as rows:
        rows.run(f"DELETE FROM audit_anchor WHERE {gone}")
        assert "missing" in {each.kind for each in rows.findings()}


def test_only_who_kept_anchors_outside_finds_the_newest_gone() -> None:
    with filled() as rows:
        kept = orjson.loads(orjson.dumps(asyncio.run(anchors(rows))))
        rows.run("DELETE FROM audit_anchor WHERE id = 3")
        rows.run(f"DELETE FROM audit_entry WHERE chain = '{SECOND}' AND number = 5")
        assert rows.findings() == []
        assert [(each.kind, each.where) for each in rows.findings(kept)] == [
            ("missing", "anchor 3"),
            ("cut off", f"chain {SECOND} after entry 4"),
        ]


UNKEPT = {
    "sqlite": [f"DROP TRIGGER audit_entry_{what}_refused" for what in ("UPDATE", "DELETE")],
    "postgresql": ["SET LOCAL session_replication_role = replica"],
}


async def on(url: str, *works: Any) -> None:
    database = await Database.open(url)
    try:
        for work in works:
            await database.write(work)
    finally:
        await database.close()


def tamper(connection: Connection) -> None:
    for statement in UNKEPT[connection.dialect.name]:
        connection.execute(text(statement))
    connection.execute(text(f"UPDATE audit_entry SET who = 'nobody' {one(FIRST, 3)}"))
    connection.execute(text(f"DELETE FROM audit_entry {one(SECOND, 5)}"))


def test_the_command(database_url: str, tmp_path: Any) -> None:
    run, kept = CliRunner(), tmp_path / "anchors"
    asyncio.run(on(database_url, fill))
    command = ["audit", "verify", "--database", database_url]
    said = run.invoke(app, command)
    assert (said.exit_code, said.stdout.strip()) == (0, "The audit is as it was written.")
    printed = run.invoke(app, ["audit", "anchors", "--database", database_url])
    kept.write_text(printed.stdout)
    assert [orjson.loads(line)["id"] for line in kept.read_text().splitlines()] == [1, 2, 3]
    assert run.invoke(app, [*command, "--anchors", str(kept)]).exit_code == 0
    asyncio.run(on(database_url, tamper))
    said = run.invoke(app, [*command, "--anchors", str(kept)])
    assert said.exit_code == 1
    assert f"changed: chain {FIRST} entry 3" in said.stdout
    assert f"cut off: chain {SECOND} after entry 4" in said.stdout
    assert len(said.stdout.splitlines()) == 2


@pytest.mark.parametrize("held", ["", "{}", "[1]", '{"id": 1}', "x", None])
def test_anchors_that_are_none(sqlite_url: str, tmp_path: Any, held: str | None) -> None:
    path = tmp_path / "anchors"
    if held is not None:
        path.write_text(held)
    said = CliRunner().invoke(app, ["audit", "verify", "--database", sqlite_url, "--anchors", str(path)])
    assert said.exit_code == (0 if held == "" else 1)
    assert "Traceback" not in said.output


def test_a_database_that_is_not_there_is_not_made(tmp_path: Any) -> None:
    said = CliRunner().invoke(app, ["audit", "verify", "--data", str(tmp_path / "none")])
    assert said.exit_code == 1
    assert "readingroom migrate" in said.output
    assert list(tmp_path.iterdir()) == []


def test_an_audit_without_entries(empty_sqlite_url: str) -> None:
    asyncio.run(migrate(empty_sqlite_url))
    assert CliRunner().invoke(app, ["audit", "verify", "--database", empty_sqlite_url]).exit_code == 0
