import pytest

from app import turnstile
from app.errors import TooMany
from app.turnstile import Policy, Turnstile

POLICY = Policy("tries", 2, 60)


def test_so_many_and_no_more() -> None:
    gate = Turnstile()
    assert [gate.enter(POLICY, "a").left for _ in range(2)] == [1, 0]
    with pytest.raises(TooMany) as refused:
        gate.enter(POLICY, "a")
    assert refused.value.allowance[:4] == ("tries", 2, 60, 0)
    assert 50 < refused.value.allowance.wait <= 60
    # Others are counted for themselves, and so are other policies.
    assert gate.enter(POLICY, "b").left == 1
    assert gate.enter(Policy("others", 2, 60), "a").left == 1


def test_looking_does_not_count() -> None:
    gate = Turnstile()
    assert [gate.look(POLICY, "a").left for _ in range(5)] == [2] * 5


def test_who_is_forgotten_begins_anew() -> None:
    gate = Turnstile()
    for _ in range(2):
        gate.enter(POLICY, "a")
    gate.forget(POLICY, "a")
    assert gate.enter(POLICY, "a").left == 1


def test_it_forgets_when_it_knows_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turnstile, "MOST_KNOWN", 3)
    gate = Turnstile()
    assert [gate.enter(POLICY, who).left for who in ("a", "b", "c", "a", "d", "a")] == [1, 1, 1, 0, 1, 1]


def test_it_opens_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    gate, began = Turnstile(), time.time()
    for _ in range(2):
        gate.enter(POLICY, "a")
    monkeypatch.setattr(time, "time", lambda: began + 61)
    monkeypatch.setattr(turnstile, "time", lambda: began + 61)
    assert gate.enter(POLICY, "a").left == 1
