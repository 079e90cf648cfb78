"""Planted texts: everything that must go goes, everything else stays; and what holds for any text."""

import re
import time
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.deid.folding import fold
from app.deid.text import Cleaner, harvest
from tests.deid import planted

WORD = re.compile(r"[^\W_]+")
REMOVING = Cleaner(planted.IDENTIFIERS, None)
MOVING = Cleaner(planted.IDENTIFIERS, 10, lambda uid: "2.25.1")
SUSPICIOUS = [row for table in (planted.NAMES, planted.FORMS, planted.DATES) for row in planted.rows(table)]


def _parts(row: str) -> tuple[str, list[str], list[str]]:
    """The text, the words that must go, the words that must stay."""
    gone = [word for mark in re.findall(r"{(.*?)}", row) for word in WORD.findall(mark)]
    return row.replace("{", "").replace("}", ""), gone, WORD.findall(re.sub(r"{.*?}", " ", row))


def _lost(kept: list[str], cleaned: str) -> list[str]:
    left = WORD.findall(cleaned)
    return [word for word in kept if word not in left]


@pytest.mark.parametrize("row", SUSPICIOUS)
def test_what_is_planted_goes_and_the_rest_stays(row: str) -> None:
    text, gone, kept = _parts(row)
    cleaned, kinds = REMOVING.clean(text)
    left = [word for word in WORD.findall(fold(cleaned).text) if word not in map(str.lower, kept)]
    assert not {fold(word).text for word in gone} & set(left)
    assert _lost(kept, cleaned) == []
    assert kinds


@pytest.mark.parametrize("row", planted.rows(planted.AGES))
def test_ages_over_89_become_90_and_more(row: str) -> None:
    text, gone, kept = _parts(row)
    cleaned, kinds = REMOVING.clean(text)
    assert "90+" in cleaned
    assert not set(gone) & set(WORD.findall(cleaned))
    assert _lost([word for word in kept if word != "Y"], cleaned) == []
    assert kinds == {"age"}


@pytest.mark.parametrize("cleaner", [REMOVING, MOVING])
@pytest.mark.parametrize("text", planted.rows(planted.KEPT))
def test_what_identifies_no_one_stays_as_it_is(text: str, cleaner: Cleaner) -> None:
    assert cleaner.clean(text) == (text, frozenset())


def test_a_places_name_goes_with_the_words_before_it() -> None:
    known = harvest([(0x00080080, "LO", "Mount Teverbrook General Hospital")])
    cleaned, kinds = Cleaner(known, None).clean("admitted to Mount Teverbrook hospital from Mount Washington")
    assert (cleaned.split(), kinds) == (
        ["admitted", "to", "hospital", "from", "Mount", "Washington"],
        {"address"},
    )


def test_the_set_is_large() -> None:
    assert len(SUSPICIOUS) + len(planted.rows(planted.KEPT)) >= 300


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("20200131", "20200210"),
        ("20200131101112.5", "20200210101112.5"),
        ("2020-1-31", "2020-2-10"),
        ("31.01.2020", "10.02.2020"),
        ("1/31/2020", "2/10/2020"),
        ("31/01/2020", "10/02/2020"),
        ("01-31-20", "02-10-20"),
        ("31-Jan-2020 10:11", "10-Feb-2020 10:11"),
        ("31JAN2020", "10FEB2020"),
        ("Jan 31st, 2020", "Feb 10th, 2020"),
        ("January 31 2020", "February 10 2020"),
        ("Fri Jan 31 10:11:12 2020", "Mon Feb 10 10:11:12 2020"),
        ("Friday, January 31, 2020", "Monday, February 10, 2020"),
        ("31. März 2020", "10. April 2020"),
        ("31 janvier 2020", "10 février 2020"),
        ("December 2020", "December 2020"),
        ("01/2020 and 2020-12", "01/2020 and 2020-12"),
        ("seen 5 May", "seen 15 May"),
        ("2020-01-31T10:11:12Z", "2020-02-10T10:11:12Z"),
        ("12 Feb 1944", ""),
        ("born 02/12/1944", "born"),
    ],
)
def test_dates_move_in_the_form_in_which_they_stand(text: str, moved: str) -> None:
    assert MOVING.clean(text) == (moved, {"date"})


def test_uids_are_mapped_and_standard_ones_stay() -> None:
    cleaned, kinds = MOVING.clean("1.2.840.113619.2.55.3 of 1.2.840.10008.1.2")
    assert (cleaned, kinds) == ("2.25.1 of 1.2.840.10008.1.2", {"uid"})


@given(st.dates(date(1901, 1, 1), date(2098, 12, 31)), st.integers(-400, 400))
@settings(deadline=None, max_examples=80)
def test_a_shift_goes_and_comes_back(day: date, days: int) -> None:
    there, back = Cleaner(harvest([]), days), Cleaner(harvest([]), -days)
    for form in ("%Y%m%d", "%d.%m.%Y", "%Y-%m-%d", "%d-%b-%Y", "%B %d, %Y"):
        moved, kinds = there.clean(day.strftime(form))
        assert moved == (day + timedelta(days=days)).strftime(form)
        assert kinds == {"date"}
        assert back.clean(moved)[0] == day.strftime(form)


