"""Rectangles of pixels: what is to be blanked."""

import itertools
from collections.abc import Iterable
from typing import NamedTuple


class Box(NamedTuple):
    """Columns `left` to `right` and rows `top` to `bottom`, counted from 0; the last of each is outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Pixels inside."""
        return max(0, self.right - self.left) * max(0, self.bottom - self.top)

    def grown(self, by: int) -> "Box":
        """The box with so many pixels more on each side."""
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def within(self, rows: int, columns: int) -> "Box":
        """What of it lies in a frame of this size."""
        left, top = min(max(self.left, 0), columns), min(max(self.top, 0), rows)
        return Box(left, top, min(max(self.right, left), columns), min(max(self.bottom, top), rows))

    def moved(self, columns: int, rows: int) -> "Box":
        """The box so many pixels to the right and down."""
        return Box(self.left + columns, self.top + rows, self.right + columns, self.bottom + rows)

    def covers(self, other: "Box") -> bool:
        """Whether the other lies wholly in it."""
        beside = self.left <= other.left and other.right <= self.right
        return beside and self.top <= other.top and other.bottom <= self.bottom


def fitted(boxes: Iterable[Box], rows: int, columns: int) -> list[Box]:
    """Boxes of a frame: cut to its size, none empty, none inside another, in reading order."""
    inside = sorted({box for each in boxes if (box := each.within(rows, columns)).area})
    kept = [box for box in inside if not any(other != box and other.covers(box) for other in inside)]
    return sorted(kept, key=lambda box: (box.top, box.left, box))


def outside(boxes: Iterable[Box], rows: int, columns: int) -> list[Box]:
    """The boxes that together are all of a frame but these: a row of them for each band between edges."""
    kept = fitted(boxes, rows, columns)
    edges = sorted({0, rows, *(box.top for box in kept), *(box.bottom for box in kept)})
    found: list[Box] = []
    for top, bottom in itertools.pairwise(edges):
        found += _beside([box for box in kept if box.top <= top < box.bottom], top, bottom, columns)
    return found


def _beside(band: list[Box], top: int, bottom: int, columns: int) -> list[Box]:
    """What boxes that all cross these rows leave of them."""
    found, left = [], 0
    for box in sorted(band):
        if box.left > left:
            found.append(Box(left, top, box.left, bottom))
        left = max(left, box.right)
    if left < columns:
        found.append(Box(left, top, columns, bottom))
    return found
