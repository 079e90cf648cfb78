"""What a matching key without a column of its own asks for, by the VR of its attribute (PS3.4 C.2.2.2).

Beside what the standard says of each VR: numbers take ranges (`1.5-3`, `1.5-`), and what may have several
values takes a list with backslashes between, of which any may match.
"""

import re
import struct
from collections import defaultdict
from collections.abc import Callable, Sequence

from app.dicom import values
from app.dicom.attributes import Attribute
from app.errors import InvalidQuery
from app.query import kinds
from app.query.ast import (
    Between,
    Carrying,
    Fuzzy,
    InItem,
    OneOf,
    PersonName,
    Range,
    Tagged,
    Test,
    Universal,
    Wildcard,
)
from app.query.conditions import condition
from app.query.searchable import LONGEST

_RANGE = re.compile(r"([^-](?:[^-]|(?<=[eE])-)*|-(?:[^-]|(?<=[eE])-)+)-(.*)", re.DOTALL)
_EXACT = 2**53
#: A day without a clock lasts to its end; 60 is a leap second.
_LAST = "235960.999999"
_END = "99991231235960.999999"
_INTEGERS = frozenset(("IS", "SL", "SS", "SV", "UL", "US", "UV"))


def tagged(attribute: Attribute, value: str, *, fuzzy: bool = False) -> Tagged | Universal:
    """The condition that `attribute=value` means. Raises InvalidQuery where the VR allows no such value."""
    text = values.text(value)
    if not text.strip("*"):
        return Universal(attribute)
    if len(text) > LONGEST:
        raise InvalidQuery(f"{attribute.keyword} takes at most {LONGEST} characters.")
    if not attribute.vr:
        return Tagged(attribute, tuple(_every_kind(attribute, text, fuzzy=fuzzy)))
    kind = kinds.KINDS.get(kinds.vr_of(attribute.vr))
    if kind is None:
        raise InvalidQuery(_unmatchable(attribute))
    test = _test(kind, attribute, text, fuzzy=fuzzy)
    return test if isinstance(test, Universal) else Tagged(attribute, ((kind, test),))


def in_items(found: Sequence[Tagged]) -> tuple[Carrying, ...]:
    """The conditions, where those in one sequence have become one for its items."""
    by_start: dict[str, list[Tagged]] = defaultdict(list)
    for key in found:
        nested = len(key.attribute.path) > 1
        by_start[key.attribute.steps[0] if nested else f"{key.attribute.key}."].append(key)
    return tuple(InItem(tuple(keys)) if len(keys) > 1 else keys[0] for keys in by_start.values())


def _unmatchable(attribute: Attribute) -> str:
    if attribute.vr == "SQ":
        name = attribute.keyword
        return f"{name} is a sequence: ask for an attribute in it, as {name}.CodeValue."
    return f"{attribute.keyword} ({attribute.key}) cannot be matched: it holds binary data."


def _every_kind(attribute: Attribute, text: str, *, fuzzy: bool) -> Sequence[tuple[str, Test]]:
    """A test for each kind that the value makes sense for; as text it always does."""
    found: list[tuple[str, Test]] = []
    for kind in _TESTS:
        try:
            test = _test(kind, attribute, text, fuzzy=fuzzy)
        except InvalidQuery:
            continue
        if not isinstance(test, Universal):
            found.append((kind, test))
    return found


def _test(kind: str, attribute: Attribute, text: str, *, fuzzy: bool) -> Test | Universal:
    if kind == kinds.NAME:
        return _name(attribute, text, fuzzy=fuzzy)
    return _TESTS[kind](attribute, text)


def _name(attribute: Attribute, text: str, *, fuzzy: bool) -> Test | Universal:
    found = condition(Attribute(attribute.path, "PN", attribute.keyword), text, fuzzy=fuzzy)
    assert isinstance(found, PersonName | Fuzzy | Universal)
    return found


