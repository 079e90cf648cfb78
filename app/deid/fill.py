"""A native frame with boxes blanked, all else bit for bit as it was; and what is black in it.

What is blanked becomes what a viewer shows black without the image's own range of values changing:

- Pixel Padding Value where there is one: it stands outside of the image by its meaning;
- MONOCHROME2: 0, or the frame's least value where values are signed or floating-point (0 HU would be grey);
- MONOCHROME1: the frame's greatest value, since there the greatest is black;
- PALETTE COLOR: the index of the darkest entry;
- RGB: 0; the YBR kinds: no luminance, and chrominance in its middle.

Overlay planes of old, in bits above those stored, go with the pixels in the boxes and stay elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.deid.boxes import Box
from app.deid.native_frames import Samples
from app.dicom import samples
from app.dicom.part10 import Part10
from app.dicom.pixel_description import PixelDescription
from app.errors import CannotDecode

_PADDING = 0x00280120
_PALETTE_DESCRIPTOR, _PALETTE = 0x00281101, (0x00281201, 0x00281202, 0x00281203)
_WHOLE = {8: "<u1", 16: "<u2", 32: "<u4", 64: "<u8"}
_FLOAT = {32: "<f4", 64: "<f8"}
#: The black of Y in the YBR kinds that have a foot room.
_FOOT = {"YBR_PARTIAL_422": 16, "YBR_PARTIAL_420": 16}


@dataclass(frozen=True, slots=True)
class Ink:
    """How frames of an instance are blanked: `padding` is the value in a container where there is one."""

    pixels: PixelDescription
    floating: bool = False
    padding: int | None = None
    darkest: int = 0

    def black(self, frame: Samples) -> list[Any]:
        """The container value of each sample of a blank pixel in this frame."""
        pixels, photometric = self.pixels, self.pixels.photometric_interpretation
        if pixels.samples == 3:
            middle = 1 << (pixels.bits_stored - 1)
            return [_FOOT.get(photometric, 0), middle, middle] if photometric.startswith("YBR") else [0, 0, 0]
        if photometric == "PALETTE COLOR":
            return [self.darkest]
        return [self.padding if self.padding is not None else self._extreme(frame)]

    def _extreme(self, frame: Samples) -> Any:
        """Black in the frame's own range."""
        inverse, signed = self.pixels.photometric_interpretation == "MONOCHROME1", self._is_signed
        if not (inverse or signed):
            return 0
        values = samples.stored(frame, self.pixels)
        extreme = (np.nanmax if inverse else np.nanmin)(values)
        return extreme if self.floating else _contained(int(extreme), self.pixels)

    @property
    def _is_signed(self) -> bool:
        return self.floating or bool(self.pixels.pixel_representation)


def ink(part10: Part10, pixels: PixelDescription, *, floating: bool = False) -> Ink:
    """How to blank frames so described."""
    padding = None if floating else part10.number(_PADDING)
    if pixels.photometric_interpretation not in ("MONOCHROME1", "MONOCHROME2"):
        padding = None
    contained = None if padding is None else _contained(padding, pixels)
    darkest = _darkest(part10) if pixels.photometric_interpretation == "PALETTE COLOR" else 0
    return Ink(pixels, floating, contained, min(darkest, (1 << pixels.bits_allocated) - 1))


