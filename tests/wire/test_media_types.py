"""Media types and Accept, as written by clients rather than by the grammar."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest
from app.wire.fields import MAX_FIELD
from app.wire.media_types import MediaType, parse, parse_accept

UNDERSTOOD = {
    "application/dicom": MediaType("application/dicom"),
    "  Application/DICOM  ": MediaType("application/dicom"),
    "application/dicom+json;charset=UTF-8": MediaType("application/dicom+json", (("charset", "UTF-8"),)),
    "a/b ; X = 1 ;; y=2 ; ": MediaType("a/b", (("x", "1"), ("y", "2"))),
    'a/b;x="1;2,3";y=4': MediaType("a/b", (("x", "1;2,3"), ("y", "4"))),
    r'a/b;x="say \"hi\" \\ \a"': MediaType("a/b", (("x", r"say " + r'"hi" \ a'),)),
    'a/b;x="";y=;z': MediaType("a/b", (("x", ""), ("y", ""), ("z", ""))),
    'a/b;x="é"': MediaType("a/b", (("x", "é"),)),
    "multipart/related;type=application/octet-stream;boundary=a,b=c:d?": MediaType(
        "multipart/related", (("type", "application/octet-stream"), ("boundary", "a,b=c:d?"))
    ),
    'multipart/related; type="*/*"; boundary="a b"': MediaType(
        "multipart/related", (("type", "*/*"), ("boundary", "a b"))
    ),
    "*/*": MediaType("*/*"),
    "*;q=.2": MediaType("*/*", (("q", ".2"),)),
    "image/*;q=0.5": MediaType("image/*", (("q", "0.5"),)),
    "image/jls; transfer-syntax=1.2; Transfer-Syntax=*": MediaType(
        "image/jls", (("transfer-syntax", "1.2"), ("transfer-syntax", "*"))
    ),
}

NOT_UNDERSTOOD = [
    "",
    " ",
    "application",
    "/dicom",
    "application/",
    "a/b/c",
    "*/",
    "**",
    "a b/c",
    "a/b c",
    "a/b;x=1 2",
    'a/b;x="1',
    'a/b;x="1\\"',
    'a/b;x="1"2',
    'a/b;"x"=1',
    "a/b;=1",
    'a/b;x="\x00"',
    "a/b\r\n;x=1",
    "a/b;x=\x01",
    "é/b",
    "a/b;\xa0x=1",
]


@pytest.mark.parametrize(("text", "expected"), UNDERSTOOD.items(), ids=UNDERSTOOD)
def test_understands(text: str, expected: MediaType) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", NOT_UNDERSTOOD)
def test_refuses(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(text)


def test_parameters_by_name() -> None:
    media_type = parse("image/jls; transfer-syntax=1.2; x=y; transfer-syntax=*")
    assert media_type.get("transfer-syntax") == "1.2"
    assert media_type.all("transfer-syntax") == ("1.2", "*")
    assert media_type.get("boundary") is None
    assert media_type.all("boundary") == ()


@pytest.mark.parametrize(
    ("text", "part", "syntaxes"),
    [
        ('multipart/related; type="application/dicom"', "application/dicom", ()),
        ("multipart/related; TYPE=Application/DICOM; boundary=x", "application/dicom", ()),
        ("multipart/related", "*/*", ()),
        ("multipart/related; type=", "*/*", ()),
        ("multipart/related; type=*", "*/*", ()),
        ("multipart/related; type=dicom", "dicom", ()),
        ('multipart/related; type="image/jls; transfer-syntax=1.2"; q=0.1', "image/jls", ("1.2",)),
        (
            'multipart/related; type="image/jls"; transfer-syntax="1.2"; transfer-syntax=*',
            "image/jls",
            ("1.2", "*"),
        ),
        (
            'multipart/related; type="image/jls;transfer-syntax=1.2"; transfer-syntax=*',
            "image/jls",
            ("1.2", "*"),
        ),
        (r'multipart/related; type="image/jls; transfer-syntax=\"1.2\""', "image/jls", ("1.2",)),
    ],
)
def test_what_the_parts_are(text: str, part: str, syntaxes: tuple[str, ...]) -> None:
    found = parse(text).part
    assert (found.type, found.all("transfer-syntax")) == (part, syntaxes)
    assert {name for name, _ in found.params} <= {"transfer-syntax"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" , ,, ", []),
        ("a/b", [("a/b", 1.0)]),
        ("a/b;q=0.5,c/d;Q=1.000 , e/f ;q=0", [("a/b", 0.5), ("c/d", 1.0), ("e/f", 0.0)]),
        (
            "text/html, image/gif, *; q=.2, */*; q=.2",
            [("text/html", 1), ("image/gif", 1), ("*/*", 0.2), ("*/*", 0.2)],
        ),
        ("a/b;q=7", [("a/b", 1.0)]),
        ("a/b;q=1.", [("a/b", 1.0)]),
        ("rubbish, a/b, c d, e/f;q=high, g/h;q=, i/j;q=-1, k/l;q=1e3, m/n;q=nan", [("a/b", 1.0)]),
        ("a/b;q=\u0661", []),
        ('a/b;x="c/d, e/f", g/h', [("a/b", 1.0), ("g/h", 1.0)]),
        (r'a/b;x="\",c/d", g/h', [("a/b", 1.0), ("g/h", 1.0)]),
        ('a/b, c/d;x="unterminated, e/f', [("a/b", 1.0)]),
        ('a/b, c/d;x="unterminated\\', [("a/b", 1.0)]),
    ],
)
def test_accept(text: str, expected: list[tuple[str, float]]) -> None:
    assert [(media_type.type, weight) for media_type, weight in parse_accept(text)] == expected


def test_long_fields_are_refused() -> None:
    assert parse_accept("a/b," * (MAX_FIELD // 4))[-1] == (MediaType("a/b"), 1.0)
    for refuse in (parse, parse_accept):
        with pytest.raises(InvalidRequest, match="longer"):
            refuse("a/b;x=" + "y" * MAX_FIELD)


@pytest.mark.parametrize(
    "filler",
    ['"', "\\", '"\\', ";", " ", "; ", ";x", ';x="', ';x="\\', ",", "a/b;", "\t", "x =", "=", ";x=y ", '","'],
)
def test_hostile_fields_take_linear_time(filler: str) -> None:
    hostile = ("a/b" + filler * MAX_FIELD)[:MAX_FIELD]
    started = time.process_time()
    parse_accept(hostile)
    parse_accept(hostile[: MAX_FIELD - 1] + '"')
    assert time.process_time() - started < 1


token = st.from_regex(r"[a-z0-9!#$%&'*+.^_`|~-]{1,8}", fullmatch=True)
value = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=12)


@settings(deadline=None, max_examples=300)
@given(token, token, st.lists(st.tuples(token, value), max_size=4), st.lists(st.booleans(), max_size=4))
def test_what_was_written_is_read(
    kind: str, subtype: str, params: list[tuple[str, str]], loose: list[bool]
) -> None:
    quoted = (f'{name}="{_escape(text)}"' for name, text in params)
    spaced = (
        f" ; {text}" if blank else f";{text}"
        for text, blank in zip(quoted, [*loose, *[False] * 4], strict=False)
    )
    text = f"{kind}/{subtype}{''.join(spaced)}"
    assert parse(text) == MediaType(f"{kind}/{subtype}", tuple(params))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


@settings(deadline=None, max_examples=500)
@given(st.text(st.sampled_from('ab/*;=", \\q.0\t\x00é'), max_size=40))
def test_rubbish_raises_nothing_but_invalid_request(text: str) -> None:
    for _, weight in parse_accept(text):
        assert 0 <= weight <= 1
    with contextlib.suppress(InvalidRequest):
        assert parse(text).part.type
