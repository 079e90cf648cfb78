"""Boxes in frames: cut, covered, and what lies outside of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.deid.boxes import Box, fitted, outside

SIDE = st.integers(-3, 14)
BOXES = st.lists(st.builds(Box, SIDE, SIDE, SIDE, SIDE), max_size=5)


def _mask(boxes: list[Box], rows: int, columns: int) -> np.ndarray:
    mask = np.zeros((rows, columns), int)
    for box in boxes:
        for row in range(max(0, box.top), min(rows, box.bottom)):
            mask[row, max(0, box.left) : max(0, box.right)] += 1
    return mask


@given(BOXES, st.integers(1, 11), st.integers(1, 11))
def test_fitted_boxes_are_the_same_pixels(boxes: list[Box], rows: int, columns: int) -> None:
    found = fitted(boxes, rows, columns)
    assert ((_mask(found, rows, columns) > 0) == (_mask(boxes, rows, columns) > 0)).all()
    assert fitted(found, rows, columns) == found
    assert all(box.area > 0 and box.within(rows, columns) == box for box in found)


@given(BOXES, st.integers(1, 11), st.integers(1, 11))
def test_what_is_outside_is_every_other_pixel_once(boxes: list[Box], rows: int, columns: int) -> None:
    inside, others = _mask(boxes, rows, columns) > 0, _mask(outside(boxes, rows, columns), rows, columns)
    assert (others == ~inside).all()
