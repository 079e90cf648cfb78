"""Descriptions in their rows: what is put in comes out, whole or only what is first."""

from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.index import stored_form
from app.index.stored_form import decode_elements, decode_some, encode_elements, encode_json
from app.query.elements import document, pieces
from app.query.returned import picked

KEYS = [f"0008{number:04X}" for number in range(8)]
VALUES = st.text(max_size=5) | st.sampled_from(["\n", ",\n", ",\n\n", '"},\n"00080001":{', "\\"])
ATTRIBUTES = st.dictionaries(
    st.sampled_from(KEYS), st.builds(lambda value: {"vr": "LO", "Value": [value]}, VALUES)
)
#: Where one may be taken for another: in items, in texts, and in blocks of several creators.
TAGS = ["00080001", "00180060", "00190010", "00190011", "00191003", "00191103", "00209221"]
TEXTS = st.sampled_from(["A", "B", '\u00e9\\"', '"00180060":{"vr":"SQ"', "}]},", '{"vr":"SQ"'])
PLAIN = st.builds(lambda value: {"vr": "LO", "Value": [value]}, TEXTS)
EMPTY = st.sampled_from([{"vr": "LO"}, {"vr": "SQ"}, {"vr": "SQ", "Value": []}])
HEADERS = st.recursive(
    st.dictionaries(st.sampled_from(TAGS), PLAIN | EMPTY, max_size=5),
    lambda items: st.dictionaries(
        st.sampled_from(TAGS),
        PLAIN | st.builds(lambda of: {"vr": "SQ", "Value": of}, st.lists(items, max_size=2)),
        max_size=5,
    ),
    max_leaves=6,
)
ASKED = ["00180060", "00209221", "00191003[A]", "00191003[B]"]
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


@pytest.mark.parametrize("few", [0, stored_form._FEW])
@given(attributes=HEADERS, keys=st.lists(st.sampled_from(ASKED), unique=True))
def test_some_elements_are_those_of_the_whole(few: int, attributes: dict[str, Any], keys: list[str]) -> None:
    with patch.object(stored_form, "_FEW", few):
        some = decode_some(encode_json(attributes), keys)
    assert some.items() <= attributes.items()
    assert list(picked(some, keys).items()) == list(picked(attributes, keys).items())
