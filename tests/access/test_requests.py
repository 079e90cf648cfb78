"""The life of a request, whole: every state, every act, each side."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from app.access.requests import OPEN, STATES, TRANSITIONS, Who, access, after, possible
from app.errors import Conflict, Forbidden

ACTS = ("change", "submit", "ask", "answer", "approve", "decline", "withdraw", "revoke", "renew", "close")
ASKER = {
    ("draft", "change"): "draft",
    ("draft", "submit"): "submitted",
    ("draft", "withdraw"): "withdrawn",
    ("submitted", "withdraw"): "withdrawn",
    ("info_needed", "change"): "info_needed",
    ("info_needed", "answer"): "submitted",
    ("info_needed", "withdraw"): "withdrawn",
    ("approved", "renew"): "approved",
    ("approved", "close"): "closed",
}
REVIEWER = {
    ("submitted", "ask"): "info_needed",
    ("submitted", "approve"): "approved",
    ("submitted", "decline"): "declined",
    ("info_needed", "approve"): "approved",
    ("info_needed", "decline"): "declined",
    ("approved", "revoke"): "revoked",
    ("approved", "close"): "closed",
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(("who", "may"), [(Who.ASKER, ASKER), (Who.REVIEWER, REVIEWER)])
@pytest.mark.parametrize(("state", "act"), list(product(STATES, ACTS)))
def test_every_state_and_act(state, act, who, may):
    if (state, act) in may:
        assert after(state, act, who) == may[state, act]
        assert act in possible(state, who)
        return
    other = REVIEWER if who is Who.ASKER else ASKER
    with pytest.raises(Forbidden if (state, act) in other else Conflict) as refused:
        after(state, act, who)
    assert refused.value.more == {"state": state, "possible": possible(state, who)}
    assert act not in possible(state, who)


def test_a_conflict_names_what_is_possible():
    with pytest.raises(Conflict, match=r"The request is submitted\. You can: ask, approve, decline\."):
        after("submitted", "renew", Who.REVIEWER)
    with pytest.raises(Conflict, match=r"The request is closed\. Nothing more can be done with it\."):
        after("closed", "renew", Who.ASKER)


def test_every_state_is_reached_and_open_ones_can_be_left():
    reached = {then for acts in TRANSITIONS.values() for _, then in acts.values()} | {"draft"}
    assert reached == set(STATES)
    assert all(possible(state, Who.ASKER) for state in OPEN)


@pytest.mark.parametrize(
    ("starts", "ends", "revoked", "told"),
    [
        (-1, None, None, "active"),
        (0, 31, None, "active"),
        (0, 30, None, "expiring"),
        (0, 1, None, "expiring"),
        (-2, 0, None, "expired"),
        (1, 90, None, "future"),
        (-2, 90, -1, "revoked"),
        (-3, -2, -1, "revoked"),
    ],
)
def test_what_becomes_of_access(starts, ends, revoked, told):
    ends_at = None if ends is None else NOW + ends * DAY
    assert access(NOW + starts * DAY, ends_at, None if revoked is None else NOW + revoked * DAY, NOW) == told