def widened(boxes: Sequence[Box], pixels: PixelDescription, frame_bits: int) -> list[Box]:
    """The boxes that can be blanked: where two pixels share their colour, whole pairs of them."""
    every = pixels.rows * pixels.columns * pixels.samples * pixels.bits_allocated
    if pixels.samples != 3 or frame_bits >= every:
        return list(boxes)
    return [Box(box.left // 2 * 2, box.top, box.right + box.right % 2, box.bottom) for box in boxes]


def filled(frame: bytes, boxes: Sequence[Box], ink: Ink) -> bytes:
    """The native little-endian frame with these boxes blank. Raises CannotDecode for forms that are none."""
    pixels = ink.pixels
    before = samples.raw(frame, pixels, floating=ink.floating)
    black = ink.black(before)
    if pixels.bits_allocated == 1:
        return _filled_bits(before, boxes, black[0])
    whole = bytearray(frame)
    if len(frame) * 8 < pixels.rows * pixels.columns * pixels.samples * pixels.bits_allocated:
        _fill_pairs(whole, boxes, pixels, black)
    else:
        _fill(whole, boxes, ink, black)
    _require_blank(before, samples.raw(bytes(whole), pixels, floating=ink.floating), boxes, black)
    return bytes(whole)


def _filled_bits(before: Samples, boxes: Sequence[Box], black: int) -> bytes:
    after = before.copy()
    for box in boxes:
        after[box.top : box.bottom, box.left : box.right] = black
    _require_blank(before, after, boxes, [black])
    return np.packbits(after, bitorder="little").tobytes()


def _fill(whole: bytearray, boxes: Sequence[Box], ink: Ink, black: list[Any]) -> None:
    """In place: `raw` gives views of what it is given in both planar configurations."""
    pixels = ink.pixels
    form = (_FLOAT if ink.floating else _WHOLE)[pixels.bits_allocated]
    flat = np.frombuffer(whole, form, pixels.rows * pixels.columns * pixels.samples)
    if pixels.planar_configuration == 1 and pixels.samples > 1:
        view = flat.reshape(pixels.samples, pixels.rows, pixels.columns).transpose(1, 2, 0)
    else:
        view = flat.reshape(pixels.rows, pixels.columns, pixels.samples)
    for box in boxes:
        view[box.top : box.bottom, box.left : box.right] = black


def _fill_pairs(whole: bytearray, boxes: Sequence[Box], pixels: PixelDescription, black: list[Any]) -> None:
    """Y1 Y2 Cb Cr for each two pixels of a row."""
    size = 2 * pixels.rows * pixels.columns
    pairs = np.frombuffer(whole, np.uint8, size).reshape(pixels.rows, pixels.columns // 2, 4)
    luminance, *chrominance = black
    for box in boxes:
        pairs[box.top : box.bottom, box.left // 2 : box.right // 2] = [luminance, luminance, *chrominance]


def _require_blank(before: Samples, after: Samples, boxes: Sequence[Box], black: list[Any]) -> None:
    """The proof: in the boxes nothing but black, outside of them every sample as it was."""
    expected = before.copy()
    for box in boxes:
        expected[box.top : box.bottom, box.left : box.right] = black[0] if before.ndim == 2 else black
    if after.shape != expected.shape or after.tobytes() != expected.tobytes():
        raise CannotDecode("The pixels could not be blanked: a person must look at them.")


def _contained(value: int, pixels: PixelDescription) -> int:
    """A stored value as it lies in its container, with its sign in the bits above it."""
    stored = min(pixels.bits_stored, pixels.bits_allocated)
    value &= (1 << stored) - 1
    if pixels.pixel_representation and value >> (stored - 1):
        value -= 1 << stored
    shift = min(max(pixels.high_bit, stored - 1), pixels.bits_allocated - 1) - (stored - 1)
    return (value << shift) & ((1 << pixels.bits_allocated) - 1)


def lightness(part10: Part10) -> tuple[int, NDArray[np.uint32]] | None:
    """The first index of a palette and how light each entry is; None where it is segmented, or none."""
    form = "<u2" if part10.little_endian else ">u2"
    descriptor = part10.get(_PALETTE_DESCRIPTOR)
    if descriptor is None or descriptor.length < 6:
        return None
    count, first, bits = np.frombuffer(part10.value(descriptor)[:6], form).tolist()
    found = [part10.get(tag) for tag in _PALETTE]
    data = [part10.value(each)[: each.length // 2 * 2] for each in found if each is not None]
    # Entries of 8 bits may lie two to a word.
    entry = "u1" if bits <= 8 and any(len(each) < 2 * (count or 1 << 16) for each in data) else form
    tables = [np.frombuffer(each, entry).astype(np.uint32) for each in data]
    length = min((len(table) for table in tables), default=0)
    if len(tables) < len(_PALETTE) or not length:
        return None
    return int(first), np.sum([table[:length] for table in tables], axis=0, dtype=np.uint32)


def _darkest(part10: Part10) -> int:
    """The index of a palette's darkest entry; 0 where it cannot be told."""
    found = lightness(part10)
    return found[0] + int(np.argmin(found[1])) if found else 0
