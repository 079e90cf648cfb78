"""Where the bytes of each frame lie: all that /frames/{list} needs, so that it never parses an instance.

The index is its own stored form, one buffer that is read in place:

- native, 32 bytes: version, kind, word, 5 spare, offset of the pixel data, bits of a frame, count (u64 each);
- encapsulated: version, kind, 6 spare, count (u64), then count + 1 fragment numbers (u32) at which the frames
  begin when a frame may have several fragments, then offset (u64) and length (u32) of each fragment.
"""

import struct
from dataclasses import dataclass

import numpy as np

from app.dicom import fragments, native, transfer_syntaxes
from app.dicom.elements import Element
from app.dicom.fragments import Inconsistent
from app.dicom.part10 import Part10
from app.errors import InvalidInstance, NotFound

FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA, PIXEL_DATA = 0x7FE00008, 0x7FE00009, 0x7FE00010
NUMBER_OF_FRAMES = 0x00280008

_VERSION = 1
_NATIVE, _WHOLE, _SPLIT = 0, 1, 2
_NATIVE_FORM = struct.Struct("<BBB5xQQQ")
_HEADER = struct.Struct("<BB6xQ")
_START = struct.Struct("<I")
_TWO_STARTS = struct.Struct("<II")
_FRAGMENT = struct.Struct("<QI")


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """The byte ranges of an instance's frames. Frames are numbered from 1, as in PS3.18."""

    _form: bytes

    @classmethod
    def native(cls, offset: int, frame_bits: int, count: int, word: int = 1) -> "FrameIndex":
        """Frames of `frame_bits` bits without gaps from `offset`; words of `word` bytes are big endian."""
        return cls(_NATIVE_FORM.pack(_VERSION, _NATIVE, word, offset, frame_bits, count))

    @classmethod
    def encapsulated(cls, frames: list[list[tuple[int, int]]]) -> "FrameIndex":
        """One list of fragments (offset, length) for each frame."""
        table = np.array([part for frame in frames for part in frame], dtype="<u8,<u4").tobytes()
        if all(len(frame) == 1 for frame in frames):
            return cls(_HEADER.pack(_VERSION, _WHOLE, len(frames)) + table)
        starts = np.cumsum([0, *(len(frame) for frame in frames)]).astype("<u4").tobytes()
        return cls(_HEADER.pack(_VERSION, _SPLIT, len(frames)) + starts + table)

    @classmethod
    def decode(cls, form: bytes) -> "FrameIndex":
        """The index that `encode` gave these bytes. Raises InvalidInstance when they are not one."""
        if len(form) < _HEADER.size or form[0] != _VERSION or len(form) != _expected_size(form):
            raise InvalidInstance("The stored frame index is damaged; store the instance anew.")
        return cls(form)

    def encode(self) -> bytes:
        """The stored form: 32 bytes when native, else 12 to 16 bytes a fragment."""
        return self._form

    @property
    def is_native(self) -> bool:
        """Whether frames are native pixels (else each is a code stream)."""
        return self._form[1] == _NATIVE

    @property
    def count(self) -> int:
        """The number of frames."""
        count: int = _HEADER.unpack_from(self._form)[2] if not self.is_native else self._packing()[3]
        return count

    def ranges(self, n: int) -> list[tuple[int, int]]:
        """Offset and length of the bytes to read for frame `n`. Raises NotFound beyond the frames."""
        self._require(n)
        if not self.is_native:
            return self._fragments(n)
        first, last, _, offset = self._span(n)
        return [(offset + first, last - first)]

    def size(self, n: int) -> int:
        """Bytes of frame `n` as it is sent. Raises NotFound beyond the frames."""
        self._require(n)
        if not self.is_native:
            return sum(length for _, length in self._fragments(n))
        return -(-self._packing()[2] // 8)

    def is_verbatim(self, n: int) -> bool:
        """Whether the bytes of frame `n`'s ranges, one after another, are the frame. Raises NotFound."""
        self._require(n)
        if not self.is_native:
            return True
        word, _, frame_bits, _ = self._packing()
        first, last, bit, _ = self._span(n)
        return word == 1 and bit == 0 and (last - first) * 8 == frame_bits

    def assemble(self, n: int, parts: list[bytes]) -> bytes:
        """Frame `n` from the bytes of its `ranges`: little endian, from bit 0 on (PS3.18 section 8.7.3.3).

        A part that is the frame already is returned itself. Raises NotFound beyond the frames.
        """
        self._require(n)
        if not self.is_native:
            return parts[0] if len(parts) == 1 else b"".join(parts)
        word, _, frame_bits, _ = self._packing()
        first, last, bit, _ = self._span(n)
        part = b"".join(parts) if len(parts) != 1 else parts[0]
        if word > 1:
            part = native.swap_words(part, word)
        if bit == 0 and (last - first) * 8 == frame_bits:
            return part
        return native.shift(part, bit, frame_bits)

    def _require(self, n: int) -> None:
        if not 1 <= n <= self.count:
            raise NotFound(f"The instance has {self.count} frames; there is no frame {n}.")

    def _packing(self) -> tuple[int, int, int, int]:
        _, _, word, offset, frame_bits, count = _NATIVE_FORM.unpack(self._form)
        return word, offset, frame_bits, count

    def _span(self, n: int) -> tuple[int, int, int, int]:
        """First byte and end (on words), the frame's first bit therein, and the pixel data's offset."""
        word, offset, frame_bits, _ = self._packing()
        first_bit = (n - 1) * frame_bits
        first = first_bit // (8 * word) * word
        last = -(-(first_bit + frame_bits) // (8 * word)) * word
        return first, last, first_bit - 8 * first, offset

    def _fragments(self, n: int) -> list[tuple[int, int]]:
        if self._form[1] == _WHOLE:
            offset, length = _FRAGMENT.unpack_from(self._form, _HEADER.size + (n - 1) * _FRAGMENT.size)
            return [(offset, length)]
        first, end = _TWO_STARTS.unpack_from(self._form, _HEADER.size + (n - 1) * _START.size)
        table = _HEADER.size + (self.count + 1) * _START.size
        part = memoryview(self._form)[table + first * _FRAGMENT.size : table + end * _FRAGMENT.size]
        return list(_FRAGMENT.iter_unpack(part))


def index(part10: Part10) -> FrameIndex | None:
    """The frames of this instance; None when it has no pixel data, or none that fits its attributes.

    Reads a few bytes at the edges of fragments, never the whole pixel data; `explain` says why it is None.
    """
    try:
        return _index(part10)
    except Inconsistent:
        return None


def explain(part10: Part10) -> str:
    """Why `index` is None, as a sentence for a warning; empty when it is not, or without pixel data."""
    try:
        _index(part10)
    except Inconsistent as reason:
        return reason.detail
    return ""


def pixel_element(part10: Part10) -> Element | None:
    """Pixel Data, Float or Double Float Pixel Data. Raises Inconsistent when there are several of them."""
    tags = (PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA)
    found = [element for tag in tags if (element := part10.get(tag)) is not None]
    if len(found) > 1:
        raise Inconsistent("The instance has several kinds of pixel data; no frames can be retrieved.")
    return found[0] if found else None


def _index(part10: Part10) -> FrameIndex | None:
    pixels = pixel_element(part10)
    if pixels is None:
        return None
    count = _number_of_frames(part10)
    syntax = transfer_syntaxes.get(part10.transfer_syntax_uid)
    if syntax.encapsulated is not None and syntax.encapsulated != (pixels.fragments is not None):
        raise Inconsistent(
            "Pixel Data is not encoded as the transfer syntax says; no frames can be retrieved."
        )
    if pixels.fragments is not None:
        return FrameIndex.encapsulated(fragments.frames(part10, pixels.fragments, count, syntax))
    bits, word = native.packing(part10, pixels, count)
    return FrameIndex.native(pixels.offset, bits, count, word)


def _number_of_frames(part10: Part10) -> int:
    """At least 1: it is absent or empty from single-frame instances, and some writers say 0."""
    if not part10.text(NUMBER_OF_FRAMES):
        return 1
    count = part10.number(NUMBER_OF_FRAMES)
    if count is None or count < 0:
        raise Inconsistent("Number of Frames is not a number; no frames can be retrieved.")
    return count or 1


def _expected_size(form: bytes) -> int:
    _, kind, count = _HEADER.unpack_from(form)
    if kind == _NATIVE:
        return _NATIVE_FORM.size
    if kind == _WHOLE:
        return int(_HEADER.size + count * _FRAGMENT.size)
    table = int(_HEADER.size + (count + 1) * _START.size)
    if kind != _SPLIT or table > len(form):
        return -1
    return int(table + _START.unpack_from(form, table - _START.size)[0] * _FRAGMENT.size)
