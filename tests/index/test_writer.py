"""What `upsert` writes and answers, against a dictionary that does the same slowly; on both databases."""

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from app.database import Database
from app.dicom.description import Description
from app.dicom.resource import Resource
from app.errors import Forbidden, InvalidInstance, NotFound
from app.index.stored_form import decode_bulkdata, decode_json
from app.index.tables import INSTANCE, REQUEST_ATTRIBUTES, SERIES, SERIES_TAG_VALUE, STUDY, TAG_VALUE
from app.index.writer import Entry, Outcome
from tests.index.entries import (
    CT_IMAGE_STORAGE,
    clear,
    collect,
    describe,
    element,
    entry,
    existing,
    inbox,
    upsert,
)
from tests.processes import together

STORED, IDENTICAL, CONFLICT, MISMATCH = Outcome.STORED, Outcome.IDENTICAL, Outcome.CONFLICT, Outcome.MISMATCH


async def put(database: Database, *entries: Entry) -> list[Outcome]:
    return await database.write(lambda connection: upsert(connection, inbox(connection), entries))


async def rows(database: Database, statement) -> list:
    return await database.scan(lambda connection: connection.execute(statement).all())


async def test_outcomes(database):
    first = entry("1.1", "1.2", "1.3")
    assert await put(database, first) == [STORED]
    assert await put(database, first) == [IDENTICAL]
    assert await put(database, entry("1.1", "1.2", "1.3", "other")) == [CONFLICT]
    assert await put(database, entry("1.9", "1.2", "1.4")) == [MISMATCH]
    assert await put(database, entry("1.1", "1.8", "1.3")) == [CONFLICT]
    assert await put(database, entry("1.1", "1.2", "1.4"), entry("1.1", "1.8", "1.5")) == [STORED, STORED]
    counts = select(SERIES.c.series_instance_uid, SERIES.c.number_of_series_related_instances)
    assert await rows(database, counts.order_by(SERIES.c.id)) == [("1.2", 2), ("1.8", 1)]
    assert await rows(database, select(func.count()).select_from(STUDY)) == [(1,)]


async def test_duplicates_within_one_batch(database):
    batch = [
        entry("1.1", "1.2", "1.3"),
        entry("1.1", "1.2", "1.3"),
        entry("1.1", "1.2", "1.3", "other"),
        entry("1.9", "1.2", "1.4"),
        entry("1.1", "1.2", "1.5"),
    ]
    assert await put(database, *batch) == [STORED, IDENTICAL, CONFLICT, MISMATCH, STORED]
    assert await rows(database, select(SERIES.c.number_of_series_related_instances)) == [(2,)]


async def test_an_empty_batch_is_nothing(database):
    assert await put(database) == []


async def test_refusals_leave_nothing(database):
    """An entry that is refused makes no study or series of its own."""
    await put(database, entry("1.1", "1.2", "1.3"))
    refused = [entry("1.9", "1.2", "1.4"), entry("1.9", "1.8", "1.3", "other")]
    assert await put(database, *refused) == [MISMATCH, CONFLICT]
    assert await rows(database, select(STUDY.c.study_instance_uid)) == [("1.1",)]
    assert await rows(database, select(SERIES.c.series_instance_uid)) == [("1.2",)]


