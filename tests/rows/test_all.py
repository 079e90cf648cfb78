"""Every row is either tested by its number or listed in the conformance statement."""

import ast
from pathlib import Path

from app.conformance import NOT_SUPPORTED, ROWS, statement
from tests.rows.asking import row_of


def rows_with_tests() -> set[int]:
    """The rows that some test here is named after."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in Path(__file__).parent.glob("test_*.py"))
    functions = (
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return {row for name in functions if (row := row_of(name)) is not None}


def test_tested_rows_and_listed_rows_are_all_rows() -> None:
    assert rows_with_tests() | set(NOT_SUPPORTED) == set(range(1, ROWS + 1))


def test_every_listed_row_is_in_the_statement_with_its_reason() -> None:
    said = statement()
    for row, absent in NOT_SUPPORTED.items():
        assert f"| {row} | {absent.feature} | {absent.reason} |" in said
