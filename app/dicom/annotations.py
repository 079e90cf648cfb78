"""Text written over a picture: who was examined, and how (PS3.18 section 8.3.5.1.1)."""

from collections.abc import Iterable

from PIL import Image, ImageDraw, ImageFont

from app.dicom.frame_attributes import FrameAttributes
from app.dicom.rendering import Rendering

PATIENT, TECHNIQUE = "patient", "technique"
_PATIENT = (("", "00100020"), ("", "00100030"), ("", "00100040"))
_TECHNIQUE = (
    ("", "00080060"),
    ("", "00081030"),
    ("", "0008103E"),
    ("", "00080020"),
    ("kVp ", "00180060"),
    ("slice ", "00180050"),
    ("C ", "00281050"),
    ("W ", "00281051"),
)
_NAME = "00100010"
_LONGEST = 64
_SMALLEST, _OF_WIDTH = 9, 40


def written(picture: Image.Image, attributes: FrameAttributes, rendering: Rendering) -> Image.Image:
    """The picture with the annotations that were asked for in its upper corners."""
    if PATIENT in rendering.annotations:
        _write(picture, _patient(attributes), right=False)
    if TECHNIQUE in rendering.annotations:
        _write(picture, _lines(attributes, _technique(rendering)), right=True)
    return picture


def _patient(attributes: FrameAttributes) -> list[str]:
    name = next(iter(attributes.values(_NAME)), None)
    groups = name.values() if isinstance(name, dict) else ()
    return [" ".join(" ".join(map(str, groups)).split("^"))[:_LONGEST], *_lines(attributes, _PATIENT)]


def _technique(rendering: Rendering) -> Iterable[tuple[str, str]]:
    """The stored window is not named where another one was asked for."""
    return _TECHNIQUE[:-2] if rendering.window else _TECHNIQUE


def _lines(attributes: FrameAttributes, wanted: Iterable[tuple[str, str]]) -> list[str]:
    found = ((label, next(iter(attributes.values(tag)), None)) for label, tag in wanted)
    return [f"{label}{value}"[:_LONGEST] for label, value in found if isinstance(value, str | int | float)]


def _write(picture: Image.Image, lines: list[str], *, right: bool) -> None:
    """White letters with a black edge, so that they can be read over anything."""
    height = max(_SMALLEST, picture.width // _OF_WIDTH)
    text = "\n".join(line for line in lines if line)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(height)
    white, black = ((255, 255, 255), (0, 0, 0)) if picture.mode == "RGB" else (255, 0)
    place = (picture.width - height // 2, height // 2) if right else (height // 2, height // 2)
    draw.multiline_text(
        place,
        text,
        white,
        font,
        anchor="ra" if right else "la",
        align="right" if right else "left",
        stroke_width=max(1, height // 12),
        stroke_fill=black,
    )
