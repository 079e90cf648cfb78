"""The SQL of conditions: prefixes, what they cost, and that the scope is in every statement."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Select
from sqlalchemy.dialects import postgresql, sqlite

from app.dicom.resource import Resource
from app.index import compiler
from app.index.asked import asked
from app.index.comparisons import successor
from app.index.scope import ARCHIVE, Scope
from app.query import qido
from app.query.ast import Level
from app.viewer import OWNER, STRANGER, Viewer

SOMEONE = Viewer("someone", units=frozenset({7}))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)


def _compiled(
    raw: bytes, level: Level = Level.STUDY, viewer: Viewer = OWNER, scope: Scope = ARCHIVE
) -> Select:
    form, _ = asked(qido.parse(level, Resource(), qido.read(raw)))
    return compiler.page(form, scope, viewer)


@given(prefix=TEXT, rest=st.text(st.characters(exclude_categories=["Cs"]), max_size=3), other=TEXT)
def test_successor_bounds_exactly_what_begins_with_the_prefix(prefix: str, rest: str, other: str) -> None:
    after = successor(prefix)
    for text in (prefix + rest, other):
        inside = prefix.encode() <= text.encode() and (not after or text.encode() < after.encode())
        assert inside == text.startswith(prefix)


def test_successor_of_the_last_characters() -> None:
    assert successor(chr(0x10FFFF)) == ""
    assert successor("a" + chr(0x10FFFF)) == "b"
    assert successor(chr(0xD7FF)) == chr(0xE000)


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()])
@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("raw", [b"", b"ModalitiesInStudy=CT", b"PatientName=a*&StudyDate=2020-"])
def test_every_reading_of_series_or_studies_asks_who_sees_them(
    dialect: object, level: Level, raw: bytes
) -> None:
    raw = raw.replace(b"2020-", b"20200101-")
    sql = str(_compiled(raw, level, SOMEONE, Scope(3)).compile(dialect=dialect))
    read = sql.count("FROM series") + sql.count("JOIN series") + sql.count("FROM study")
    assert read
    assert sql.count("access_unit_id IN") >= sql.count("FROM series") + sql.count("JOIN series")
    assert sql.count("collection_id =") >= read


def test_who_holds_nothing_gets_a_false_condition() -> None:
    assert "false" in str(_compiled(b"", viewer=STRANGER).compile(dialect=postgresql.dialect()))


def test_values_are_parameters() -> None:
    raw = b"PatientID=x%27--&PatientName=*y%27--*&StudyInstanceUID=1.2,3.4&ModalitiesInStudy=z%27--"
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        assert "--" not in str(_compiled(raw).compile(dialect=dialect))


@pytest.mark.parametrize(
    ("raw", "index"),
    [
        (b"PatientID=P77*", "study_patient_id"),
        (b"PatientID=P77", "study_patient_id"),
        (b"AccessionNumber=A?1", "study_accession_number"),
        (b"StudyDate=20200101-20200103", "study_newest"),
        (b"limit=101", "study_newest"),
    ],
)
def test_an_index_answers(sqlite_url: str, raw: bytes, index: str) -> None:
    compiled = _compiled(raw).compile(dialect=sqlite.dialect(paramstyle="named"))
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    plan = connection.execute(f"EXPLAIN QUERY PLAN {compiled}", compiled.params).fetchall()
    connection.close()
    assert any(f"USING INDEX {index}" in row[3] for row in plan), plan
