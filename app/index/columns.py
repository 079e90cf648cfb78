"""From an instance's DICOM JSON to the index's columns and to what study and series rows keep.

A column is the snake_case of its attribute's keyword and holds the match form of its VR (`app.dicom.values`);
a person name takes four: its three component groups and its words. Which attributes have a column is said in
`app.query.searchable`, which are kept in `app.query.returned`.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from app.dicom import values
from app.dicom.attributes import Attribute
from app.dicom.description import Json
from app.index.stored_form import encode_elements
from app.query.ast import Level
from app.query.returned import SERIES_ATTRIBUTES, STUDY_ATTRIBUTES, UNASKED, kept
from app.query.searchable import LONGEST, MODALITIES_IN_STUDY, SEARCHABLE

__all__ = [
    "GROUPS",
    "SERIES_ATTRIBUTES",
    "STUDY_ATTRIBUTES",
    "column",
    "instance_columns",
    "request_attributes",
    "series_attributes",
    "series_columns",
    "snake_case",
    "study_attributes",
    "study_columns",
]

Columns = dict[str, Any]

#: What follows a person name's column in the names of its parts.
GROUPS = ("", "_ideographic", "_phonetic")

_GROUP_KEYWORDS = ("Alphabetic", "Ideographic", "Phonetic")
_INTEGER = re.compile(r" *([+-]?\d{1,12})(\.0*)? *", re.ASCII)
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(keyword: str) -> str:
    """`StudyInstanceUID` -> `study_instance_uid`."""
    return _WORD_START.sub("_", keyword).lower()


@cache
def column(attribute: Attribute) -> str:
    """The name of the attribute's column; within its sequence's table for a nested one."""
    return snake_case(attribute.keyword.rpartition(".")[2])


def study_columns(attributes: Json) -> Columns:
    """The columns of a study row that are matched."""
    return _columns(Level.STUDY, attributes)


def series_columns(attributes: Json) -> Columns:
    """The columns of a series row that are matched, and its study's UID."""
    return _columns(Level.SERIES, attributes) | {
        "study_instance_uid": _text(_present(attributes, "0020000D")),
    }


def instance_columns(attributes: Json) -> Columns:
    """The columns of an instance row that are matched."""
    return _columns(Level.INSTANCE, attributes)


def request_attributes(attributes: Json) -> list[Columns]:
    """One row for each item of RequestAttributesSequence (0040,0275) that says anything."""
    items = [item for item in _present(attributes, _REQUEST) if isinstance(item, dict)]
    rows = [_row(_NESTED, item) for item in items]
    return [row for row in rows if any(row.values())]


def above_instances(attributes: Json) -> Json:
    """The attributes of an instance that its study and series rows take; a request may hold thousands."""
    return {key: value for key, value in attributes.items() if key in _ABOVE}


def study_attributes(attributes: Json) -> bytes:
    """What a study row keeps to be returned."""
    return encode_elements(kept(attributes, STUDY_ATTRIBUTES), UNASKED[Level.STUDY])


def series_attributes(attributes: Json) -> bytes:
    """What a series row keeps to be returned."""
    return encode_elements(kept(attributes, SERIES_ATTRIBUTES), UNASKED[Level.SERIES])


_REQUEST = "00400275"

#: A column: its name, the key of its attribute in its own data set, and the VR.
_Column = tuple[str, str, str]


def _column(attribute: Attribute) -> _Column:
    return column(attribute), f"{attribute.path[-1]:08X}", attribute.vr


_NESTED = tuple(_column(row.attribute) for row in SEARCHABLE if len(row.attribute.path) == 2)
_OWN: dict[Level, tuple[_Column, ...]] = {
    level: tuple(
        _column(row.attribute)
        for row in SEARCHABLE
        if row.level == level
        and len(row.attribute.path) == 1
        and row.attribute.keyword != MODALITIES_IN_STUDY
    )
    for level in Level
}


_ABOVE = frozenset(
    {
        _REQUEST,
        *STUDY_ATTRIBUTES,
        *SERIES_ATTRIBUTES,
        *(key for level in (Level.STUDY, Level.SERIES) for _, key, _ in _OWN[level]),
    }
)


def _columns(level: Level, attributes: Json) -> Columns:
    return _row(_OWN[level], attributes)


def _row(columns: Sequence[_Column], attributes: Json) -> Columns:
    row: Columns = {}
    for name, key, vr in columns:
        present = _present(attributes, key)
        if vr == "PN":
            row |= _person_name(name, present)
        else:
            row[name] = _FORMS[vr](present)
    return row


def _present(attributes: Json, key: str) -> list[Any]:
    element = attributes.get(key, {})
    return [value for value in element.get("Value", ()) if value is not None]


def _text(present: Sequence[Any]) -> str:
    """All values, as in DICOM itself: hardly any of these attributes may have several, but some files do."""
    return "\\".join(values.text(_string(value)) for value in present)[:LONGEST]


def _date(present: Sequence[Any]) -> str:
    return next((date for value in present if (date := values.date(_string(value)))), "")


def _time(present: Sequence[Any]) -> str:
    return next((time for value in present if (time := values.time(_string(value)))), "")


def _integer(present: Sequence[Any]) -> int | None:
    """The first value, where it is an integer of 32 bits, as IS and US must be."""
    if present and type(present[0]) is int:
        return present[0] if -(2**31) <= present[0] < 2**31 else None
    match = _INTEGER.fullmatch(_string(present[0])) if present else None
    number = int(match[1]) if match else None
    return number if number is not None and -(2**31) <= number < 2**31 else None


def _person_name(name: str, present: Sequence[Any]) -> Columns:
    names = [_string(value) for value in present]
    folded = [values.person_name(value) for value in names]
    groups = {
        name + group: "\\".join(parts[place] for parts in folded).strip("\\")[:LONGEST]
        for place, group in enumerate(GROUPS)
    }
    return groups | {f"{name}_words": values.words(" ".join(names))[:LONGEST]}


def _string(value: Any) -> str:
    """A value as text, whatever VR the instance gave the attribute."""
    if not isinstance(value, dict):
        return str(value)
    return "=".join(str(value.get(group, "")) for group in _GROUP_KEYWORDS)


_FORMS: dict[str, Callable[[Sequence[Any]], Any]] = {
    "CS": _text,
    "LO": _text,
    "SH": _text,
    "UI": _text,
    "DA": _date,
    "TM": _time,
    "IS": _integer,
    "US": _integer,
}
