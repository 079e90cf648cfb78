"""Rows by address: whole paths only, within scope and sight, the earliest of several, one statement each."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from app.dicom.resource import Resource
from app.index import locate, writer
from app.index.locate import Located, descriptions, instance, instances
from app.index.scope import ARCHIVE, Scope
from app.index.tables import ACCESS_UNIT, SERIES
from app.index.writer import Outcome
from app.viewer import OWNER, STRANGER, Viewer
from tests.index.entries import (
    CT_IMAGE_STORAGE,
    EXPLICIT_VR_LITTLE_ENDIAN,
    clear,
    collect,
    element,
    entry,
    inbox,
    upsert,
)

HERE = Resource("1.1", "1.2", "1.3")


@pytest.fixture
async def stored(database):
    """One instance in the inbox."""
    await database.write(lambda c: upsert(c, inbox(c), [entry("1.1", "1.2", "1.3")]))
    return entry("1.1", "1.2", "1.3")


def paths(found: list[Located]) -> list[str]:
    return [f"{each.resource.series} {each.resource.instance}" for each in found]


async def test_one_instance_is_one_statement(database, stored, statements):
    with statements() as seen:
        found = await database.lookup(lambda c: instance(c, ARCHIVE, OWNER, HERE))
    assert len(seen) == 1
    assert not any(large in seen[0] for large in ("dicom_json", "frame_index", "bulkdata"))
    assert found.resource == HERE
    assert (found.sop_class_uid, found.transfer_syntax_uid) == (CT_IMAGE_STORAGE, EXPLICIT_VR_LITTLE_ENDIAN)
    assert (found.object_key, found.size, found.sha256, found.crc32) == ("key-1.3", 1512, stored.sha256, 7)
    assert found.parts == {}


async def test_only_the_large_columns_asked_for(database, stored):
    def look(connection):
        return [
            instance(connection, ARCHIVE, OWNER, HERE, "frame_index", "dicom_json"),
            *instances(connection, ARCHIVE, OWNER, HERE, "bulkdata"),
        ]

    frames, bulkdata = await database.lookup(look)
    assert frames.frames.ranges(1) == [(1000, 512)]
    assert stored.attributes.items() <= orjson.loads(frames.json).items()
    assert set(frames.parts) == {"frame_index", "dicom_json"}
    assert bulkdata.bulkdata == {"7FE00010": (1000, 512)}


async def test_without_frames_and_bulk_data(database):
    plain = entry("1.1", "1.2", "1.3")
    plain = replace(plain, row={**plain.row, "frame_index": None, "bulkdata": None})
    await database.write(lambda c: upsert(c, inbox(c), [plain]))
    found = await database.lookup(lambda c: instance(c, ARCHIVE, OWNER, HERE, "frame_index", "bulkdata"))
    assert (found.frames, found.bulkdata) == (None, {})


@pytest.mark.parametrize(
    "wrong",
    [
        replace(HERE, study="1.9"),
        replace(HERE, series="1.9"),
        replace(HERE, instance="1.9"),
        replace(HERE, instance="1.3\0"),
        replace(HERE, instance="1.3 "),
        replace(HERE, instance="\udc80"),
        replace(HERE, instance="?"),
        replace(HERE, instance="9" * 100_000),
    ],
    ids=lambda resource: resource.path[:60].encode("unicode_escape").decode(),
)
async def test_the_whole_path_must_be_right(database, stored, wrong, statements):
    with statements() as seen:
        assert await database.lookup(lambda c: instance(c, ARCHIVE, OWNER, wrong)) is None
        assert await database.lookup(lambda c: instances(c, ARCHIVE, OWNER, wrong)) == []
    assert len(seen) == 2


async def test_a_wrong_study_has_no_such_series(database, stored):
    assert await database.lookup(lambda c: instances(c, ARCHIVE, OWNER, Resource("1.9", "1.2"))) == []
    assert await database.lookup(lambda c: instances(c, ARCHIVE, OWNER, Resource("1.2"))) == []


async def test_hidden_and_unknown_run_the_same_statement(database, stored, statements):
    reader = Viewer("reader", units=frozenset({77}))
    unknown = replace(HERE, instance="1.9")
    for viewer in (reader, STRANGER):
        with statements() as seen:
            hidden = await database.lookup(lambda c, v=viewer: instance(c, ARCHIVE, v, HERE))
            absent = await database.lookup(lambda c, v=viewer: instance(c, ARCHIVE, v, unknown))
        assert (hidden, absent) == (None, None)
        assert seen[0] == seen[1]
        with statements() as seen:
            hidden = await database.lookup(lambda c, v=viewer: instances(c, ARCHIVE, v, Resource("1.1")))
            absent = await database.lookup(lambda c, v=viewer: instances(c, ARCHIVE, v, Resource("1.9")))
        assert (hidden, absent) == ([], [])
        assert seen[0] == seen[1]


async def test_order(database):
    """By series number, series UID, instance number, UID; what has no number comes last."""
    given_ = [
        ("2.1", None, "3.1", 1),
        ("2.2", 10, "3.2", 2),
        ("2.2", 10, "3.3", None),
        ("2.2", 10, "3.4", 10),
        ("2.2", 10, "3.10", 10),
        ("2.3", 9, "3.5", 1),
        ("2.10", 10, "3.6", 1),
    ]
    batch = [
        entry("1.1", series, uid, x00200011=element("IS", number), x00200013=element("IS", place))
        for series, number, uid, place in given_
    ]
    await database.write(lambda c: upsert(c, inbox(c), batch))
    whole = await database.lookup(lambda c: instances(c, ARCHIVE, OWNER, Resource("1.1")))
    expected = ["2.3 3.5", "2.10 3.6", "2.2 3.2", "2.2 3.10", "2.2 3.4", "2.2 3.3", "2.1 3.1"]
    assert paths(whole) == expected
    series = await database.lookup(lambda c: instances(c, ARCHIVE, OWNER, Resource("1.1", "2.2")))
    assert paths(series) == ["2.2 3.2", "2.2 3.10", "2.2 3.4", "2.2 3.3"]


async def test_the_earliest_that_the_caller_sees_answers(database):
    """Two collections hold one instance at the same address, with different bytes."""

    def fill(connection):
        first, [unit] = collect(connection, "first")
        second, [other] = collect(connection, "second")
        upsert(connection, first, [entry("1.1", "1.2", "1.3", "first")])
        upsert(connection, second, [entry("1.1", "1.2", "1.3", "second"), entry("1.1", "1.2", "1.4")])
        return first, second, unit, other

    first, second, unit, other = await database.write(fill)
    digest = {name: entry("1.1", "1.2", "1.3", name).sha256 for name in ("first", "second")}

    async def answers(scope: Scope, viewer: Viewer) -> tuple[bytes | None, list[bytes]]:
        one = await database.lookup(lambda c: instance(c, scope, viewer, HERE))
        all_ = await database.lookup(lambda c: instances(c, scope, viewer, Resource("1.1")))
        assert one is None or one.sha256 in {each.sha256 for each in all_}
        return one and one.sha256, paths(all_)

    both, only = ["1.2 1.3", "1.2 1.4"], ["1.2 1.3"]
    assert await answers(ARCHIVE, OWNER) == (digest["first"], both)
    assert await answers(ARCHIVE, Viewer("a", units=frozenset({unit}))) == (digest["first"], only)
    assert await answers(ARCHIVE, Viewer("b", units=frozenset({other}))) == (digest["second"], both)
    assert await answers(Scope(second), OWNER) == (digest["second"], both)
    assert await answers(Scope(first), OWNER) == (digest["first"], only)
    assert await answers(Scope(first), Viewer("b", units=frozenset({other}))) == (None, [])
    assert await answers(Scope(second + 1), OWNER) == (None, [])


async def test_what_is_not_live_is_not_there(database, stored):
    for state in ({"removed_version": 2}, {"removed_version": None, "added_version": None}):
        await database.write(lambda c, state=state: c.execute(update(SERIES).values(state)))
        assert await database.lookup(lambda c: instance(c, ARCHIVE, OWNER, HERE)) is None
        assert await database.lookup(lambda c: instances(c, ARCHIVE, OWNER, Resource("1.1"))) == []


ADDRESSES = st.tuples(
    st.sampled_from(["1.1", "1.2"]), st.sampled_from(["2.1", "2.2"]), st.sampled_from(["3.1", "3.2", "3.3"])
)
Made = tuple[int, int, tuple[str, str, str], bytes]


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    batches=st.lists(st.tuples(st.integers(0, 2), st.lists(ADDRESSES, max_size=6)), max_size=6),
    place=st.sampled_from([None, 0, 1, 2]),
    sees_all=st.booleans(),
    sight=st.sets(st.integers(0, 6)),
)
async def test_any_archive_through_any_eyes(database, batches, place, sees_all, sight):
    """Three collections with two access units each, random instances: a list in Python finds the same."""
    collections, units, made = await database.write(lambda connection: _fill(connection, batches))
    scope = ARCHIVE if place is None else Scope(collections[place])
    viewer = Viewer("any", sees_all, frozenset([*units, 999][each] for each in sight))
    seen: dict[tuple[str, str, str], bytes] = {}
    for collection, unit, path, digest in made:
        if scope.collection in (None, collection) and (viewer.sees_all or unit in viewer.units):
            seen.setdefault(path, digest)

    def look(connection, resource):
        found = instances(connection, scope, viewer, resource)
        return {
            (each.resource.study, each.resource.series, each.resource.instance): each.sha256 for each in found
        }

    for study in ("1.1", "1.2"):
        expected = {path: digest for path, digest in seen.items() if path[0] == study}
        assert await database.lookup(lambda c, s=study: look(c, Resource(s))) == expected
        in_series = {path: digest for path, digest in expected.items() if path[1] == "2.2"}
        assert await database.lookup(lambda c, s=study: look(c, Resource(s, "2.2"))) == in_series
    for path in {path for _, _, path, _ in made}:
        found = await database.lookup(lambda c, p=path: instance(c, scope, viewer, Resource(*p)))
        assert (found and found.sha256) == seen.get(path)


def _fill(connection, batches) -> tuple[list[int], list[int], list[Made]]:
    """Series 2.2 of each collection lies in its second access unit."""
    clear(connection)
    places = [collect(connection, slug, units=2) for slug in "abc"]
    made = []
    for place, paths_ in batches:
        collection, units = places[place]
        batch = [entry(*path, content=str(collection)) for path in paths_]
        for unit in units:
            own = [each for each in batch if unit == units[each.series == "2.2"]]
            outcomes = writer.upsert(connection, writer.Place(collection, unit), own)
            made += [
                (collection, unit, (each.study, each.series, each.instance), each.sha256)
                for each, outcome in zip(own, outcomes, strict=True)
                if outcome is Outcome.STORED
            ]
    return [each for each, _ in places], [unit for _, units in places for unit in units], made


async def test_statements_are_kept(database, stored):
    """A lookup builds no statement anew, whoever asks: cached ones are few."""
    await database.write(lambda c: c.execute(insert(ACCESS_UNIT), [{"collection_id": 1}] * 3))
    locate._instance.cache_clear()
    for unit in range(1, 30):
        viewer = Viewer(f"v{unit}", units=frozenset({unit, unit + 1}))
        await database.lookup(lambda c, v=viewer: instance(c, ARCHIVE, v, HERE))
        await database.lookup(lambda c, v=viewer, u=unit: instance(c, Scope(u), v, HERE))
    assert locate._instance.cache_info().currsize == 2


async def test_descriptions_of_what_was_located(database, stored):
    def look(connection):
        found = instances(connection, ARCHIVE, OWNER, Resource("1.1"))
        return found, descriptions(connection, [each.row for each in found]), descriptions(connection, [])

    [found], described, nothing = await database.lookup(look)
    assert stored.attributes.items() <= orjson.loads(described[found.row]).items()
    assert nothing == {}
