"""Old and new versions on one database: what migrations may do, and what an old version takes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from app.database import Database, check_revision, migrate, revisions
from app.database.beside import serves_us
from app.errors import Misconfigured

#: From here on nothing is taken away that the revision before has; what came earlier was never released.
FIRST = "0008"
#: Numbers of rows that PostgreSQL holds in fewer bytes since 0011: who takes them for longer ones goes on as
#: before.
NARROWER = {("series_tag_value", "value_id"), ("series_tag_value", "series_id")}
#: A later release: a table, a column that may be empty and one that is filled, an index.
LATER = """
CREATE TABLE later (id BIGINT PRIMARY KEY, series_row BIGINT REFERENCES series(id) ON DELETE CASCADE);
ALTER TABLE instance ADD COLUMN later_note TEXT;
ALTER TABLE series ADD COLUMN later_count INTEGER NOT NULL DEFAULT 0;
CREATE INDEX later_index ON instance (later_note);
UPDATE alembic_version SET version_num = '9999'
"""
#: What no release may do while the one before is still in use.
UNFIT = {
    "a table is gone": "DROP TABLE job",
    "a table has another name": "ALTER TABLE cart RENAME TO basket",
    "a column has another name": "ALTER TABLE series RENAME COLUMN size TO bytes",
    "a column must be filled": "ALTER TABLE submission ADD COLUMN later TEXT NOT NULL",
}


async def on(url: str, work: Callable[[Connection], Any]) -> Any:
    database = await Database.open(url)
    try:
        return await database.write(work)
    finally:
        await database.close()


def run(script: str) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        for statement in script.split(";"):
            connection.execute(text(statement))

    return work


def scripts() -> list[str]:
    found = ScriptDirectory.from_config(revisions._config()).walk_revisions()
    return [script.revision for script in found][::-1]


def schema(connection: Connection) -> dict[str, Any]:
    """Every table with its columns, and what of them must be filled, unique or elsewhere."""
    seen = inspect(connection)
    return {name: _table(seen, name) for name in seen.get_table_names() if name != "alembic_version"}


def _table(seen: Any, name: str) -> dict[str, Any]:
    unique = [tuple(each["column_names"]) for each in seen.get_unique_constraints(name)]
    unique += [_held_to(each) for each in seen.get_indexes(name) if each["unique"]]
    return {
        "columns": {each["name"]: each for each in seen.get_columns(name)},
        "unique": set(unique),
        "elsewhere": {tuple(each["constrained_columns"]) for each in seen.get_foreign_keys(name)},
        "checks": {each["sqltext"] for each in seen.get_check_constraints(name)},
    }


def _held_to(index: Any) -> tuple[str, ...]:
    """The columns of a unique index, and the one that says which rows it is of."""
    options = index["dialect_options"].items()
    where = [str(of).strip("()").split(" ")[0] for key, of in options if key.endswith("_where")]
    return (*index["column_names"], *where)


def taken(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """What who knows the schema before would miss, or trip over, in the one after it."""
    yield from (f"table {name} is gone" for name in before.keys() - after.keys())
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        yield from (f"{name}.{each} is gone" for each in old["columns"].keys() - new["columns"].keys())
        for column, described in new["columns"].items():
            if column not in old["columns"]:
                if not described["nullable"] and described["default"] is None:
                    yield f"{name}.{column} must be filled"
            elif str(described["type"]) not in (
                str(old["columns"][column]["type"]),
                "INTEGER" if (name, column) in NARROWER else None,
            ):
                yield f"{name}.{column} has another type"
            elif old["columns"][column]["nullable"] and not described["nullable"]:
                yield f"{name}.{column} must be filled now"
        for kind in ("unique", "elsewhere"):
            # What is of a column that the old one does not fill holds it to nothing.
            known = {each for each in new[kind] - old[kind] if old["columns"].keys() >= set(each)}
            yield from (f"{name}{each} is {kind} now" for each in known)
        yield from (f"{name}: {each} is checked now" for each in new["checks"] - old["checks"])


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
async def test_migrations_only_add(empty_database_url: str) -> None:
    """Whatever a migration is written with: the schema before it and the one after are compared."""
    every = scripts()
    await migrate(empty_database_url)

    def at(revision: str) -> Callable[[Connection], dict[str, Any]]:
        def work(connection: Connection) -> dict[str, Any]:
            command.upgrade(revisions._config(connection=connection), revision)
            return schema(connection)

        return work

    await on(
        empty_database_url,
        lambda connection: command.downgrade(revisions._config(connection=connection), every[0]),
    )
    before = await on(empty_database_url, at(every[every.index(FIRST) - 1]))
    for revision in every[every.index(FIRST) :]:
        after = await on(empty_database_url, at(revision))
        assert list(taken(before, after)) == [], revision
        before = after


@pytest.mark.parametrize("script", UNFIT.values(), ids=UNFIT.keys())
async def test_what_takes_something_away_is_noticed(script: str, postgres_url: str) -> None:
    before = await on(postgres_url, schema)

    def after(connection: Connection) -> dict[str, Any]:
        run(script)(connection)
        changed = schema(connection)
        connection.rollback()
        return changed

    assert list(taken(before, await on(postgres_url, after)))


async def test_a_newer_schema_that_only_added_is_taken(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    await on(empty_database_url, run(LATER))
    await check_revision(empty_database_url)
    await migrate(empty_database_url)
    version = text("SELECT version_num FROM alembic_version")
    assert await on(empty_database_url, lambda connection: connection.scalar(version)) == "9999"


@pytest.mark.parametrize("script", UNFIT.values(), ids=UNFIT.keys())
async def test_a_newer_schema_that_took_something_away_is_refused(
    script: str, empty_database_url: str
) -> None:
    await migrate(empty_database_url)
    assert await on(empty_database_url, serves_us)
    await on(empty_database_url, run(f"{script}; UPDATE alembic_version SET version_num = '9999'"))
    for ask in (check_revision, migrate):
        with pytest.raises(Misconfigured, match="newer Reading Room"):
            await ask(empty_database_url)
