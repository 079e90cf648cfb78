"""The kinds of values that match alike, by VR, and the form in which a value of each is matched.

Whoever stores and whoever asks both come here. A form is a text and, where it compares as one, a number:

| kind | text | number |
|---|---|---|
| text, uid | as in `values.text` | |
| name | the three component groups, folded, with `=` between | |
| date, time, moment | the match form; as stored where it is none | its date, time or day; None for none |
| number | in the fewest digits | its value, where it is a finite one |
"""

import re
from collections.abc import Callable
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

from app.dicom import values
from app.query.ast import Test

TEXT, UID, NAME, DATE, TIME, MOMENT, NUMBER = "text", "uid", "name", "date", "time", "moment", "number"

#: The kind of each VR that holds values; all others are sequences or binary.
KINDS: dict[str, str] = {
    **dict.fromkeys(("AE", "AS", "AT", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"), TEXT),
    **dict.fromkeys(("DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"), NUMBER),
    "DA": DATE,
    "DT": MOMENT,
    "PN": NAME,
    "TM": TIME,
    "UI": UID,
}
#: Backslashes separate the values of these; in other text they are characters like all others.
LISTS = frozenset(("AE", "AS", "AT", "CS", "LO", "SH", "UC", ""))

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
#: A number in more digits than this is none that DICOM knows.
_MOST_DIGITS = 64
#: Values up to this many characters come again and again: their forms are remembered.
_SHORT = 64


class Form(NamedTuple):
    """One value as it is matched."""

    text: str
    number: float | None


def vr_of(vr: str) -> str:
    """One VR where the dictionary leaves a choice (`US or SS`)."""
    return vr.partition(" or ")[0]


def forms(kind: str, present: list[Any]) -> set[Form]:
    """The forms of an element's values (DICOM JSON); without those that are empty."""
    return {form for value in present if value is not None and (form := _form(kind, _string(value))).text}


def one_form(kind: str, value: Any) -> Form:
    """The form of one value, which is empty where the value is; not remembered."""
    return _FORMS[kind](_string(value))


def _form(kind: str, value: str) -> Form:
    return _remembered(kind, value) if len(value) <= _SHORT else _FORMS[kind](value)


@lru_cache(1 << 14)
def _remembered(kind: str, value: str) -> Form:
    return _FORMS[kind](value)


def holds(test: Test, form: Form) -> bool:
    """Whether the form passes; each operator as `app.index.predicates` says it in SQL."""
    return _OPERATORS[type(test).__name__](test, form)


def wildcard(pattern: str) -> re.Pattern[str]:
    """The pattern as an expression for whole texts; linear in the text, however many asterisks."""
    first, *rest = (_piece(piece) for piece in re.sub(r"\*+", "*", pattern).split("*"))
    if not rest:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


def _piece(piece: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in piece)


def _string(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return "=".join(str(value.get(group, "")) for group in _GROUPS)


def _text(value: str) -> Form:
    return Form(values.text(value), None)


def _name(value: str) -> Form:
    groups = values.person_name(value)
    return Form("=".join(groups) if any(groups) else "", None)


def _date(value: str) -> Form:
    date = values.date(value)
    return Form(date, float(date)) if date else _text(value)


def _time(value: str) -> Form:
    time = values.time(value)
    return Form(time, float(time)) if time else _text(value)


def _moment(value: str) -> Form:
    moment = values.moment(value)
    return Form(moment, float(moment[:8])) if moment else _text(value)


def _number(value: str) -> Form:
    text = values.text(value)
    found = number(text)
    if found is None:
        return Form(text, None)
    return Form(str(int(found)) if found.is_integer() and abs(found) < 2**53 else text, found)


def number(text: str) -> float | None:
    """A decimal number, None where the text is none, or none that is finite."""
    if len(text) > _MOST_DIGITS or not _DECIMAL.fullmatch(text):
        return None
    found = float(text)
    return found + 0.0 if isfinite(found) else None


_FORMS: dict[str, Callable[[str], Form]] = {
    TEXT: _text,
    UID: _text,
    NAME: _name,
    DATE: _date,
    TIME: _time,
    MOMENT: _moment,
    NUMBER: _number,
}


def _matches(patterns: tuple[str, ...], text: str) -> bool:
    # An empty group is no value: patterns are never only asterisks.
    return any(_compiled(pattern).fullmatch(text) for pattern in patterns)


_compiled = lru_cache(256)(wildcard)


def _in_range(test: Any, form: Form) -> bool:
    if form.number is None:
        return False
    return (not test.low or form.text >= test.low) and (not test.high or form.text <= test.high)


def _named(test: Any, form: Form) -> bool:
    groups = form.text.split("=")
    if test.any_group:
        return any(_matches(test.groups[0], group) for group in groups)
    asked = zip(groups, test.groups, strict=False)
    return all(_matches(patterns, group) for group, patterns in asked if patterns)


def _fuzzily(test: Any, form: Form) -> bool:
    words = values.words(form.text)
    return _named(test.literal, form) or all(f" {word}" in words for word in test.words)


_OPERATORS: dict[str, Callable[[Any, Form], bool]] = {
    "OneOf": lambda test, form: form.text in test.values,
    "Wildcard": lambda test, form: _matches(test.patterns, form.text),
    "Range": _in_range,
    "Between": lambda test, form: (
        form.number is not None and any(low <= form.number <= high for low, high in test.ranges)
    ),
    "PersonName": _named,
    "Fuzzy": _fuzzily,
}
