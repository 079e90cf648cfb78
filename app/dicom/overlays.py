"""Overlay planes: graphics of one bit that lie over a frame (PS3.3 section C.9.2)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from app.dicom.frame_attributes import FrameAttributes
from app.dicom.pixel_description import PixelDescription
from app.dicom.samples import Samples

_GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _ORIGIN, _FIRST_FRAME = "0010", "0011", "0015", "0050", "0051"
_POSITION, _DATA = "0102", "3000"

Mask = NDArray[np.bool_]


def mask(attributes: FrameAttributes, frame: int, samples: Samples, pixels: PixelDescription) -> Mask | None:
    """The pixels of a frame over which a plane lies, (rows, columns); None where there is none.

    `samples` are the raw ones: planes of old stand in bits that the pixels leave unused.
    """
    rows, columns = samples.shape[:2]
    found: Mask | None = None
    for row, column, plane in _planes(attributes, frame, samples, pixels):
        found = np.zeros((rows, columns), np.bool_) if found is None else found
        top, left = max(row, 0), max(column, 0)
        part = plane[top - row : rows - row, left - column : columns - column]
        found[top : top + part.shape[0], left : left + part.shape[1]] |= part
    return found


def _planes(
    attributes: FrameAttributes, frame: int, samples: Samples, pixels: PixelDescription
) -> Iterator[tuple[int, int, Mask]]:
    """Row and column (from 0) of the upper left of each plane of the frame, and its bits."""
    for group in _GROUPS:
        prefix = f"{group:04X}"
        row, column = _origin(attributes.values(prefix + _ORIGIN))
        data = attributes.data(prefix + _DATA)
        if data:
            plane = _sent(attributes, prefix, frame, data)
        else:
            plane = _embedded(attributes.whole(prefix + _POSITION) or 0, samples, pixels)
        if plane is not None and row < samples.shape[0] and column < samples.shape[1]:
            yield row, column, plane


def _sent(attributes: FrameAttributes, prefix: str, frame: int, data: bytes) -> Mask | None:
    rows, columns = attributes.whole(prefix + _ROWS) or 0, attributes.whole(prefix + _COLUMNS) or 0
    size, place = rows * columns, frame - (attributes.whole(prefix + _FIRST_FRAME) or 1)
    count = attributes.whole(prefix + _FRAMES) or 1
    if min(rows, columns) < 1 or not 0 <= place < count or (place + 1) * size > 8 * len(data):
        return None
    first, end = place * size // 8, -(-(place + 1) * size // 8)
    bits = np.unpackbits(np.frombuffer(data[first:end], np.uint8), bitorder="little")
    skipped = place * size - 8 * first
    return bits[skipped : skipped + size].reshape(rows, columns).astype(np.bool_)


def _embedded(position: int, samples: Samples, pixels: PixelDescription) -> Mask | None:
    """The plane in one bit of the samples' containers, where the pixels leave it."""
    used = range(pixels.high_bit + 1 - pixels.bits_stored, pixels.high_bit + 1)
    if samples.ndim != 2 or samples.dtype.kind != "u" or position in used:
        return None
    if not 0 < position < pixels.bits_allocated:
        return None
    return np.asarray(samples >> samples.dtype.type(position) & samples.dtype.type(1)).astype(np.bool_)


def _origin(values: list[object]) -> tuple[int, int]:
    numbers = [value for value in values if isinstance(value, int)]
    return (numbers[0] - 1, numbers[1] - 1) if len(numbers) == 2 else (0, 0)
