"""An instance's frames as native pixels, one at a time, whatever they are stored as."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from app.dicom import frames, native, pixel_description, samples, transcode
from app.dicom.elements import PIXEL_DATA, Element
from app.dicom.frames import FrameIndex
from app.dicom.part10 import Part10
from app.dicom.pixel_description import PixelDescription
from app.dicom.rewrite import Source
from app.dicom.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN
from app.errors import CannotDecode

Samples = NDArray[Any]


@dataclass(frozen=True, slots=True)
class NativeFrames:
    """Where frames lie, and what describes them as they are stored and as native pixels."""

    source: Source
    index: FrameIndex
    element: Element
    stored: PixelDescription
    pixels: PixelDescription

    @property
    def transfer_syntax_uid(self) -> str:
        """The source's."""
        return self.source.part10.transfer_syntax_uid

    @property
    def floating(self) -> bool:
        """Whether samples are floating-point numbers."""
        return self.element.tag != PIXEL_DATA

    @property
    def bits(self) -> int:
        """Bits of a native frame, which may hold every sample though its attributes say otherwise."""
        if self.index.is_native:
            return native.packing(self.source.part10, self.element, self.index.count)[0]
        return self.pixels.frame_bits

    def read(self, number: int) -> bytes:
        """A frame as it is stored, counted from 1; native ones little endian."""
        return self.index.assemble(number, [self.source.read(*each) for each in self.index.ranges(number)])

    def decoded(self) -> Iterator[bytes]:
        """Native little-endian frames, in order. Raises CannotDecode."""
        for number in range(1, self.index.count + 1):
            frame = transcode.Frame(self.read(number), self.transfer_syntax_uid, self.stored)
            yield transcode.frame(frame, EXPLICIT_LITTLE_ENDIAN)

    def samples(self, frame: bytes) -> Samples:
        """The containers of a native frame: (rows, columns) or (rows, columns, samples)."""
        return samples.raw(frame, self.pixels, floating=self.floating)

    def values(self) -> Iterator[Samples]:
        """The stored values of every frame. Raises CannotDecode."""
        return (samples.stored(self.samples(frame), self.pixels) for frame in self.decoded())


def at_hand(part10: Part10) -> Source:
    """An instance whose bytes are in memory, or mapped."""
    return Source(part10, lambda offset, length: part10.data[offset : offset + length])


def of(instance: Source) -> NativeFrames:
    """The frames of an instance. Raises CannotDecode where they cannot be told."""
    part10 = instance.part10
    index, element = frames.index(part10), frames.pixel_element(part10)
    if index is None or element is None:
        raise CannotDecode(frames.explain(part10) or "The instance has no pixel data.")
    stored = _described(part10, element)
    pixels = transcode.native(stored, part10.transfer_syntax_uid)
    return NativeFrames(instance, index, element, stored, pixels)


def _described(part10: Part10, element: Element) -> PixelDescription:
    """Floating-point pixels need no Bits Allocated of their own."""
    if element.tag == PIXEL_DATA:
        return pixel_description.from_part10(part10)
    bits = native.bits_allocated(part10, element)
    rows, columns = part10.number(native.ROWS) or 0, part10.number(native.COLUMNS) or 0
    return PixelDescription(rows, columns, 1, bits, bits, bits - 1, 1, "MONOCHROME2")
