"""What was published, kept or withdrawn stays so, and is told to those alone who may know of it."""

from sqlalchemy import Connection, func, select

from app.dicom.resource import Resource
from app.errors import Conflict
from app.index import carts, changes, moves, purge, tombstones, writer
from app.index.publish import Leaving
from app.index.scope import ARCHIVE, Scope, parameters, study_conditions
from app.index.tables import INSTANCE, STUDY
from app.index.writer import Place
from app.registry import carts as registry_carts
from app.services.changes import steps_of
from app.viewer import OWNER, Capability, Viewer
from tests.index.entries import collect, element, entry
from tests.index.test_publish import Filled


def said(connection: Connection, filled: Filled, uids, unit=0, submission=None, content="", **more) -> None:
    place = Place(filled.collection, filled.units[unit], submission)
    assert writer.upsert(connection, place, [entry(*uids, content, **more)]) == [writer.Outcome.STORED]


def reader(filled: Filled, *units: int) -> Viewer:
    rows = frozenset(filled.units[each] for each in units)
    return Viewer("reader", units=rows, may=dict.fromkeys(Capability, rows))


def make_cart(connection: Connection, filled: Filled, *series: str) -> int:
    made = registry_carts.create(connection, None, {"name": "c", "description": "", "audience": "nobody"})
    carts.put(connection, made.id, filled.scope(), OWNER, series=series, most=9)
    return made.id


async def test_a_cart_of_a_rolling_series_survives_its_correction(database) -> None:
    filled = await database.write(lambda connection: Filled(connection, rolling=True))

    def work(connection: Connection):
        filled.put(connection, None, ("1.1", "1.1.1", "1.1.1.1"))
        cart = make_cart(connection, filled, "1.1.1")
        draft = filled.submission(connection)
        filled.put(connection, draft, ("1.1", "1.1.1", "1.1.1.1"), "other")
        before = filled.held(connection, Scope(cart=cart))
        filled.publish(connection, [draft])
        return before, filled.held(connection, Scope(cart=cart))

    before, after = await database.write(work)
    assert before == after


async def test_what_is_withdrawn_by_the_publication_it_came_with_is_kept(database) -> None:
    """The old series of the study are withdrawn, the new ones put in their place."""
    filled = await database.write(Filled)

    def work(connection: Connection):
        first = filled.submission(connection)
        filled.put(connection, first, ("1.1", "1.1.1", "1.1.1.1"))
        filled.publish(connection, [first])
        other = filled.submission(connection)
        filled.put(connection, other, ("1.1", "1.1.2", "1.1.2.1"))
        filled.publish(connection, [other], [Leaving("1.1")])
        return set(connection.scalars(select(INSTANCE.c.sop_instance_uid)))

    assert await database.write(work) == {"1.1.1.1", "1.1.2.1"}


def two_parts(connection: Connection, filled: Filled) -> None:
    """Version 1 has a series in two units; in version 2 it is gone from one of them, and then moved there."""
    for unit in (0, 1):
        filled.put(connection, None, ("1.1", "1.1.1", f"1.1.1.{unit}"), unit=unit)
    filled.publish(connection)
    filled.publish(connection, [], [Leaving("1.1", "1.1.1", "1.1.1.1")])
    moves.move(connection, filled.collection, [filled.units[0]], filled.units[1], series=["1.1.1"])


async def test_what_changed_never_lists_another_collections_instances(database) -> None:
    filled = await database.write(lambda connection: Filled(connection, rolling=True, units=2))

    def work(connection: Connection):
        other, (unit,) = collect(connection, "hidden")
        two_parts(connection, filled)
        for number in range(6):
            place = Place(other, unit)
            writer.upsert(connection, place, [entry("9.9", f"9.9.{number}", f"9.9.{number}.1")])
        viewer = reader(filled, 0, 1)
        found = changes.page(connection, viewer, filled.collection, 0, 1, changes.START, 10)
        sides = [changes.held(connection, viewer, filled.collection, each, 0, 1) for each in found]
        return {uid for before, after in sides for uid in (*before, *after)}

    assert await database.write(work) == {"1.1.1.0", "1.1.1.1"}


