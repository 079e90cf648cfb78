"""JSON arrays of ready-made objects."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.json_array import join

json = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
)


@pytest.mark.parametrize(
    ("blobs", "expected"), [([], b"[]"), ([b"{}"], b"[{}]"), ([b"{}", b"1", b'"x"'], b'[{},1,"x"]')]
)
def test_join(blobs: list[bytes], expected: bytes) -> None:
    assert b"".join(join(iter(blobs))) == expected


@given(st.lists(st.dictionaries(st.text(max_size=3), json, max_size=3), max_size=5))
def test_the_array_reads_as_its_members(members: list[dict[str, Any]]) -> None:
    blobs = [orjson.dumps(member) for member in members]
    pieces = join(blobs)
    assert orjson.loads(b"".join(pieces)) == members
    assert all(any(piece is blob for piece in pieces) for blob in blobs)
