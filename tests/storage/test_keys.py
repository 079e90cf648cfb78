import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from app.errors import InvalidKey
from app.storage import keys

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KEYS = st.builds(str.__add__, st.sampled_from("01234567"), st.text(ALPHABET, min_size=25, max_size=25))


def test_fresh_keys_are_never_the_same_and_sort_by_age() -> None:
    made = [keys.fresh() for _ in range(20_000)]
    assert len(set(made)) == len(made)
    assert all(first[:10] <= second[:10] for first, second in pairwise(made))
    assert all(keys.check(key) == key for key in made)
    assert abs(keys.made(made[-1]).timestamp() - time.time()) < 5


@given(KEYS)
def test_a_ulid_is_a_key(key: str) -> None:
    assert keys.check(key) == key
    assert keys.is_key(key)
    assert str(ULID.from_str(key)) == key


@given(st.text())
def test_what_is_not_a_ulid_is_not_a_key(text: str) -> None:
    if not (len(text) == 26 and text[0] in "01234567" and set(text) <= set(ALPHABET)):
        assert not keys.is_key(text)
        with pytest.raises(InvalidKey):
            keys.check(text)


@given(KEYS, KEYS)
def test_directories_are_in_the_order_of_their_keys(one: str, other: str) -> None:
    first, second = sorted((one, other))
    assert (keys.directory(first), first) <= (keys.directory(second), second)


def test_what_comes_together_lies_together() -> None:
    start = 1_763_000_000.0
    start -= start % 32.768
    together = {
        keys.directory(str(ULID.from_timestamp(start + seconds / 10 + 0.01))) for seconds in range(320)
    }
    later = keys.directory(str(ULID.from_timestamp(start + 33)))
    assert len(together) == 1
    assert later not in together
    # 60 million objects at 700 a second, or in ten years: no folder of more than some thousand folders.
    coarse = {
        keys.directory(str(ULID.from_timestamp(start + hours * 3600)))[:5] for hours in range(24 * 3653)
    }
    assert 9_000 < len(coarse) < 10_000


@pytest.mark.parametrize("prefix", ["", "0", "7ZZ", "01K9Z3M", "01K9Z3M0000000000000000000"])
def test_how_a_key_may_begin(prefix: str) -> None:
    assert keys.may_begin(prefix)


@pytest.mark.parametrize(
    "prefix", ["8", "/", "..", "01k", "0U", "0\n", "01K9Z3M00000000000000000000", "0" * 100_000]
)
def test_how_no_key_begins(prefix: str) -> None:
    assert not keys.may_begin(prefix)
