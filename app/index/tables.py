"""The index's tables as statements name them, and one condition for any number of values."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Table,
    bindparam,
    cast,
    column,
    literal_column,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import NamedFromClause

from app.models import Study

_TABLES = Study.metadata.tables
COLLECTION: Table = _TABLES["collection"]
ACCESS_UNIT: Table = _TABLES["access_unit"]
SUBMISSION: Table = _TABLES["submission"]
STUDY: Table = _TABLES["study"]
SERIES: Table = _TABLES["series"]
CART: Table = _TABLES["cart"]
CART_SERIES: Table = _TABLES["cart_series"]
TOMBSTONE: Table = _TABLES["tombstone"]
REQUEST_ATTRIBUTES: Table = _TABLES["request_attributes"]
INSTANCE: Table = _TABLES["instance"]
TAG_PATH: Table = _TABLES["tag_path"]
TAG_VALUE: Table = _TABLES["tag_value"]
SERIES_TAG_VALUE: Table = _TABLES["series_tag_value"]


def in_history(collection: int) -> ColumnElement[bool]:
    """That a row of SERIES is of this collection: to be found by the versions in which it came or went."""
    own: ColumnElement[int] = SERIES.c.collection_id + literal_column("0", BigInteger)
    return own == collection


@cache
def named(table: Table, name: str) -> NamedFromClause[Any]:
    """The table under another name, made once: that costs more than the rest of a statement."""
    return table.alias(name)


def one_of(attribute: ColumnElement[Any], parameter: str | BindParameter[str]) -> ColumnElement[bool]:
    """The condition that a column holds one of the values that `listed` packs into this parameter."""
    return _among(attribute, bindparam(parameter) if isinstance(parameter, str) else parameter)


def among(attribute: ColumnElement[Any], values: Iterable[str | int]) -> ColumnElement[bool]:
    """The condition that a column holds one of these values, however many."""
    return _among(attribute, bindparam(None, listed(values), unique=True))


def listed(values: Iterable[Any]) -> str:
    """Any number of values as one parameter. Without NUL: PostgreSQL cannot hold it."""
    return orjson.dumps(list(values)).decode()


def rows_of(parameter: str, *beside: ColumnElement[Any]) -> Select[Any]:
    """A row for each integer that `listed` packs into this parameter, and beside it the same for all."""
    return select(cast(column("value"), BigInteger), *beside).select_from(_Each(bindparam(parameter)))


def packed(lists: Mapping[int, Iterable[str]]) -> str:
    """Any number of lists of texts, each under a number, as one parameter; without NUL, as above."""
    return orjson.dumps({str(number): list(texts) for number, texts in lists.items()}).decode()


def pairs_of(parameter: str) -> tuple[FromClause, ColumnElement[int], ColumnElement[str]]:
    """A row for each number and text of the lists that `packed` makes this parameter of; its two columns."""
    entry = _Entries(bindparam(parameter)).table_valued("key", "value", name="entry")
    item = _Each(entry.c.value).table_valued("value", name="item")
    return entry.join(item, true()), cast(entry.c.key, BigInteger), item.c.value


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


class _Entries(FunctionElement[Any]):
    """The entries of a JSON object as rows, in the columns `key` and `value`."""

    inherit_cache = True
    name = "entries"
    on_postgres = "jsonb_each"


@compiles(_Each, "sqlite")
@compiles(_Entries, "sqlite")
def _rows_on_sqlite(element: _Each | _Entries, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Each, "postgresql")
@compiles(_Entries, "postgresql")
def _rows_on_postgres(element: _Each | _Entries, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.on_postgres}(CAST({compiler.process(element.clauses, **options)} AS JSONB))"
