"""Pictures: their sizes, regions, annotations, profiles and kinds, as Pillow reads them back."""

from io import BytesIO
from pathlib import Path
from typing import Any
from warnings import catch_warnings

import numpy as np
import pytest
from PIL import Image, ImageCms

from app.dicom.drawing import StoredFrame
from app.dicom.picture import animate, box, milliseconds, render, size
from app.dicom.rendering import GIF, JPEG, PNG, Region, Rendering, Viewport
from app.errors import CannotDecode, InvalidRequest
from tests.corpus import readable
from tests.dicom.frames_of import stored_frame
from tests.dicom.made import instance

EXPLICIT = "1.2.840.10008.1.2.1"
RAMP = np.arange(32, dtype=np.uint8).reshape(4, 8)


def ramp(**values: Any) -> StoredFrame:
    said = {"Rows": 4, "Columns": 8, "PixelData": RAMP.tobytes(), **values}
    frame = stored_frame(instance(EXPLICIT, **said))
    assert frame is not None
    return frame


def colour(**values: Any) -> StoredFrame:
    said = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    return ramp(**said, PixelData=bytes(range(96)), **values)


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def pixels(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(opened(data))


def real(name: str) -> Path:
    return next(path for path in readable() if path.name == name)


@pytest.mark.parametrize(("media_type", "form"), [(JPEG, "JPEG"), (PNG, "PNG"), (GIF, "GIF")])
def test_every_kind_in_the_size_of_the_frame(media_type: str, form: str) -> None:
    picture = opened(render(ramp(), Rendering(media_type)))
    assert (picture.format, picture.size) == (form, (8, 4))


def test_a_png_is_exact() -> None:
    assert np.array_equal(pixels(render(ramp(), Rendering(PNG))), RAMP)


def test_less_quality_is_smaller() -> None:
    frame = stored_frame(real("CT_small.dcm").read_bytes())
    assert frame is not None
    low, high = (len(render(frame, Rendering(quality=quality))) for quality in (5, 95))
    assert low < high / 2


@pytest.mark.parametrize(
    ("viewport", "expected"),
    [
        (Viewport(16, 16), (16, 8)),
        (Viewport(100, 2), (4, 2)),
        (Viewport(None, 8), (16, 8)),
        (Viewport(4, None), (4, 2)),
        (Viewport(1, 1), (1, 1)),
    ],
)
def test_a_picture_fills_its_viewport_and_is_not_distorted(
    viewport: Viewport, expected: tuple[int, int]
) -> None:
    assert opened(render(ramp(), Rendering(PNG, viewport=viewport))).size == expected


def test_a_pixel_that_is_not_square_is_drawn_so() -> None:
    frame = ramp(PixelAspectRatio=["2", "1"])
    assert opened(render(frame, Rendering(PNG, viewport=Viewport(8, 100)))).size == (8, 8)
    assert opened(render(frame, Rendering(PNG))).size == (8, 4)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (Region(2, 1, 3, 2), RAMP[1:3, 2:5]),
        (Region(6, 2), RAMP[2:, 6:]),
        (Region(6, 2, 100, 100), RAMP[2:, 6:]),
        (Region(2, 1, 3, 2, flip_horizontal=True), RAMP[1:3, 4:1:-1]),
        (Region(2, 1, 3, 2, flip_vertical=True), RAMP[2:0:-1, 2:5]),
        (Region(0.25, 0.5, 0.5, 0.5, relative=True), RAMP[2:, 2:6]),
    ],
)
def test_a_region_is_cut_out_then_turned(region: Region, expected: np.ndarray[Any, Any]) -> None:
    found = pixels(render(ramp(), Rendering(PNG, region=region)))
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("region", [Region(8, 0), Region(0, 4, 2, 2), Region(100, 100, 1, 1)])
def test_a_region_outside_is_refused(region: Region) -> None:
    with pytest.raises(InvalidRequest):
        render(ramp(), Rendering(PNG, region=region))


def test_a_side_that_follows_may_not_be_too_long() -> None:
    with pytest.raises(InvalidRequest):
        render(ramp(), Rendering(PNG, viewport=Viewport(None, 8192)))


def test_the_parts_of_a_frame_by_numbers_alone() -> None:
    assert size((10, 20), Viewport(5, 5)) == (2, 5)
    assert size((0.4, 0.4), None) == (1, 1)
    assert box(Region(1, 1), 3, 3) == (1, 1, 3, 3)


def test_annotations_are_written_where_they_do_not_meet() -> None:
    frame = stored_frame(real("CT_small.dcm").read_bytes())
    assert frame is not None
    viewport = Viewport(512, 512)
    plain = pixels(render(frame, Rendering(PNG, viewport=viewport))).astype(int)
    for names, side in ((("patient",), slice(0, 256)), (("technique",), slice(256, 512))):
        written = pixels(render(frame, Rendering(PNG, viewport=viewport, annotations=names)))
        changed = np.abs(written - plain) > 0
        assert changed[:, side].sum() > 200
        assert changed.sum() == changed[:, side].sum()


@pytest.mark.parametrize("profile", ["yes", "srgb"])
def test_colour_has_a_profile_when_asked(profile: str) -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for frame in (colour(), colour(ICCProfile=own), colour(ICCProfile=b"damaged!")):
        picture = opened(render(frame, Rendering(PNG, profile=profile)))
        assert ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"])).profile.xcolor_space == "RGB "
    assert "icc_profile" not in opened(render(colour(), Rendering(PNG))).info
    assert "icc_profile" not in opened(render(ramp(), Rendering(PNG, profile=profile))).info


@pytest.mark.parametrize(
    ("json", "expected"),
    [
        (b"{}", 100),
        (b'{"00181063":{"vr":"DS","Value":[40]}}', 40),
        (b'{"00180040":{"vr":"IS","Value":[25]}}', 40),
        (b'{"00082144":{"vr":"IS","Value":[10]},"00180040":{"vr":"IS","Value":[25]}}', 100),
        (b'{"00181063":{"vr":"DS","Value":[0]}}', 100),
        (b'{"00181063":{"vr":"DS","Value":[1]}}', 20),
    ],
)
def test_an_animation_runs_as_fast_as_the_instance_says(json: bytes, expected: int) -> None:
    assert milliseconds(json) == expected
    stills = [render(ramp(PixelData=np.roll(RAMP, turn).tobytes()), Rendering(PNG)) for turn in range(3)]
    moving = opened(animate(stills, json))
    assert moving.format == "GIF"
    assert getattr(moving, "n_frames", 1) == 3
    assert moving.info["duration"] == expected
    assert moving.info["loop"] == 0


def test_what_is_too_large_for_a_kind_is_said() -> None:
    wide = ramp(Rows=1, Columns=65501, PixelData=bytes(65502))
    with pytest.raises((CannotDecode, InvalidRequest)):
        render(wide, Rendering(JPEG))
    assert opened(render(wide, Rendering(PNG))).size == (65501, 1)


def test_nothing_warns_on_real_frames() -> None:
    with catch_warnings(action="error"):
        for name in ("examples_palette.dcm", "SC_rgb_rle_16bit.dcm", "rtdose.dcm"):
            frame = stored_frame(real(name).read_bytes())
            assert frame is not None
            assert opened(render(frame, Rendering())).format == "JPEG"
