"""The grammar shared by header fields."""

import pytest

from app.errors import InvalidRequest
from app.wire.fields import MAX_FIELD, Parameters, bounded, members, parameters, weight


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" , ,,", []),
        ("a", ["a"]),
        (" a , b;c=d,e ", ["a", "b;c=d", "e"]),
        ('a="b,c", "d,e"', ['a="b,c"', '"d,e"']),
        (r'"a\",b", c', [r'"a\",b"', "c"]),
        ('a, "b, c', ["a", '"b, c']),
        ('a, "b, c\\', ["a", '"b, c\\']),
    ],
)
def test_members(text: str, expected: list[str]) -> None:
    assert members(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (" ; ;", ()),
        (";A=1; a = 2", (("a", "1"), ("a", "2"))),
        (r';a="\"b\\;c"', (("a", '"b\\;c'),)),
        (";a=b/c:d=e,f", (("a", "b/c:d=e,f"),)),
        (";a;b=", (("a", ""), ("b", ""))),
        (";a=b c", None),
        ("a=b", None),
        (';a="b', None),
        (';a="b\n"', None),
    ],
)
def test_parameters(text: str, expected: Parameters | None) -> None:
    assert parameters(text) == expected


def test_parameters_begin_where_told() -> None:
    assert parameters("x=y;a=b", 3) == (("a", "b"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("0", 0.0), ("1", 1.0), ("0.5", 0.5), (".25", 0.25), ("1.", 1.0), ("0.000", 0.0)),
        *(("7", 1.0), ("999999999", 1.0)),
        *((text, None) for text in ("", ".", "-1", "1e3", "nan", "inf", "high", "0,5", "\u0661", "9" * 5000)),
    ],
)
def test_weight(text: str, expected: float | None) -> None:
    assert weight((("x", "0.1"), ("q", text))) == expected


def test_no_weight_is_full_weight() -> None:
    assert weight(()) == weight((("x", "0.1"),)) == 1.0


def test_fields_are_bounded() -> None:
    assert bounded("x" * MAX_FIELD) == "x" * MAX_FIELD
    for refuse in (bounded, members):
        with pytest.raises(InvalidRequest, match="longer"):
            refuse("x" * (MAX_FIELD + 1))
