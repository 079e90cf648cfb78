"""The rule, against one that is written otherwise: who may do what, when that changes, and why."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.access.decide import Granted, Unit, by_unit, capabilities, changes_next, explain, how_to_get_in
from app.viewer import Capability
from tests.access.drawn import CALLERS, MOMENTS, givens, places
from tests.access.oracle import Given, Place, may

PROFILE = settings(deadline=None, max_examples=300)
CASES = (places(), givens(), CALLERS, MOMENTS)


def unit(number: int, place: Place) -> Unit:
    return Unit(number, place.collection, place.site, place.tier, place.embargo, place.hidden)


def held(grants: list[Given], person: int | None) -> list[Granted]:
    """What is somebody's of all that was granted, as the registry reads it."""
    return [
        Granted(each.role, each.collection, each.site, each.starts, min(filter(None, ends), default=None))
        for each in grants
        if not each.revoked and (ends := _ends(each, person))
    ]


def _ends(grant: Given, person: int | None) -> list[datetime | None]:
    """What ends it for this person; nothing at all where it is not theirs."""
    match grant.to:
        case "group":
            members = grant.members or {}
            return [grant.ends, members[person]] if person in members else []
        case "person":
            return [grant.ends] if grant.names == person else []
        case "registered":
            return [grant.ends] if person is not None else []
    return [grant.ends]


def expected(place: Place, grants: list[Given], person: int | None, moment: datetime) -> set[Capability]:
    return {each for each in Capability if may(each.value, place, grants, person, moment)}


@PROFILE
@given(*CASES)
def test_capabilities(where, grants, person, moment):
    own, signed_in = held(grants, person), person is not None
    units = [unit(number, place) for number, place in enumerate(where)]
    found = by_unit(units, own, signed_in=signed_in, moment=moment)
    for each, place in zip(units, where, strict=True):
        wanted = expected(place, grants, person, moment)
        assert capabilities(each, own, signed_in=signed_in, moment=moment) == wanted
        assert found.get(each.id, frozenset()) == wanted
    assert all(found.values())


@PROFILE
@given(*CASES)
def test_reasons_are_all_there_is_and_give_what_they_say(where, grants, person, moment):
    own = held(grants, person)
    for number, place in enumerate(where):
        reasons = list(explain(unit(number, place), own, signed_in=person is not None, moment=moment))
        given_by_them = {each for reason in reasons for each in reason.gives}
        assert given_by_them == expected(place, grants, person, moment)
        bearing = [
            each for each in own if each.collection == place.collection and each.site in (None, place.site)
        ]
        assert len(reasons) == len(bearing) + 1
        assert all(reason.rule.endswith(".") for reason in reasons)


@PROFILE
@given(*CASES, st.lists(MOMENTS, min_size=1))
def test_nothing_changes_before_it_is_said_to(where, grants, person, moment, others):
    own, signed_in = held(grants, person), person is not None
    units = [unit(number, place) for number, place in enumerate(where)]
    until = changes_next(units, own, moment)
    now = by_unit(units, own, signed_in=signed_in, moment=moment)
    assert until is None or until > moment
    for other in others:
        if moment <= other and (until is None or other < until):
            assert by_unit(units, own, signed_in=signed_in, moment=other) == now
    if until:
        before = until - timedelta(microseconds=1)
        assert by_unit(units, own, signed_in=signed_in, moment=before) == now


MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("starts", "ends", "told"),
    [
        (-1, None, "The role reader, granted personally, holds."),
        (-1, 1, "The role reader, granted personally, holds until 2026-03-02 12:00 UTC."),
        (1, 2, "The role reader, granted personally, begins at 2026-03-02 12:00 UTC."),
        (-2, 0, "The role reader, granted personally, ended at 2026-03-01 12:00 UTC."),
    ],
)
def test_what_is_said_of_a_grant(starts, ends, told):
    day = timedelta(days=1)
    grant = Granted("reader", 1, None, MOMENT + starts * day, None if ends is None else MOMENT + ends * day)
    [reason, _] = explain(Unit(1, 1, None, "private", None, True), [grant], signed_in=True, moment=MOMENT)
    assert reason.rule == told


@pytest.mark.parametrize(
    ("tier", "embargo", "signed_in", "told"),
    [
        ("open", None, False, "The tier open gives strangers: metadata.read, pixel.read, download."),
        ("request", None, True, "The tier request gives whoever has signed in: nothing."),
        ("open", date(2026, 3, 2), True, "There is an embargo until 2026-03-02."),
    ],
)
def test_what_is_said_of_a_tier(tier, embargo, signed_in, told):
    [reason] = explain(Unit(1, 1, None, tier, embargo, True), [], signed_in=signed_in, moment=MOMENT)
    assert reason.rule == told


def test_ways_in():
    def way(tier: str, embargo: date | None = None, hidden: bool = False, finds_only: bool = True) -> str:
        return how_to_get_in(Unit(1, 1, None, tier, embargo, hidden), MOMENT, finds_only=finds_only)

    assert way("registered").endswith("sign in.")
    assert "asked for access" in way("request")
    assert way("open", date(2026, 3, 2)).startswith("There is an embargo until 2026-03-02")
    assert "asked for access" in way("request", date(2026, 3, 1))
    assert "role reader" in way("private", finds_only=False)
    # What is hidden is not said to be public.
    for tier in ("open", "registered", "request", "private"):
        assert "public" not in way(tier, date(2026, 3, 2), hidden=True)
