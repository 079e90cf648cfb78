"""Ready-made documents as one body."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.enclosure import array, parts
from tests.bodies import received

json = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
)


@pytest.mark.parametrize(("blobs", "expected"), [([b"{}"], b"[{}]"), ([b"{}", b"1", b'"x"'], b'[{},1,"x"]')])
def test_an_array(blobs: list[bytes], expected: bytes) -> None:
    assert b"".join(array("application/json").join(iter(blobs))) == expected


@given(st.lists(st.dictionaries(st.text(max_size=3), json, max_size=3), min_size=1, max_size=5))
def test_the_array_reads_as_its_members(members: list[dict[str, Any]]) -> None:
    blobs = [orjson.dumps(member) for member in members]
    pieces = array("application/json").join(blobs)
    assert orjson.loads(b"".join(pieces)) == members
    assert all(any(piece is blob for piece in pieces) for blob in blobs)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_the_parts_read_as_the_documents(documents: list[bytes]) -> None:
    enclosure = parts("application/xml", "0123456789abcdef0123456789abcdef")
    found = received(enclosure.content_type, b"".join(enclosure.join(documents)))
    assert [part.data for part in found] == documents
    assert {part.content_type for part in found} == {"application/xml"}