def descriptions(connection: Connection, scope: Scope, viewer: Viewer = OWNER) -> list[str]:
    rows = select(STUDY.c.study_description).where(*study_conditions(scope, viewer))
    return sorted(connection.scalars(rows, parameters(scope, viewer)))


async def _studies_before_and_after(database, scope_of):
    filled = await database.write(Filled)

    def work(connection: Connection):
        first = filled.submission(connection)
        for series, words in (("1.1.1", "one"), ("1.1.2", "other")):
            said(
                connection, filled, ("1.1", series, f"{series}.1"), submission=first,
                x00081030=element("LO", words),
            )  # fmt: skip
        filled.publish(connection, [first])
        scope = scope_of(connection, filled)
        before = descriptions(connection, scope)
        filled.publish(connection, [], [Leaving("1.1", "1.1.1")])
        return before, descriptions(connection, scope)

    return await database.write(work)


async def test_what_a_study_said_in_a_version_it_says_for_ever(database) -> None:
    before, after = await _studies_before_and_after(database, lambda _, filled: filled.scope(1))
    assert before == after


async def test_what_a_study_said_in_a_cart_it_says_for_ever(database) -> None:
    before, after = await _studies_before_and_after(
        database, lambda connection, filled: Scope(cart=make_cart(connection, filled, "1.1.1", "1.1.2"))
    )
    assert before == after


async def test_past_studies_that_are_moved_say_nothing_of_what_stays_hidden(database) -> None:
    filled = await database.write(lambda connection: Filled(connection, units=2))

    def work(connection: Connection):
        first = filled.submission(connection)
        for series, words in (("1.1.1", "secret"), ("1.1.2", "open")):
            said(
                connection, filled, ("1.1", series, f"{series}.1"), submission=first,
                x00081030=element("LO", words),
            )  # fmt: skip
        filled.publish(connection, [first])
        filled.publish(connection, [], [Leaving("1.1", "1.1.2")])
        moves.move(connection, filled.collection, [filled.units[0]], filled.units[1], series=["1.1.2"])
        return descriptions(connection, filled.scope(1), reader(filled, 1))

    assert await database.write(work) == ["open"]


async def test_nobody_else_is_told_of_what_was_withdrawn_and_then_moved(database) -> None:
    """The tombstone is of the study, what is moved its one series."""
    filled = await database.write(lambda connection: Filled(connection, units=2))

    def work(connection: Connection):
        first = filled.submission(connection)
        filled.put(connection, first, ("1.1", "1.1.1", "1.1.1.1"))
        filled.publish(connection, [first])
        filled.publish(connection, [], [Leaving("1.1")])
        tombstones.put(connection, [{
            "collection_id": filled.collection, "access_unit_id": filled.units[0], "version": 2,
            "study_instance_uid": "1.1", "series_instance_uid": "", "sop_instance_uid": "",
            "reason": "secret", "by": "x", "purged": False, "object_key": "",
        }])  # fmt: skip
        moves.move(connection, filled.collection, [filled.units[0]], filled.units[1], series=["1.1.1"])
        return tombstones.find(connection, ARCHIVE, reader(filled, 0), Resource("1.1", "1.1.1"))

    assert await database.write(work) is None


async def test_who_could_not_see_a_draft_is_not_told_that_it_was_purged(database) -> None:
    filled = await database.write(Filled)

    def work(connection: Connection):
        first = filled.submission(connection)
        filled.put(connection, first, ("1.1", "1.1.1", "1.1.1.1"))
        purge.purge(connection, filled.collection, Leaving("1.1"), 1, {"reason": "secret", "by": "x"})
        return tombstones.find(connection, ARCHIVE, reader(filled, 0), Resource("1.1", "1.1.1", "1.1.1.1"))

    assert await database.write(work) is None


