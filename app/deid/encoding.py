"""Elements written as the data set that they go into is written: its byte order, with or without VRs."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from app.dicom.dictionary import LONG_VRS, SHORT_VRS
from app.dicom.elements import ITEM, Data, Element
from app.dicom.headers import LONG
from app.dicom.part10 import Part10
from app.dicom.writer import padding

Chunk = bytes | memoryview
#: From here on bytes are passed on where they lie.
_LARGE: Final = 1 << 16


@dataclass(frozen=True)
class Encoding:
    """How one instance is written (PS3.5 section 7.1)."""

    little_endian: bool
    explicit: bool

    @cached_property
    def _order(self) -> str:
        return "<" if self.little_endian else ">"

    @cached_property
    def tag(self) -> struct.Struct:
        """A tag: group, element."""
        return struct.Struct(f"{self._order}HH")

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """What stands before a value of an even number of bytes."""
        number = self.tag.pack(tag >> 16, tag & 0xFFFF)
        if not self.explicit or tag == ITEM:
            return number + struct.pack(f"{self._order}I", length)
        if vr in SHORT_VRS and length <= 0xFFFF:
            return number + vr.encode() + struct.pack(f"{self._order}H", length)
        known = vr if vr in LONG_VRS else "UN"
        return number + known.encode() + struct.pack(f"{self._order}HI", 0, length)

    def element(self, tag: int, vr: str, value: bytes) -> bytes:
        """A whole element."""
        pad = padding(vr, len(value))
        return self.header(tag, vr, len(value) + len(pad)) + value + pad

    def sequence(self, tag: int, items: Iterable[list[Chunk]]) -> list[Chunk]:
        """A sequence of items, each the chunks of its elements; all lengths are stated."""
        chunks: list[Chunk] = []
        for item in items:
            chunks += [self.header(ITEM, "", sum(map(len, item))), *item]
        return [self.header(tag, "SQ", sum(map(len, chunks))), *chunks]


class Originals:
    """The bytes in which the elements of an instance stand."""

    def __init__(self, part10: Part10, encoding: Encoding) -> None:
        self._data: Data = part10.data
        self._view = memoryview(part10.data)
        self._encoding = encoding

    def value(self, element: Element) -> bytes:
        """The bytes of a value."""
        return self._data[element.offset : element.offset + element.length]

    def whole(self, element: Element) -> list[Chunk]:
        """An element that is no sequence, header and all, as it stands."""
        start, end = self._start(element), element.offset + element.length
        if start is None:
            return [self._encoding.element(element.tag, element.vr, self.value(element))]
        if self._data[element.offset - 4 : element.offset] == b"\xff\xff\xff\xff":
            end += 8
        if end - start < _LARGE:
            return [self._data[start:end]]
        return [self._view[start:end]]

    def _start(self, element: Element) -> int | None:
        """Where its header begins; None where it is not written as the data set is."""
        data, offset = self._data, element.offset
        tag = self._encoding.tag.pack(element.tag >> 16, element.tag & 0xFFFF)
        if data[offset - 8 : offset - 4] == tag:
            named = data[offset - 4 : offset - 2] == element.vr.encode()
            return offset - 8 if named or not self._encoding.explicit else None
        named = data[offset - 12 : offset - 8] == tag and data[offset - 8 : offset - 6] in LONG
        return offset - 12 if named and self._encoding.explicit else None
