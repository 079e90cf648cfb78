"""Statements that are run again and again: SQLAlchemy makes their text once, SQLite's own driver runs it.

Where an index answers, SQLite takes microseconds, and what SQLAlchemy does around each execution several
times as long. On PostgreSQL the round trip is what counts, and SQLAlchemy executes there.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

Values = Mapping[str, Any]
#: A row, by the places of its columns: text, numbers and bytes, as the driver gives them.
Row = tuple[Any, ...]

_NONE: Values = {}
_DIALECT = sqlite.dialect(paramstyle="named")


class Statement:
    """One select, insert or update, made once for the life of the process. Its methods raise DBAPIError.

    `columns` are those that an insert of rows sets.
    """

    def __init__(self, clause: Any, columns: Sequence[str] = ()) -> None:
        self._clause = clause
        self._columns = columns

    def rows(self, connection: Connection, values: Values = _NONE) -> Sequence[Row]:
        """All rows."""
        if driver := self._driver(connection):
            found: list[Row] = self._execute(driver.execute, self._text.ready(values)).fetchall()
            return found
        return [tuple(row) for row in connection.execute(self._clause, values)]

    def run(self, connection: Connection, values: Sequence[Values]) -> None:
        """Once for each of the values."""
        if driver := self._driver(connection):
            self._execute(driver.executemany, [self._text.ready(each) for each in values])
        else:
            connection.execute(self._clause, values)

    def _execute(self, execute: Callable[[str, Any], sqlite3.Cursor], values: Any) -> sqlite3.Cursor:
        try:
            return execute(self._text.text, values)
        except sqlite3.Error as error:
            raise DBAPIError.instance(self._text.text, None, error, sqlite3.Error) from error

    def _driver(self, connection: Connection) -> sqlite3.Connection | None:
        """SQLite's own connection, for what has one text whatever its values."""
        driver = connection.connection.driver_connection
        return driver if isinstance(driver, sqlite3.Connection) and self._text.whole else None

    @cached_property
    def _text(self) -> "_Text":
        compiled = self._clause.compile(dialect=_DIALECT, column_keys=self._columns or None)
        makers = {
            name: parameter.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
            for parameter, name in compiled.bind_names.items()
        }
        return _Text(
            compiled.string,
            not any(parameter.expanding for parameter in compiled.bind_names),
            {name: each.effective_value for each, name in compiled.bind_names.items() if not each.required},
            {name: make for name, make in makers.items() if make},
        )


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as SQLite's driver takes it."""

    text: str
    #: Whether this is all of it: the values of an expanding parameter are yet to be written out.
    whole: bool
    #: What the clause holds itself.
    held: dict[str, Any]
    #: What makes a value fit for the driver: a moment becomes text.
    makers: dict[str, Callable[[Any], Any]]

    def ready(self, values: Values) -> Values:
        """The values as the driver takes them."""
        if self.held:
            values = {**self.held, **values}
        return {**values, **{name: make(values[name]) for name, make in self.makers.items()}}
