"""What collections hold, counted, against the same rule said in Python."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from app.index import facts, listing, writer
from app.index.listing import START
from app.index.scope import ARCHIVE, Scope
from app.index.tables import SERIES, STUDY
from app.viewer import Viewer
from tests.index.entries import clear, collect, element, entry

#: Collection, access unit, study, series, instance, PatientID and state of each instance.
ROWS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 1),
        st.sampled_from(("1.1", "1.2")),
        st.sampled_from(("5", "6")),
        st.sampled_from(("7", "8")),
        st.sampled_from(("P1", "P2", "")),
        st.booleans(),
    ),
    max_size=9,
)
SIGHTS = st.tuples(st.booleans(), st.sets(st.integers(0, 3)))


@dataclass(frozen=True)
class Made:
    """An instance that was put in."""

    collection: int
    unit: int
    study: str
    series: str
    instance: str
    patient: str
    size: int


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, sight=SIGHTS, place=st.sampled_from([None, 0, 1]))
async def test_counts(database, rows, sight, place):
    collections, units, made = await database.write(lambda connection: _fill(connection, rows))
    scope = ARCHIVE if place is None else Scope(collections[place])
    viewer = Viewer("any", sight[0], frozenset(units[each] for each in sight[1]))
    seen = [
        each
        for each in made
        if (viewer.sees_all or each.unit in viewer.units) and scope.collection in (None, each.collection)
    ]
    found = await database.scan(lambda connection: facts.facts(connection, scope, viewer))
    assert found.keys() == {each.collection for each in seen}
    for collection, counted in found.items():
        own = [each for each in seen if each.collection == collection]
        series = {(each.study, each.series) for each in own}
        first: dict[tuple[str, str, str], int] = {}
        for each in own:
            first.setdefault((each.study, each.series, each.instance), each.size)
        assert counted.studies == len({each.study for each in own})
        assert counted.patients == len(_patients(own) - {""})
        assert counted.series == len(series)
        assert counted.instances == len(first)
        assert counted.bytes == sum(first.values())
        assert counted.modalities == Counter({"CT": len(series)})
        assert not counted.body_parts
    assert await database.scan(lambda c: facts.holding(c, viewer, "CT")) == {
        each.collection for each in made if viewer.sees_all or each.unit in viewer.units
    }


def _patients(own) -> set[str]:
    """Of each study in each access unit, what its first instance says."""
    first: dict[tuple[int, str], str] = {}
    for each in own:
        first.setdefault((each.unit, each.study), each.patient)
    return set(first.values())


def _fill(connection, rows) -> tuple[list[int], list[int], list[Made]]:
    clear(connection)
    (first, units), (second, others) = (collect(connection, slug, units=2) for slug in "ab")
    made = []
    for n, (place, unit, study, series, instance, patient, live) in enumerate(rows):
        collection, its = ((first, units), (second, others))[place]
        where = writer.Place(collection, its[unit])
        uids = study, f"{study}.{series}", f"{study}.{series}.{instance}"
        put = entry(*uids, str(n), x00100020=element("LO", patient))
        put.row["size"] = 100 + n
        if live and writer.upsert(connection, where, [put]) == [writer.Outcome.STORED]:
            made.append(Made(collection, its[unit], *uids, patient, 100 + n))
    # Nothing of another place counts: what was removed is in no count.
    removed = entry("9.9", "9.9.5", "9.9.5.1", x00100020=element("LO", "P9"))
    writer.upsert(connection, writer.Place(first, units[0]), [removed])
    for table in (SERIES, STUDY):
        connection.execute(update(table).where(table.c.study_instance_uid == "9.9").values(removed_version=2))
    return [first, second], [*units, *others], made


async def test_a_series_is_listed_in_each_of_its_units(database):
    def fill(connection):
        clear(connection)
        collection, units = collect(connection, "a", units=2)
        for unit, instance in zip(units, ("1.1.1.1", "1.1.1.2"), strict=True):
            writer.upsert(connection, writer.Place(collection, unit), [entry("1.1", "1.1.1", instance)])
        return collection, units

    collection, units = await database.write(fill)
    viewer = Viewer("any", units=frozenset(units))

    def listed(after=START, limit=9, seen=viewer):
        return lambda connection: listing.page(
            connection, Scope(collection), seen, [collection], after, limit
        )

    found = await database.scan(listed())
    assert [(each.series, each.unit, each.instances, each.bytes) for each in found] == [
        ("1.1.1", unit, 1, 1512) for unit in units
    ]
    assert await database.scan(listed(after=found[0][:3])) == found[1:]
    assert await database.scan(listed(limit=1)) == found[:1]
    assert await database.scan(listed(seen=Viewer("one", units=frozenset(units[1:])))) == found[1:]


async def test_the_bytes_of_a_series_grow(database):
    def fill(connection):
        clear(connection)
        collection, (unit,) = collect(connection, "a")
        where = writer.Place(collection, unit)
        writer.upsert(connection, where, [entry("1.1", "1.1.1", f"1.1.1.{n}") for n in range(2)])
        writer.upsert(connection, where, [entry("1.1", "1.1.1", f"1.1.1.{n}") for n in range(1, 4)])
        return connection.scalars(select(SERIES.c.size)).all()

    assert await database.write(fill) == [4 * 1512]
