"""Colour spaces and profiles, judged by published matrices and curves and by Pillow's littleCMS."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms
from pydicom import Dataset

from app.dicom import colour_spaces
from app.dicom.drawing import StoredFrame, draw
from app.dicom.picture import render
from app.dicom.rendering import PNG, Rendering
from tests.dicom.frames_of import stored_frame
from tests.dicom.made import instance

Real = NDArray[np.float64]
EXPLICIT = "1.2.840.10008.1.2.1"
SPACES = tuple(colour_spaces.SPACES)
#: Linear RGB to XYZ under D50 (adapted by Bradford), as Bruce Lindbloom and Apple publish them, rounded.
TO_XYZ = {
    "srgb": [[0.43607, 0.38506, 0.14308], [0.22250, 0.71688, 0.06062], [0.01393, 0.09710, 0.71417]],
    "adobergb": [[0.60976, 0.20524, 0.14922], [0.31112, 0.62566, 0.06322], [0.01948, 0.06089, 0.74484]],
    "rommrgb": [[0.79767, 0.13519, 0.03135], [0.28804, 0.71187, 0.00009], [0.0, 0.0, 0.82521]],
    "displayp3": [[0.51512, 0.29198, 0.15710], [0.24119, 0.69224, 0.06657], [-0.00105, 0.04188, 0.78407]],
}
_srgb: tuple[Callable[[Real], Real], ...] = (
    lambda v: np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4),
    lambda y: np.where(y <= 0.0031308, y * 12.92, 1.055 * np.maximum(y, 0) ** (1 / 2.4) - 0.055),
)
#: Value to light, and light to value.
CURVES: dict[str, tuple[Callable[[Real], Real], ...]] = {
    "srgb": _srgb,
    "displayp3": _srgb,
    "adobergb": (lambda v: v ** (563 / 256), lambda y: y ** (256 / 563)),
    "rommrgb": (
        lambda v: np.where(v < 16 / 512, v / 16, v**1.8),
        lambda y: np.where(y < 1 / 512, y * 16, y ** (1 / 1.8)),
    ),
}
COLOURS = np.array(
    [[r, g, b] for r in (0, 51, 128, 255) for g in (0, 77, 255) for b in (0, 100, 255)], np.uint8
)


def expected(source: str, target: str) -> Real:
    """COLOURS of one space as those of another, calculated without any profile."""
    light = CURVES[source][0](COLOURS / 255) @ np.array(TO_XYZ[source]).T
    there = light @ np.linalg.inv(np.array(TO_XYZ[target])).T
    return np.asarray(CURVES[target][1](np.clip(there, 0, 1)) * 255)


def coloured(**values: Any) -> StoredFrame:
    said = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "Rows": 6,
        "Columns": 6,
    }
    frame = stored_frame(instance(EXPLICIT, **said, PixelData=COLOURS.tobytes(), **values))
    assert frame is not None
    return frame


def drawn(frame: StoredFrame, profile: str) -> tuple[Real, bytes]:
    with Image.open(BytesIO(render(frame, Rendering(PNG, profile=profile)))) as picture:
        return np.asarray(picture).reshape(-1, 3).astype(np.float64), picture.info["icc_profile"]


@pytest.mark.parametrize("name", SPACES)
def test_profiles_say_the_published_colours(name: str) -> None:
    said: Any = ImageCms.ImageCmsProfile(BytesIO(colour_spaces.profile(name))).profile
    columns = [said.red_colorant[0], said.green_colorant[0], said.blue_colorant[0]]
    assert np.allclose(np.array(columns).T, TO_XYZ[name], atol=0.0007)
    assert (said.xcolor_space, said.connection_space, said.device_class) == ("RGB ", "XYZ ", "mntr")
    assert said.profile_description == colour_spaces.SPACES[name].name
    assert int.from_bytes(colour_spaces.profile(name)[:4], "big") == len(colour_spaces.profile(name))


@pytest.mark.parametrize("target", SPACES)
@pytest.mark.parametrize("source", SPACES)
def test_colours_are_converted_as_calculated(source: str, target: str) -> None:
    found, embedded = drawn(coloured(ICCProfile=colour_spaces.profile(source)), target)
    assert embedded == colour_spaces.profile(target)
    assert np.abs(found - expected(source, target)).max() <= 2.5
    if source == target:
        assert np.array_equal(found, COLOURS)


@pytest.mark.parametrize("target", SPACES)
def test_colours_without_a_usable_profile_are_srgb(target: str) -> None:
    for frame in (coloured(), coloured(ICCProfile=b"damaged!"), coloured(ICCProfile=_hollow())):
        assert np.abs(drawn(frame, target)[0] - expected("srgb", target)).max() <= 2.5


def _hollow() -> bytes:
    """A profile whose tables are gone."""
    whole = colour_spaces.profile("adobergb")
    return whole[:128] + bytes(4) + whole[132:]


def test_a_named_colour_space_and_the_profile_of_an_optical_path() -> None:
    named = coloured(ColorSpace="ADOBERGB")
    assert drawn(named, "yes")[1] == colour_spaces.profile("adobergb")
    assert np.abs(drawn(named, "srgb")[0] - expected("adobergb", "srgb")).max() <= 2.5
    frame = coloured(
        OpticalPathSequence=[_path("1", "adobergb"), _path("2", "rommrgb")],
        PerFrameFunctionalGroupsSequence=[_taken_by("2")],
    )
    assert drawn(frame, "yes")[1] == colour_spaces.profile("rommrgb")
    unsaid = coloured(OpticalPathSequence=[_path("1", "adobergb"), _path("2", "rommrgb")])
    assert drawn(unsaid, "yes")[1] == colour_spaces.profile("adobergb")


def _path(identifier: str, space: str) -> Dataset:
    path = Dataset()
    path.OpticalPathIdentifier, path.ICCProfile = identifier, colour_spaces.profile(space)
    return path


def _taken_by(identifier: str) -> Dataset:
    taken, groups = Dataset(), Dataset()
    taken.OpticalPathIdentifier = identifier
    groups.OpticalPathIdentificationSequence = [taken]
    return groups


@pytest.mark.parametrize("presentation", ["COLOR", "MIXED", "MONOCHROME"])
def test_a_supplemental_palette_colours_what_lies_in_it(presentation: str) -> None:
    values = np.arange(16, dtype=np.uint8)
    palette = {
        f"{name}PaletteColorLookupTable{kind}": value
        for name, shade in (("Red", 200), ("Green", 100), ("Blue", 50))
        for kind, value in (("Descriptor", [4, 12, 8]), ("Data", bytes(shade + at for at in range(4))))
    }
    frame = stored_frame(
        instance(EXPLICIT, PixelData=values.tobytes(), PixelPresentation=presentation, **palette)
    )
    assert frame is not None
    pixels, _ = draw(frame)
    if presentation == "MONOCHROME":
        assert np.array_equal(pixels.ravel(), values)
        return
    flat = pixels.reshape(-1, 3)
    assert np.array_equal(flat[:12], np.repeat(values[:12, None], 3, 1))
    assert np.array_equal(flat[12:], [[200 + at, 100 + at, 50 + at] for at in range(4)])
