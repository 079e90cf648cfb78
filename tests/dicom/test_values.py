import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.dicom import values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        ("", ""),
        (" A B \0", "A B"),
        ("A\0B", "AB"),
        ("\0 A", "A"),
        (5, "5"),
        ("e\u0301", "é"),
        ("\u3000x", "\u3000x"),
        ("line\n", "line\n"),
    ],
)
def test_text(value, expected):
    assert values.text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("19970424", "19970424"),
        (" 19970424 ", "19970424"),
        ("1997.04.24", "19970424"),
        ("20000229", "20000229"),
        ("19000229", ""),
        ("19971301", ""),
        ("19970400", ""),
        ("00000101", ""),
        ("199704", ""),
        ("1997.0424", ""),
        ("1997-04-24", ""),
        ("19970424-", ""),
        ("１９９７０４２４", ""),
        ("", ""),
        ("N/A", ""),
    ],
)
def test_date(value, expected):
    assert values.date(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10", "100000.000000"),
        ("1015", "101500.000000"),
        ("101530", "101530.000000"),
        ("101530.5", "101530.500000"),
        ("101530.", "101530.000000"),
        ("101530.1234567", "101530.123456"),
        ("10:15", "101500.000000"),
        ("10:15:30", "101530.000000"),
        ("10:15:30.25 ", "101530.250000"),
        ("235960", "235960.000000"),
        ("240000", ""),
        ("106000", ""),
        ("101561", ""),
        ("1", ""),
        ("101", ""),
        ("1015.5", ""),
        ("10:1530", ""),
        ("1015:30", ""),
        ("10-11", ""),
        ("", ""),
    ],
)
def test_time(value, expected):
    assert values.time(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ("", "", "")),
        ("Doe^John", ("doe^john", "", "")),
        ("DOE^JOHN^^^ ", ("doe^john", "", "")),
        ("Doe ^ John", ("doe^john", "", "")),
        ("^John", ("^john", "", "")),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", ("yamada^tarou", "山田^太郎", "やまだ^たろう")),
        ("=山田^太郎", ("", "山田^太郎", "")),
        ("a=b=c=d", ("a", "b", "c")),
        ("Straße", ("strasse", "", "")),
        ("DOE*^J?", ("doe*^j?", "", "")),
        ("Buc^Je\u0301ro\u0302me", ("buc^jérôme", "", "")),
    ],
)
def test_person_name(value, expected):
    assert values.person_name(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("^^=", ""),
        ("Müller^Jürgen", " muller jurgen "),
        ("O'Brien-Smith, Ann_Mary", " o brien smith ann mary "),
        ("Yamada^Tarou=山田^太郎", " yamada tarou 山田 太郎 "),
        ("ﾔﾏﾀﾞ", " ヤマタ "),
    ],
)
def test_words(value, expected):
    assert values.words(value) == expected


@given(st.text())
@example("İ^ı")
@example("\u0345\u0399")
@example("ß = ﬁ")
def test_each_form_is_final(value):
    assert values.text(values.text(value)) == values.text(value)
    assert values.words(values.words(value)) == values.words(value)
    assert values.person_name("=".join(values.person_name(value))) == values.person_name(value)


@given(st.dates())
def test_every_day_is_a_date(day):
    text = f"{day:%m%d}"
    assert values.date(f"{day.year:04}{text}") == f"{day.year:04}{text}"


@given(st.times())
def test_every_time_of_day_is_a_time(moment):
    assert values.time(f"{moment:%H%M%S.%f}") == f"{moment:%H%M%S.%f}"
    assert values.time(f"{moment:%H:%M:%S.%f}") == f"{moment:%H%M%S.%f}"
