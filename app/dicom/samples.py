"""Native bytes of a frame as arrays of samples (PS3.5 section 8.1.1 and PS3.3 section C.7.6.3.1)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dicom.native import frame_bits
from app.dicom.pixel_description import PixelDescription
from app.errors import CannotDecode

Samples = NDArray[Any]

_WHOLE = {8: "<u1", 16: "<u2", 32: "<u4", 64: "<u8"}
_FLOAT = {32: "<f4", 64: "<f8"}


def raw(frame: bytes, pixels: PixelDescription, *, floating: bool = False) -> Samples:
    """The samples as they lie in their containers: (rows, columns) or (rows, columns, samples).

    Raises CannotDecode where the frame is too short, or of a form that no longer exists.
    """
    rows, columns, samples = pixels.rows, pixels.columns, pixels.samples
    if min(rows, columns) < 1 or samples not in (1, 3):
        raise CannotDecode("A frame of this many rows, columns or samples cannot be drawn.")
    if _is_subsampled(frame, pixels):
        return _subsampled(frame, rows, columns)
    if 8 * len(frame) < frame_bits(rows, columns, samples, pixels.bits_allocated):
        raise CannotDecode("The frame is shorter than Rows and Columns say.")
    flat = _flat(frame, pixels, rows * columns * samples, floating)
    if samples == 1:
        return flat.reshape(rows, columns)
    if pixels.planar_configuration == 1:
        return flat.reshape(samples, rows, columns).transpose(1, 2, 0)
    return flat.reshape(rows, columns, samples)


def stored(samples: Samples, pixels: PixelDescription) -> Samples:
    """The values in the containers: Bits Stored of them, High Bit the highest, with their sign."""
    if samples.dtype.kind == "f" or pixels.bits_allocated == 1:
        return samples
    bits, container = min(pixels.bits_stored, pixels.bits_allocated), pixels.bits_allocated
    signed = bool(pixels.pixel_representation)
    up = container - 1 - min(max(pixels.high_bit, bits - 1), container - 1)
    if up:
        samples = samples << samples.dtype.type(up)
    samples = samples.view(f"<i{container // 8}") if signed else samples
    # Shifting back carries the sign along, and drops what lay below and above the stored bits.
    return samples >> samples.dtype.type(container - bits) if bits < container else samples


def _flat(frame: bytes, pixels: PixelDescription, count: int, floating: bool) -> Samples:
    bits = pixels.bits_allocated
    if bits == 1:
        return np.unpackbits(np.frombuffer(frame, np.uint8), count=count, bitorder="little")
    form = (_FLOAT if floating else _WHOLE).get(bits)
    if form is None:
        raise CannotDecode("Bits Allocated is none that can be drawn.")
    return np.frombuffer(frame, form, count)


def _is_subsampled(frame: bytes, pixels: PixelDescription) -> bool:
    """Whether two pixels share their colour. Some writers say so and yet send every sample."""
    photometric = pixels.photometric_interpretation
    if pixels.samples != 3 or pixels.bits_allocated != 8 or not photometric.endswith("_422"):
        return False
    return len(frame) < 3 * pixels.rows * pixels.columns


def _subsampled(frame: bytes, rows: int, columns: int) -> Samples:
    """Y1 Y2 Cb Cr for each two pixels of a row, as Y Cb Cr for each."""
    if columns % 2 or len(frame) < 2 * rows * columns:
        raise CannotDecode("The frame is shorter than Rows and Columns say.")
    pairs = np.frombuffer(frame, np.uint8, 2 * rows * columns).reshape(rows, columns // 2, 4)
    full = np.empty((rows, columns, 3), np.uint8)
    full[:, 0::2, 0], full[:, 1::2, 0] = pairs[..., 0], pairs[..., 1]
    full[:, 0::2, 1:] = full[:, 1::2, 1:] = pairs[..., 2:]
    return full
