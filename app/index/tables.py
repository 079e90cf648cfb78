"""The index's tables as statements name them, and one condition for any number of values."""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Table, bindparam, column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.models import Study

_TABLES = Study.metadata.tables
COLLECTION: Table = _TABLES["collection"]
ACCESS_UNIT: Table = _TABLES["access_unit"]
STUDY: Table = _TABLES["study"]
SERIES: Table = _TABLES["series"]
REQUEST_ATTRIBUTES: Table = _TABLES["request_attributes"]
INSTANCE: Table = _TABLES["instance"]


def one_of(attribute: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    """The condition that a text column holds one of the values that `listed` packs into this parameter."""
    return attribute.in_(select(column("value")).select_from(_Each(bindparam(parameter))))


def listed(values: Iterable[str]) -> str:
    """Any number of texts as the one parameter of a `one_of`. They must not hold NUL: PostgreSQL cannot."""
    return orjson.dumps(list(values)).decode()


class _Each(FunctionElement[Any]):
    """The values of a JSON array as rows, in the column `value`."""

    inherit_cache = True
    name = "each"


@compiles(_Each, "sqlite")
def _each_on_sqlite(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Each, "postgresql")
def _each_on_postgres(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS JSONB))"
