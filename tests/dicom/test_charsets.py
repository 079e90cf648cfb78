"""Examples of PS3.5 Annexes H, I, J and K, and what real instances do."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.charsets import NAME, TEXT, character_set


def decode(term: str, value: bytes, delimiters: bytes = TEXT) -> str:
    text, exact = character_set(term.encode()).decode(value, delimiters)
    assert exact
    return text


@pytest.mark.parametrize(
    ("term", "value", "expected"),
    [
        (
            "\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            "ISO 2022 IR 13\\ISO 2022 IR 87",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        ),
        (
            "\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        (
            "\\ISO 2022 IR 58",
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            "Zhang^XiaoDong=张^小东=",
        ),
        ("ISO_IR 192", "Wang^XiaoDong=王^小東=".encode(), "Wang^XiaoDong=王^小東="),
        ("GB18030", "Wang^XiaoDong=王^小东=".encode("gb18030"), "Wang^XiaoDong=王^小东="),
        ("GBK", "Wang^XiaoDong=王^小东=".encode("gbk"), "Wang^XiaoDong=王^小东="),
        ("ISO 2022 IR 6\\ISO 2022 IR 159", b"\x1b$(D0!\x1b(B", "丂"),
        (
            "ISO 2022 IR 100\\ISO 2022 IR 144",
            b"Buc^J\xe9r\xf4me=\x1b-L\xbb\xee\xda",
            "Buc^Jérôme=Люк",
        ),
    ],
)
def test_names_of_the_standard(term, value, expected):
    assert decode(term, value, NAME) == expected


@pytest.mark.parametrize(
    ("number", "codec", "text"),
    [
        ("13", "shift_jis", "ﾔﾏﾀﾞ"),
        ("100", "latin_1", "Jérôme"),
        ("101", "iso8859_2", "Wałęsa"),
        ("109", "iso8859_3", "Ĉapelo"),
        ("110", "iso8859_4", "Ģirts"),
        ("126", "iso8859_7", "Διονυσιος"),
        ("127", "iso8859_6", "قباني^لنزار"),
        ("138", "iso8859_8", "שרון^דבורה"),
        ("144", "iso8859_5", "Люкceмбypг"),
        ("148", "iso8859_9", "Çavuşoğlu"),
        ("166", "iso8859_11", "นามสกุล"),
        ("203", "iso8859_15", "Œuvre €"),
    ],
)
@pytest.mark.parametrize("form", ["ISO_IR {}", "ISO 2022 IR {}", "ISO-IR {}", "iso_ir {} ", "ISO 2022-IR {}"])
def test_single_byte_sets_under_each_spelling(number, codec, text, form):
    assert decode(form.format(number), text.encode(codec)) == text


@pytest.mark.parametrize(
    ("escape", "codec", "text"),
    [
        (b"-A", "latin_1", "é"),
        (b"-B", "iso8859_2", "ł"),
        (b"-C", "iso8859_3", "Ĉ"),
        (b"-D", "iso8859_4", "Ģ"),
        (b"-F", "iso8859_7", "Δ"),
        (b"-G", "iso8859_6", "ق"),
        (b"-H", "iso8859_8", "ש"),
        (b"-L", "iso8859_5", "Л"),
        (b"-M", "iso8859_9", "ğ"),
        (b"-T", "iso8859_11", "น"),
        (b"-b", "iso8859_15", "€"),
        (b")I", "shift_jis", "ﾔ"),
        (b"$)A", "gb2312", "张"),
        (b"$)C", "euc_kr", "홍"),
    ],
)
def test_escape_sequences_of_the_upper_half(escape, codec, text):
    assert decode("\\ISO 2022 IR 6", b"x\x1b" + escape + text.encode(codec)) == f"x{text}"


def test_a_delimiter_goes_back_to_the_initial_set():
    value = b"\x1b-L\xbb\\\xe9\r\n\x1b-L\xbb\n\xe9"
    assert decode("ISO 2022 IR 100\\ISO 2022 IR 144", value) == "Л\\é\r\nЛ\né"
    assert decode("ISO 2022 IR 100\\ISO 2022 IR 144", b"\x1b-L\xbb^\xe9=\xe9", NAME) == "Л^é=é"
    assert decode("ISO 2022 IR 100\\ISO 2022 IR 144", b"\x1b-L\xbb^\xbb") == "Л^Л"


def test_a_set_stays_where_the_initial_one_is_empty():
    assert decode("\\ISO 2022 IR 149", b"\x1b$)C\xfb\xf3^\xd1\xce", NAME) == "洪^吉"


def test_double_bytes_may_look_like_delimiters():
    assert decode("\\ISO 2022 IR 87", "\\表^構=".encode("iso2022_jp"), NAME) == "\\表^構="
    assert decode("GB18030", "俓^".encode("gb18030")) == "俓^"
    assert decode("ISO_IR 13", "表".encode("shift_jis")) == "表"


def test_both_halves_are_in_use_at_once():
    assert decode("ISO 2022 IR 13\\ISO 2022 IR 87", b"\x1b$B;3\xd4ED") == "山ﾔ田"


def test_padding_is_a_space_in_double_byte_sets_too():
    assert decode("ISO 2022 IR 13\\ISO 2022 IR 87", b"\x1b$B;3\x1b)I\xcf ") == "山ﾏ "


def test_control_characters_end_a_double_byte_set():
    assert decode("\\ISO 2022 IR 87", b"\x1b$B;3\r\nab") == "山\r\nab"


def test_only_the_first_value_matters_for_stand_alone_sets():
    assert decode("ISO_IR 192\\ISO 2022 IR 87", "山\x1b$B".encode()) == "山\x1b$B"


@pytest.mark.parametrize(("value", "text"), [("é".encode(), "é"), (b"\xe9", "é")])
@pytest.mark.parametrize("term", ["", "ISO_IR 6", "ISO_IR 999", "KLINGON", "x" * 2000])
def test_undeclared_text_is_utf8_or_latin(term, value, text):
    found = character_set(term.encode())
    assert found.decode(value) == (text, False)
    assert found.known == (term in ("", "ISO_IR 6"))


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("ISO_IR 192", b"a\xff"),
        ("GB18030", b"a\xff"),
        ("ISO_IR 126", b"a\xff"),
        ("\\ISO 2022 IR 87", b"a\x1b$B\x7e\x7e"),
        ("\\ISO 2022 IR 87", b"a\x1b$B;"),
        ("\\ISO 2022 IR 149", b"a\x1b$)C\xff"),
    ],
)
def test_bytes_without_a_meaning_are_replaced(term, value):
    text, exact = character_set(term.encode()).decode(value)
    assert text.startswith("a")
    assert "\ufffd" in text
    assert not exact


def test_an_unknown_escape_sequence_is_told():
    assert character_set(b"").decode(b"a\x1b(Zb") == ("ab", False)


TERMS = ["", "ISO_IR 192", "GB18030", "GBK", "ISO_IR 13", "ISO_IR 166", "\\ISO 2022 IR 87", "ISO 2022 IR 149"]


@given(st.sampled_from(TERMS), st.binary(), st.sampled_from([TEXT, NAME]))
def test_any_bytes_become_valid_text(term, value, delimiters):
    text, _ = character_set(term.encode()).decode(value, delimiters)
    text.encode()


@given(
    st.lists(
        st.sampled_from(
            [b"\x1b", b"\x1b$B", b"\x1b(B", b"\x1b$)C", b"\x1b$(D", b"\\", b"a", b"\xb0\xa1", b"\n"]
        )
    )
)
def test_any_mixture_of_escape_sequences_becomes_text(parts):
    text, _ = character_set(b"\\ISO 2022 IR 87").decode(b"".join(parts), NAME)
    text.encode()


@given(st.text(alphabet="Aa ^=山田太郎ヤマダ丂\n"))
def test_iso_2022_jp_agrees_with_pythons_own_codec(text):
    assert decode("\\ISO 2022 IR 87\\ISO 2022 IR 159", text.encode("iso2022_jp_2"), NAME) == text


def test_a_long_value_is_not_remembered_whole() -> None:
    tracemalloc.start()
    try:
        for number in range(200):
            character_set(b"ISO_IR 100\\" + bytes([number]) * (1 << 17))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 4 << 20


@given(
    st.sampled_from(
        ["", "ISO_IR 100", "ISO_IR 144", "ISO_IR 192", "GB18030", "\\ISO 2022 IR 87", "\\ISO 2022 IR 149"]
    ),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20),
)
def test_what_is_written_is_read(term: str, text: str) -> None:
    """Or, where the set has no way to write it, its characters become question marks."""
    found = character_set(term.encode())
    read = found.decode(found.encode(text))[0]
    assert read == text or "?" in read


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("ISO_IR 100", "Müller"),
        ("ISO_IR 144", "Иванов"),
        ("GB18030", "王小东"),
        ("\\ISO 2022 IR 87", "Thorax 山田"),
        ("\\ISO 2022 IR 149", "Thorax 홍길동"),
        ("ISO_IR 192", "ﾔﾏﾀﾞ 山田 Müller"),
    ],
)
def test_every_script_can_be_written(term: str, text: str) -> None:
    found = character_set(term.encode())
    assert found.decode(found.encode(text))[0] == text
