"""What a matching key's value asks for, by the VR of its attribute (PS3.4 C.2.2.2, PS3.18 8.3.4.1)."""

import re
from collections.abc import Callable, Sequence

from app.dicom import values
from app.dicom.attributes import Attribute
from app.errors import InvalidQuery
from app.query.ast import (
    Condition,
    DateTimeRange,
    Fuzzy,
    InItem,
    OneOf,
    PersonName,
    Range,
    Universal,
    Wildcard,
)
from app.query.searchable import LONGEST, MODALITIES_IN_STUDY, MOMENTS

_UID = re.compile(r"[0-9.]{1,64}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,12}")
_SEPARATORS = re.compile(r"[,\\]")
#: A component group of a name has so many at most (PS3.5 section 6.2).
_COMPONENTS = 5
#: A day or minute without its smaller parts lasts to their end; 60 is a leap second.
_LAST_MOMENT = "235960.999999"


def condition(attribute: Attribute, value: str, *, fuzzy: bool = False) -> Condition:
    """The condition that `attribute=value` means. Raises InvalidQuery where the VR allows no such value."""
    value = values.text(value)
    if not value.strip("*"):
        return Universal(attribute)
    if attribute.keyword == MODALITIES_IN_STUDY:
        return _modalities(attribute, value)
    if attribute.vr == "PN":
        return _person_name(attribute, value, fuzzy=fuzzy)
    return _BY_VR[attribute.vr](attribute, value)


def combine(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """The conditions, where a range of dates and one of its times have become one range of moments.

    They stay two where a time has no day to belong to: `StudyDate=20200101-` with `StudyTime=-1200`.
    """
    by_keyword = {
        found.attribute.keyword: found
        for found in conditions
        if isinstance(found, Range) and not found.single
    }
    combined: list[Condition] = []
    replaced: set[str] = set()
    for date_keyword, time_keyword in MOMENTS:
        date, time = by_keyword.get(date_keyword), by_keyword.get(time_keyword)
        if date and time and (date.low or not time.low) and (date.high or not time.high):
            low, high = (date.low, time.low), (date.high, time.high)
            combined.append(DateTimeRange(date.attribute, time.attribute, low, high))
            replaced |= {date_keyword, time_keyword}
    rest = [found for found in conditions if _keyword(found) not in replaced]
    return (*rest, *combined)


def attributes(found: Condition) -> tuple[Attribute, ...]:
    """The attributes that a condition constrains, or just returns."""
    if isinstance(found, InItem):
        return tuple(key.attribute for key in found.keys)
    return (found.date, found.time) if isinstance(found, DateTimeRange) else (found.attribute,)


def _keyword(found: Condition) -> str:
    return attributes(found)[0].keyword


def _text(attribute: Attribute, value: str) -> Condition:
    _check_length(attribute, value)
    return Wildcard(attribute, (value,)) if _has_wildcard(value) else OneOf(attribute, (value,))


def _modalities(attribute: Attribute, value: str) -> Condition:
    found = _parts(attribute, value)
    if any(not modality.strip("*") for modality in found):
        return Universal(attribute)
    if any(_has_wildcard(modality) for modality in found):
        return Wildcard(attribute, found)
    return OneOf(attribute, found)


def _uids(attribute: Attribute, value: str) -> Condition:
    found = _parts(attribute, value)
    if not all(_UID.fullmatch(uid) for uid in found):
        raise InvalidQuery(
            f"{attribute.keyword} takes UIDs of digits and dots, at most 64 characters, without wildcards; "
            "separate several by commas."
        )
    return OneOf(attribute, found)


def _parts(attribute: Attribute, value: str) -> tuple[str, ...]:
    trimmed = (values.text(part) for part in _SEPARATORS.split(value))
    found = tuple(dict.fromkeys(part for part in trimmed if part))
    if not found:
        raise InvalidQuery(
            f"{attribute.keyword} has separators, yet no value; leave it empty to match everything."
        )
    for part in found:
        _check_length(attribute, part)
    return found


def _integer(attribute: Attribute, value: str) -> Condition:
    if not _INTEGER.fullmatch(value):
        raise InvalidQuery(f"{attribute.keyword} takes one integer, without wildcards.")
    number = int(value)
    return OneOf(attribute, (number,) if -(2**31) <= number < 2**31 else ())


def _date(attribute: Attribute, value: str) -> Condition:
    if "-" not in value:
        return OneOf(attribute, (_day(attribute, value),))
    low, high = _ends(attribute, value)
    return Range(attribute, low and _day(attribute, low), high and _day(attribute, high))


def _day(attribute: Attribute, value: str) -> str:
    day = values.date(value)
    if not day:
        raise InvalidQuery(
            f"{attribute.keyword} takes a date as YYYYMMDD, or a range of two with '-' between."
        )
    return day


def _time(attribute: Attribute, value: str) -> Condition:
    """A time lasts as long as its precision leaves open: `1015` is 10:15:00 to 10:15:59.999999."""
    if "-" not in value:
        return Range(attribute, _first_moment(attribute, value), _last_moment(attribute, value), single=True)
    low, high = _ends(attribute, value)
    return Range(attribute, low and _first_moment(attribute, low), high and _last_moment(attribute, high))


def _first_moment(attribute: Attribute, value: str) -> str:
    moment = values.time(value)
    if not moment:
        raise InvalidQuery(
            f"{attribute.keyword} takes a time as HHMMSS.FFFFFF, or a range of two with '-' between."
        )
    return moment


def _last_moment(attribute: Attribute, value: str) -> str:
    first = _first_moment(attribute, value)
    given = len(values.text(value).replace(":", ""))
    return first[:given] + _LAST_MOMENT[given:]


def _ends(attribute: Attribute, value: str) -> tuple[str, str]:
    low, _, high = (values.text(part) for part in value.partition("-"))
    if not (low or high):
        raise InvalidQuery(
            f"{attribute.keyword} has a range without ends; leave it empty to match everything."
        )
    return low, high


def _person_name(attribute: Attribute, value: str, *, fuzzy: bool) -> Condition:
    _check_length(attribute, value)
    any_group = "=" not in value
    folded = values.person_name(value)
    groups = tuple(_patterns(group) for group in (folded[:1] if any_group else folded))
    if not any(groups):
        return Universal(attribute)
    literal = PersonName(attribute, groups, any_group)
    words = tuple(values.words(value).split())
    return Fuzzy(literal, words) if fuzzy and words else literal


def _patterns(group: str) -> tuple[str, ...]:
    """The pattern, and what is left of it for names that leave their last components away.

    `doe^*` asks for any given name, so for none as well: a name without one is kept as `doe`.
    """
    patterns = [group]
    while patterns[-1].endswith("^*") and len(patterns) < _COMPONENTS:
        patterns.append(patterns[-1][:-2].rstrip("^"))
    found = [pattern for pattern in patterns if pattern]
    return tuple(found) if all(pattern.strip("*") for pattern in found) else ()


def _check_length(attribute: Attribute, value: str) -> None:
    if len(value) > LONGEST:
        raise InvalidQuery(f"{attribute.keyword} takes at most {LONGEST} characters.")


def _has_wildcard(value: str) -> bool:
    return "*" in value or "?" in value


_BY_VR: dict[str, Callable[[Attribute, str], Condition]] = {
    "CS": _text,
    "LO": _text,
    "SH": _text,
    "UI": _uids,
    "DA": _date,
    "TM": _time,
    "IS": _integer,
    "US": _integer,
}
