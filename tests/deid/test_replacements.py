"""Dummies, dates and ages in every form."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.config import RAISE
from pydicom.valuerep import validate_value

from app.deid import replacements
from app.dicom.dictionary import LONG_VRS, SHORT_VRS

DAYS = st.integers(-3652, 3652)


@pytest.mark.parametrize("vr", sorted((SHORT_VRS | LONG_VRS) - {"SQ", "UI"}))
def test_a_dummy_is_a_valid_value(vr: str) -> None:
    value = replacements.dummy(vr)
    assert value
    assert len(value) % replacements.SIZES.get(vr, 1) == 0
    if vr in replacements._DUMMIES:
        validate_value(vr, value.decode(), RAISE)


@given(st.dates(date(1920, 1, 1), date(2080, 1, 1)), DAYS)
def test_a_date_moves_by_its_days(day: date, days: int) -> None:
    moved = day + timedelta(days)
    assert replacements.shifted_date(f"{day:%Y%m%d}", days) == f"{moved:%Y%m%d}"
    assert replacements.shifted_date(f"{day:%Y.%m.%d}", days) == f"{moved:%Y.%m.%d}"
    assert replacements.shifted_moment(f"{day:%Y%m%d}", days) == f"{moved:%Y%m%d}"


@pytest.mark.parametrize(
    "value",
    ["", "2020", "202001", "20201301", "20200230", "2020.0131", "20200101-20200201", "Doe", "٢٠٢٠٠١٣١"],
)
def test_what_is_no_day_goes(value: str) -> None:
    assert replacements.shifted_date(value, -1) == ""


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        ("20200301101530.123456+0100", "20200229101530.123456+0100"),
        ("20200301101530.1-0530", "20200229101530.1-0530"),
        ("20200301101530", "20200229101530"),
        ("2020030110", "2020022910"),
        ("20200301+0000", "20200229+0000"),
        ("202003", "202002"),
        ("2020", "2019"),
        (" 20200301 \0", "20200229"),
        ("2020-03-01", ""),
        ("20200301T101530", ""),
        ("today", ""),
    ],
)
def test_a_moment_keeps_its_precision_fraction_and_zone(value: str, moved: str) -> None:
    assert replacements.shifted_moment(value, -1) == moved


def test_dates_beyond_the_calendar_go() -> None:
    assert replacements.shifted_date("00010101", -1) == ""
    assert replacements.shifted_moment("99991231", 1) == ""


@given(st.dates(date(1975, 1, 1), date(2100, 1, 1)), DAYS, st.sampled_from([1, 1000, 1_000_000]))
def test_seconds_since_1970_move_in_their_unit(day: date, days: int, unit: int) -> None:
    seconds = (day - date(1970, 1, 1)).days * 86_400 * unit
    assert replacements.shifted_epoch(seconds, days) == seconds + days * 86_400 * unit


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("045Y", "045Y"),
        ("089Y", "089Y"),
        ("090Y", "090Y"),
        ("091Y", "090Y"),
        ("117Y", "090Y"),
        ("999M", "999M"),
        ("012D", "012D"),
        ("95Y", ""),
        ("ninety", ""),
        ("", ""),
    ],
)
def test_nobody_is_older_than_ninety(value: str, left: str) -> None:
    assert replacements.coarser_age(value) == left


@pytest.mark.parametrize("vr", ["UL", "SL", "UV", "SV", "US", "SS"])
@pytest.mark.parametrize("little", [True, False])
def test_whole_numbers_come_back(vr: str, little: bool) -> None:
    written = replacements.written(4711, vr, little)
    assert written is not None
    assert len(written) == replacements.SIZES[vr]
    assert replacements.integer(written, vr, little) == 4711


def test_numbers_without_room_or_sense() -> None:
    assert replacements.written(1 << 33, "UL", True) is None
    assert replacements.written(-1, "US", True) is None
    assert replacements.written(-5, "IS", True) == b"-5"
    assert replacements.integer(b"12 ", "IS", True) == 12
    assert replacements.integer(b"1.5", "DS", True) is None
    assert replacements.integer(b"\1\2", "UL", True) is None
