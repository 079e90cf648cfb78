"""One condition of a query as SQL over the columns of its attribute: the operators, as rows of a table."""

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from app.dicom.attributes import Attribute
from app.index.columns import GROUPS, column
from app.query.ast import Condition, DateTimeRange, Fuzzy, OneOf, PersonName, Range, Wildcard

#: The column of an attribute in the statement at hand; a suffix names one part of a person's name.
ColumnOf = Callable[[Attribute, str], ColumnElement[Any]]
Predicate = ColumnElement[bool]

_WILDCARD = re.compile(r"[*?]")
_LIKE = {"*": "%", "?": "_", "%": "/%", "_": "/_", "/": "//"}
_LAST = chr(0x10FFFF)
_SURROGATES = range(0xD800, 0xE000)


def predicate(condition: Condition, column_of: ColumnOf) -> Predicate:
    """The condition as SQL; `condition` is none that only returns its attribute."""
    return _OPERATORS[type(condition)](condition, column_of)


def like(text: ColumnElement[str], pattern: str) -> Predicate:
    """`text` matches the pattern, whole and by case.

    Beside LIKE stands the range of texts with the same beginning, which an index on the column answers on
    both databases; LIKE alone does on neither when the pattern is a parameter.
    """
    if not _WILDCARD.search(pattern):
        return text == pattern
    prefix = _WILDCARD.split(pattern)[0]
    form = "".join(_LIKE.get(character, character) for character in re.sub(r"\*+", "*", pattern))
    matches = text.like(form, escape="/")
    return and_(*_beginning(text, prefix), matches)


def beginning(text: ColumnElement[str], pattern: str, characters: int) -> list[Predicate]:
    """`text`, of which only so many characters are there, may match the pattern by its beginning."""
    return _beginning(text, _WILDCARD.split(pattern)[0][:characters])


def groups_like(text: ColumnElement[str], name: PersonName) -> Predicate:
    """`text`, a name's three groups with `=` between, may match; a `*` may reach beyond its group here."""

    def group(place: int, patterns: tuple[str, ...]) -> Predicate:
        return _any_like(text, tuple("*=" * place + pattern + "=*" * (2 - place) for pattern in patterns))

    if name.any_group:
        return or_(*(group(place, name.groups[0]) for place in range(3)))
    return and_(*(group(place, patterns) for place, patterns in enumerate(name.groups) if patterns))


def successor(prefix: str) -> str:
    """The first text, in byte order, after all that begin with the prefix; "" when there is none."""
    kept = prefix.rstrip(_LAST)
    if not kept:
        return ""
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)


def _beginning(text: ColumnElement[str], prefix: str) -> list[Predicate]:
    if not prefix:
        return []
    after = successor(prefix)
    return [text >= prefix, text < after] if after else [text >= prefix]


def _one_of(condition: OneOf, column_of: ColumnOf) -> Predicate:
    found = column_of(condition.attribute, "")
    return found == condition.values[0] if len(condition.values) == 1 else found.in_(condition.values)


def _wildcard(condition: Wildcard, column_of: ColumnOf) -> Predicate:
    return _any_like(column_of(condition.attribute, ""), condition.patterns)


def _any_like(text: ColumnElement[str], patterns: tuple[str, ...]) -> Predicate:
    return or_(*(like(text, pattern) for pattern in patterns))


def _range(condition: Range, column_of: ColumnOf) -> Predicate:
    found = column_of(condition.attribute, "")
    # A missing value is "", which lies below every date and time and is in no range.
    above = found >= condition.low if condition.low else found > ""
    return and_(above, found <= condition.high) if condition.high else above


def _moments(condition: DateTimeRange, column_of: ColumnOf) -> Predicate:
    date, time = column_of(condition.date, ""), column_of(condition.time, "")
    (first_day, first_time), (last_day, last_time) = condition.low, condition.high
    ends = [date >= first_day if first_day else date > ""]
    if last_day:
        ends.append(date <= last_day)
    if first_time:
        ends.append(or_(date > first_day, time >= first_time))
    if last_time:
        ends.append(or_(date < last_day, and_(time > "", time <= last_time)))
    return and_(*ends)


def _person_name(condition: PersonName, column_of: ColumnOf) -> Predicate:
    columns = [column_of(condition.attribute, group) for group in GROUPS]
    if condition.any_group:
        return or_(*(_any_like(text, condition.groups[0]) for text in columns))
    asked = zip(columns, condition.groups, strict=True)
    return and_(*(_any_like(text, patterns) for text, patterns in asked if patterns))


def _fuzzy(condition: Fuzzy, column_of: ColumnOf) -> Predicate:
    words = column_of(condition.attribute, "_words")
    return or_(
        _person_name(condition.literal, column_of),
        and_(*(words.contains(f" {word}", autoescape=True) for word in condition.words)),
    )


_OPERATORS: dict[type[Condition], Callable[[Any, ColumnOf], Predicate]] = {
    OneOf: _one_of,
    Wildcard: _wildcard,
    Range: _range,
    DateTimeRange: _moments,
    PersonName: _person_name,
    Fuzzy: _fuzzy,
}


def columns_of(rows: Any) -> ColumnOf:
    """The columns of one table, or of an alias of it."""
    return lambda attribute, suffix: rows.c[column(attribute) + suffix]
