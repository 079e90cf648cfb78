"""Samples of colour as 8-bit RGB (PS3.3 section C.7.6.3.1.2)."""

import numpy as np
from numpy.typing import NDArray

from app.dicom import lookup_tables
from app.dicom.frame_attributes import FrameAttributes
from app.dicom.pixel_description import PixelDescription
from app.dicom.samples import Samples
from app.errors import CannotDecode

RGB8 = NDArray[np.uint8]

_PIXEL_PRESENTATION, _WITH_COLOUR, _RED_DESCRIPTOR = "00089205", ("COLOR", "MIXED"), "00281101"

#: ITU-R BT.601 luma of red, green and blue.
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114
_TO_RGB = np.array(
    [
        [1, 1, 1],
        [0, -_BLUE * 2 * (1 - _BLUE) / _GREEN, 2 * (1 - _BLUE)],
        [2 * (1 - _RED), -_RED * 2 * (1 - _RED) / _GREEN, 0],
    ],
    np.float32,
)
#: Where black lies, and what makes full range of the range of the studio.
_FULL = (np.array([0, 128, 128], np.float32), np.array([1, 1, 1], np.float32))
_STUDIO = (np.array([16, 128, 128], np.float32), np.array([255 / 219, 255 / 224, 255 / 224], np.float32))
_YBR = {
    "YBR_FULL": _FULL,
    "YBR_FULL_422": _FULL,
    "YBR_PARTIAL_422": _STUDIO,
}


def rgb(samples: Samples, pixels: PixelDescription) -> RGB8:
    """Three samples a pixel as RGB. Raises CannotDecode for a colour space that is not known here."""
    narrow = _eight_bits(samples, pixels.bits_stored)
    photometric = pixels.photometric_interpretation
    if photometric in _YBR:
        return _from_ybr(narrow, *_YBR[photometric])
    # JPEG 2000's own transforms are undone by its codec.
    if photometric in ("RGB", "", "YBR_ICT", "YBR_RCT"):
        return np.ascontiguousarray(narrow)
    raise CannotDecode("Photometric Interpretation is a colour space that cannot be drawn.")


def from_palette(values: Samples, pixels: PixelDescription, attributes: FrameAttributes) -> RGB8:
    """Places in a palette as the colours there. Raises CannotDecode where the palette is damaged."""
    tables = lookup_tables.palette(attributes, signed=bool(pixels.pixel_representation))
    low, high = int(values.min()), int(values.max())
    domain = np.arange(low, high + 1) if high - low < 1 << 16 else None
    if domain is None:
        raise CannotDecode("A palette cannot be used with values of more than 16 bits.")
    colours = np.stack([_eight_bits(table(domain), table.bits) for table in tables], axis=-1)
    return np.asarray(colours[values.astype(np.intp) - low])


def supplemented(
    greys: NDArray[np.uint8], values: Samples, pixels: PixelDescription, attributes: FrameAttributes
) -> NDArray[np.uint8]:
    """Greys, with the colours of a supplemental palette from its first value on (PS3.3 section C.7.6.19)."""
    if attributes.text(_PIXEL_PRESENTATION) not in _WITH_COLOUR or not attributes.values(_RED_DESCRIPTOR):
        return greys
    tables = lookup_tables.palette(attributes, signed=bool(pixels.pixel_representation))
    coloured = values >= tables[0].first
    drawn = np.repeat(greys[..., np.newaxis], 3, axis=-1)
    drawn[coloured] = np.stack(
        [_eight_bits(table(values[coloured]), table.bits) for table in tables], axis=-1
    )
    return drawn


def _eight_bits(samples: Samples, bits: int) -> NDArray[np.uint8]:
    return (samples >> samples.dtype.type(bits - 8) if bits > 8 else samples).astype(np.uint8, copy=False)


def _from_ybr(samples: RGB8, black: NDArray[np.float32], gain: NDArray[np.float32]) -> RGB8:
    colours = (samples.astype(np.float32) - black) * gain @ _TO_RGB
    return np.clip(np.floor(colours + np.float32(0.5)), 0, 255).astype(np.uint8)