async def test_columns_and_stored_forms(database):
    given_ = entry(
        "1.1",
        "1.2",
        "1.3",
        x00100010=element("PN", {"Alphabetic": "Müller^Jürgen^^", "Ideographic": "山田"}),
        x00100020=element("LO", " P 1 "),
        x00080020=element("DA", "1997.04.24"),
        x00200011=element("IS", 7),
        x00200013=element("IS", 3),
        x00280010=element("US", 512),
        x00400275=element("SQ", {"00400009": element("SH", "step"), "00401001": element("SH", "procedure")}),
    )
    await put(database, given_)
    [study] = await rows(database, select(STUDY))
    assert (study.patient_name, study.patient_name_ideographic) == ("müller^jürgen", "山田")
    assert (study.patient_id, study.study_date) == ("P 1", "19970424")
    assert (study.added_version, study.removed_version, study.submission_id) == (1, None, None)
    assert orjson.loads(study.attributes)["00100020"]["Value"] == [" P 1 "]
    [series] = await rows(database, select(SERIES))
    assert (series.study_row, series.study_instance_uid, series.series_number) == (study.id, "1.1", 7)
    assert (series.modality, series.collection_id) == ("CT", study.collection_id)
    [request] = await rows(database, select(REQUEST_ATTRIBUTES))
    assert request[1:] == (series.id, "step", "procedure")
    [instance] = await rows(database, select(INSTANCE))
    assert (instance.series_row, instance.instance_number, instance.rows) == (series.id, 3, 512)
    assert (instance.object_key, instance.size, instance.crc32) == ("key-1.3", 1512, 7)
    assert (instance.sha256, instance.sop_class_uid) == (given_.sha256, CT_IMAGE_STORAGE)
    assert given_.attributes.items() <= orjson.loads(decode_json(instance.dicom_json)).items()
    assert decode_bulkdata(instance.bulkdata) == {"7FE00010": (1000, 512)}
    assert instance.frame_index == given_.row["frame_index"]
    assert instance.created_at.utcoffset().total_seconds() == 0


async def test_the_first_instance_speaks_for_study_and_series(database):
    def named(instance: str, patient: str, modality: str) -> Entry:
        return entry(
            "1.1", "1.2", instance, x00100020=element("LO", patient), x00080060=element("CS", modality)
        )

    await put(database, named("1.3", "first", "CT"), named("1.4", "second", "MR"))
    await put(database, named("1.5", "third", "US"))
    assert await rows(database, select(STUDY.c.patient_id)) == [("first",)]
    assert await rows(database, select(SERIES.c.modality)) == [("CT",)]
    assert await rows(database, select(SERIES.c.number_of_series_related_instances)) == [(3,)]


async def test_odd_values_are_stored(database):
    """What is no proper value of its attribute sinks no batch: NUL, excess, a number too large."""
    odd = entry(
        "1.1",
        "1.2",
        "1.3",
        x00100020=element("LO", "\0a\0" + "€" * 20_000),
        x00100010=element("PN", {"Alphabetic": "Ω" * 20_000}),
        x00080050=element("SH", "".join(chr(0x4E00 + n * 7 % 20_000) for n in range(20_000))),
        x00200011=element("IS", "99999999999"),
        x00200013=element("IS", -(2**40)),
        x00280008=element("IS", "not a number"),
        x00280010=element("US", 2**40),
        x00080060=element("CS", None, "CT"),
        x00080020={"vr": "DA"},
    )
    assert await put(database, odd) == [STORED]
    [stored] = await rows(database, select(INSTANCE.c.dicom_json))
    assert odd.attributes.items() <= orjson.loads(decode_json(stored.dicom_json)).items()


@pytest.mark.parametrize("first_is_stored", [True, False])
async def test_short_entries_say_as_much_as_whole_ones(database, first_is_stored):
    """The rows above and the tag index are those of whole entries, also where the first one is refused."""
    first = entry("1.1", "1.2", "1.3.1", x00100020=element("LO", "A"), x00180015=element("CS", "HEAD"))
    others = [
        entry("1.1", "1.2", f"1.3.{n}", x00100020=element("LO", "A"), x00180060=element("DS", 100 + n))
        for n in (2, 3)
    ]
    if not first_is_stored:
        other = entry("9.1", "9.2", "1.3.1", "other content")
        assert await put(database, other) == [STORED]
    outcomes = await put(database, first, *(each.short(first) for each in others))
    assert outcomes == [STORED if first_is_stored else CONFLICT, STORED, STORED]
    [study] = await rows(database, select(STUDY).where(STUDY.c.study_instance_uid == "1.1"))
    assert orjson.loads(study.attributes)["00100020"]["Value"] == ["A"]
    held = (
        select(TAG_VALUE.c.digest)
        .join(SERIES_TAG_VALUE, SERIES_TAG_VALUE.c.value_id == TAG_VALUE.c.id)
        .join(SERIES, SERIES.c.id == SERIES_TAG_VALUE.c.series_id)
        .where(SERIES.c.series_instance_uid == "1.2")
    )
    expected = set().union(*(each.tags for each in (*([first] if first_is_stored else []), *others)))
    assert {row.digest for row in await rows(database, held)} == expected


