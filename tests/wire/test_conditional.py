"""ETag, If-None-Match, If-Range and Range."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest, RangeNotSatisfiable
from app.wire.conditional import byte_range, content_range, etag, if_none_match, if_range


def test_each_coding_has_its_own_tag() -> None:
    assert etag("abc") == etag("abc", "identity") == '"abc"'
    assert etag("abc", "gzip") == '"abc-gzip"'
    for digest in ('a"b', "a b", "a\r\nb", "漢"):
        with pytest.raises(ValueError, match="not an entity tag"):
            etag(digest)


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        (None, False),
        ("", False),
        ("*", True),
        (" * ", True),
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", W/"y","abc"', True),
        ('"x,abc", "abc,y"', False),
        ('"xabc"', False),
        ('"ABC"', False),
        ("abc", False),
        ('"abc', False),
        ('w/"abc"', True),
        ('"x" "abc"', True),
        ('"abc-gzip"', False),
        ('""', False),
    ],
)
def test_if_none_match(header: str | None, matches: bool) -> None:
    assert if_none_match(header, '"abc"') is matches


def test_a_header_too_long_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        if_none_match('"x",' * 5000, '"abc"')


@pytest.mark.parametrize(
    ("header", "honoured"),
    [
        (None, True),
        ('"abc"', True),
        (' "abc" ', True),
        ('W/"abc"', False),
        ('"x"', False),
        ("Sat, 29 Oct 1994 19:43:31 GMT", False),
        ("", False),
    ],
)
def test_if_range(header: str | None, honoured: bool) -> None:
    assert if_range(header, '"abc"') is honoured


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        ("bytes=0-65535", 100_000, (0, 65_536)),
        ("bytes=0-0", 10, (0, 1)),
        ("bytes=9-9", 10, (9, 10)),
        ("bytes=9-", 10, (9, 10)),
        ("bytes=5-100", 10, (5, 10)),
        ("bytes=-3", 10, (7, 10)),
        ("bytes=-100", 10, (0, 10)),
        ("Bytes = 2 - 3", 10, (2, 4)),
        (" bytes=0- ", 10, (0, 10)),
        ("bytes=0-" + "9" * 5000, 10, (0, 10)),
        ("bytes=-" + "9" * 5000, 10, (0, 10)),
        ("bytes=" + "0" * 5000 + "4-5", 10, (4, 6)),
        ("bytes=-5", 0, None),
    ],
)
def test_one_range(header: str, size: int, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, size) == expected


IGNORED = [
    *(
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=5-4",
        "bytes=0-1,3-4",
        "bytes=0-1,",
    ),
    *("items=0-1", "bytes=--1", "bytes=1-2-3", "bytes=0x1-2", "bytes 0-1"),
    *("bytes=\u0661-\u0662", "byte\u017f=0-1"),
]


@pytest.mark.parametrize("header", IGNORED)
def test_what_is_malformed_or_several_is_ignored(header: str | None) -> None:
    assert byte_range(header, 10) is None


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-0", 0)],
)
def test_unsatisfiable(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable) as refused:
        byte_range(header, size)
    assert refused.value.size == size


def test_endless_digits_are_only_a_large_number() -> None:
    with pytest.raises(RangeNotSatisfiable):
        byte_range("bytes=" + "9" * 5000 + "-", 10)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 40)), st.integers(1, 30))
def test_a_range_selects_what_python_selects(first: int, last: int | None, size: int) -> None:
    data = bytes(range(size))
    expected = data[first:] if last is None else data[first : last + 1]
    try:
        found = byte_range(f"bytes={first}-{'' if last is None else last}", size)
    except RangeNotSatisfiable:
        assert first >= size
        return
    if found is None:
        assert last is not None
        assert last < first
        return
    assert data[slice(*found)] == expected != b""
    assert content_range(*found, size) == f"bytes {expected[0]}-{expected[-1]}/{size}"
