from hypothesis import given
from hypothesis import strategies as st

from app.storage.recent import Recent


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    recent = Recent(40)
    for name in "abcd":
        recent.keep(name, bytes(10))
    assert recent.get("a") == bytes(10)
    recent.keep("e", bytes(10))
    assert [name for name in "abcde" if recent.get(name) is not None] == ["a", "c", "d", "e"]


def test_what_is_too_large_is_not_kept() -> None:
    recent = Recent(40)
    recent.keep("a", b"small")
    recent.keep("b", bytes(11))
    assert recent.get("b") is None
    assert recent.get("a") == b"small"


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 12))))
def test_it_never_holds_more_than_its_bound_nor_other_bytes(kept: list[tuple[str, int]]) -> None:
    recent, first = Recent(40), dict[str, int]()
    for name, size in kept:
        if recent.get(name) is None:
            first[name] = size
        recent.keep(name, bytes(size))
        held = {each: data for each in "abcdefgh" if (data := recent.get(each)) is not None}
        assert sum(map(len, held.values())) <= 40
        assert all(data == bytes(first[each]) for each, data in held.items())
