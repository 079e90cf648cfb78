"""Values in place of others: dummies that fit a VR, dates that moved, ages that tell less."""

import re
from datetime import date, timedelta
from typing import Final, Literal

from app.dicom.dictionary import SIZES

#: A valid value that says nothing, for the VRs that are text (PS3.15 section E.3, action D).
_DUMMIES: Final = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT"), "REMOVED"),
    **dict.fromkeys(("DS", "IS"), "0"),
    "AS": "000D",
    "DA": "19000101",
    "DT": "19000101000000",
    "PN": "REMOVED",
    "TM": "000000",
    "UR": "about:blank",
}
_DATE = re.compile(r"(\d{4})(\.?)(\d\d)\2(\d\d)", re.ASCII)
_MOMENT = re.compile(r"(\d{4})(\d\d)?(\d\d)?(\d{2,6}(?:\.\d{1,6})?)?([+-]\d{4})?", re.ASCII)
_AGE = re.compile(r"(\d{3})([DWMY])", re.ASCII)
_IN_A_YEAR: Final = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}
_OLDEST: Final = 89
_DAY: Final = 86_400


def dummy(vr: str) -> bytes:
    """A value that says nothing; zeros for what is binary."""
    text = _DUMMIES.get(vr)
    return text.encode() if text else bytes(SIZES.get(vr, 2))


def shifted_date(value: str, days: int) -> str:
    """A DA value moved, in the form in which it stands; empty where it is no day (PS3.5 table 6.2-1)."""
    match = _DATE.fullmatch(value.strip(" \0"))
    if not match:
        return ""
    year, dot, month, day = match.groups()
    moved = _moved(year, month, day, days)
    return f"{moved.year:04}{dot}{moved.month:02}{dot}{moved.day:02}" if moved else ""


def shifted_moment(value: str, days: int) -> str:
    """A DT value moved by whole days: its precision, time of day, fraction and offset stay."""
    match = _MOMENT.fullmatch(value.strip(" \0"))
    if not match:
        return ""
    year, month, day, clock, offset = match.groups()
    moved = _moved(year, month or "01", day or "01", days)
    if moved is None:
        return ""
    parts = (f"{moved.year:04}", month and f"{moved.month:02}", day and f"{moved.day:02}", clock, offset)
    return "".join(part for part in parts if part)


def shifted_epoch(value: int, days: int) -> int:
    """Seconds since 1970, moved; milliseconds and microseconds keep their unit."""
    unit = 1 if abs(value) < 1 << 34 else 1000 if abs(value) < 1 << 44 else 1_000_000
    return value + days * _DAY * unit


def coarser_age(value: str) -> str:
    """An AS value, 90 years for everybody above 89; empty where it is no age."""
    match = _AGE.fullmatch(value.strip(" \0"))
    if not match:
        return ""
    return "090Y" if int(match[1]) / _IN_A_YEAR[match[2]] >= _OLDEST + 1 else value


def integer(value: bytes, vr: str, little_endian: bool) -> int | None:
    """A single binary or written whole number."""
    if vr in ("UL", "SL", "UV", "SV", "US", "SS"):
        order: Literal["little", "big"] = "little" if little_endian else "big"
        return int.from_bytes(value, order, signed=vr[0] == "S") if len(value) == SIZES[vr] else None
    text = value.decode("latin-1").strip(" \0")
    return int(text) if re.fullmatch(r"[+-]?\d{1,17}", text, re.ASCII) else None


def written(number: int, vr: str, little_endian: bool) -> bytes | None:
    """A whole number in a VR; None where it has no room for it."""
    if vr not in SIZES:
        return str(number).encode()
    try:
        return number.to_bytes(SIZES[vr], "little" if little_endian else "big", signed=vr[0] == "S")
    except OverflowError:
        return None


def _moved(year: str, month: str, day: str, days: int) -> date | None:
    try:
        return date(int(year), int(month), int(day)) + timedelta(days)
    except (ValueError, OverflowError):
        return None
