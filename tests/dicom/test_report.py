"""Structured reports as pages and text: real ones whole, hostile ones harmless."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from app.dicom import describe, report
from tests.corpus import readable

CODE = {"00080100": {"Value": ["121071"]}, "00080102": {"Value": ["DCM"]}, "00080104": {"Value": ["Finding"]}}


def item(kind: str, *below: dict[str, Any], relationship: str = "CONTAINS", **values: Any) -> dict[str, Any]:
    """A content item; `values` are attributes by tag (`x0040A160`)."""
    said = {tag[1:]: {"Value": value} for tag, value in values.items()}
    head = {
        "0040A040": {"Value": [kind]},
        "0040A010": {"Value": [relationship]},
        "0040A043": {"Value": [CODE]},
    }
    return {**head, **said, **({"0040A730": {"Value": list(below)}} if below else {})}


class Reader(HTMLParser):
    """The words of a page, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


def reports() -> list[Path]:
    return [
        path
        for path in readable()
        if path.name in ("reportsi.dcm", "test-SR.dcm", "reportsi_with_empty_number_tags.dcm")
    ]


@pytest.mark.parametrize("path", reports(), ids=lambda path: path.name)
def test_real_reports_say_all_their_texts_and_codes(path: Path) -> None:
    attributes = describe.describe(path.read_bytes()).attributes
    assert report.is_report(attributes)
    page, text = " ".join(read(report.html(attributes)).words), report.text(attributes)
    expected = list(said(attributes))
    assert len(expected) > 3
    for words in expected:
        assert words in page
        assert " ".join(words.split()) in " ".join(text.split())


def said(attributes: dict[str, Any]) -> Any:
    for each in attributes.get("0040A730", {}).get("Value", []):
        yield from (str(value) for value in each.get("0040A160", {}).get("Value", []))
        for code in each.get("0040A043", {}).get("Value", []):
            yield code["00080104"]["Value"][0]
        yield from said(each)


def test_every_kind_of_value_is_read() -> None:
    reference = {
        "00081150": {"Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00081155": {"Value": ["1.2.3"]},
        "00081160": {"Value": [2, 3]},
    }
    measured = {"0040A30A": {"Value": [12.5]}, "004008EA": {"Value": [{"00080100": {"Value": ["mm"]}}]}}
    items = [
        item("TEXT", x0040A160=["two\nlines"]),
        item("NUM", x0040A300=[measured]),
        item("CODE", x0040A168=[CODE]),
        item("PNAME", x0040A123=[{"Alphabetic": "Roe^Richard"}]),
        item("DATE", x0040A121=["20240229"]),
        item("TIME", x0040A122=["101530"]),
        item("DATETIME", x0040A120=["20240229101530"]),
        item("UIDREF", x0040A124=["1.2.3.4"]),
        item("IMAGE", x00081199=[reference], relationship="INFERRED FROM"),
        item("SCOORD", x00700023=["POLYLINE"], x00700022=list(range(40))),
    ]
    text = report.text(item("CONTAINER", *items))
    for words in (
        "two lines",
        "12.5 (mm)",
        "Finding (121071, DCM)",
        "Roe Richard",
        "20240229",
        "101530",
        "1.2.3.4",
        "CT Image Storage 1.2.3 frame 2, 3",
        "POLYLINE 0, 1, 2",
    ):
        assert words in text
    assert "39" not in text
    assert "inferred from" in report.html(item("CONTAINER", *items))


def test_no_word_of_a_report_is_markup() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>&\"'"
    code = {"00080104": {"Value": [evil]}, "00080100": {"Value": [evil]}}
    tree = item(
        "CONTAINER", item("TEXT", x0040A160=[evil], x0040A043=[code]), x00100010=[{"Alphabetic": evil}]
    )
    found = read(report.html(tree))
    assert evil in "".join(found.words)
    assert not found.tags & {"script", "img"}


@pytest.mark.parametrize(
    "broken", [{}, {"0040A730": {"vr": "SQ"}}, item("NUM"), item("IMAGE"), item("CODE", x0040A168=[{}])]
)
def test_what_is_missing_is_left_out(broken: dict[str, Any]) -> None:
    read(report.html(broken))
    assert report.text(broken)


def test_a_deep_tree_is_read() -> None:
    deep = item("TEXT", x0040A160=["the end"])
    for _ in range(120):
        deep = item("CONTAINER", deep)
    assert "the end" in report.text(deep)
    assert "the end" in read(report.html(deep)).words
