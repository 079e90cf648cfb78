"""Versions: what is published stays as it was, whatever comes after; compared with sets."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, insert, select

from app.dicom.resource import Resource
from app.errors import Conflict, NotFound
from app.index import locate, occurrences, publish, writer
from app.index.publish import Leaving
from app.index.scope import Scope, series_conditions, study_conditions
from app.index.tables import CART_SERIES, INSTANCE, SERIES, STUDY, SUBMISSION
from app.index.writer import Place
from app.models.types import now
from app.registry import versions
from app.registry.tables import CART
from app.viewer import OWNER
from tests.index.entries import clear, collect, element, entry

#: study, series and instances; an instance may come in either series of its study.
SERIES_OF = {"1.1": ("1.1.1", "1.1.2"), "1.2": ("1.2.1",)}
Held = dict[tuple[str, str, str], str]


@dataclass
class Kept:
    """A collection as sets have it."""

    live: Held = field(default_factory=dict)
    past: list[Held] = field(default_factory=list)


class Filled:
    """A collection, and submissions to it."""

    def __init__(self, connection: Connection, rolling: bool = False, units: int = 1) -> None:
        clear(connection)
        self.collection, self.units = collect(connection, "versions", rolling=rolling, units=units)
        self.rolling = rolling

    def submission(self, connection: Connection, unit: int = 0) -> int:
        number = connection.scalar(select(func.count()).select_from(SUBMISSION))
        row = {"key": f"{number:032}", "collection_id": self.collection, "access_unit_id": self.units[unit]}
        made = insert(SUBMISSION).values(**row, state="open", opened_at=now())
        return connection.execute(made.returning(SUBMISSION.c.id)).scalar_one()

    def put(
        self,
        connection: Connection,
        submission: int | None,
        uids: tuple[str, str, str],
        content: str = "",
        unit: int = 0,
    ) -> writer.Outcome:
        place = Place(self.collection, self.units[unit], submission)
        (outcome,) = writer.upsert(connection, place, [self.entry(uids, content)])
        return outcome

    @staticmethod
    def entry(uids: tuple[str, str, str], content: str) -> writer.Entry:
        """An instance that says what it holds."""
        said = {"x00181030": element("LO", f"said {content}"), "x00400254": element("LO", uids[2])}
        return entry(*uids, content, **said)

    def publish(
        self, connection: Connection, submissions: Sequence[int] = (), leaving: Sequence[Leaving] = ()
    ) -> int:
        number = versions.begin(connection, self.collection)
        publish.publish(connection, self.collection, number, submissions, leaving)
        versions.add(connection, self.collection, number, "", "test")
        return number

    def scope(self, version: int | None = None) -> Scope:
        return Scope(self.collection, version=version)

    def held(self, connection: Connection, scope: Scope) -> Held:
        rows = connection.execute(
            select(
                SERIES.c.study_instance_uid,
                SERIES.c.series_instance_uid,
                INSTANCE.c.sop_instance_uid,
                INSTANCE.c.sha256,
            )
            .join_from(SERIES, INSTANCE, INSTANCE.c.series_row == SERIES.c.id)
            .where(*series_conditions(scope, OWNER))
        ).all()
        found = {tuple(row[:3]): row[3].hex() for row in rows}
        assert len(found) == len(rows)
        return found

    def check(self, connection: Connection, scope: Scope, held: Held) -> None:
        """Every way to look at the scope says the same."""
        digests = {uids: entry(*uids, content).sha256.hex() for uids, content in held.items()}
        assert self.held(connection, scope) == digests
        studies = connection.scalars(
            select(STUDY.c.study_instance_uid).where(*study_conditions(scope, OWNER))
        ).all()
        assert sorted(studies) == sorted({uids[0] for uids in held})
        rows = connection.execute(select(SERIES).where(*series_conditions(scope, OWNER))).all()
        assert {row.series_instance_uid: row.number_of_series_related_instances for row in rows} == {
            series: sum(1 for uids in held if uids[1] == series) for series in {uids[1] for uids in held}
        }
        for row in rows:
            study = connection.execute(select(STUDY).where(STUDY.c.id == row.study_row)).one()
            assert (study.study_instance_uid, study.access_unit_id) == (
                row.study_instance_uid,
                row.access_unit_id,
            )
        for study in {uids[0] for uids in held}:
            found = locate.instances(connection, scope, OWNER, Resource(study))
            assert sorted(each.instance for each in found) == sorted(
                uids[2] for uids in held if uids[0] == study
            )
        for path, value in (
            ("00181030", lambda uids, content: f"said {content}"),
            ("00400254", lambda uids, _: uids[2]),
        ):
            listed = occurrences.values(connection, scope, OWNER, path, limit=10_000, offset=0)
            by_series = {(uids[1], value(uids, content)) for uids, content in held.items()}
            counted = {each: sum(1 for _, other in by_series if other == each) for _, each in by_series}
            assert {each.text: each.series for each in listed} == counted


_PUTS = st.tuples(
    st.sampled_from([(study, series) for study, found in SERIES_OF.items() for series in found]),
    st.integers(1, 3),
    st.sampled_from("ab"),
)
_SUBMITTED = st.lists(_PUTS, min_size=1, max_size=5)
_LEFT = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 3)), max_size=2)


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(rounds=st.lists(st.tuples(st.lists(_SUBMITTED, max_size=2), _LEFT), min_size=1, max_size=4))
async def test_every_version_stays_whole(database, rounds) -> None:
    filled = await database.write(Filled)
    kept = Kept()
    for submitted, left in rounds:
        before = dict(kept.live)
        try:
            await database.write(
                lambda connection, s=submitted, w=left: _round(connection, filled, kept, s, w)
            )
        except Conflict:
            assert kept.live == before
        await database.lookup(lambda connection: _check_all(connection, filled, kept))


def _round(connection: Connection, filled: Filled, kept: Kept, submitted, left) -> None:
    leaving, live = [], dict(kept.live)
    for place, depth in left:
        if live:
            uids = sorted(live)[place % len(live)][:depth]
            leaving.append(Leaving(*uids))
            live = {each: content for each, content in live.items() if each[:depth] != uids}
    made, sent = [], dict[str, tuple[tuple[str, str, str], str]]()
    for puts in submitted:
        made.append(submission := filled.submission(connection))
        for (study, series), number, content in puts:
            uids = study, series, f"{study}.0.{number}"
            if sent.get(uids[2], (uids, content)) != (uids, content):
                continue  # submissions that differ in an instance are not published together
            if filled.put(connection, submission, uids, content) is writer.Outcome.STORED:
                sent[uids[2]] = uids, content
    live = {uids: content for uids, content in live.items() if uids[2] not in sent} | dict(sent.values())
    before, kept.live = kept.live, live
    try:
        filled.publish(connection, made, leaving)
    except Conflict:
        kept.live = before
        assert before == live
        raise
    kept.past.append(dict(live))


def _check_all(connection: Connection, filled: Filled, kept: Kept) -> None:
    filled.check(connection, filled.scope(), kept.live)
    for number, held in enumerate(kept.past, 1):
        filled.check(connection, filled.scope(number), held)
    assert (
        connection.scalar(select(func.count()).select_from(SERIES).where(SERIES.c.added_version.is_(None)))
        == 0
    )
    assert (
        connection.scalar(select(func.count()).select_from(STUDY).where(STUDY.c.added_version.is_(None))) == 0
    )


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(rounds=st.lists(st.tuples(_SUBMITTED, _LEFT, st.booleans()), min_size=1, max_size=4))
async def test_what_a_rolling_collection_shows_at_once_is_in_its_next_version(database, rounds) -> None:
    filled = await database.write(lambda connection: Filled(connection, rolling=True))
    kept, carts = Kept(), []

    def step(connection: Connection, puts, left, carted: bool) -> None:
        for (study, series), number, content in puts:
            uids = study, series, f"{study}.0.{number}"
            if filled.put(connection, None, uids, content) is writer.Outcome.STORED:
                kept.live[uids] = content
        if carted:
            carts.append((_cart(connection, filled), dict(kept.live)))
            return
        leaving = [Leaving(*sorted(kept.live)[place % len(kept.live)][:depth]) for place, depth in left[:1]]
        filled.publish(connection, [], leaving)
        for each in leaving:
            told = tuple(filter(None, each))
            kept.live = {uids: content for uids, content in kept.live.items() if uids[: len(told)] != told}
        kept.past.append(dict(kept.live))

    for puts, left, carted in rounds:
        before = dict(kept.live)
        try:
            await database.write(lambda connection, p=puts, w=left, c=carted: step(connection, p, w, c))
        except Conflict:  # what was put was withdrawn at once
            kept.live = before
        await database.lookup(lambda connection: _check_all(connection, filled, kept))
        for cart, held in carts:
            await database.lookup(
                lambda connection, c=cart, h=held: filled.check(connection, Scope(cart=c), h)
            )


def _cart(connection: Connection, filled: Filled) -> int:
    number = connection.scalar(select(func.count()).select_from(CART))
    row = {"key": f"{number}", "name": "", "description": "", "audience": "nobody", "doi": "", "revision": 1}
    cart = connection.execute(insert(CART).values(**row, created_at=now()).returning(CART.c.id)).scalar_one()
    rows = select(SERIES.c.id).where(*series_conditions(filled.scope(), OWNER))
    connection.execute(
        insert(CART_SERIES), [{"cart_id": cart, "series_row": each} for each in connection.scalars(rows)]
    )
    connection.execute(SERIES.update().where(SERIES.c.id.in_(rows)).values(frozen=True))
    return cart


async def test_a_correction_stays_in_the_access_unit_of_what_it_corrects(database) -> None:
    filled = await database.write(lambda connection: Filled(connection, units=2))

    def work(connection: Connection) -> set[int]:
        first = filled.submission(connection, 1)
        filled.put(connection, first, ("1.1", "1.1.1", "1.1.1.1"), unit=1)
        filled.publish(connection, [first])
        other = filled.submission(connection, 0)
        filled.put(connection, other, ("1.1", "1.1.1", "1.1.1.1"), "corrected", unit=0)
        filled.put(connection, other, ("1.1", "1.1.2", "1.1.2.1"), unit=0)
        filled.publish(connection, [other])
        rows = connection.execute(
            select(*SERIES.c["series_instance_uid", "access_unit_id"]).where(
                *series_conditions(filled.scope(), OWNER)
            )
        )
        return {tuple(row) for row in rows}

    assert await database.write(work) == {("1.1.1", filled.units[1]), ("1.1.2", filled.units[0])}


async def test_what_does_not_fit_changes_nothing(database) -> None:
    filled = await database.write(lambda connection: Filled(connection, units=2))

    def torn(connection: Connection) -> None:
        for unit in (0, 1):
            each = filled.submission(connection, unit)
            filled.put(connection, each, ("1.1", "1.1.1", f"1.1.1.{unit}"), unit=unit)
            filled.publish(connection, [each])

    def put(connection: Connection) -> None:
        each = filled.submission(connection)
        filled.put(connection, each, ("1.9", "1.1.1", "1.1.1.0"), "other")
        filled.publish(connection, [each])

    with pytest.raises(Conflict):
        await database.write(torn) or await database.write(put)
    with pytest.raises(NotFound):
        await database.write(lambda connection: filled.publish(connection, [], [Leaving("1.1", "1.7")]))
