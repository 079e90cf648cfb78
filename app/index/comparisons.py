"""One condition of a query as comparisons of columns with values: the operators, as rows of a table.

Comparisons are plain values. With their values taken out (`lifted`) equal ones have the same SQL, so that a
statement is made once for all searches that differ in nothing else.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.index.columns import GROUPS
from app.query.ast import Condition, DateTimeRange, Fuzzy, OneOf, PersonName, Range, Wildcard

#: The groups of a name's words, beside those of GROUPS.
WORDS = "_words"

_WILDCARD = re.compile(r"[*?]")
#: What an index finds a form of LIKE by: its first character, or three that are in every alphabet; of which
#: one may be where a word begins or ends.
_TELLING = re.compile(r"^[^%_]|[0-9A-Za-z]{3}|(/[%_/]|[^\w%/])[0-9A-Za-z]{2}|[0-9A-Za-z]{2}(/[%_/]|[^\w%/])")
_ESCAPED = {"%": "/%", "_": "/_", "/": "//"}
#: The operators that compare with a form of LIKE. One in which nothing is escaped SQLite compares in two
#: thirds of the time; a backslash PostgreSQL takes for an escape where no other is named.
LIKE, ESCAPED_LIKE = "like", "like, escaped"
_ESCAPES = re.compile(r"[/\\]")
_LIKE = {"*": "%", "?": "_", **_ESCAPED}
_LAST = chr(0x10FFFF)
_SURROGATES = range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class Compare:
    """A column of the condition's attribute, named by its suffix, against a value, or several for `in`."""

    column: tuple[Any, ...]
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Joined:
    """Several of them, with `and` or `or` between."""

    operator: str
    parts: "tuple[Comparison, ...]"


Comparison = Compare | Joined


def comparison(condition: Condition) -> Comparison:
    """What the condition compares; it is none that only returns its attribute, nor one of the tag index."""
    return _OPERATORS[type(condition)](condition)


def lifted(found: Comparison, values: dict[str, Any]) -> Comparison:
    """The comparison with names in place of its values, which are put under these names."""
    if isinstance(found, Joined):
        return Joined(found.operator, tuple([lifted(part, values) for part in found.parts]))
    if found.operator == "in":
        return Compare(found.column, "in", tuple([_put(value, values) for value in found.value]))
    return Compare(found.column, found.operator, _put(found.value, values))


def is_pattern(found: Comparison) -> bool:
    """Whether columns are compared with a pattern somewhere."""
    if isinstance(found, Compare):
        return found.operator in (LIKE, ESCAPED_LIKE)
    return any(map(is_pattern, found.parts))


def is_telling(found: Comparison, values: Mapping[str, Any]) -> bool:
    """Whether each pattern, its value lifted, has a beginning, or as much of a word as trigrams take."""
    if isinstance(found, Joined):
        return all(is_telling(part, values) for part in found.parts)
    return not is_pattern(found) or bool(_TELLING.search(values[found.value]))


def alternatives(found: Comparison) -> Iterator[Comparison]:
    """The comparisons of which one is to hold, each with columns that an index of its own may lead to."""
    if isinstance(found, Joined) and found.operator == "or":
        for part in found.parts:
            yield from alternatives(part)
    else:
        yield found


def like(column: tuple[Any, ...], pattern: str) -> Comparison:
    """The column matches the pattern, whole and by case.

    Beside LIKE stands the range of texts with the same beginning, which an index on the column answers on
    both databases; LIKE alone does on neither when the pattern is a parameter.
    """
    if not _WILDCARD.search(pattern):
        return Compare(column, "=", pattern)
    prefix = _WILDCARD.split(pattern)[0]
    form = "".join(_LIKE.get(character, character) for character in re.sub(r"\*+", "*", pattern))
    return _all((*_beginning(column, prefix), _like(column, form)))


def beginning(column: tuple[Any, ...], pattern: str, characters: int) -> Comparison:
    """The column, of which only so many characters are there, may match the pattern by its beginning."""
    return _all(_beginning(column, _WILDCARD.split(pattern)[0][:characters]))