async def test_a_study_that_was_purged_is_gone(database) -> None:
    filled = await database.write(Filled)

    def work(connection: Connection):
        first = filled.submission(connection)
        filled.put(connection, first, ("1.1", "1.1.1", "1.1.1.1"))
        filled.publish(connection, [first])
        purge.purge(connection, filled.collection, Leaving("1.1"), 2, {"reason": "r", "by": "x"})
        return [
            tombstones.find(connection, ARCHIVE, reader(filled, 0), at) is not None
            for at in (Resource("1.1"), Resource("1.1", "1.1.1"), Resource("1.1", "1.1.1", "1.1.1.1"))
        ]

    assert await database.write(work) == [True, True, True]


async def test_withdrawals_may_overlap(database) -> None:
    filled = await database.write(Filled)

    def work(connection: Connection):
        first = filled.submission(connection)
        filled.put(connection, first, ("1.1", "1.1.1", "1.1.1.1"))
        filled.publish(connection, [first])
        filled.publish(connection, [], [Leaving("1.1"), Leaving("1.1", "1.1.1")])

    await database.write(work)


async def test_a_manifest_ends_with_what_is_to_be_there(database) -> None:
    """Withdrawn from one unit, and published anew in another: fetched, and deleted after that."""
    filled = await database.write(lambda connection: Filled(connection, units=2))

    def work(connection: Connection):
        uids = "1.1", "1.1.1", "1.1.1.1"
        first = filled.submission(connection, 1)
        filled.put(connection, first, uids, unit=1)
        filled.publish(connection, [first])
        filled.publish(connection, [], [Leaving("1.1")])
        other = filled.submission(connection, 0)
        filled.put(connection, other, uids, unit=0)
        filled.publish(connection, [other])
        found = changes.page(connection, OWNER, filled.collection, 1, 3, changes.START, 10)
        kept = {"1.1.1.1"}
        for step in steps_of(connection, OWNER, filled.collection, found, 1, 3):
            (kept.add if step.act == "fetch" else kept.discard)(step.instance)
        return kept

    assert await database.write(work) == {"1.1.1.1"}


async def test_what_was_stored_and_withdrawn_before_a_version_was_cut_is_kept(database) -> None:
    """Withdrawn is hidden; purged is destroyed."""
    filled = await database.write(lambda connection: Filled(connection, rolling=True))

    def work(connection: Connection):
        for uid in ("1.1.1.1", "1.1.1.2"):
            filled.put(connection, None, ("1.1", "1.1.1", uid))
        filled.put(connection, None, ("1.2", "1.2.1", "1.2.1.1"))
        filled.publish(connection, [], [Leaving("1.2"), Leaving("1.1", "1.1.1", "1.1.1.2")])
        return set(connection.scalars(select(INSTANCE.c.sop_instance_uid)))

    assert await database.write(work) == {"1.1.1.1", "1.1.1.2", "1.2.1.1"}


async def test_of_two_submissions_with_one_instance_neither_is_lost(database) -> None:
    """Published together: 409, or both are kept; not the last one alone, and nobody is told."""
    filled = await database.write(Filled)

    def work(connection: Connection):
        both = [filled.submission(connection), filled.submission(connection)]
        for each, content in zip(both, ("a", "b"), strict=True):
            filled.put(connection, each, ("1.1", "1.1.1", "1.1.1.1"), content)
        filled.publish(connection, both)
        return connection.scalar(select(func.count()).select_from(INSTANCE))

    try:
        kept = await database.write(work)
    except Conflict:
        return
    assert kept == 2


async def test_what_is_sent_again_unchanged_takes_nothing_away(database) -> None:
    """The collection holds the UID in two series (real archives do); what is sent is one of them."""
    filled = await database.write(lambda connection: Filled(connection, rolling=True, units=2))

    def work(connection: Connection):
        for unit, series in enumerate(("1.1.1", "1.1.2")):
            filled.put(connection, None, ("1.1", series, "7.7"), unit=unit)
        filled.publish(connection)
        draft = filled.submission(connection)
        filled.put(connection, draft, ("1.1", "1.1.1", "7.7"))
        filled.put(connection, draft, ("1.1", "1.1.1", "7.8"))
        filled.publish(connection, [draft])
        return {uids[1:] for uids in filled.held(connection, filled.scope())}

    assert await database.write(work) == {("1.1.1", "7.7"), ("1.1.1", "7.8"), ("1.1.2", "7.7")}
