"""The index's tables as statements name them, and one condition for any number of values."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    column,
    literal_column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import NamedFromClause

from app.models import Study

_TABLES = Study.metadata.tables
COLLECTION: Table = _TABLES["collection"]
ACCESS_UNIT: Table = _TABLES["access_unit"]
STUDY: Table = _TABLES["study"]
SERIES: Table = _TABLES["series"]
REQUEST_ATTRIBUTES: Table = _TABLES["request_attributes"]
INSTANCE: Table = _TABLES["instance"]
TAG_PATH: Table = _TABLES["tag_path"]
TAG_VALUE: Table = _TABLES["tag_value"]
SERIES_TAG_VALUE: Table = _TABLES["series_tag_value"]


@cache
def named(table: Table, name: str) -> NamedFromClause[Any]:
    """The table under another name, made once: that costs more than the rest of a statement."""
    return table.alias(name)


def one_of(attribute: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """The condition that a column holds one of the values that `listed` packs into this parameter."""
    return _among(attribute, bindparam(parameter))


def among(attribute: ColumnElement[Any], values: Iterable[str | int]) -> ColumnElement[bool]:
    """The condition that a column holds one of these values, however many."""
    return _among(attribute, bindparam(None, listed(values), unique=True))


def listed(values: Iterable[Any]) -> str:
    """Any number of values, or of items, as one parameter. Without NUL: PostgreSQL cannot hold it."""
    return orjson.dumps(list(values)).decode()


def rows_of(parameter: str, *beside: ColumnElement[Any]) -> Select[Any]:
    """A row for each integer that `listed` packs into this parameter, and beside it the same for all."""
    return select(cast(column("value"), BigInteger), *beside).select_from(_Each(bindparam(parameter)))


def text_part(place: int) -> ColumnElement[str]:
    """A text in the row at hand of `Items`."""
    return cast(_Part(literal_column(str(place))), Text)


def number_part(place: int) -> ColumnElement[int]:
    """An integer in the row at hand of `Items`."""
    return cast(_Part(literal_column(str(place))), BigInteger)


def _among(attribute: ColumnElement[Any], values: ColumnElement[Any]) -> ColumnElement[bool]:
    value: ColumnElement[Any] = column("value")
    if isinstance(attribute.type, Integer):
        value = cast(value, BigInteger)
    return attribute.in_(select(value).select_from(_Each(values)))


class _Each(FunctionElement[Any]):
    """The values of a JSON array as rows, in the column `value`."""

    inherit_cache = True
    name = "each"
    on_postgres = "jsonb_array_elements_text"


class Items(FunctionElement[Any]):
    """The items of a JSON array of arrays as rows, whose places `text_part` and `number_part` read."""

    inherit_cache = True
    name = "items"
    on_postgres = "jsonb_array_elements"


class _Part(FunctionElement[Any]):
    """One place of an item."""

    inherit_cache = True
    name = "part"
    type = Text()


@compiles(_Each, "sqlite")
@compiles(Items, "sqlite")
def _rows_on_sqlite(element: _Each | Items, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Each, "postgresql")
@compiles(Items, "postgresql")
def _rows_on_postgres(element: _Each | Items, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.on_postgres}(CAST({compiler.process(element.clauses, **options)} AS JSONB))"


@compiles(_Part, "sqlite")
def _part_on_sqlite(element: _Part, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_extract(value, '$[' || {compiler.process(element.clauses, **options)} || ']')"


@compiles(_Part, "postgresql")
def _part_on_postgres(element: _Part, compiler: SQLCompiler, **options: Any) -> str:
    return f"(value ->> {compiler.process(element.clauses, **options)})"
