"""The values of one element as DICOM JSON has them (PS3.18 sections F.2.2 to F.2.5)."""

import re
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from struct import pack, unpack
from typing import Any, Final

from app.dicom.dictionary import SIZES

#: Integers that every JSON reader keeps exactly.
_EXACT = 1 << 53
#: Decimal digits that a double always keeps.
_DIGITS = 15
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PLAIN_DECIMAL = re.compile(r"[+-]?[0-9]+\.?[0-9]*")
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

_NUMBERS: Final = {
    "FD": "d",
    "FL": "f",
    "SL": "i",
    "SS": "h",
    "SV": "q",
    "UL": "I",
    "US": "H",
    "UV": "Q",
}
NUMBERS: Final = frozenset({*_NUMBERS, "AT"})
BINARY: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


def numbers(value: bytes, vr: str, little_endian: bool) -> list[Any] | None:
    """The values of a binary number's or tag's VR; None where the length is not a multiple of one value's.

    Where JSON has no exact number there is a string: integers beyond 2**53 in digits, and `NaN`, `Infinity`
    and `-Infinity`, which JavaScript's and Python's own conversions understand.
    """
    count, rest = divmod(len(value), SIZES[vr])
    if rest:
        return None
    order = "<" if little_endian else ">"
    if vr == "AT":
        halves = unpack(f"{order}{2 * count}H", value)
        return [f"{group:04X}{number:04X}" for group, number in zip(halves[::2], halves[1::2], strict=True)]
    found = unpack(f"{order}{count}{_NUMBERS[vr]}", value)
    return [number if -_EXACT <= number <= _EXACT else _extreme(number) for number in found]


def little_endian(value: bytes, vr: str) -> bytes:
    """Big endian words turned round, as inline binary is always little endian (PS3.18 section F.2.7)."""
    size = SIZES.get(vr, 1)
    count = len(value) // size
    letter = {1: "B", 2: "H", 4: "I", 8: "Q"}[size]
    words = unpack(f">{count}{letter}", value[: count * size])
    return pack(f"<{count}{letter}", *words) + value[count * size :]


def _extreme(number: float) -> Any:
    """A number beyond 2**53 either way, or none at all; large doubles are JSON numbers nevertheless."""
    if isinstance(number, int):
        return str(number)
    if isfinite(number):
        return number
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


def _strings(text: str) -> list[Any]:
    if "\\" in text:
        return [value.strip(" \0") or None for value in text.split("\\")]
    value = text.strip(" \0")
    return [value] if value else []


def _trailing(text: str) -> list[Any]:
    values = [value.rstrip(" \0") or None for value in text.split("\\")]
    return values if len(values) > 1 or values[0] else []


def _whole(text: str) -> list[Any]:
    value = text.rstrip(" \0")
    return [value] if value else []


def _integers(text: str) -> list[Any]:
    return [_integer(value) for value in text.split("\\")] if text.strip(" \0") else []


def _decimals(text: str) -> list[Any]:
    return [_decimal(value) for value in text.split("\\")] if text.strip(" \0") else []


def _names(text: str) -> list[Any]:
    values = [_name(value) for value in text.split("\\")]
    return values if len(values) > 1 or values[0] else []


#: How text of each VR is read. Leading spaces stay where they may mean something (PS3.5 section 6.2).
TEXTS: Final[dict[str, Callable[[str], list[Any]]]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UI"), _strings),
    "UC": _trailing,
    **dict.fromkeys(("LT", "ST", "UR", "UT"), _whole),
    "IS": _integers,
    "DS": _decimals,
    "PN": _names,
}


def _integer(text: str) -> int | str | None:
    """An IS value; its text where that is not a whole number, or not one that JSON keeps exactly."""
    value = text.strip(" \0")
    if len(value) <= _DIGITS and _INTEGER.fullmatch(value):
        return int(value)
    number = _decimal(value)
    if isinstance(number, float) and number.is_integer() and abs(number) <= _EXACT:
        return int(number)
    return value or None


def _decimal(text: str) -> float | str | None:
    """A DS value; its text where that is not a decimal number, or more exact than a number of JSON."""
    value = text.strip(" \0")
    if len(value) <= _DIGITS and _PLAIN_DECIMAL.fullmatch(value):
        return float(value)
    return _precise(value) if value else None


def _precise(value: str) -> float | str:
    number = float(value) if _DECIMAL.fullmatch(value) else float("nan")
    try:
        return number if isfinite(number) and Decimal(repr(number)) == Decimal(value) else value
    except ArithmeticError:
        return value


def _name(text: str) -> dict[str, str] | None:
    groups = (group.rstrip(" \0") for group in text.split("="))
    return {key: group for key, group in zip(_GROUPS, groups, strict=False) if group} or None
