"""Drawing real instances, judged by pydicom's own modality, VOI, palette and colour functions."""

from pathlib import Path
from typing import Any
from warnings import catch_warnings

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels import (
    apply_color_lut,
    apply_modality_lut,
    apply_voi_lut,
    pixel_array,
)
from pydicom.tag import Tag

from app.dicom import transfer_syntaxes
from app.dicom.drawing import draw
from app.dicom.greys import Window
from app.errors import CannotDecode, InvalidInstance
from tests.corpus import readable
from tests.dicom.frames_of import stored_frame
from tests.dicom.made import instance

#: Files whose pixels pydicom itself does not give, or not as one frame of the size that is stated.
ODD = {
    # Cut short on purpose: refused when it is stored.
    "MR_truncated.dcm",
    "rtplan_truncated.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
    # Its code stream is of another size than its attributes say.
    "JPEG2000-embedded-sequence-delimiter.dcm",
    # JPEG of 12 bits, for which pydicom has no decoder: `test_pixels` has another judge for them.
    "JPEG-lossy.dcm",
    "JPGExtended.dcm",
}
#: Big endian palettes, which pydicom does not turn: these show what their little endian twins do.
TWINS = {
    "OBXXXX1A_expb.dcm": "OBXXXX1A.dcm",
    "OBXXXX1A_expb_2frame.dcm": "OBXXXX1A_2frame.dcm",
}
#: Distance in grey levels that another decoder of lossy JPEG may be away.
LOSSY = 2


def images() -> list[Path]:
    with catch_warnings(action="ignore"):
        heads = ((path, dcmread(path, stop_before_pixels=True)) for path in readable())
        found = [path for path, head in heads if "Rows" in head and path.name not in ODD]
    return [path for path in found if stored_frame(path.read_bytes()) is not None]


@pytest.mark.parametrize("path", images(), ids=lambda path: path.name)
def test_every_real_image_is_drawn_as_pydicom_would(path: Path) -> None:
    frame = stored_frame(path.read_bytes())
    assert frame is not None
    drawn, _ = draw(frame)
    with catch_warnings(action="ignore"):
        dataset = dcmread(path.with_name(TWINS.get(path.name, path.name)))
        expected, certain = oracle(dataset)
    far = np.abs(drawn.astype(int) - expected.astype(int))[certain]
    lossy = transfer_syntaxes.get(frame.transfer_syntax_uid).lossy
    assert drawn.shape == expected.shape
    assert far.max(initial=0) <= (LOSSY if lossy else 0)


def oracle(dataset: Dataset) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The first frame in 8 bits, and where pydicom can tell: not at padding, not under overlays."""
    stored = pixel_array(dataset, index=0)
    certain = np.ones(stored.shape[:2], bool)
    if dataset.SamplesPerPixel == 3:
        return stored >> max(dataset.BitsStored - 8, 0), certain
    certain &= ~overlaid(dataset, stored.shape)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(stored, dataset)
        return colours >> (8 if colours.dtype.itemsize == 2 else 0), certain
    if "PixelPaddingValue" in dataset:
        certain &= stored != dataset.PixelPaddingValue
    flat = frame_macros(dataset)
    measured = apply_modality_lut(stored, flat)
    shown = apply_voi_lut(measured, flat)
    low, high = ends(flat, measured, certain)
    brightness = np.clip((shown - low) / ((high - low) or 1), 0, 1)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        brightness = 1 - brightness
    greys = np.floor(brightness * 255 + 0.5).astype(np.uint8)
    if dataset.get("PixelPresentation") == "COLOR":
        return supplemented(greys, stored, dataset), certain
    return greys, certain


def supplemented(
    greys: np.ndarray[Any, Any], stored: np.ndarray[Any, Any], dataset: Dataset
) -> np.ndarray[Any, Any]:
    """Grey below the first value of the palette, pydicom's colours from there on."""
    first = stored >= dataset.RedPaletteColorLookupTableDescriptor[1]
    plain = Dataset()
    plain.update({element.tag: element for element in dataset if "Palette" in element.keyword})
    plain.PhotometricInterpretation, plain.PixelRepresentation = "PALETTE COLOR", 0
    plain.set_original_encoding(*dataset.original_encoding)
    colours = apply_color_lut(stored, plain) >> 8
    return np.where(first[..., None], colours, greys[..., None]).astype(np.uint8)


def ends(
    dataset: Dataset, measured: np.ndarray[Any, Any], certain: np.ndarray[Any, Any]
) -> tuple[float, float]:
    """What is black and white in what pydicom gives."""
    if "VOILUTSequence" in dataset:
        return 0, 2 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
    if "ModalityLUTSequence" in dataset:
        return 0, 2 ** dataset.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    signed, bits = dataset.PixelRepresentation, dataset.BitsStored
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    if "WindowWidth" in dataset or (not signed and bits <= 8):
        low = -(2 ** (bits - 1)) if signed else 0
        return low * slope + intercept, (low + 2**bits - 1) * slope + intercept
    return measured[certain].min(), measured[certain].max()


