"""An element of a data set: where its value lies, not what it is (PS3.5 section 7.1)."""

import mmap
from typing import Final, NamedTuple

Data = bytes | mmap.mmap

UNDEFINED: Final = 0xFFFFFFFF
PIXEL_DATA: Final = 0x7FE00010
ITEM: Final = 0xFFFEE000
ITEM_END: Final = 0xFFFEE00D
SEQUENCE_END: Final = 0xFFFEE0DD


class Element(NamedTuple):
    """One element, in or out of a sequence; `offset` counts from the start of the instance's data.

    `length` is that of the value; where it is undefined, of everything before the closing delimitation item.
    `items` are a sequence's, each a data set. `fragments` are those of encapsulated data as (offset, length),
    the first the Basic Offset Table.
    """

    tag: int
    vr: str
    offset: int
    length: int
    items: "list[list[Element]] | None" = None
    fragments: list[tuple[int, int]] | None = None


def name(tag: int) -> str:
    """A tag as people write it: `(0010,0010)`."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
