"""The report before sending: what would go, and no value of what is there."""

import json
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from app.deid.policy import preset
from app.submitter.analysis import analysed, said
from tests import instances
from tests.submitter.made import SECRETS, fill, quiet


def report(source: Path) -> dict[str, Any]:
    return analysed(source, preset("tcia"), quiet)


def folder(tmp_path: Path) -> Path:
    source = fill(tmp_path / "source")
    (source / "notes.txt").write_text("no instance")
    odd = instances.ct(PatientID="MRN-9", StudyDate="20200101", SeriesDescription="call 617-555-0199")
    odd.add_new(0x00110010, "LO", "ACME")
    odd.add_new(0x00111020, "LO", "text")
    (source / "odd.dcm").write_bytes(instances.part10(odd))
    return source


def test_it_counts_and_names(tmp_path: Path) -> None:
    found = report(folder(tmp_path))
    assert (found["files"], found["patients"], found["instances"]) == (8, 3, 7)
    assert [Path(path).name for path in found["unreadable"]] == ["notes.txt"]
    assert found["looks like identifiers"] == {"0008103E": 5}
    assert found["unknown private attributes"] == {"00110020[ACME]": 1}
    assert found["for a person"]
    assert "00100010" in {row["attribute"] for row in found["changed"]}


def test_it_holds_no_value_and_writes_nothing(tmp_path: Path) -> None:
    source = folder(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    written = json.dumps({key: value for key, value in report(source).items() if key != "unreadable"})
    for secret in (*SECRETS, b"617-555", b"20200101"):
        assert secret.decode() not in written.lower()
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_people_read_it(tmp_path: Path) -> None:
    out = StringIO()
    said(report(folder(tmp_path)), Console(file=out, width=200))
    text = out.getvalue()
    assert "8 files: 3 patients" in text
    assert "Patient's Name" in text
    assert "ACME" in text
    assert "notes.txt" in text


def test_brackets_in_names_are_no_markup(tmp_path: Path) -> None:
    """A creator stands in brackets, as rich's markup does."""
    dataset = instances.ct()
    dataset.add_new(0x00110010, "LO", "/bold")
    dataset.add_new(0x00111020, "LO", "text")
    (tmp_path / "a.dcm").write_bytes(instances.part10(dataset))
    (tmp_path / "[red]b.txt").touch()
    out = StringIO()
    said(report(tmp_path), Console(file=out, width=200))
    assert "00110020[/bold]" in out.getvalue()
    assert "[red]b.txt" in out.getvalue()


def test_an_empty_folder(tmp_path: Path) -> None:
    found = report(tmp_path)
    assert (found["files"], found["instances"], found["changed"]) == (0, 0, [])


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    def bar(steps: Iterable[Any], text: str, total: int) -> Iterable[Any]:
        seen.append((text, total))
        return steps

    analysed(folder(tmp_path), preset("tcia"), bar)
    assert seen == [("Looking", 8), ("Judging", 7)]
