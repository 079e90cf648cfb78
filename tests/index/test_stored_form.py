"""Descriptions in their rows: what is put in comes out, whole or only what is first."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.index.stored_form import decode_elements, encode_elements
from app.query.elements import document, pieces

KEYS = [f"0008{number:04X}" for number in range(8)]
VALUES = st.text(max_size=5) | st.sampled_from(["\n", ",\n", ",\n\n", '"},\n"00080001":{', "\\"])
ATTRIBUTES = st.dictionaries(
    st.sampled_from(KEYS), st.builds(lambda value: {"vr": "LO", "Value": [value]}, VALUES)
)
FIRST = st.frozensets(st.sampled_from(KEYS))


@given(attributes=ATTRIBUTES, first=FIRST)
def test_elements_come_out_whole(attributes: dict[str, Any], first: frozenset[str]) -> None:
    form = encode_elements(attributes, first)
    assert orjson.loads(form) == attributes
    found = decode_elements(form, whole=True)
    assert found == pieces(attributes)
    assert orjson.loads(document(found.values())) == attributes


@given(attributes=ATTRIBUTES, first=FIRST)
def test_those_that_are_first_come_out_alone(attributes: dict[str, Any], first: frozenset[str]) -> None:
    every = pieces(attributes)
    found = decode_elements(encode_elements(attributes, first), whole=False)
    assert found.items() <= every.items()
    leading = {key for key in every if key.decode() in first}
    assert found.keys() == (leading or every.keys())


@pytest.mark.parametrize("pieces", [[], [b""], [b"", b""]])
def test_no_elements_are_an_empty_object(pieces: list[bytes]) -> None:
    assert document(pieces) == b"{}"