def frame_macros(dataset: Dataset) -> Dataset:
    """The data set with what the functional groups say of its first frame."""
    flat = Dataset()
    flat.update(
        {element.tag: element for element in dataset if element.VR != "SQ" or "LUT" in element.keyword}
    )
    flat.file_meta = dataset.file_meta
    flat.set_original_encoding(*dataset.original_encoding)
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in dataset.get(keyword, [])[:1]:
            for macro in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
                flat.update(group.get(macro, [Dataset()])[0])
    return flat


def overlaid(dataset: Dataset, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    over = np.zeros(shape[:2], bool)
    for group in range(0x6000, 0x6020, 2):
        if Tag(group, 0x3000) in dataset:
            plane = dataset.overlay_array(group).astype(bool)
            row, column = (value - 1 for value in dataset[group, 0x0050].value)
            part = plane[: shape[0] - row, : shape[1] - column]
            over[row : row + part.shape[0], column : column + part.shape[1]] |= part
    return over


def grey(data: bytes, window: Window | None = None) -> list[int]:
    frame = stored_frame(data)
    assert frame is not None
    return [int(value) for value in draw(frame, window)[0].ravel()]


EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
SIXTEEN = {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "Rows": 1, "Columns": 4}


def words(*values: int, order: str = "<") -> bytes:
    return np.array(values, f"{order}i2").tobytes()


def test_overlays_are_white_where_they_lie() -> None:
    path = next(path for path in readable() if path.name == "examples_overlay.dcm")
    frame = stored_frame(path.read_bytes())
    assert frame is not None
    with catch_warnings(action="ignore"):
        over = overlaid(dcmread(path), (300, 484))
    assert over.any()
    assert (draw(frame)[0][over] == 255).all()


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(100, 100), [0, 0, 129, 255]),
        (Window(100, 100, "LINEAR_EXACT"), [0, 0, 128, 255]),
        (Window(100, 100, "SIGMOID"), [5, 30, 128, 250]),
        (Window(100, 1), [0, 0, 255, 255]),
    ],
)
def test_a_window_that_is_asked_for_replaces_the_stored_one(window: Window, expected: list[int]) -> None:
    data = instance(
        EXPLICIT, "OW", **SIXTEEN, WindowCenter=5, WindowWidth=9, PixelData=words(0, 50, 100, 200)
    )
    assert grey(data, window) == expected


def test_without_a_window_the_whole_range_is_drawn_and_padding_is_black() -> None:
    signed = {**SIXTEEN, "PixelRepresentation": 1, "PixelPaddingValue": -2000}
    assert grey(instance(EXPLICIT, "OW", **signed, PixelData=words(-2000, -100, 0, 100))) == [0, 0, 128, 255]
    inverted = {**signed, "PhotometricInterpretation": "MONOCHROME1"}
    assert grey(instance(EXPLICIT, "OW", **inverted, PixelData=words(-2000, -100, 0, 100))) == [
        0,
        255,
        128,
        0,
    ]
    limited = {**signed, "PixelPaddingRangeLimit": -1000}
    assert grey(instance(EXPLICIT, "OW", **limited, PixelData=words(-2000, -1500, 0, 100))) == [0, 0, 0, 255]


def test_big_endian_lookup_tables_are_turned() -> None:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [4, 0, 16], words(0, 16384, 32767, -1, order=">")
    item["LUTData"].VR = "OW"
    data = instance(
        BIG_ENDIAN, "OW", **SIXTEEN, VOILUTSequence=[item], PixelData=words(3, 2, 1, 0, order=">")
    )
    assert grey(data) == [255, 127, 64, 0]


def test_a_window_of_no_width_is_passed_over() -> None:
    data = instance(
        EXPLICIT,
        "OW",
        **SIXTEEN,
        WindowCenter=["5", "1"],
        WindowWidth=["0", "2"],
        PixelData=words(0, 1, 2, 3),
    )
    assert grey(data) == [0, 255, 255, 255]


def test_planes_of_old_lie_in_unused_bits() -> None:
    data = instance(
        EXPLICIT,
        "OW",
        **{**SIXTEEN, "BitsStored": 12, "HighBit": 11},
        WindowCenter=50,
        WindowWidth=101,
        PixelData=words(0, 0x1000, 100, 0),
    )
    assert grey(data) == [1, 1, 255, 1]


def test_a_segmented_palette_is_written_out() -> None:
    rising = np.array([0, 1, 0, 1, 3, 65280], "<u2").tobytes()
    palette: dict[str, Any] = {}
    for colour in ("Red", "Green", "Blue"):
        palette[f"{colour}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
        palette[f"Segmented{colour}PaletteColorLookupTableData"] = rising
    data = instance(
        EXPLICIT,
        **palette,
        Rows=1,
        Columns=4,
        PhotometricInterpretation="PALETTE COLOR",
        PixelData=bytes([0, 1, 2, 3]),
    )
    assert grey(data) == [0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255]


@pytest.mark.parametrize(
    "values",
    [
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"PhotometricInterpretation": "CMYK"},
        {"SamplesPerPixel": 3, "PhotometricInterpretation": "HSV", "PixelData": bytes(48)},
        {"BitsAllocated": 12, "BitsStored": 12, "HighBit": 11, "PixelData": bytes(24)},
    ],
)
def test_what_cannot_be_drawn_is_said(values: dict[str, Any]) -> None:
    with pytest.raises((CannotDecode, InvalidInstance)):
        grey(instance(EXPLICIT, **{"PixelData": bytes(16), **values}))