def test_an_entry_needs_its_uids():
    incomplete = Description(Resource("1.1", None, "1.3"), "1.2", "1.2", {}, {}, None)
    with pytest.raises(InvalidInstance):
        Entry.of(incomplete, "key", 1, b"", 0)


def test_an_instance_without_bulk_data_or_frames():
    plain = describe("1.1", "1.2", "1.3")
    made = Entry.of(Description(plain.resource, "1.2", "1.2", {}, {}, None), "key", 1, b"", 0)
    assert (made.row["bulkdata"], made.row["frame_index"]) == (None, None)


async def test_collections_are_apart(database):
    """The same instance, or another under its UID, may be in another collection."""

    def both(connection):
        other, _ = collect(connection, "other")
        return (
            upsert(connection, inbox(connection), [entry("1.1", "1.2", "1.3")]),
            upsert(connection, other, [entry("1.9", "1.2", "1.3", "other"), entry("1.9", "1.2", "1.4")]),
        )

    assert await database.write(both) == ([STORED], [STORED, STORED])


async def test_only_rolling_collections_take_instances(database):
    await database.write(lambda connection: collect(connection, "fixed", rolling=False))
    with pytest.raises(Forbidden):
        await database.write(lambda c: upsert(c, collect(c, "fixed too", rolling=False)[0], []))
    with pytest.raises(NotFound):
        await database.write(lambda c: upsert(c, 999, [entry("1.1", "1.2", "1.3")]))
    assert await rows(database, select(INSTANCE.c.id)) == []


async def test_what_was_removed_is_not_held(database):
    """A removed series keeps its rows; its UIDs are free again, for a new revision."""
    await put(database, entry("1.1", "1.2", "1.3"))
    for table in (SERIES, STUDY):
        await database.write(lambda c, table=table: c.execute(update(table).values(removed_version=2)))
    assert await put(database, entry("1.9", "1.2", "1.3", "other")) == [STORED]
    assert len(await rows(database, select(SERIES.c.id))) == 2


async def test_existing(database):
    one, other = entry("1.1", "1.2", "1.3"), entry("1.1", "1.2", "1.4")
    await put(database, one, other)

    def look(connection):
        here, asked = inbox(connection), ["1.3", "1.5"]
        other, _ = collect(connection, "other")
        return [existing(connection, *each) for each in ((here, asked), (other, asked), (here, []))]

    assert await database.write(look) == [{"1.3": one.sha256}, {}, {}]


@pytest.mark.parametrize("size", [2, 50, 3000])
async def test_a_batch_of_any_size_is_a_few_statements(database, statements, size):
    first = entry("1.1", "1.2.0", "1.3")
    await put(database, first)
    batch = [entry("1.1", f"1.2.{number % 2}", f"1.4.{number}") for number in range(size)]
    batch = [*batch[:-1], entry("1.5", "1.2.7", "1.6")]
    with statements() as seen:
        assert set(await put(database, *batch)) == {STORED}
    outside = ("BEGIN IMMEDIATE", "SELECT collection.id", "SELECT min(access_unit.id)")
    assert len([statement for statement in seen if not statement.startswith(outside)]) == 15
    expected = Counter(each.series for each in [first, *batch])
    counts = select(SERIES.c.series_instance_uid, SERIES.c.number_of_series_related_instances)
    assert sorted(await rows(database, counts)) == sorted(expected.items())


@dataclass
class Oracle:
    """A collection as a dictionary."""

    instances: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)
    studies: dict[str, str] = field(default_factory=dict)

    def put(self, entry: Entry) -> Outcome:
        if entry.instance in self.instances:
            return IDENTICAL if self.instances[entry.instance][2] == entry.sha256 else CONFLICT
        if self.studies.get(entry.series, entry.study) != entry.study:
            return MISMATCH
        self.studies[entry.series] = entry.study
        self.instances[entry.instance] = (entry.study, entry.series, entry.sha256)
        return STORED