def _text(attribute: Attribute, text: str) -> Test | Universal:
    vr = kinds.vr_of(attribute.vr)
    parts = [values.text(part) for part in text.split("\\")] if vr in kinds.LISTS else [text]
    asked = tuple(dict.fromkeys(part for part in parts if part))
    if vr == "AT":
        asked = tuple(part.upper() for part in asked)
    if not asked:
        raise InvalidQuery(f"{attribute.keyword} has separators, yet no value.")
    if not all(part.strip("*") for part in asked):
        return Universal(attribute)
    if any("*" in part or "?" in part for part in asked):
        return Wildcard(attribute, asked)
    return OneOf(attribute, asked)


def _as(vr: str) -> Callable[[Attribute, str], Test]:
    """As a column of the VR is asked; one day is a range of one."""

    def test(attribute: Attribute, text: str) -> Test:
        found = condition(Attribute(attribute.path, vr, attribute.keyword), text)
        if vr == "DA" and isinstance(found, OneOf):
            return Range(attribute, str(found.values[0]), str(found.values[0]))
        assert isinstance(found, Range | OneOf)
        return found

    return test


def _moment(attribute: Attribute, text: str) -> Test:
    """A moment lasts as long as its precision leaves open; `-0500` at its end is an offset, not a range."""
    if values.moment(text):
        return Range(attribute, values.moment(text), _last_moment(text))
    for place in (place for place, character in enumerate(text) if character == "-"):
        low, high = values.text(text[:place]), values.text(text[place + 1 :])
        if (low or high) and all(not end or values.moment(end) for end in (low, high)):
            return Range(attribute, low and values.moment(low), high and _last_moment(high))
    raise InvalidQuery(
        f"{attribute.keyword} takes a moment as YYYYMMDDHHMMSS.FFFFFF, or a range of two with '-' between."
    )


def _last_moment(text: str) -> str:
    """The end of a moment's precision, in UTC as the moment itself."""
    bare, offset = text[:-5], text[-5:]
    if offset[:1] not in ("+", "-"):
        bare, offset = text, ""
    day = bare + {4: "1231", 6: _last_day(bare)}.get(len(bare), "")
    return values.moment(day + _LAST[len(day) - 8 :] + offset) or _END


def _last_day(month: str) -> str:
    return next((day for day in ("31", "30", "29", "28") if values.date(month + day)), "")


def _number(attribute: Attribute, text: str) -> Test:
    parts = [values.text(part) for part in re.split(r"[,\\]", text)]
    asked = [part for part in parts if part]
    if not asked:
        raise InvalidQuery(f"{attribute.keyword} has separators, yet no number.")
    return Between(attribute, tuple(end for part in asked for end in _ends(attribute, part)))


def _ends(attribute: Attribute, text: str) -> list[tuple[float, float]]:
    if kinds.number(text) is not None:
        one = _end(attribute, text)
        return [(one, one), *_as_float(attribute, one)]
    match = _RANGE.fullmatch(text)
    low, high = (match[1].strip(), match[2].strip()) if match else ("", "")
    if not low:
        raise InvalidQuery(
            f"{attribute.keyword} takes a number, several with commas between, or a range as 1-5 or 1-."
        )
    return [(_end(attribute, low), _end(attribute, high) if high else float("inf"))]


def _as_float(attribute: Attribute, number: float) -> list[tuple[float, float]]:
    """What the number becomes where the VR has only 32 bits for it: 0.7 is stored as 0.699999988079071."""
    if attribute.vr not in ("FL", ""):
        return []
    try:
        (short,) = struct.unpack("<f", struct.pack("<f", number))
    except OverflowError:
        return []
    return [(short, short)] if short != number else []


def _end(attribute: Attribute, text: str) -> float:
    number = kinds.number(text)
    if number is None:
        raise InvalidQuery(f"{attribute.keyword} takes numbers.")
    if abs(number) >= _EXACT and kinds.vr_of(attribute.vr) in _INTEGERS:
        raise InvalidQuery(f"{attribute.keyword} takes integers below 2 to the power of 53.")
    return number


_TESTS: dict[str, Callable[[Attribute, str], Test | Universal]] = {
    kinds.TEXT: _text,
    kinds.UID: _as("UI"),
    kinds.DATE: _as("DA"),
    kinds.TIME: _as("TM"),
    kinds.MOMENT: _moment,
    kinds.NUMBER: _number,
    kinds.NAME: _text,
}
