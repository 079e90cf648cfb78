"""Drawn frames as pictures of a web browser's kinds (PS3.18 sections 8.3.5 and 8.7.4).

These functions run in a worker process: codecs meet untrusted bytes there.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import orjson
from PIL import Image

from app.dicom import annotations, colour_profiles
from app.dicom.drawing import StoredFrame, draw
from app.dicom.frame_attributes import FrameAttributes
from app.dicom.rendering import GIF, JPEG, LARGEST_SIDE, PNG, Region, Rendering, Viewport
from app.errors import CannotDecode, InvalidRequest

_ASPECT, _FRAME_TIME, _RATES = "00280034", "00181063", ("00082144", "00180040")
_DEFAULT_MILLISECONDS, _LONGEST_MILLISECONDS = 100.0, 10_000.0
#: From this quality on, JPEG keeps the colour of every pixel.
_EVERY_COLOUR = 90

Box = tuple[float, float, float, float]


def render(frame: StoredFrame, rendering: Rendering) -> bytes:
    """The picture of one frame.

    Raises CannotDecode; InvalidRequest for a region outside of the frame or a picture that is too large.
    """
    pixels, attributes = draw(frame, rendering.window)
    picture = _placed(Image.fromarray(pixels), rendering, _aspect(attributes))
    picture = annotations.written(picture, attributes, rendering)
    picture, profile = colour_profiles.profiled(picture, attributes, rendering.profile)
    return _encoded(picture, rendering, profile)


def animate(pictures: Iterable[bytes], json: bytes) -> bytes:
    """Pictures as one animated GIF that repeats; the instance's DICOM JSON says how fast."""
    opened = [Image.open(BytesIO(data)) for data in pictures]
    out = BytesIO()
    opened[0].save(out, "GIF", save_all=True, append_images=opened[1:], duration=milliseconds(json), loop=0)
    return out.getvalue()


def milliseconds(json: bytes) -> int:
    """How long each frame is shown: Frame Time, else by the recommended frames in a second, else 100."""
    attributes = FrameAttributes((orjson.loads(json),), {})
    time = attributes.number(_FRAME_TIME) or 0.0
    for tag in _RATES:
        rate = attributes.number(tag) or 0.0
        time = time if time > 0 else (1000 / rate if rate > 0 else 0.0)
    # Browsers show a frame of less than 20 ms for 100.
    return int(min(max(time if time > 0 else _DEFAULT_MILLISECONDS, 20), _LONGEST_MILLISECONDS))


def size(box: tuple[float, float], viewport: Viewport | None, aspect: float = 1.0) -> tuple[int, int]:
    """Width and height of the picture of a part of this width and height: as large as fits, not distorted.

    `aspect` is the height of a pixel by its width; without a viewport pixels stay as they are.
    """
    width, height = box
    if viewport is None:
        return max(1, round(width)), max(1, round(height))
    height *= aspect
    scales = [
        wanted / side
        for wanted, side in ((viewport.width, width), (viewport.height, height))
        if wanted is not None
    ]
    scale = min(scales, default=1.0)
    return max(1, round(width * scale)), max(1, round(height * scale))


def box(region: Region, columns: int, rows: int) -> Box:
    """Left, upper, right and lower edge of the region in a frame. Raises InvalidRequest outside of it."""
    across, down = (columns, rows) if region.relative else (1, 1)
    left, top = region.left * across, region.top * down
    right = columns if region.width is None else left + region.width * across
    bottom = rows if region.height is None else top + region.height * down
    right, bottom = min(right, columns), min(bottom, rows)
    if left >= right or top >= bottom:
        raise InvalidRequest(f"The region lies outside of the frame, which has {columns} × {rows} pixels.")
    return left, top, right, bottom


def _placed(picture: Image.Image, rendering: Rendering, aspect: float) -> Image.Image:
    region = rendering.region
    left, top, right, bottom = box(region, picture.width, picture.height)
    wanted = size((right - left, bottom - top), rendering.viewport, aspect)
    if max(wanted) > LARGEST_SIDE and rendering.viewport is not None:
        raise InvalidRequest(f"The picture would have more than {LARGEST_SIDE} pixels in a row or column.")
    if (left, top, right, bottom, *wanted) != (0, 0, *picture.size, *picture.size):
        picture = picture.resize(wanted, Image.Resampling.BICUBIC, (left, top, right, bottom))
    if region.flip_horizontal:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if region.flip_vertical:
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return picture


def _aspect(attributes: FrameAttributes) -> float:
    """Pixel Aspect Ratio: the height of a pixel by its width; what no display could show is taken for 1."""
    ratio = [value for value in attributes.values(_ASPECT) if isinstance(value, int) and value > 0]
    aspect = ratio[0] / ratio[1] if len(ratio) == 2 else 1.0
    return aspect if 0.1 <= aspect <= 10 else 1.0


def _encoded(picture: Image.Image, rendering: Rendering, profile: bytes | None) -> bytes:
    options: dict[str, Any] = {"icc_profile": profile} if profile else {}
    if rendering.media_type == JPEG:
        options |= {
            "quality": rendering.quality,
            "subsampling": 0 if rendering.quality >= _EVERY_COLOUR else 2,
        }
    form = {JPEG: "JPEG", PNG: "PNG", GIF: "GIF"}[rendering.media_type]
    out = BytesIO()
    try:
        picture.save(out, form, **options)
    except OSError as error:
        raise CannotDecode(
            "The frame is too large for a picture of this kind: ask for a viewport."
        ) from error
    return out.getvalue()
