"""The picture in which a series' burned-in text is looked for: the brightest of each pixel in all frames.

Text is burned into every frame at the same place, or into one: in the brightest picture it stands either way.
One picture is kept for each size of frames, so memory is bounded by a few frames.
"""

import numpy as np
from numpy.typing import NDArray

from app.deid import native_frames, ocr
from app.deid.boxes import Box
from app.deid.fill import lightness
from app.deid.native_frames import Samples
from app.dicom.pixel_description import PixelDescription
from app.dicom.rewrite import Source

Picture = NDArray[np.float32]
Palette = tuple[int, NDArray[np.uint32]]

#: Of red, green and blue: how bright a colour is.
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


class Brightest:
    """The brightest picture of the frames added so far, by rows and columns."""

    def __init__(self) -> None:
        self.pictures: dict[tuple[int, int], Picture] = {}

    def add(self, instance: Source) -> None:
        """Every frame of an instance. Raises CannotDecode where they cannot be told or decoded."""
        palette = lightness(instance.part10)
        found = native_frames.of(instance)
        for values in found.values():
            seen = brightness(values, found.pixels, palette)
            size = seen.shape[0], seen.shape[1]
            held = self.pictures.setdefault(size, seen)
            if held is not seen:
                np.fmax(held, seen, out=held)

    def boxes(self) -> dict[tuple[int, int], list[Box]]:
        """The text of each picture, by the size of its frames. Raises Misconfigured without the extra."""
        return {size: ocr.find(self.pictures[size]) for size in sorted(self.pictures)}


def brightness(values: Samples, pixels: PixelDescription, palette: Palette | None = None) -> Picture:
    """How bright each pixel is shown, in no unit: more is brighter. `palette` is `fill.lightness`."""
    photometric = pixels.photometric_interpretation
    if photometric == "PALETTE COLOR" and palette is not None:
        first, light = palette
        return light[np.clip(values.astype(np.int64) - first, 0, len(light) - 1)].astype(np.float32)
    if values.ndim == 3:
        grey = values[..., 0] if photometric.startswith("YBR") else values.astype(np.float32) @ _LUMINANCE
        return np.ascontiguousarray(grey, np.float32)
    # Of MONOCHROME1 the least value is white.
    return np.ascontiguousarray(
        -values.astype(np.float32) if photometric == "MONOCHROME1" else values, np.float32
    )
