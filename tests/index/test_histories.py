"""Everything that changes a collection, in any order: what a version or a cart named stays what it was."""

import os
from collections import Counter

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from app.dicom.resource import Resource
from app.errors import Conflict, NotFound
from app.index import carts as contents
from app.index import locate, moves, occurrences, purge, search, totals
from app.index.publish import Leaving
from app.index.scope import Scope, parameters, series_conditions
from app.index.tables import COLLECTION, INSTANCE, SERIES, STUDY
from app.query import qido
from app.query.ast import Level
from app.registry import carts as registry_carts
from app.viewer import OWNER
from tests.index.test_publish import SERIES_OF, Filled
from tests.index.test_rollups import agree

STUDY_OF = {series: study for study, found in SERIES_OF.items() for series in found}


class Machine:
    """A collection of two access units, and what each version and cart of it answered when it was made."""

    def __init__(self, connection, rolling, units):
        self.filled = Filled(connection, rolling=rolling, units=units)
        self.live: dict[tuple, dict] = {}
        self.frozen: list[tuple[Scope, dict, object]] = []
        self.versions = 0
        self.subs = {}

    def state(self, connection, scope, viewer=OWNER):
        rows = connection.execute(
            select(
                SERIES.c.study_instance_uid,
                SERIES.c.series_instance_uid,
                INSTANCE.c.sop_instance_uid,
                INSTANCE.c.sha256,
            )
            .join_from(SERIES, INSTANCE, INSTANCE.c.series_row == SERIES.c.id)
            .where(*series_conditions(scope, viewer)),
            parameters(scope, viewer),
        ).all()
        return Counter((r[0], r[1], r[2], r[3].hex()) for r in rows)

    def answers(self, connection, scope, viewer=OWNER):
        """All that may be asked."""
        told = {"state": self.state(connection, scope, viewer)}
        for level in (Level.STUDY, Level.SERIES, Level.INSTANCE):
            query = qido.parse(level, Resource(), qido.read(b"limit=100&includefield=all"))
            read = search.read(connection, query, scope, viewer)
            keys = {"study_instance_uid", "series_instance_uid", "sop_instance_uid"}
            told[level.name] = sorted(
                tuple(v for k, v in zip(r._fields, r, strict=False) if k in keys) for r in read.rows
            )
            if level is not Level.INSTANCE:
                told[f"{level.name} counts"] = str(sorted(read.counts.items()))
        told["values"] = sorted(
            (v.text, v.series)
            for v in occurrences.values(connection, scope, viewer, "00181030", limit=100, offset=0)
        )
        told["values2"] = sorted(
            (v.text, v.series)
            for v in occurrences.values(connection, scope, viewer, "00400254", limit=100, offset=0)
        )
        counted = totals.count(connection, scope, viewer)
        told["totals"] = (counted.studies, counted.series, counted.instances)
        for study in SERIES_OF:
            told["locate" + study] = sorted(
                (e.series, e.instance, e.sha256.hex())
                for e in locate.instances(connection, scope, viewer, Resource(study))
            )
        return told

    def consistent(self, connection, scope):
        told = self.answers(connection, scope)
        held = set(told["state"])
        addresses = {k[:3] for k in held}
        assert told["totals"] == (
            len({a[0] for a in addresses}),
            len({a[:2] for a in addresses}),
            len(addresses),
        ), (scope, told["totals"], addresses)
        assert told["STUDY"] == sorted({(a[0],) for a in addresses})
        assert told["SERIES"] == sorted({a[:2] for a in addresses}), (told["SERIES"], addresses)
        assert told["INSTANCE"] == sorted(addresses)
        for study in SERIES_OF:
            assert [x[:2] for x in told["locate" + study]] == sorted(
                a[1:] for a in addresses if a[0] == study
            )
        v2 = Counter(a[2] for a in {(k[0], k[1], k[2]) for k in held})
        rows = connection.execute(
            select(SERIES.c.series_instance_uid).where(*series_conditions(scope, OWNER)),
            parameters(scope, OWNER),
        ).all()
        if len(rows) == len(set(rows)):
            assert dict(told["values2"]) == dict(v2), (told["values2"], v2)
        return told

    def remember(self, connection, scope):
        self.frozen.append((scope, self.consistent(connection, scope)))

    def check(self, connection, moved):
        self.consistent(connection, self.filled.scope())
        for scope, told in self.frozen:
            now = self.consistent(connection, scope)
            if moved:
                drop = [k for k in now if k.startswith("values")]
                now, told = ({k: v for k, v in each.items() if k not in drop} for each in (now, told))
            assert now == told, (scope, {k: (told[k], now[k]) for k in told if told[k] != now[k]})
        orphan = connection.scalar(
            select(func.count())
            .select_from(STUDY)
            .where(
                STUDY.c.added_version.is_not(None),
                STUDY.c.removed_version.is_(None),
                ~select(SERIES.c.id)
                .where(SERIES.c.study_row == STUDY.c.id, SERIES.c.removed_version.is_(None))
                .exists(),
            )
        )
        assert orphan == 0, "live study without series"
        wrong = connection.execute(
            select(SERIES.c.id)
            .join(STUDY, STUDY.c.id == SERIES.c.study_row)
            .where(
                (STUDY.c.access_unit_id != SERIES.c.access_unit_id)
                | (STUDY.c.study_instance_uid != SERIES.c.study_instance_uid)
                | ((SERIES.c.removed_version.is_(None)) & STUDY.c.removed_version.is_not(None))
            )
        ).all()
        assert not wrong, "series in the wrong study row"
        # counts of rows
        n = select(func.count()).where(INSTANCE.c.series_row == SERIES.c.id).scalar_subquery()
        bad = connection.execute(
            select(SERIES.c.id).where(SERIES.c.number_of_series_related_instances != n)
        ).all()
        assert not bad, "count"


