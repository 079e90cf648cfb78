"""Dates in text: found in the forms people and machines write, moved by days or taken out.

Years alone and times of day stay. Where day and month may be meant either way, full stops mean the day first,
slashes and dashes the month first, unless only the other is a date.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from app.deid import months
from app.deid.names import Span

_YEAR = r"(?:19|20)\d\d"
_MONTH = rf"(?P<n>{months.PATTERN})"
_TIME = r"(?:\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\s{1,3}(?:[A-Z]{3,4}\s{1,3})?)?"
_WEEKDAY = r"(?:\b(?P<w>(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?)[.,]{0,2}\s{1,3})?"
_ORDINAL = r"(?P<o>st|nd|rd|th)?"
_ALONE, _END = r"(?<!\d)(?<!\d[-./])", r"(?!\d)"
_UNIT = (
    r"(?!\s?(?:mm|cm|mg|ml|ms|kv|ma|hz|gy|mhz|%|x|sec|min|slices?|images?|frames?|deg|degrees?|b-?values?)\b)"
    r"(?!\.\d)"
)
_NUMERIC = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # 20200131, 20200131101112.123
        rf"(?<!\d)(?<!\d\.)(?P<y>{_YEAR})(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])"
        rf"(?:(?!\d)|(?=(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?(?!\d)))",
        # 2020-01-31, 2020/1/31, 2020.01.31, 2020_01_31
        rf"{_ALONE}(?P<y>{_YEAR})(?P<s>[-/_])(?P<m>\d\d?)(?P=s)(?P<d>\d\d?){_END}(?!\.\d)",
        rf"{_ALONE}(?P<y>{_YEAR})\.(?P<m>\d\d)\.(?P<d>\d\d){_END}(?!\.\d)",
        # 31.01.2020, 1/31/2020, 31-01-20
        rf"{_ALONE}(?P<a>\d\d?)(?P<s>\s?[-/._]\s?)(?P<b>\d\d?)(?P=s)(?P<y>{_YEAR}|\d\d){_END}(?!(?P=s)\d){_UNIT}",
        # 01/2020, 2020-01
        rf"{_ALONE}(?P<m>0[1-9]|1[0-2])[/](?P<y>{_YEAR}){_END}(?!/)",
        rf"{_ALONE}(?P<y>{_YEAR})-(?P<m>0[1-9]|1[0-2]){_END}(?!-)",
    )
)
_NAMED = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # 31-Jan-2020, 31 January 2020, 31st of January 2020, 31JAN20, 31 January
        rf"{_WEEKDAY}{_ALONE}(?P<d>\d\d?){_ORDINAL}(?:[\s\-./_]{{0,2}}|\.?\s(?:of|de)\s){_MONTH}(?![^\W\d_])\.?"
        rf"(?:(?:[\s\-./_,]{{0,2}}|\s(?:de|del)\s){_TIME}(?P<y>{_YEAR}|'?\d\d){_END})?{_UNIT}",
        # Jan 31, 2020; January 31st 2020; Fri Jan 31 10:11:12 2020; Jan 31
        rf"{_WEEKDAY}(?<![^\W\d_]){_MONTH}\.?[\s\-./_]{{0,2}}(?P<d>\d\d?){_ORDINAL}{_END}"
        rf"(?:[\s,\-./_]{{1,2}}{_TIME}(?P<y>{_YEAR}){_END})?{_UNIT}",
        # January 2020, Jan-2020
        rf"(?<![^\W\d_]){_MONTH}\.?[\s,\-./_]{{0,2}}(?:(?:of|de)\s)?(?P<y>{_YEAR}){_END}",
        # 2020-Jan-31, 2020 January 31
        rf"{_ALONE}(?P<y>{_YEAR})[\s\-./_,]{{0,2}}{_MONTH}(?![^\W\d_])\.?(?:[\s\-./_]{{0,2}}(?P<d>\d\d?){_END})?",
    )
)
#: What every date without a month's name has in it.
_WORTH = re.compile(
    r"(?:19|20)\d{6}|\d\s?[-/._]\s?\d{1,2}\s?[-/._]\s?\d|\d/(?:19|20)\d\d|(?:19|20)\d\d-[01]\d"
)
_RUN = re.compile(r"[^\W\d_]{3,12}")
_BIRTH = re.compile(
    r"\b(?:dob|born|birth(?:\s?date|day)?|geb|geboren|née?)\b[.:=\s]{0,3}(?:on\s|am\s)?$", re.IGNORECASE
)
#: How far back such a word is looked for.
_BEFORE = 24
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: In a date without them, the day and the year that stand for them: the middle of a month, a leap year.
_ANY_DAY, _ANY_YEAR = 15, 2000
#: Two digits of a year below this are of this century.
_CENTURY = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A date in a text: the match, the day it means, and which groups hold day and month."""

    match: re.Match[str]
    day: date
    groups: tuple[str, str] = ("d", "m")

    @property
    def span(self) -> Span:
        """Its range of the text."""
        return self.match.span()

    def is_birth(self, births: frozenset[str]) -> bool:
        """Whether it is one of these birth dates (`YYYYMMDD`), in any century, or stands as somebody's."""
        start = self.match.start()
        if _BIRTH.search(self.match.string[max(0, start - _BEFORE) : start]):
            return True
        parts = self.match.groupdict()
        whole = parts.get(self.groups[0]) and parts.get("y")
        return bool(whole) and f"{self.day:%y%m%d}" in {birth[2:] for birth in births}


