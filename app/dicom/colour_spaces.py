"""The colour spaces that a picture may be asked for, as ICC profiles made here (ICC.1:2022).

PS3.18 section 8.3.5.1.5 names them; IEC 61966-2-1, Adobe RGB (1998), ISO 22028-2 and SMPTE EG 432-1 say by
which primaries, white and curve they are what they are.
"""

import struct
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Chromaticity = tuple[float, float]

#: The illuminant of the profile connection space, and the cone responses of Bradford that adapt to it.
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_VERSION, _HEADER = 0x04400000, 128
#: A profile says when it was made; this one is a constant.
_MADE = (2026, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ColourSpace:
    """Chromaticities (x, y) of red, green, blue and white; `curve` makes light of values.

    `curve` are g, or g, a, b, c, d of (a v + b)^g from d on and c v below it.
    """

    name: str
    primaries: tuple[Chromaticity, Chromaticity, Chromaticity]
    white: Chromaticity
    curve: tuple[float, ...]


_D65 = (0.3127, 0.3290)
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SPACES: dict[str, ColourSpace] = {
    "srgb": ColourSpace("sRGB", ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), _D65, _SRGB_CURVE),
    "adobergb": ColourSpace(
        "Adobe RGB (1998)", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), _D65, (563 / 256,)
    ),
    "rommrgb": ColourSpace(
        "ROMM RGB",
        ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)),
        (0.3457, 0.3585),
        (1.8, 1.0, 0.0, 1 / 16, 1 / 32),
    ),
    "displayp3": ColourSpace("Display P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), _D65, _SRGB_CURVE),
}


@cache
def profile(name: str) -> bytes:
    """The ICC profile of one of `SPACES`."""
    space = SPACES[name]
    adapting = _adapting(_xyz(space.white))
    colorants = adapting @ _to_xyz(space)
    curve = _curve(space.curve)
    elements = {
        b"desc": _text(space.name),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _colour(_D50),
        b"chad": b"sf32\0\0\0\0" + _fixed(*adapting.ravel()),
        **{tag: _colour(colorants[:, at]) for at, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return _assembled(elements)


def _to_xyz(space: ColourSpace) -> Matrix:
    """XYZ of red, green and blue, in columns, that together are white."""
    primaries = np.stack([_xyz(each) for each in space.primaries], axis=1)
    return np.asarray(primaries * np.linalg.solve(primaries, _xyz(space.white)))


def _adapting(white: Matrix) -> Matrix:
    """What makes colours under a white look the same under D50."""
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD)


def _xyz(chromaticity: Chromaticity) -> Matrix:
    x, y = chromaticity
    return np.array([x / y, 1, (1 - x - y) / y])


def _assembled(elements: dict[bytes, bytes]) -> bytes:
    """Header, tag table and the elements; equal ones lie there once."""
    start = _HEADER + 4 + 12 * len(elements)
    places: dict[bytes, int] = {}
    body = b""
    for element in elements.values():
        if element not in places:
            places[element] = start + len(body)
            body += element + b"\0" * (-len(element) % 4)
    table = b"".join(
        struct.pack(">4sII", tag, places[element], len(element)) for tag, element in elements.items()
    )
    return _header(start + len(body)) + struct.pack(">I", len(elements)) + table + body


def _header(size: int) -> bytes:
    """A display's profile, of RGB by XYZ, with perceptual intent."""
    head = struct.pack(">I4xI4s4s4s6H4s", size, _VERSION, b"mntr", b"RGB ", b"XYZ ", *_MADE, b"acsp")
    return head.ljust(68, b"\0") + _fixed(*_D50).ljust(_HEADER - 68, b"\0")


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _colour(xyz: Matrix) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*xyz)


def _curve(parameters: tuple[float, ...]) -> bytes:
    kind = {1: 0, 5: 3}[len(parameters)]
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(*parameters)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(data), 28) + data
