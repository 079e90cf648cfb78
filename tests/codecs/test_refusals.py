"""What cannot be made is not tried again at once; what may have been the machine's fault is, soon."""

import pytest

from app.codecs import refusals as room
from app.codecs.refusals import BRIEFLY, LONG, Refusals
from app.errors import CannotDecode, CannotEncode, CodecFailed, Fact, InvalidInstance, StoreUnavailable


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(room, "time", found)
    return found


def refuse(refusals: Refusals, key: str, fact: Fact) -> None:
    with pytest.raises(type(fact)), refusals.remembered(key):
        raise fact


@pytest.mark.parametrize("kind", [CannotDecode, CannotEncode, InvalidInstance])
def test_what_an_instance_forbids_is_remembered_for_long(clock: Clock, kind: type[Fact]) -> None:
    refusals = Refusals()
    refuse(refusals, "a", kind("as it was said"))
    clock.now += LONG - 1
    with pytest.raises(kind, match="as it was said"):
        refusals.check("a")
    with pytest.raises(kind), refusals.remembered("a"):
        pytest.fail("tried again")
    refusals.check("b")
    clock.now += 2
    refusals.check("a")


def test_a_crash_is_remembered_briefly_and_twice_as_long_each_time(clock: Clock) -> None:
    refusals = Refusals()
    for times in range(4):
        refuse(refusals, "a", CodecFailed())
        clock.now += BRIEFLY * 2**times - 1
        with pytest.raises(CodecFailed):
            refusals.check("a")
        clock.now += 2
        refusals.check("a")
    for _ in range(40):
        refuse(refusals, "a", CodecFailed())
        clock.now += LONG
        refusals.check("a")


def test_success_clears_the_record(clock: Clock) -> None:
    refusals = Refusals()
    for _ in range(2):
        refuse(refusals, "a", CodecFailed())
        clock.now += BRIEFLY + 1
        with refusals.remembered("a"):
            pass
    assert len(refusals) == 0


def test_troubles_of_the_moment_are_not_remembered() -> None:
    refusals = Refusals()
    refuse(refusals, "a", StoreUnavailable())
    refusals.check("a")


def test_it_is_bounded_and_forgets_what_was_not_asked_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", 10)
    refusals = Refusals()
    refuse(refusals, "first", CannotDecode())
    for number in range(50):
        refuse(refusals, str(number), CannotDecode())
        with pytest.raises(CannotDecode):
            refusals.check("first")
    assert len(refusals) == 10
    refusals.check("40")
