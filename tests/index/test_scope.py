"""The one visibility rule, against the same rule said in Python."""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from sqlalchemy.dialects import sqlite

from app.errors import Forbidden, NotFound
from app.index import writer
from app.index.scope import ARCHIVE, Scope, parameters, series_conditions, shape, study_conditions
from app.index.tables import SERIES, STUDY, SUBMISSION
from app.models.types import now
from app.viewer import OWNER, STRANGER, Viewer
from tests.index.entries import clear, collect, element, entry, inbox, upsert

READER = Viewer("reader", units=frozenset({1, 2}))
STATES = st.sampled_from([(1, None), (1, 2), (None, None), (None, 2)])


#: Collection, study, state and access unit of each series; the first and the last are places in lists.
LAYOUTS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["1.1", "1.2", "1.3"]), STATES, st.integers(0, 1)),
    max_size=10,
)
SIGHTS = st.tuples(st.booleans(), st.sets(st.integers(0, 4)))


@dataclass(frozen=True)
class Made:
    """A series row that was put in."""

    collection: int
    unit: int
    study: str
    series: str
    live: bool


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(layout=LAYOUTS, place=st.sampled_from([None, 0, 1, 2]), sight=SIGHTS)
async def test_what_shows(database, layout, place, sight):
    """Random series in random states, collections and units; a study shows when a series of it does."""
    collections, units, made = await database.write(lambda connection: _fill(connection, layout))
    scope = ARCHIVE if place is None else Scope([*collections, 999][place])
    viewer = Viewer("any", sight[0], frozenset([*units, 999][each] for each in sight[1]))
    shown = [
        each
        for each in made
        if each.live
        and scope.collection in (None, each.collection)
        and (viewer.sees_all or each.unit in viewer.units)
    ]
    series = sorted((each.collection, each.series) for each in shown)
    columns = select(SERIES.c.collection_id, SERIES.c.series_instance_uid)
    assert await _all(database, columns.where(*series_conditions(scope, viewer))) == series
    kept = columns.where(*series_conditions(*shape(scope, viewer)))
    assert await _all(database, kept, parameters(scope, viewer)) == series
    studies = select(STUDY.c.collection_id, STUDY.c.study_instance_uid)
    studies = studies.where(*study_conditions(scope, viewer))
    assert await _all(database, studies) == sorted(
        (collection, study)
        for collection, _, study in {(each.collection, each.unit, each.study) for each in shown}
    )


def _fill(connection, layout) -> tuple[list[int], list[int], list[Made]]:
    clear(connection)
    (first, units), (second, others) = (collect(connection, slug, units=2) for slug in "ab")
    made = []
    for n, (place, study, (added, removed), unit) in enumerate(layout):
        collection, its = ((first, units), (second, others))[place]
        where = writer.Place(collection, its[unit])
        writer.upsert(connection, where, [entry(study, f"2.{n}", f"3.{n}")])
        live = added is not None and removed is None
        made.append(Made(collection, its[unit], study, f"2.{n}", live))
    for each, (_, _, (added, removed), _) in zip(made, layout, strict=True):
        change = {"added_version": added, "removed_version": removed}
        row = update(SERIES).where(SERIES.c.series_instance_uid == each.series)
        connection.execute(row.values(change))
    _retire(connection, made)
    return [first, second], [*units, *others], made


def _retire(connection, made: list[Made]) -> None:
    """A live study always has a live series: whoever removes the last one removes the study."""
    live = {(each.unit, each.study) for each in made if each.live}
    for unit, study in {(each.unit, each.study) for each in made} - live:
        row = update(STUDY).where(STUDY.c.access_unit_id == unit, STUDY.c.study_instance_uid == study)
        connection.execute(row.values(removed_version=2))


async def _all(database, statement, values=None):
    rows = await database.scan(lambda connection: connection.execute(statement, values or {}).all())
    return sorted(tuple(row) for row in rows)


async def test_what_two_units_hold_of_a_study_is_apart(database):
    """Each has a row of the study with what was said there: who sees one learns nothing of the other."""

    def fill(connection):
        collection, units = collect(connection, "shared", units=2)
        for n, unit in enumerate(units):
            said = {"x00100020": element("LO", f"said {n}")}
            made = [entry("1.1", f"2.{n}", f"3.{n}", **said)]
            assert writer.upsert(connection, writer.Place(collection, unit), made) == ["stored"]
        return units

    for n, unit in enumerate(await database.write(fill)):
        viewer = Viewer("reader", units=frozenset({unit}))
        joined = (
            select(STUDY.c.patient_id, SERIES.c.series_instance_uid)
            .join(STUDY, STUDY.c.id == SERIES.c.study_row)
            .where(*study_conditions(ARCHIVE, viewer))
        )
        assert await _all(database, joined) == [(f"said {n}", f"2.{n}")]


