"""Tables as CSV (RFC 4180) that a spreadsheet takes for no program."""

import csv
from collections.abc import Iterable
from io import StringIO

#: With these a spreadsheet would begin to compute.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Value = str | int | None


def lines(rows: Iterable[Iterable[Value]]) -> bytes:
    """Each row as a line, in UTF-8. A text that a spreadsheet would compute has an apostrophe before it."""
    text = StringIO()
    csv.writer(text).writerows([_plain(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _plain(value: Value) -> Value:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