def find(text: str) -> list[Found]:
    """Every date of the text, in order, none over another."""
    numeric, named = _WORTH.search(text) is not None, any(map(months.number, _RUN.findall(text)))
    forms = (*(_NUMERIC if numeric else ()), *(_NAMED if named else ()))
    found = (_read(match) for form in forms for match in form.finditer(text))
    return list(_apart([each for each in found if each]))


def _apart(found: list[Found]) -> Iterator[Found]:
    """The longer of two that lie over each other, the first of two as long."""
    end = 0
    for each in sorted(found, key=lambda each: (each.span[0], -each.span[1])):
        if each.span[0] >= end:
            end = each.span[1]
            yield each


def moved(found: Found, days: int) -> str:
    """The date so many days later in the form in which it stands; empty beyond the calendar."""
    try:
        day = found.day + timedelta(days=days)
    except OverflowError:
        return ""
    text, start = found.match.group(), found.match.start()
    for first, last, new in sorted(_pieces(found, day), reverse=True):
        text = text[: first - start] + new + text[last - start :]
    return text


def _pieces(found: Found, day: date) -> Iterator[tuple[int, int, str]]:
    """What stands anew, by its range."""
    for group, old in found.match.groupdict().items():
        new = _written(found, group, old, day) if old else None
        if new is not None:
            yield (*found.match.span(group), new)


def _written(found: Found, group: str, old: str, day: date) -> str | None:
    if group == found.groups[0]:
        return f"{day.day:0{len(old)}}"
    if group == found.groups[1]:
        return f"{day.month:0{len(old)}}"
    if group == "y":
        return f"{day.year:04}" if len(old) == 4 else old[:-2] + f"{day.year % 100:02}"
    if group == "n":
        return months.like(old, day.month, short=" " not in found.match.group())
    if group == "w":
        return _cased(old, _WEEKDAYS[day.weekday()])
    return _cased(old, _ordinal(day.day)) if group == "o" else None


def _cased(old: str, new: str) -> str:
    """Another weekday or ordinal, as long and in the case of the one that stood."""
    new = new if old.lower().endswith("day") or len(old) == 2 else new[:3]
    if old.isupper():
        return new.upper()
    return new.capitalize() if old[0].isupper() else new


def _ordinal(day: int) -> str:
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _read(match: re.Match[str]) -> Found | None:
    """The date of a match, if it is one."""
    parts = match.groupdict()
    if parts.get("a"):
        return _read_numbers(match)
    month = months.number(parts["n"]) if parts.get("n") else int(parts["m"])
    if parts.get("n") and not parts["y"] and not months.is_plain(parts["n"]):
        return None
    day = _day(parts["y"], month, parts.get("d"))
    return Found(match, day) if day else None


def _read_numbers(match: re.Match[str]) -> Found | None:
    """A date of numbers only, in either order."""
    sign, year = match["s"].strip(), match["y"]
    if len(year) == 2 and not _is_short_date(match, sign):
        return None
    orders = (("a", "b"), ("b", "a"))
    for days, month in orders if sign == "." else orders[::-1]:
        day = _day(year, int(match[month]), match[days])
        if day:
            return Found(match, day, (days, month))
    return None


def _is_short_date(match: re.Match[str], sign: str) -> bool:
    """Whether a year of two digits stands in a date, not in a version or a range."""
    if sign == "/":
        return match["s"] == sign
    before = match.string[max(0, match.start() - 9) : match.start()].lower()
    whole = len(match["a"]) == len(match["b"]) == 2 and match["s"] == sign
    return whole and sign in ".-" and re.search(r"(?:v|ver|version|rev|sw|vers)[.\s:]*$", before) is None


def _day(year: str | None, month: int, day: str | None) -> date | None:
    try:
        return date(_full(year), month, int(day) if day else _ANY_DAY)
    except ValueError:
        return None


def _full(year: str | None) -> int:
    if not year:
        return _ANY_YEAR
    number = int(year[-4:].lstrip("'"))
    return number if len(year) == 4 else number + (2000 if number < _CENTURY else 1900)
