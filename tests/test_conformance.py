from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.conformance import statement
from app.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from app.dicom.validation import FAILURE_REASONS, WARNING_REASONS
from app.main import COHORTS, ROOTS, create_app
from app.query.searchable import SEARCHABLE
from app.routers import downloads
from app.routers.problems import STATUS
from app.routers.routes import routes
from app.settings import Settings

WRITTEN = Path(__file__).parent.parent / "docs" / "conformance.md"


def test_the_statement_is_current() -> None:
    assert WRITTEN.read_text(encoding="utf-8") == statement(), "run: make docs"


def test_the_command_prints_it() -> None:
    assert CliRunner().invoke(app, ["conformance"]).stdout == statement()


def test_every_row_of_every_table_is_in_it() -> None:
    said = statement()
    assert not [syntax.uid for syntax in TRANSFER_SYNTAXES if f"| {syntax.uid} |" not in said]
    assert not [row.attribute.key for row in SEARCHABLE if f"| {row.attribute.key} |" not in said]
    assert not [code for code in (*FAILURE_REASONS, *WARNING_REASONS) if f"| {code:04X} |" not in said]
    assert not [status for status, _ in STATUS.values() if f"| {status} |" not in said]


def test_every_route_is_in_it(tmp_path: Path) -> None:
    said = statement()
    paths = create_app(Settings(data=tmp_path)).openapi()["paths"]
    homes = {root.removesuffix("/dicom-web") for root in COHORTS}
    beside = {home + route.path: route.path for home in homes for route in routes(downloads.home)}
    resources = {
        beside.get(path) or path.removeprefix(next((root for root in ROOTS if path.startswith(root)), ""))
        for path in paths
    }
    assert not [path for path in resources if f"| `{path}` |" not in said]


@pytest.mark.parametrize("words", ["for research, not for diagnosis", "## Deviations"])
def test_what_must_not_be_missing(words: str) -> None:
    assert words in " ".join(statement().split())


def test_tables_are_tables() -> None:
    for block in statement().split("\n\n"):
        lines = block.splitlines()
        if lines[0].startswith("| "):
            assert len({line.replace("\\|", "").count("|") for line in lines}) == 1, lines[0]
