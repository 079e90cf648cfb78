"""What a frame's pixels are, as far as decoding needs to know (PS3.3 section C.7.6.3)."""

from dataclasses import dataclass

from app.dicom import native
from app.dicom.description import Json
from app.dicom.part10 import Part10
from app.errors import CannotDecode

#: Rows, Columns, Samples per Pixel, Bits Allocated, Bits Stored, High Bit, Pixel Representation.
_TAGS = ("00280010", "00280011", "00280002", "00280100", "00280101", "00280102", "00280103")
#: Photometric interpretations that are retired, or of video only: kept, but neither drawn nor encoded.
RETIRED = ("HSV", "ARGB", "CMYK", "YBR_PARTIAL_420")


@dataclass(frozen=True, slots=True)
class PixelDescription:
    """The Image Pixel attributes that decoding needs (PS3.3 section C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    pixel_representation: int
    photometric_interpretation: str
    planar_configuration: int = 0

    @property
    def frame_bits(self) -> int:
        """Bits of a native frame so described."""
        return native.frame_bits(
            self.rows, self.columns, self.samples, self.bits_allocated, self.photometric_interpretation
        )


def from_json(attributes: Json) -> PixelDescription:
    """The pixel description of an instance's DICOM JSON. Raises CannotDecode when it lacks an attribute."""
    photometric, planar = _first(attributes, "00280004"), _first(attributes, "00280006")
    return _described([_first(attributes, tag) for tag in _TAGS], photometric, planar)


def from_part10(part10: Part10) -> PixelDescription:
    """The pixel description of an instance. Raises CannotDecode when it lacks an attribute."""
    numbers: list[object] = [part10.number(int(tag, 16)) for tag in _TAGS]
    return _described(numbers, part10.text(0x00280004), part10.number(0x00280006))


def _first(attributes: Json, tag: str) -> object:
    value = attributes.get(tag, {}).get("Value") or [None]
    return value[0]


def _described(numbers: list[object], photometric: object, planar: object) -> PixelDescription:
    known = [number if isinstance(number, int) and number >= 0 else None for number in numbers]
    rows, columns, samples, allocated, stored, high_bit, representation = known
    if rows is None or columns is None or allocated is None:
        raise CannotDecode("Rows, Columns or Bits Allocated is missing: the pixel data cannot be decoded.")
    stored = stored or allocated
    return PixelDescription(
        rows,
        columns,
        samples or 1,
        allocated,
        stored,
        stored - 1 if high_bit is None else high_bit,
        representation or 0,
        photometric if isinstance(photometric, str) else "",
        planar if planar in (0, 1) and isinstance(planar, int) else 0,
    )
