"""The index's tables as statements name them, and one condition for any number of values."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
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
SERIES_METADATA: Table = _TABLES["series_metadata"]
REQUEST_ATTRIBUTES: Table = _TABLES["request_attributes"]
INSTANCE: Table = _TABLES["instance"]
TAG_PATH: Table = _TABLES["tag_path"]
TAG_VALUE: Table = _TABLES["tag_value"]
SERIES_TAG_VALUE: Table = _TABLES["series_tag_value"]
SERIES_ROLLUP: Table = _TABLES["series_rollup"]
STUDY_ROLLUP: Table = _TABLES["study_rollup"]
SHARED_UID: Table = _TABLES["shared_uid"]


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


def one_of_few(number: ColumnElement[int], parameter: str) -> ColumnElement[bool]:
    """The same for a few numbers, each of which PostgreSQL looks up in an index together with what else is
    compared; of a list it would rather read a hundred times as much, and pick from that.
    """
    values = select(cast(column("value"), Integer)).select_from(_Each(bindparam(parameter)))
    return _OneOfFew(number, values.scalar_subquery())


def looked_up(rows: Select[Any]) -> ColumnElement[bool]:
    """Whether there is such a row: looked up for each row outside, and never joined with all of them."""
    return rows.limit(1).scalar_subquery().is_not(None)


def row_by_row(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition, to be looked at in each row that comes up: PostgreSQL finds no rows by it.

    It would take most conditions of ours for rarer than they are, and sort all rows that fulfil them where
    the first ones of an index in order would do.
    """
    return _RowByRow(condition)


def page_limit(parameter: str | int) -> ColumnElement[int]:
    """How many rows to give, or to pass over: a number that PostgreSQL is told before it plans.

    Of a parameter it would have to plan anew each time, lest it prepares for a tenth of all rows.
    """
    if isinstance(parameter, int):
        return literal_column(str(parameter), Integer)
    return _Told(bindparam(parameter, type_=BigInteger))


def listed(values: Iterable[Any]) -> str:
    """Any number of values as one parameter. Without NUL: PostgreSQL cannot hold it."""
    return orjson.dumps(list(values)).decode()


def rows_of(parameter: str, *beside: ColumnElement[Any]) -> Select[Any]:
    """A row for each integer that `listed` packs into this parameter, and beside it the same for all."""
    return select(cast(column("value"), BigInteger), *beside).select_from(_Each(bindparam(parameter)))


def texts_of(parameter: str) -> tuple[FromClause, ColumnElement[str]]:
    """A row for each text that `listed` packs into this parameter; its column."""
    item = _Each(bindparam(parameter)).table_valued("value", name=f"{parameter}_item")
    return item, item.c.value


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


class _OneOfFew(FunctionElement[bool]):
    """That a number is one of those that a select gives."""

    inherit_cache = True
    name = "one_of_few"
    type = Boolean()

    def self_group(self, against: Any = None) -> Any:
        """As with `_RowByRow`."""
        return self


class _RowByRow(FunctionElement[bool]):
    """A condition of which PostgreSQL's planner knows nothing but that half of all rows may fulfil it."""

    inherit_cache = True
    name = "row_by_row"
    type = Boolean()

    def self_group(self, against: Any = None) -> Any:
        """It is grouped as it is; SQLite would have it compared with 1, and find no rows by it either."""
        return self


class _Told(FunctionElement[int]):
    """A parameter of which the value stands in the statement that PostgreSQL gets."""

    inherit_cache = True
    name = "told"
    type = BigInteger()


@compiles(_RowByRow, "sqlite")
def _grouped(element: _RowByRow, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


@compiles(_Told, "sqlite")
def _as_it_is(element: _Told, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_OneOfFew, "sqlite")
def _in(element: _OneOfFew, compiler: SQLCompiler, **options: Any) -> str:
    return " IN ".join(compiler.process(each, **options) for each in element.clauses)


@compiles(_OneOfFew, "postgresql")
def _any(element: _OneOfFew, compiler: SQLCompiler, **options: Any) -> str:
    return " = ANY(ARRAY".join(compiler.process(each, **options) for each in element.clauses) + ")"


@compiles(_RowByRow, "postgresql")
def _hidden(element: _RowByRow, compiler: SQLCompiler, **options: Any) -> str:
    return f"CASE WHEN {compiler.process(element.clauses, **options)} THEN true END"


@compiles(_Told, "postgresql")
def _told(element: _Told, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **{**options, "literal_execute": True})


@compiles(_Each, "sqlite")
@compiles(_Entries, "sqlite")
def _rows_on_sqlite(element: _Each | _Entries, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Each, "postgresql")
@compiles(_Entries, "postgresql")
def _rows_on_postgres(element: _Each | _Entries, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.on_postgres}(CAST({compiler.process(element.clauses, **options)} AS JSONB))"
