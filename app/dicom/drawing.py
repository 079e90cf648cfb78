"""One frame as RGB or grey, as the instance itself says it is to be shown (PS3.4 section N.2)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from app.dicom import (
    colours,
    frame_attributes,
    overlays,
    pixel_description,
    pixels,
    samples,
    transfer_syntaxes,
)
from app.dicom.description import Json
from app.dicom.frame_attributes import FrameAttributes
from app.dicom.greys import Window, grey_scale
from app.dicom.pixel_description import RETIRED, PixelDescription
from app.errors import CannotDecode

_FLOAT_DATA = ("7FE00008", "7FE00009")
_ROWS, _COLUMNS = "00280010", "00280011"
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame as it lies in the store, and what is needed to draw it.

    `json` is the instance's DICOM JSON, `bulk` holds its lookup tables, overlays and colour profile by path.
    """

    data: bytes
    number: int
    is_native: bool
    transfer_syntax_uid: str
    json: bytes
    bulk: Mapping[str, bytes]


def draw(frame: StoredFrame, window: Window | None = None) -> tuple[NDArray[np.uint8], FrameAttributes]:
    """Grey (rows, columns) or RGB (rows, columns, 3), and the attributes that hold for the frame.

    Overlays are white. `window` replaces the VOI of a monochrome frame. Raises CannotDecode.
    """
    json: Json = orjson.loads(frame.json)
    big_endian = transfer_syntaxes.get(frame.transfer_syntax_uid).big_endian_pixels
    attributes = frame_attributes.of_frame(json, frame.number, frame.bulk, big_endian=big_endian)
    described = pixel_description.from_json(json)
    if described.photometric_interpretation in RETIRED:
        raise CannotDecode(
            f"{described.photometric_interpretation} is retired, or of video only, and not drawn here: "
            "ask for the frame as stored."
        )
    native, described = _native(frame, described)
    floating = any(tag in json for tag in _FLOAT_DATA)
    return _shown(native, described, attributes, frame.number, window, floating), attributes


def _native(frame: StoredFrame, described: PixelDescription) -> tuple[bytes, PixelDescription]:
    if frame.is_native:
        return frame.data, described
    uid = frame.transfer_syntax_uid
    return pixels.decode_frame(frame.data, uid, described), pixels.decoded(described, uid)


def _shown(
    native: bytes,
    described: PixelDescription,
    attributes: FrameAttributes,
    number: int,
    window: Window | None,
    floating: bool,
) -> NDArray[np.uint8]:
    raw = samples.raw(native, described, floating=floating)
    values = samples.stored(raw, described)
    drawn = _coloured(values, described, attributes, window)
    plane = overlays.mask(attributes, number, raw, described)
    if plane is not None:
        drawn = drawn if drawn.flags.writeable else drawn.copy()
        drawn[plane] = 255
    return drawn


def _coloured(
    values: samples.Samples, described: PixelDescription, attributes: FrameAttributes, window: Window | None
) -> NDArray[np.uint8]:
    if described.samples == 3:
        return colours.rgb(values, described)
    if described.photometric_interpretation == "PALETTE COLOR":
        return colours.from_palette(values, described, attributes)
    # One sample without a photometric interpretation can only be a grey.
    if described.photometric_interpretation in (*_MONOCHROME, ""):
        greys = grey_scale(attributes, described, window)(values)
        return colours.supplemented(greys, values, described, attributes)
    raise CannotDecode("Photometric Interpretation does not fit Samples per Pixel.")
