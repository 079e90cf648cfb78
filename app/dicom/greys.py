"""Stored values to 8-bit greys: modality, then VOI transformation (PS3.3 C.11.1 and C.11.2; PS3.4 N.2)."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.dicom import lookup_tables
from app.dicom.frame_attributes import FrameAttributes, number
from app.dicom.lookup_tables import LookupTable
from app.dicom.pixel_description import PixelDescription
from app.dicom.samples import Samples

Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
FUNCTIONS: tuple[Function, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_INTERCEPT, _SLOPE, _MODALITY_LUT, _VOI_LUT = "00281052", "00281053", "00283000", "00283010"
_CENTER, _WIDTH, _FUNCTION = "00281050", "00281051", "00281056"
_PADDING, _PADDING_LIMIT = "00280120", "00280121"
_LARGEST_FRACTION = "0062000E"
#: Values spread no wider than this are mapped by a table of every value between the ends.
_TABULATED = 1 << 16

Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window in the units of the modality (PS3.3 section C.11.2.1.2 and .3)."""

    center: float
    width: float
    function: Function = "LINEAR"

    @property
    def possible(self) -> bool:
        """Whether the function is defined for the width."""
        return math.isfinite(self.center) and self.width >= 1 if self.function == "LINEAR" else self.width > 0

    def __call__(self, values: Real) -> Real:
        """Brightness from 0 to 1."""
        if self.function == "SIGMOID":
            exponent = -4 * (values - self.center) / self.width
            return np.asarray(1 / (1 + np.exp(np.clip(exponent, -700, 700))))
        exact = self.function == "LINEAR_EXACT"
        center, width = (self.center, self.width) if exact else (self.center - 0.5, self.width - 1)
        if width == 0:
            return np.asarray(values > center, np.float64)
        return np.clip((values - center) / width + 0.5, 0, 1)


@dataclass(frozen=True, slots=True)
class GreyScale:
    """How a monochrome frame is drawn. Without a VOI the whole range is: `ends` where it is known."""

    modality: LookupTable | tuple[float, float]
    voi: LookupTable | Window | None
    ends: tuple[float, float] | None
    inverted: bool
    padding: tuple[float, float] | None

    def __call__(self, values: Samples) -> NDArray[np.uint8]:
        """8-bit greys of stored values. Padding is black."""
        low, high = _range(values)
        scale = self if self.voi or self.ends else self._stretched(values)
        if values.dtype.kind == "f" or high - low >= _TABULATED:
            return scale._drawn(values)
        table = scale._drawn(np.arange(int(low), int(high) + 1))
        places = values.astype(np.intp)
        places -= int(low)
        return np.asarray(table.take(places))

    def _drawn(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        shades = np.nan_to_num(self._brightness(self._measured(values)))
        greys: NDArray[np.uint8] = np.floor((1 - shades if self.inverted else shades) * 255 + 0.5).astype(
            np.uint8
        )
        if self.padding:
            greys[self._padded(values)] = 0
        return greys

    def _measured(self, values: NDArray[Any]) -> Real:
        if isinstance(self.modality, LookupTable):
            return self.modality(values).astype(np.float64)
        slope, intercept = self.modality
        return values.astype(np.float64) * slope + intercept

    def _brightness(self, measured: Real) -> Real:
        if isinstance(self.voi, LookupTable):
            return self.voi(measured) / self.voi.highest
        if self.voi:
            return self.voi(measured)
        low, high = sorted(self.ends or (0.0, 1.0))
        return np.clip((measured - low) / ((high - low) or 1), 0, 1)

    def _stretched(self, values: Samples) -> "GreyScale":
        """The same from the lowest to the highest value that is there, but for padding."""
        kept = values[~self._padded(values)] if self.padding else values
        finite = kept[np.isfinite(kept)] if kept.dtype.kind == "f" else kept
        ends = self._measured(np.array(_range(finite)))
        return GreyScale(self.modality, None, (float(ends[0]), float(ends[1])), self.inverted, self.padding)

    def _padded(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        low, high = self.padding or (1, 0)
        return np.asarray((values >= low) & (values <= high))


def grey_scale(attributes: FrameAttributes, pixels: PixelDescription, window: Window | None) -> GreyScale:
    """How the frame says it is to be drawn; `window` is what the caller wants instead of its VOI."""
    signed = bool(pixels.pixel_representation)
    modality = _modality(attributes, signed)
    signed_output = signed and not isinstance(modality, LookupTable)
    voi = window or _voi(attributes, signed_output)
    inverted = pixels.photometric_interpretation == "MONOCHROME1"
    return GreyScale(modality, voi, _ends(attributes, pixels, modality), inverted, _padding(attributes))


def _modality(attributes: FrameAttributes, signed: bool) -> LookupTable | tuple[float, float]:
    item = attributes.item(_MODALITY_LUT)
    table = lookup_tables.of_item(item, signed=signed) if item else None
    if table:
        return table
    slope, intercept = attributes.number(_SLOPE), attributes.number(_INTERCEPT)
    return (1.0 if slope is None else slope), (intercept or 0.0)


def _voi(attributes: FrameAttributes, signed: bool) -> LookupTable | Window | None:
    """The first VOI LUT, else the first window that can be."""
    item = attributes.item(_VOI_LUT)
    table = lookup_tables.of_item(item, signed=signed or _negative(item)) if item else None
    if table:
        return table
    function = attributes.text(_FUNCTION).upper()
    chosen: Function = next((each for each in FUNCTIONS if each == function), "LINEAR")
    pairs = zip(attributes.values(_CENTER), attributes.values(_WIDTH), strict=False)
    for pair in pairs:
        center, width = map(number, pair)
        if center is not None and width is not None and Window(center, width, chosen).possible:
            return Window(center, width, chosen)
    return None


def _negative(item: FrameAttributes) -> bool:
    """Whether the descriptor names its first value as one with a sign."""
    return any(isinstance(value, int) and value < 0 for value in item.values("00283002"))


def _ends(
    attributes: FrameAttributes, pixels: PixelDescription, modality: LookupTable | tuple[float, float]
) -> tuple[float, float] | None:
    """Black and white where the values say so: up to 8 bits without sign, they are brightness already."""
    if isinstance(modality, LookupTable):
        return 0.0, float(modality.highest)
    if pixels.pixel_representation or pixels.bits_stored > 8:
        return None
    slope, intercept = modality
    highest = attributes.number(_LARGEST_FRACTION) or (1 << pixels.bits_stored) - 1
    return intercept, highest * slope + intercept


def _padding(attributes: FrameAttributes) -> tuple[float, float] | None:
    value = attributes.number(_PADDING)
    if value is None:
        return None
    limit = attributes.number(_PADDING_LIMIT)
    low, high = sorted((value, value if limit is None else limit))
    return low, high


def _range(values: NDArray[Any]) -> tuple[float, float]:
    return (values.min(), values.max()) if values.size else (0.0, 0.0)
