"""Comparisons as SQL over the columns of a statement."""

import operator
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, or_, true

from app.dicom.attributes import Attribute
from app.index import comparisons
from app.index.columns import column
from app.index.comparisons import Comparison, Joined, comparison
from app.query.ast import Condition, PersonName

#: The column of an attribute in the statement at hand; a suffix names one part of a person's name.
ColumnOf = Callable[[Attribute, str], ColumnElement[Any]]
Predicate = ColumnElement[bool]

_OPERATORS: dict[str, Callable[[Any, Any], Predicate]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    comparisons.LIKE: lambda text, form: text.like(form),
    comparisons.ESCAPED_LIKE: lambda text, form: text.like(form, escape="/"),
}


def predicate(condition: Condition, column_of: ColumnOf) -> Predicate:
    """The condition as SQL, values and all; `condition` is none that only returns its attribute."""
    return compared(comparison(condition), column_of, lambda value: value)


def by_name(found: Comparison, column_of: ColumnOf) -> Predicate:
    """A comparison whose values were lifted: their names are the statement's parameters."""
    return compared(found, column_of, bindparam)


def compared(found: Comparison, column_of: Callable[..., Any], value: Callable[[Any], Any]) -> Predicate:
    """A comparison as SQL; `value` is what becomes of each of its values."""
    if isinstance(found, Joined):
        parts = [compared(part, column_of, value) for part in found.parts]
        return and_(true(), *parts) if found.operator == "and" else or_(*parts)
    own = column_of(*found.column)
    if found.operator == "in":
        return own.in_([value(each) for each in found.value])  # type: ignore[no-any-return]
    return _OPERATORS[found.operator](own, value(found.value))


def like(text: ColumnElement[str], pattern: str) -> Predicate:
    """`text` matches the pattern, whole and by case."""
    return _of(text, comparisons.like((), pattern))


def beginning(text: ColumnElement[str], pattern: str, characters: int) -> Predicate:
    """`text`, of which only so many characters are there, may match the pattern by its beginning."""
    return _of(text, comparisons.beginning((), pattern, characters))


def groups_like(text: ColumnElement[str], name: PersonName) -> Predicate:
    """`text`, a name's three groups with `=` between, may match; a `*` may reach beyond its group here."""
    return _of(text, comparisons.groups_like((), name))


def columns_of(rows: Any) -> ColumnOf:
    """The columns of one table, or of an alias of it."""
    return lambda attribute, suffix: rows.c[column(attribute) + suffix]


def _of(text: ColumnElement[str], found: Comparison) -> Predicate:
    return compared(found, lambda: text, lambda value: value)
