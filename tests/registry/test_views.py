"""Counting in memory has an end, and nothing that was counted is lost by it."""

import pytest

from app.access.callers import OWNER
from app.registry import views
from app.registry.views import Views


def test_beyond_so_many_places_are_not_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST", 3)
    counted = Views()
    for place in range(10):
        counted.count(OWNER, "view", "2xx", ("study", str(place)), 1, 10)
    taken = counted.take()
    assert [key.place for key in taken] == [("study", "0"), ("study", "1"), ("study", "2"), None]
    assert sum(each.requests for each in taken.values()) == 10
    counted.count(OWNER, "view", "2xx", ("study", "0"), 1, 10)
    counted.give_back(taken)
    again = counted.take().values()
    assert (sum(each.requests for each in again), sum(each.bytes for each in again)) == (11, 110)
