"""What headers say of a patient: harvested by tag and VR, merged in any order, kept as JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.deid.identifiers import KINDS, Identifiers, harvest
from app.deid.text import Cleaner
from app.errors import InvalidRequest
from tests.deid import planted

ENTRIES = st.frozensets(st.tuples(st.sampled_from(KINDS), st.text(max_size=9)))


@pytest.mark.parametrize(
    ("tag", "vr", "text", "entry"),
    [
        (0x00100010, "PN", " Smith^John ", ("patient", "Smith^John")),
        (0x00081070, "PN", "Doe^Jane", ("person", "Doe^Jane")),
        (0x00291010, "PN", "Doe^Jane", ("person", "Doe^Jane")),
        (0x00100020, "LO", "12345\0", ("number", "12345")),
        (0x00102154, "SH", "555-1234", ("phone", "555-1234")),
        (0x00080081, "ST", "1 Main St\r\nTown", ("address", "1 Main St Town")),
        (0x00080080, "LO", "St. Mary's", ("place", "St. Mary's")),
        (0x00100030, "DA", "1944.02.12", ("birth", "19440212")),
    ],
)
def test_each_identifier_has_its_kind(tag: int, vr: str, text: str, entry: tuple[str, str]) -> None:
    assert harvest([(tag, vr, text)]).entries == {entry}


@pytest.mark.parametrize(
    ("tag", "vr", "text"),
    [(0x0008103E, "LO", "Smith^John"), (0x00100030, "DA", "nonsense"), (0x00100020, "LO", " \0")],
)
def test_nothing_else_is_harvested(tag: int, vr: str, text: str) -> None:
    assert harvest([(tag, vr, text)]) == Identifiers()


def test_several_values_are_several_identifiers() -> None:
    assert harvest([(0x00101000, "LO", "A12345\\B67890")]).of("number") == ["A12345", "B67890"]


@given(st.permutations(planted.HEADERS), st.integers(0, len(planted.HEADERS)))
def test_the_order_of_headers_does_not_count(headers: list[tuple[int, str, str]], cut: int) -> None:
    merged = harvest(headers[:cut]) | harvest(headers[cut:])
    assert merged == planted.IDENTIFIERS
    assert merged.to_json() == planted.IDENTIFIERS.to_json()


@given(ENTRIES)
def test_json_goes_both_ways(entries: frozenset[tuple[str, str]]) -> None:
    assert Identifiers.from_json(Identifiers(entries).to_json()) == Identifiers(entries)


@pytest.mark.parametrize(
    "form", [None, 1, "ab", [1], [["patient"]], [["king", "x"]], [["patient", 1]], [[[], 1]]]
)
def test_other_json_is_refused(form: object) -> None:
    with pytest.raises(InvalidRequest):
        Identifiers.from_json(form)


def test_any_header_can_be_harvested_and_compiled() -> None:
    for text in (
        "^",
        "=",
        "\\",
        "^^^^",
        "(",
        "a" * 5000,
        "\u0301",
        "O'",
        "-",
        "^Smith=^^=",
        "[x]*",
        "\ud800",
    ):
        found = harvest((tag, "PN", text) for tag, _, _ in planted.HEADERS)
        Cleaner(found, 3).clean(text + " 31.01.2020")