async def test_drafts_are_seen_at_their_submission_alone(database):
    def fill(connection):
        row = {"key": "abc", "collection_id": 1, "access_unit_id": 1, "state": "open", "opened_at": now()}
        made = connection.execute(insert(SUBMISSION).values(row).returning(SUBMISSION.c.id)).scalar_one()
        upsert(connection, inbox(connection), [entry("1.1", "2.1", "3.1")])
        again = [entry("1.1", "2.1", "3.1", "other"), entry("1.1", "2.2", "3.2")]
        outcomes = writer.upsert(connection, writer.Place(1, 1, made), again)
        return made, outcomes

    made, outcomes = await database.write(fill)
    assert outcomes == ["stored", "stored"]
    found = select(SERIES.c.series_instance_uid)
    for scope, series in ((ARCHIVE, ["2.1"]), (Scope(1), ["2.1"]), (Scope(submission=made), ["2.1", "2.2"])):
        assert await _all(database, found.where(*series_conditions(scope, OWNER))) == [(s,) for s in series]
    elsewhere = series_conditions(Scope(submission=made + 1), OWNER)
    assert await _all(database, found.where(*elsewhere)) == []


async def test_a_closed_submission_takes_nothing(database):
    def fill(connection):
        row = {
            "key": "abc",
            "collection_id": 1,
            "access_unit_id": 1,
            "state": "submitted",
            "opened_at": now(),
        }
        return connection.execute(insert(SUBMISSION).values(row).returning(SUBMISSION.c.id)).scalar_one()

    made = await database.write(fill)
    for place, fact in ((writer.Place(1, 1, made), Forbidden), (writer.Place(1, 2, made), NotFound)):
        with pytest.raises(fact):
            await database.write(lambda c, at=place: writer.upsert(c, at, [entry("1.1", "2.1", "3.1")]))


async def test_within_some_studies(database):
    """Who has a link to a study sees that one, and no other of its access unit."""
    made = [entry(f"1.{n}", f"2.{n}", f"3.{n}") for n in range(3)]
    await database.write(lambda connection: upsert(connection, inbox(connection), made))
    viewer = Viewer("link", units=frozenset({1}), studies=frozenset({"1.1", "9.9"}))
    found = select(SERIES.c.series_instance_uid).where(*series_conditions(ARCHIVE, viewer))
    assert await _all(database, found) == [("2.1",)]
    kept = select(STUDY.c.study_instance_uid).where(*study_conditions(*shape(ARCHIVE, viewer)))
    assert await _all(database, kept, parameters(ARCHIVE, viewer)) == [("1.1",)]


def test_who_sees_all_is_asked_nothing_about_units():
    for scope in (ARCHIVE, Scope(1)):
        for rows, conditions in ((SERIES, series_conditions), (STUDY, study_conditions)):
            text = str(select(rows.c.id).where(*conditions(scope, OWNER)))
            assert "access_unit" not in text
            assert ("collection_id" in text) == (scope.collection is not None)


@pytest.mark.parametrize("viewer", [OWNER, READER, STRANGER], ids=lambda viewer: viewer.name)
def test_aliases_take_the_conditions(viewer):
    """Each condition is on the alias that was given, none on the table itself."""
    alias = SERIES.alias("other")
    statement = select(alias.c.id).where(*series_conditions(Scope(1), viewer, alias))
    text = str(statement.compile(dialect=sqlite.dialect()))
    assert "series." not in text
    study = STUDY.alias("another")
    statement = select(study.c.id).where(*study_conditions(Scope(1), viewer, study))
    text = str(statement.compile(dialect=sqlite.dialect()))
    assert "study." not in text.replace("study_", "")


def test_shapes_are_few():
    """Whoever asks and whatever for, there are six shapes."""
    scopes = [ARCHIVE, *map(Scope, range(5))]
    viewers = [OWNER, STRANGER, *(Viewer(str(n), units=frozenset({n})) for n in range(5))]
    assert len({shape(scope, viewer) for scope in scopes for viewer in viewers}) == 6


async def test_the_live_index_answers(database_url, database):
    """On SQLite a partial index serves only a statement that repeats its condition: ours does."""
    if not database_url.startswith("sqlite"):
        return
    conditions = series_conditions(Scope(1), OWNER)
    statement = select(SERIES.c.id).where(*conditions, SERIES.c.series_instance_uid == "1.2")
    compiled = statement.compile(compile_kwargs={"literal_binds": True})
    plan = await database.scan(lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}").all())
    assert "series_live" in plan[0][3]