ENTRIES = st.builds(
    entry,
    st.sampled_from(["1.1", "1.2"]),
    st.sampled_from(["2.1", "2.2", "2.3"]),
    st.sampled_from([f"3.{number}" for number in range(8)]),
    st.sampled_from(["", "other"]),
)
WRITERS = st.lists(st.lists(st.lists(ENTRIES, max_size=6), max_size=4), min_size=1, max_size=4)


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(writers=WRITERS)
async def test_concurrent_writers_are_as_good_as_one(database, database_url, writers):
    """Each writer has connections of its own; whatever the order of their batches, a dictionary agrees."""
    await database.write(clear)
    order: list[tuple[list[Entry], list[Outcome]]] = []

    async def write(batches: list[list[Entry]]) -> None:
        def work(connection, batch):
            outcomes = upsert(connection, inbox(connection), batch)
            order.append((batch, outcomes))  # while it still has its turn

        own = await Database.open(database_url)
        for batch in batches:
            await own.write(partial(work, batch=batch))
        await own.close()

    await asyncio.gather(*(write(batches) for batches in writers))
    oracle = Oracle()
    for batch, outcomes in order:
        assert outcomes == [oracle.put(entry) for entry in batch]
    assert len(order) == sum(map(len, writers))
    await agree(database, oracle)


async def agree(database: Database, oracle: Oracle) -> None:
    """The rows are the oracle's: instances, series with their counts, studies."""
    study, series = STUDY.c.study_instance_uid, SERIES.c.series_instance_uid
    found = select(INSTANCE.c.sop_instance_uid, study, series, INSTANCE.c.sha256)
    found = found.join_from(INSTANCE, SERIES, SERIES.c.id == INSTANCE.c.series_row)
    found = found.join(STUDY, STUDY.c.id == SERIES.c.study_row)
    assert {row[0]: tuple(row[1:]) for row in await rows(database, found)} == oracle.instances
    counts = select(SERIES.c.series_instance_uid, SERIES.c.number_of_series_related_instances)
    expected = Counter(series for _, series, _ in oracle.instances.values())
    assert sorted(await rows(database, counts)) == sorted(expected.items())
    studies = sorted({study for study, _, _ in oracle.instances.values()})
    assert sorted(row[0] for row in await rows(database, select(STUDY.c.study_instance_uid))) == studies


def _write_batches(argument: tuple[str, int]) -> list[list[Outcome]]:
    return asyncio.run(_write_all(*argument))


async def _write_all(url: str, number: int) -> list[list[Outcome]]:
    database = await Database.open(url)
    told = []
    for step in range(12):
        batch = [entry("1.1", f"1.2.{step % 3}", f"1.3.{step}.{n}", str(number)) for n in range(4)]
        told.append(await put(database, *batch, entry("1.1", "1.4", f"1.4.{number}.{step}")))
    await database.close()
    return told


async def test_processes_write_at_once(database, database_url):
    """Four processes contend for the same UIDs: each is stored exactly once, and the counts are right."""
    told = together(_write_batches, [(database_url, number) for number in range(4)])
    outcomes = Counter(outcome for process in told for batch in process for outcome in batch[:4])
    assert outcomes == {STORED: 48, CONFLICT: 144}
    for step in range(12):
        winners = Counter(tuple(process[step][:4]) for process in told)
        assert winners == {(STORED,) * 4: 1, (CONFLICT,) * 4: 3}
    counts = select(SERIES.c.number_of_series_related_instances).order_by(SERIES.c.series_instance_uid)
    assert await rows(database, counts) == [(16,), (16,), (16,), (48,)]


def test_digests_tell_contents_apart():
    """The entries of these tests differ where they are meant to."""
    made = [entry("1.1", "1.2", "1.3"), entry("1.1", "1.2", "1.3", "other"), entry("1.1", "1.2", "1.4")]
    assert len({each.sha256 for each in made}) == 3
    assert made[0].sha256 == hashlib.sha256(b"1.1 1.2 1.3 ").digest()
