"""Values of the DICOM JSON Model as bytes of Explicit VR Little Endian (PS3.18 sections F.2.2 to F.2.7)."""

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable
from typing import Any

from app.errors import InvalidInstance

_INTEGERS = {"US": "<H", "SS": "<h", "UL": "<I", "SL": "<i", "UV": "<Q", "SV": "<q"}
_FLOATS = {"FL": "<f", "FD": "<d"}
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
#: Text that is one value whatever it contains (PS3.5 section 6.2).
_UNDIVIDED = frozenset({"LT", "ST", "UR", "UT"})
_PLAIN_TEXT = frozenset({"AE", "AS", "CS", "DA", "DT", "TM", "UI"})
_TEXT = frozenset({"LO", "SH", "UC"}) | _UNDIVIDED
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_LONGEST_DS = 16
#: Numbers that came as text: Python's own conversions would take underscores and digits of every script too.
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_REAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:NaN|Infinity|INF)")


def is_binary(vr: str) -> bool:
    """Whether values of this VR are bytes, inline or in a bulk data part."""
    return vr in _BINARY


def encode(vr: str, values: list[Any]) -> bytes:
    """A `Value` array as bytes, unpadded; text is UTF-8 and `null` an empty value.

    Raises InvalidInstance with a sentence, to which the caller adds which attribute it is about.
    """
    if vr in _INTEGERS or vr in _FLOATS or vr == "AT":
        return b"".join(_number(vr, value) for value in values)
    if vr not in _TEXTS:
        raise InvalidInstance(f"VR {vr} cannot have a Value.")
    try:
        texts = ["" if value is None else _TEXTS[vr](value) for value in values]
        encoded = "\\".join(texts).encode()
    except (UnicodeEncodeError, OverflowError):
        raise InvalidInstance(f"A value is none that VR {vr} can hold.") from None
    if vr in _UNDIVIDED and len(texts) > 1:
        raise InvalidInstance(f"VR {vr} has one value only.")
    if vr not in _UNDIVIDED and any("\\" in text for text in texts):
        raise InvalidInstance("A backslash stands between values and cannot be in one.")
    return encoded


def inline(text: Any) -> bytes:
    """The bytes of an `InlineBinary`. Raises InvalidInstance when it is not base64."""
    if not isinstance(text, str):
        raise InvalidInstance("InlineBinary is not a string.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInstance("InlineBinary is not base64.") from None


def _number(vr: str, value: Any) -> bytes:
    try:
        if vr == "AT":
            tag = bytes.fromhex(value)
            return struct.pack("<HH", *struct.unpack(">HH", tag))
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise InvalidInstance(f"A value of VR {vr} is not a number.")
        value = _unpadded(value, _REAL if vr in _FLOATS else _INTEGER) if isinstance(value, str) else value
        if vr in _FLOATS:
            return struct.pack(_FLOATS[vr], float(value))
        return struct.pack(_INTEGERS[vr], _whole(value))
    except (ValueError, TypeError, OverflowError, struct.error):
        raise InvalidInstance(f"A value is none that VR {vr} can hold.") from None


def _unpadded(text: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(number := text.strip(" \t\r\n")):
        raise ValueError(number)
    return number


def _whole(value: int | float | str) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(value)
    return int(value)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInstance("A text value is not a string.")
    return value


def _plain(value: Any) -> str:
    text = _string(value)
    if not text.isascii():
        raise InvalidInstance("The value has characters outside the default repertoire.")
    return text


def _person_name(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or not set(value) <= set(_GROUPS):
        raise InvalidInstance("A person name is not an object of Alphabetic, Ideographic and Phonetic.")
    return "=".join(_string(value.get(group, "")) for group in _GROUPS).rstrip("=")


def _integer_string(value: Any) -> str:
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
        raise InvalidInstance("A value of VR IS is not a whole number.")
    return str(int(value))


def _decimal_string(value: Any) -> str:
    """A number in the 16 characters of a DS, as exactly as they allow (PS3.5 section 6.2)."""
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInstance("A value of VR DS is not a number.")
    exact = str(value)
    if len(exact) <= _LONGEST_DS:
        return exact
    shorter = (f"{value:.{digits}g}" for digits in range(15, 0, -1))
    return next(text for text in shorter if len(text) <= _LONGEST_DS)


_TEXTS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(_TEXT, _string),
    **dict.fromkeys(_PLAIN_TEXT, _plain),
    "PN": _person_name,
    "IS": _integer_string,
    "DS": _decimal_string,
}