def groups_like(column: tuple[Any, ...], name: PersonName) -> Comparison:
    """The column, a name's three groups with `=` between, may match; a `*` may reach beyond its group."""

    def group(place: int, patterns: tuple[str, ...]) -> Comparison:
        return _any_like(column, tuple("*=" * place + pattern + "=*" * (2 - place) for pattern in patterns))

    if name.any_group:
        return _any(tuple(group(place, name.groups[0]) for place in range(3)))
    return _all(tuple(group(place, patterns) for place, patterns in enumerate(name.groups) if patterns))


def successor(prefix: str) -> str:
    """The first text, in byte order, after all that begin with the prefix; "" when there is none."""
    kept = prefix.rstrip(_LAST)
    if not kept:
        return ""
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)


def _like(column: tuple[Any, ...], form: str) -> Compare:
    return Compare(column, ESCAPED_LIKE if _ESCAPES.search(form) else LIKE, form)


def _put(value: Any, values: dict[str, Any]) -> str:
    name = f"value_{len(values)}"
    values[name] = value
    return name


def _all(parts: tuple[Comparison, ...]) -> Comparison:
    return parts[0] if len(parts) == 1 else Joined("and", parts)


def _any(parts: tuple[Comparison, ...]) -> Comparison:
    return parts[0] if len(parts) == 1 else Joined("or", parts)


def _beginning(column: tuple[Any, ...], prefix: str) -> tuple[Comparison, ...]:
    if not prefix:
        return ()
    after = successor(prefix)
    upwards = Compare(column, ">=", prefix)
    return (upwards, Compare(column, "<", after)) if after else (upwards,)


def _one_of(condition: OneOf) -> Comparison:
    column = (condition.attribute, "")
    if len(condition.values) == 1:
        return Compare(column, "=", condition.values[0])
    return Compare(column, "in", condition.values)


def _wildcard(condition: Wildcard) -> Comparison:
    return _any_like((condition.attribute, ""), condition.patterns)


def _any_like(column: tuple[Any, ...], patterns: tuple[str, ...]) -> Comparison:
    return _any(tuple(like(column, pattern) for pattern in patterns))


def _range(condition: Range) -> Comparison:
    column = (condition.attribute, "")
    # A missing value is "", which lies below every date and time and is in no range.
    above = Compare(column, ">=" if condition.low else ">", condition.low)
    return _all((above, Compare(column, "<=", condition.high))) if condition.high else above


def _moments(condition: DateTimeRange) -> Comparison:
    date, time = (condition.date, ""), (condition.time, "")
    (first_day, first_time), (last_day, last_time) = condition.low, condition.high
    ends: list[Comparison] = [Compare(date, ">=" if first_day else ">", first_day)]
    if last_day:
        ends.append(Compare(date, "<=", last_day))
    if first_time:
        ends.append(_any((Compare(date, ">", first_day), Compare(time, ">=", first_time))))
    if last_time:
        until = _all((Compare(time, ">", ""), Compare(time, "<=", last_time)))
        ends.append(_any((Compare(date, "<", last_day), until)))
    return _all(tuple(ends))


def _person_name(condition: PersonName) -> Comparison:
    columns = [(condition.attribute, group) for group in GROUPS]
    if condition.any_group:
        return _any(tuple(_group(column, condition.groups[0]) for column in columns))
    asked = zip(columns, condition.groups, strict=True)
    return _all(tuple(_group(column, patterns) for column, patterns in asked if patterns))


def _group(column: tuple[Any, ...], patterns: tuple[str, ...]) -> Comparison:
    """A group of a name matches. Most names have the first alone: indexes of the others lead past these where
    there is no beginning to find texts by.
    """
    found = _any_like(column, patterns)
    may_be_empty = not all(pattern.strip("*") for pattern in patterns)
    if may_be_empty or not column[1] or not any(pattern.startswith(("*", "?")) for pattern in patterns):
        return found
    return _all((Compare(column, ">", ""), found))


def _fuzzy(condition: Fuzzy) -> Comparison:
    words = (condition.attribute, WORDS)
    begun = (
        "".join(_ESCAPED.get(character, character) for character in f" {word}") for word in condition.words
    )
    every = _all(tuple(_like(words, f"%{word}%") for word in begun))
    return _any((_person_name(condition.literal), every))


_OPERATORS: dict[type[Condition], Callable[[Any], Comparison]] = {
    OneOf: _one_of,
    Wildcard: _wildcard,
    Range: _range,
    DateTimeRange: _moments,
    PersonName: _person_name,
    Fuzzy: _fuzzy,
}