SNIPPETS = st.sampled_from([_parts(row)[0] for row in SUSPICIOUS] + planted.rows(planted.KEPT))
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.one_of(SNIPPETS, st.text(alphabet="annJOES ^_-./(),0123456789@:'", max_size=8)), max_size=5
    ).map("".join),
)


@given(TEXTS)
@settings(deadline=None, max_examples=300)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    cleaned, _ = REMOVING.clean(text)
    assert REMOVING.clean(cleaned)[0] == cleaned


@given(TEXTS)
@settings(deadline=None, max_examples=200)
def test_the_kinds_say_whether_anything_changed(text: str) -> None:
    cleaned, kinds = REMOVING.clean(text)
    assert bool(kinds) == (cleaned != text)
    assert kinds <= {"name", "date", "phone", "email", "address", "number", "url", "uid", "age"}
    assert MOVING.clean(text)[0] is not None


@given(st.sampled_from(["Zygmuntowicz", "Okonkwo", "Núñez", "Brzęczyszczykiewicz", "Ångström"]), st.data())
@settings(deadline=None, max_examples=200)
def test_no_name_survives_in_any_case(name: str, data: st.DataObject) -> None:
    cleaner = Cleaner(harvest([(0x00100010, "PN", f"{name}^Quentin")]), 5)
    cases = [data.draw(st.sampled_from([letter.upper(), letter.lower()])) for letter in name]
    around = data.draw(
        st.sampled_from(["{}", "CT {} head", "PTV_{}_2", "{}1", "({})", "lung,{};", "{}^^", "x={}"])
    )
    cleaned, kinds = cleaner.clean(around.format("".join(cases)))
    assert fold(name).text not in fold(cleaned).text
    assert kinds == {"name"}


@given(
    st.from_regex(r"[A-Z]{0,3}[0-9]{5,9}", fullmatch=True),
    st.sampled_from(["{}", "id {} x", "_{}_", "T1/{}"]),
)
@settings(deadline=None, max_examples=200)
def test_no_number_survives(number: str, around: str) -> None:
    cleaner = Cleaner(harvest([(0x00100020, "LO", number)]), 5)
    for written in (number, number.lower(), number.lstrip("0")):
        if len(written.strip("0")) >= 5:
            assert written.lower() not in cleaner.clean(around.format(written))[0].lower()


@pytest.mark.parametrize(
    "piece",
    [
        "a", "9", " ", ".", "1.", "@", "a@", "a.", "1-", "1 ", "(", "(1)", "Jones", "jonesx", "Jan ", "31 ",
        "Dr. A ", "1.2.840.1", "A. ", "Long ", "Anna ", "l ", "+1 ", "www.", "mrn ", "12 Elm ", "id: ",
        "Name: A", "^",
        "é", "0012345",
        "\u0301", "20200131", "山田", "9 y", "age ", "Street ", "http://", "1/1/", "call ", "O'", "'",
    ],
)  # fmt: skip
def test_hostile_text_takes_linear_time(piece: str) -> None:
    assert _seconds(piece, 200_000) < 4


@pytest.mark.parametrize("piece", ["1/1/", "Name: A", "1-", "Jones", "1.2.840.1"])
def test_a_hostile_megabyte_takes_seconds(piece: str) -> None:
    assert _seconds(piece, 1_000_000) < 20


def _seconds(piece: str, length: int) -> float:
    """CPU time of cleaning one piece again and again."""
    text, cleaner = piece * (length // len(piece)), Cleaner(planted.IDENTIFIERS, 10)
    started = time.process_time()
    cleaner.clean(text)
    return time.process_time() - started


def test_many_identifiers_cost_no_more() -> None:
    """Ten thousand of them, as a patient of years may have, are looked for as fast as ten."""
    headers = [(0x00080050, "SH", str(70_000_000 + 91 * number)) for number in range(5000)]
    headers += [
        (0x00081050, "PN", f"Zq{number:b}".translate({48: "a", 49: "e"}) + "ski") for number in range(5000)
    ]
    cleaner = Cleaner(harvest(headers), 10)
    started = time.process_time()
    for number in range(200):
        assert cleaner.clean(f"Thorax {number} for 70000091 of Zqeaaski")[1] == {"number", "name"}
    assert time.process_time() - started < 1


def test_a_study_of_short_texts_takes_no_time() -> None:
    texts = planted.rows(planted.KEPT)[:30]
    cleaner = Cleaner(planted.IDENTIFIERS, 10)
    started = time.process_time()
    for _ in range(100):
        for text in texts:
            cleaner.clean(text)
    assert (time.process_time() - started) / 100 < 0.001