PUT = st.tuples(
    st.sampled_from([(s, q) for s, f in SERIES_OF.items() for q in f]),
    st.integers(1, 3),
    st.sampled_from("ab"),
)
UNIT = st.integers(0, 1)
OPS = st.one_of(
    st.tuples(st.just("stow"), UNIT, PUT),
    st.tuples(st.just("draft"), UNIT, PUT),
    st.tuples(st.just("draft"), UNIT, PUT),
    st.tuples(st.just("publish"), st.lists(st.tuples(st.integers(0, 20), st.integers(1, 3)), max_size=1)),
    st.tuples(st.just("publish"), st.just([])),
    st.tuples(st.just("cart"), st.integers(0, 5)),
    st.tuples(st.just("move"), UNIT, st.sampled_from(sorted(STUDY_OF))),
    st.tuples(st.just("rolling"), st.booleans()),
    st.tuples(st.just("purge"), st.integers(0, 20), st.integers(1, 3)),
)


def _put(connection, machine, filled, op):
    _, unit, ((study, series), number, content) = op
    uids = study, series, f"{series}.0.{number}"
    if op[0] == "stow":
        if not connection.scalar(select(COLLECTION.c.rolling).where(COLLECTION.c.id == filled.collection)):
            return
        filled.put(connection, None, uids, content, unit)
    else:
        if unit not in machine.subs:
            machine.subs[unit] = filled.submission(connection, unit)
        filled.put(connection, machine.subs[unit], uids, content, unit)


def _publish(connection, machine, filled, op):
    live = sorted(machine.state(connection, filled.scope()))
    leaving = [Leaving(*live[p % len(live)][:d]) for p, d in op[1] if live]
    filled.publish(connection, list(machine.subs.values()), leaving)
    machine.subs = {}
    machine.versions += 1
    left = connection.scalar(select(func.count()).select_from(SERIES).where(SERIES.c.added_version.is_(None)))
    assert left == 0
    now = machine.consistent(connection, filled.scope())
    machine.remember(connection, filled.scope(machine.versions))
    assert machine.frozen[-1][1] == now


def _cart(connection, machine, filled, op):
    live = sorted({k[1] for k in machine.state(connection, filled.scope())})
    if not live:
        return
    made = registry_carts.create(connection, None, {"name": "c", "description": "", "audience": "nobody"})
    contents.put(connection, made.id, filled.scope(), OWNER, series=live[: op[1] + 1], most=9)
    machine.remember(connection, Scope(cart=made.id))


def _move(connection, machine, filled, op):
    moves.move(connection, filled.collection, [filled.units[1 - op[1]]], filled.units[op[1]], series=[op[2]])


def _purge(connection, machine, filled, op):
    every = sorted(
        {k for _, told in machine.frozen for k in told["state"]}
        | set(machine.state(connection, filled.scope()))
    )
    if not every:
        return
    address = Leaving(*every[op[1] % len(every)][: op[2]])
    before = machine.state(connection, filled.scope())

    def hit(k):
        return k[: op[2]] == tuple(address)[: op[2]]

    purge.purge(connection, filled.collection, address, machine.versions + 1, {"reason": "r", "by": "b"})
    again = []
    for scope, told in machine.frozen:
        state = Counter({k: n for k, n in told["state"].items() if not hit(k)})
        now = machine.consistent(connection, scope)
        assert now["state"] == state, (scope, now["state"], state)
        again.append((scope, now))
    machine.frozen = again
    assert machine.state(connection, filled.scope()) == Counter(
        {k: n for k, n in before.items() if not hit(k)}
    )


def _rolling(connection, machine, filled, op):
    connection.execute(update(COLLECTION).where(COLLECTION.c.id == filled.collection).values(rolling=op[1]))


STEPS = {
    "stow": _put,
    "draft": _put,
    "publish": _publish,
    "cart": _cart,
    "move": _move,
    "purge": _purge,
    "rolling": _rolling,
}


def step(connection, machine, op):
    STEPS[op[0]](connection, machine, machine.filled, op)
    agree(connection, machine.filled.collection, machine.filled.units)


@settings(
    deadline=None,
    max_examples=int(os.environ.get("READINGROOM_HISTORIES", "25")),
    suppress_health_check=list(HealthCheck),
)
@given(rolling=st.booleans(), ops=st.lists(OPS, min_size=3, max_size=14))
async def test_whatever_happens_what_was_named_stays(database, rolling, ops):
    note(f"{rolling} {ops}")
    machine = await database.write(lambda c: Machine(c, rolling, 2))
    for op in ops:
        saved = dict(machine.subs), list(machine.frozen), machine.versions
        try:
            await database.write(lambda c, o=op: step(c, machine, o))
        except (Conflict, NotFound):
            machine.subs, machine.frozen, machine.versions = saved
    await database.lookup(lambda c: machine.check(c, any(o[0] == "move" for o in ops)))
