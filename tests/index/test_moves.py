"""Series move from one access unit to another, and with them all that hangs on them."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, insert, select, update

from app.dicom.resource import Resource
from app.errors import Conflict, NotFound
from app.index import locate, moves, occurrences, publish, writer
from app.index.moves import Moved
from app.index.scope import Scope, study_conditions
from app.index.tables import INSTANCE, REQUEST_ATTRIBUTES, SERIES, SERIES_TAG_VALUE, STUDY, SUBMISSION
from app.index.writer import Place
from app.models.types import now
from app.registry import versions
from app.viewer import Viewer
from tests.index.entries import clear, collect, element, entry


class Filled:
    """A collection of three access units, and what lies where."""

    def __init__(self, connection: Connection) -> None:
        clear(connection)
        self.collection, self.units = collect(connection, "a", units=3)

    def put(self, connection: Connection, unit: int, *uids: str, content: str = "", kvp: str = "120") -> None:
        request = {"00401001": element("SH", "R1")}
        made = entry(*uids, content, x00180060=element("DS", kvp), x00400275={"vr": "SQ", "Value": [request]})
        assert writer.upsert(connection, self.place(unit), [made]) == [writer.Outcome.STORED]

    def place(self, unit: int) -> Place:
        return Place(self.collection, self.units[unit])

    def move(self, connection: Connection, sources: list[int], target: int, **named: list[str]) -> Moved:
        units = [self.units[each] for each in sources]
        return moves.move(connection, self.collection, units, self.units[target], **named)


async def rows(database, statement):
    return await database.lookup(lambda connection: [tuple(row) for row in connection.execute(statement)])


@pytest.fixture
async def filled(database):
    return await database.write(Filled)


async def test_the_study_row_is_made_or_found_and_the_empty_one_goes(database, filled):
    def fill(connection):
        for series in ("1.1.1", "1.1.2"):
            filled.put(connection, 0, "1.1", series, f"{series}.1")
        first = filled.move(connection, [0], 1, series=["1.1.1"])
        return first, filled.move(connection, [0], 1, series=["1.1.2", "1.1.1"])

    before = await rows(database, select(STUDY))
    assert before == []
    assert await database.write(fill) == (Moved(1, 1), Moved(1, 1))
    (study,) = await rows(database, select(STUDY.c.id, STUDY.c.access_unit_id, STUDY.c.patient_id))
    assert study[1] == filled.units[1]
    assert await rows(database, select(SERIES.c.study_row, SERIES.c.access_unit_id)) == [study[:2]] * 2


async def test_all_that_a_study_says_is_copied(database, filled):
    def fill(connection):
        for series in ("1.1.1", "1.1.2"):
            filled.put(connection, 0, "1.1", series, f"{series}.1")
        filled.move(connection, [0], 1, series=["1.1.1"])

    await database.write(fill)
    one, other = await database.lookup(
        lambda c: c.execute(select(STUDY).order_by(STUDY.c.id)).mappings().all()
    )
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"id", "access_unit_id", "first"}


async def test_into_a_series_that_is_there_instances_are_merged(database, filled):
    def fill(connection):
        filled.put(connection, 1, "1.1", "1.1.1", "1.1.1.1", kvp="100")
        filled.put(connection, 0, "1.1", "1.1.1", "1.1.1.2", kvp="120")
        filled.put(connection, 2, "1.1", "1.1.1", "1.1.1.3", kvp="140")
        return filled.move(connection, [0, 2], 1, studies=["1.1"])

    assert await database.write(fill) == Moved(2, 2)
    columns = SERIES.c["id", "access_unit_id", "number_of_series_related_instances", "size"]
    ((row, *series),) = await rows(database, select(*columns))
    assert series == [filled.units[1], 3, 3 * 1512]
    assert await rows(database, select(INSTANCE.c.series_row)) == [(row,)] * 3
    assert {each for (each,) in await rows(database, select(SERIES_TAG_VALUE.c.series_id))} == {row}
    assert len(await rows(database, select(REQUEST_ATTRIBUTES))) == 1
    assert len(await rows(database, select(STUDY))) == 1
    viewer = Viewer("any", units=frozenset(filled.units[1:2]))
    values = await database.scan(
        lambda c: occurrences.values(c, Scope(filled.collection), viewer, "00180060", limit=9, offset=0)
    )
    assert sorted(each.text for each in values) == ["100", "120", "140"]


async def test_two_of_one_series_meet_where_there_was_none(database, filled):
    def fill(connection):
        filled.put(connection, 0, "1.1", "1.1.1", "1.1.1.1")
        filled.put(connection, 2, "1.1", "1.1.1", "1.1.1.2")
        return filled.move(connection, [0, 2], 1, series=["1.1.1"])

    assert await database.write(fill) == Moved(2, 2)
    counts = SERIES.c["access_unit_id", "number_of_series_related_instances"]
    assert await rows(database, select(*counts)) == [(filled.units[1], 2)]


@pytest.mark.parametrize("other", [("1.1", "1.1.1", "1.1.1.1"), ("7.7", "1.1.1", "1.1.1.9")])
async def test_what_is_in_the_way_stops_all_of_it(database, filled, other):
    def fill(connection):
        filled.put(connection, 0, "1.1", "1.1.1", "1.1.1.1")
        filled.put(connection, 0, "1.1", "1.1.2", "1.1.2.1")
        filled.put(connection, 1, *other, content="other")

    await database.write(fill)
    before = await rows(database, select(SERIES).order_by(SERIES.c.id))
    with pytest.raises(Conflict):
        await database.write(lambda c: filled.move(c, [0], 1, studies=["1.1"]))
    assert await rows(database, select(SERIES).order_by(SERIES.c.id)) == before


async def test_only_out_of_the_sources_and_only_live_rows(database, filled):
    def fill(connection):
        filled.put(connection, 0, "1.1", "1.1.1", "1.1.1.1")
        filled.put(connection, 2, "1.1", "1.1.2", "1.1.2.1")
        draft = {"key": "k", "collection_id": filled.collection, "access_unit_id": filled.units[0]}
        row = connection.execute(
            insert(SUBMISSION).values(**draft, state="open", opened_at=now()).returning(SUBMISSION.c.id)
        ).scalar_one()
        place = replace(filled.place(0), submission=row)
        writer.upsert(connection, place, [entry("1.1", "1.1.3", "1.1.3.1")])
        return filled.move(connection, [0], 1, studies=["1.1"])

    assert await database.write(fill) == Moved(1, 1)
    units = select(SERIES.c.series_instance_uid, SERIES.c.access_unit_id).order_by(
        SERIES.c.series_instance_uid
    )
    assert await rows(database, units) == [
        ("1.1.1", filled.units[1]),
        ("1.1.2", filled.units[2]),
        ("1.1.3", filled.units[0]),
    ]
    for named in (
        {"series": ["1.1.2"]},
        {"series": ["1.1.3"]},
        {"studies": ["9.9"]},
        {"series": ["1.1.1", "9"]},
    ):
        with pytest.raises(NotFound):
            await database.write(lambda c, named=named: filled.move(c, [0], 1, **named))


async def test_what_removed_series_refer_to_stays_removed(database, filled):
    def fill(connection):
        for series in ("1.1.1", "1.1.2"):
            filled.put(connection, 0, "1.1", series, f"{series}.1")
        gone = SERIES.c.series_instance_uid == "1.1.2"
        connection.execute(update(SERIES).where(gone).values(removed_version=1))
        filled.move(connection, [0], 1, series=["1.1.1"])

    await database.write(fill)
    states = select(STUDY.c.access_unit_id, STUDY.c.removed_version).order_by(STUDY.c.access_unit_id)
    assert await rows(database, states) == [(filled.units[0], 1), (filled.units[1], None)]


async def test_a_study_says_what_was_said_in_its_own_unit(database, filled):
    """Whether the first series moves or the second: who sees a unit reads nothing of what lies in another."""

    def fill(connection):
        for study in ("1.1", "1.2"):
            for number in (1, 2):
                said = {"x00100020": element("LO", f"{study} of {number}")}
                made = entry(study, f"{study}.{number}", f"{study}.{number}.1", **said)
                writer.upsert(connection, filled.place(0), [made])
        filled.move(connection, [0], 1, series=["1.1.1"])
        filled.move(connection, [0], 1, series=["1.2.2"])

    await database.write(fill)
    found = await rows(
        database, select(STUDY.c.access_unit_id, STUDY.c.patient_id).order_by(STUDY.c.patient_id)
    )
    left, moved = filled.units[:2]
    assert found == [(moved, "1.1 of 1"), (left, "1.1 of 2"), (left, "1.2 of 1"), (moved, "1.2 of 2")]
    said = await rows(database, select(STUDY.c.patient_id, STUDY.c.attributes))
    assert all(patient.encode() in attributes for patient, attributes in said)


async def test_what_earlier_versions_hold_moves_too(database, filled):
    def work(connection):
        seen = Viewer("", units=frozenset({filled.units[0]}))
        filled.put(connection, 0, "1.1", "1.1.1", "1.1.1.1")
        filled.put(connection, 0, "1.2", "1.2.1", "1.2.1.1")
        publish.freeze(connection, filled.collection, 1)
        versions.add(connection, filled.collection, 1, "", "")
        filled.put(connection, 0, "1.1", "1.1.1", "1.1.1.2")
        filled.move(connection, [0], 1, series=["1.1.1"])
        moved = Viewer("", units=frozenset({filled.units[1]}))
        found = []
        for scope in (Scope(filled.collection), Scope(filled.collection, version=1)):
            for viewer in (seen, moved):
                rows = locate.instances(connection, scope, viewer, Resource("1.1"))
                found.append([each.instance for each in rows])
                studies = select(STUDY.c.study_instance_uid).where(*study_conditions(scope, viewer))
                found.append(sorted(connection.scalars(studies)))
        return found

    now = [[], ["1.2"], ["1.1.1.1", "1.1.1.2"], ["1.1"]]
    then = [[], ["1.2"], ["1.1.1.1"], ["1.1"]]
    assert await database.write(work) == now + then


async def test_parts_of_a_series_of_different_versions_are_not_merged(database, filled):
    def work(connection):
        filled.put(connection, 0, "1.1", "1.1.1", "1.1.1.1")
        publish.freeze(connection, filled.collection, 1)
        versions.add(connection, filled.collection, 1, "", "")
        filled.put(connection, 1, "1.1", "1.1.1", "1.1.1.2")
        filled.move(connection, [0], 1, series=["1.1.1"])

    with pytest.raises(Conflict, match="another version"):
        await database.write(work)
