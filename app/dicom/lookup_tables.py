"""Lookup tables: modality, VOI and palette (PS3.3 sections C.11.1, C.11.2 and C.7.6.3.1.5, C.7.9)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dicom.frame_attributes import FrameAttributes
from app.errors import CannotDecode

_DESCRIPTOR, _DATA = "00283002", "00283006"
#: Descriptor, data and segmented data of red, green and blue.
_PALETTE = (
    ("00281101", "00281201", "00281221"),
    ("00281102", "00281202", "00281222"),
    ("00281103", "00281203", "00281223"),
)
_MOST_ENTRIES = 1 << 16
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class LookupTable:
    """`entries` of `bits` bits: the first for the value `first`, those at the ends for all beyond."""

    first: int
    entries: NDArray[np.uint16]
    bits: int

    @property
    def highest(self) -> int:
        """What stands for white: some writers have entries of more bits than the descriptor says."""
        return max((1 << self.bits) - 1, int(self.entries.max()))

    def __call__(self, values: NDArray[np.generic]) -> NDArray[np.uint16]:
        """The entry of each value."""
        places = np.floor(values.astype(np.float64)) - self.first
        return np.asarray(self.entries[np.clip(places, 0, len(self.entries) - 1).astype(np.intp)])


def of_item(item: FrameAttributes, *, signed: bool) -> LookupTable | None:
    """The table in an item of a Modality or VOI LUT Sequence; None where it has none.

    `signed` says whether the values that it maps are. Raises CannotDecode where it is cut short.
    """
    return _table(item, _DESCRIPTOR, item.data(_DATA), signed)


def palette(attributes: FrameAttributes, *, signed: bool) -> tuple[LookupTable, LookupTable, LookupTable]:
    """The red, green and blue tables. Raises CannotDecode where one is missing or damaged."""
    found = [_colour(attributes, *tags, signed=signed) for tags in _PALETTE]
    red, green, blue = found
    if red is None or green is None or blue is None:
        raise CannotDecode("A palette of colours is named but not there.")
    return red, green, blue


def _colour(
    attributes: FrameAttributes, descriptor: str, plain: str, segmented: str, *, signed: bool
) -> LookupTable | None:
    data = attributes.data(plain)
    if data:
        return _table(attributes, descriptor, data, signed)
    segments = attributes.data(segmented)
    if not segments:
        return None
    shape = _descriptor(attributes, descriptor, signed)
    return shape and _expanded(segments, *shape)


def _descriptor(attributes: FrameAttributes, tag: str, signed: bool) -> tuple[int, int, int] | None:
    numbers = [value for value in attributes.values(tag) if isinstance(value, int)]
    if len(numbers) != 3:
        return None
    count, first, bits = numbers
    if signed and first > 0x7FFF:
        first -= 1 << 16
    if not 0 <= count <= _MOST_ENTRIES or not 1 <= bits <= 16:
        raise CannotDecode("The descriptor of a lookup table says what no table can be.")
    return count or _MOST_ENTRIES, first, bits


def _table(attributes: FrameAttributes, tag: str, data: bytes, signed: bool) -> LookupTable | None:
    shape = _descriptor(attributes, tag, signed)
    if shape is None or not data:
        return None
    count, first, bits = shape
    if len(data) >= 2 * count:
        return LookupTable(first, np.frombuffer(data, "<u2", count), bits)
    if len(data) >= count and bits <= 8:
        # Two entries of 8 bits to a word, the first in the low byte.
        return LookupTable(first, np.frombuffer(data, np.uint8, count).astype(np.uint16), bits)
    raise CannotDecode("A lookup table has fewer entries than its descriptor says.")


def _expanded(data: bytes, count: int, first: int, bits: int) -> LookupTable:
    """A segmented table, written out (PS3.3 section C.7.9.2)."""
    wide = bits > 8
    words = np.frombuffer(data, "<u2", len(data) // 2).tolist() if wide else list(data)
    entries: list[int] = []
    for kind, length, place in _segments(words, wide):
        entries += _run(words, kind, length, place, entries)
        if len(entries) >= count:
            return LookupTable(first, np.array(entries[:count], np.uint16), bits)
    raise CannotDecode("A segmented palette has fewer entries than its descriptor says.")


def _run(words: list[int], kind: int, length: int, place: int, before: list[int]) -> list[int]:
    if kind == _DISCRETE:
        return words[place : place + length]
    if not before:
        raise CannotDecode("A segmented palette begins with a segment that needs one before it.")
    # A line goes from the entry before it, which is not repeated, to the one that it names.
    line: list[int] = np.linspace(before[-1], words[place], length + 1)[1:].round().astype(int).tolist()
    return line


#: Kind, length and the place of the values of a segment.
_Segment = tuple[int, int, int]


def _segments(words: list[int], wide: bool) -> Iterator[_Segment]:
    """The segments in their order; an indirect one is those that it points to."""
    known: list[_Segment] = []
    starts: dict[int, int] = {}
    place, pointer = 0, 2 if wide else 4
    while place + 3 <= len(words):
        kind, length = words[place], words[place + 1]
        size = {_DISCRETE: length, _LINEAR: 1, _INDIRECT: pointer}.get(kind)
        if size is None or place + 2 + size > len(words):
            raise CannotDecode("A segmented palette is damaged.")
        if kind == _INDIRECT:
            yield from _pointed(words[place + 2 : place + 2 + size], length, starts, known)
        else:
            starts[place] = len(known)
            known.append((kind, length, place + 2))
            yield known[-1]
        place += 2 + size


def _pointed(
    pointer: list[int], length: int, starts: dict[int, int], known: list[_Segment]
) -> list[_Segment]:
    """The `length` segments from a byte offset, whose words stand the least significant first."""
    bits = 16 if len(pointer) == 2 else 8
    offset = sum(word << bits * place for place, word in enumerate(pointer))
    begin = starts.get(offset * 8 // bits)
    # Some writers count words, not bytes.
    begin = starts.get(offset) if begin is None else begin
    if begin is None:
        raise CannotDecode("A segmented palette points to where no segment begins.")
    return known[begin : begin + length]
