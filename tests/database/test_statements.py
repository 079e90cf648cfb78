"""Statements made once: the same on both databases as SQLAlchemy's own execution of them."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, bindparam, insert, select, text
from sqlalchemy.exc import IntegrityError

from app.database.statements import Statement
from app.models.types import Bytes, ByteText, UtcDateTime

NOTE = Table(
    "note",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", ByteText, nullable=False),
    Column("data", Bytes),
    Column("made_at", UtcDateTime),
)
ADD = Statement(insert(NOTE), ["id", "name", "data", "made_at"])
MADE = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


def notes(count):
    return [
        {"id": number, "name": f"n{number}", "data": bytes([number]), "made_at": MADE}
        for number in range(count)
    ]


@pytest.fixture
async def filled(database):
    def fill(connection):
        NOTE.create(connection)
        ADD.run(connection, notes(5))

    await database.write(fill)
    yield database
    await database.write(lambda connection: NOTE.drop(connection))


async def test_rows_are_those_of_sqlalchemy(filled):
    clause = select(NOTE.c.id, NOTE.c.name, NOTE.c.data).where(NOTE.c.id > bindparam("least"))

    def both(connection):
        values = {"least": 2}
        given = Statement(clause).rows(connection, values)
        return given, [tuple(row) for row in connection.execute(clause, values)]

    given, expected = await filled.lookup(both)
    assert given == expected == [(3, "n3", b"\3"), (4, "n4", b"\4")]


async def test_moments_are_stored_as_sqlalchemy_reads_them(filled):
    moments = await filled.lookup(lambda c: c.execute(select(NOTE.c.made_at).distinct()).scalars().all())
    assert moments == [MADE]


async def test_values_of_the_clause_stand_where_none_is_given(filled):
    named = Statement(select(NOTE.c.id).where(NOTE.c.name == bindparam("name", "n1"), NOTE.c.id < 4))
    assert await filled.lookup(named.rows) == [(1,)]
    assert await filled.lookup(lambda c: named.rows(c, {"name": "n3"})) == [(3,)]
    assert await filled.lookup(lambda c: named.rows(c, {"name": "n4"})) == []


async def test_any_number_of_values_for_one_parameter(filled):
    among = Statement(select(NOTE.c.id).where(NOTE.c.id.in_(bindparam("ids", expanding=True))))
    assert await filled.lookup(lambda c: among.rows(c, {"ids": [1, 3]})) == [(1,), (3,)]
    assert await filled.lookup(lambda c: among.rows(c, {"ids": []})) == []


async def test_what_the_database_refuses_is_sqlalchemys_error(filled):
    with pytest.raises(IntegrityError):
        await filled.write(lambda c: ADD.run(c, [{**notes(1)[0], "id": 9, "name": None}]))
    assert await filled.lookup(Statement(text("SELECT count(*) FROM note")).rows) == [(5,)]
