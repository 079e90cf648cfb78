"""Decoding of one frame against pydicom's, the description that belongs to it, and damaged code streams."""

import time
import warnings
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.pixels.utils import pixel_array

from app.dicom import codestream, frames, part10, pixel_description, pixels, transfer_syntaxes
from app.dicom.pixel_description import PixelDescription
from app.errors import CannotDecode
from tests.corpus import files

GREY = PixelDescription(4, 5, 1, 8, 8, 7, 0, "MONOCHROME2")
RLE, DEFLATED, UNCOMPRESSED = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1.98"
#: Its code stream was patched, on purpose, into something that no codec reads.
BROKEN = "JPEG2000-embedded-sequence-delimiter.dcm"


def _compressed() -> list[Path]:
    found = []
    for path in files():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(path, specific_tags=["Rows"])
        uid = dataset.file_meta.get("TransferSyntaxUID", "")
        if "Rows" in dataset and uid and uid.is_encapsulated:
            found.append(path)
    return found


COMPRESSED = _compressed()


def first_frame(path: Path) -> tuple[bytes, str, PixelDescription]:
    read = part10.read(path.read_bytes())
    index = frames.index(read)
    assert index is not None
    part = index.assemble(1, [read.data[o : o + length] for o, length in index.ranges(1)])
    return part, read.transfer_syntax_uid, pixel_description.from_part10(read)


@pytest.mark.parametrize("path", [p for p in COMPRESSED if p.name != BROKEN], ids=lambda path: path.name)
def test_real_frames_decode_as_pydicom_decodes_them(path: Path) -> None:
    part, uid, description = first_frame(path)
    assert transfer_syntaxes.get(uid).decodable
    frame = pixels.decode_frame(part, uid, description)
    after = pixels.decoded(description, uid)
    assert after.planar_configuration == 0
    assert len(frame) * 8 == after.frame_bits
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(path)
        try:
            array = pixel_array(dataset, index=0)
        except RuntimeError:
            # 12-bit JPEG, which pydicom has no codec for: it is near the lossless form of the same picture.
            assert uid.endswith(".51")
            lossless = next(path for path in files() if path.name == "JPEG-LL.dcm")
            original = np.frombuffer(pixels.decode_frame(*first_frame(lossless)), "<u2").astype(int)
            assert np.abs(np.frombuffer(frame, "<u2") - original).mean() < 3
            return
        attributes = dataset.to_json_dict(bulk_data_element_handler=lambda _: "")
    np.testing.assert_array_equal(np.frombuffer(frame, array.dtype.newbyteorder("<")), array.ravel())
    assert pixel_description.from_json(attributes) == description


@pytest.mark.parametrize(
    ("uid", "before", "after"),
    [
        ("1.2.840.10008.1.2.4.50", "YBR_FULL_422", "RGB"),
        ("1.2.840.10008.1.2.4.50", "RGB", "RGB"),
        ("1.2.840.10008.1.2.4.90", "YBR_RCT", "RGB"),
        ("1.2.840.10008.1.2.4.91", "YBR_ICT", "RGB"),
        ("1.2.840.10008.1.2.4.90", "YBR_FULL", "YBR_FULL"),
        ("1.2.840.10008.1.2.4.201", "YBR_RCT", "RGB"),
        ("1.2.840.10008.1.2.5", "YBR_FULL_422", "YBR_FULL"),
        ("1.2.840.10008.1.2.4.80", "YBR_FULL", "YBR_FULL"),
        ("1.2.840.10008.1.2.4.70", "RGB", "RGB"),
    ],
)
def test_photometric_interpretation_after_decoding(uid: str, before: str, after: str) -> None:
    colour = replace(GREY, samples=3, photometric_interpretation=before, planar_configuration=1)
    assert pixels.decoded(colour, uid) == replace(
        colour, photometric_interpretation=after, planar_configuration=0
    )


def test_uncompressed_and_deflated_frames_stay_as_they_are() -> None:
    frame = bytes(range(20))
    deflated = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = deflated.compress(frame) + deflated.flush()
    assert pixels.decode_frame(part + b"\0", DEFLATED, GREY) == frame
    assert pixels.decode_frame(frame, UNCOMPRESSED, GREY) == frame
    odd = replace(GREY, columns=1, rows=3)
    assert pixels.decode_frame(b"abc\0", UNCOMPRESSED, odd) == b"abc"
    bits = replace(GREY, bits_allocated=1, rows=3, columns=3)
    assert pixels.decode_frame(b"\xff\x01", UNCOMPRESSED, bits) == b"\xff\x01"


def test_unused_bits_of_rle_frames_are_kept() -> None:
    values = np.arange(20, dtype="<u2") | 0xF000  # overlays of old lie in the bits above Bits Stored
    said = {"rows": 4, "columns": 5, "samples_per_pixel": 1, "bits_allocated": 16, "bits_stored": 16}
    part = RLELosslessEncoder.encode(
        values.tobytes(),
        encoding_plugin="pydicom",
        number_of_frames=1,
        pixel_representation=0,
        photometric_interpretation="MONOCHROME2",
        **said,
    )
    description = replace(GREY, bits_allocated=16, bits_stored=12, high_bit=11)
    assert pixels.decode_frame(part, RLE, description) == values.tobytes()


#: GDCM may crash on damaged streams, for which the worker process is there; a test must outlive it.
SAFE = [path for path in COMPRESSED if first_frame(path)[1][-3:] not in (".51", ".57", ".70")]


@pytest.mark.parametrize("path", SAFE[::2], ids=lambda path: path.name)
@settings(deadline=None, max_examples=8)
@given(data=st.data())
def test_damaged_frames_decode_to_the_right_size_or_not_at_all(path: Path, data: st.DataObject) -> None:
    part, uid, description = first_frame(path)
    damaged = bytearray(part[: data.draw(st.integers(0, len(part)))])
    for at in data.draw(st.lists(st.integers(0, max(0, len(damaged) - 1)), max_size=5)):
        damaged[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1)) if damaged else b""
    try:
        frame = pixels.decode_frame(bytes(damaged), uid, description)
    except CannotDecode:
        return
    assert len(frame) * 8 == pixels.decoded(description, uid).frame_bits


@pytest.mark.parametrize("kept", [100, 3900])
def test_a_truncated_jpeg_ls_stream_fails_at_once(kept: int) -> None:
    name = "emri_small_jpeg_ls_lossless.dcm"
    part, uid, description = first_frame(next(path for path in files() if path.name == name))
    before = time.process_time()
    with pytest.raises(CannotDecode):
        pixels.decode_frame(part[:kept], uid, description)
    assert time.process_time() - before < 1


UNFIT: tuple[dict[str, object], ...] = (
    {"rows": 65535, "columns": 65535},
    {"rows": 65535, "columns": 65535, "bits_allocated": 65535},
    {"rows": 65},
    {"rows": 0},
    {"samples": 3},
    {"samples": 65535},
    {"bits_allocated": 12},
    {"photometric_interpretation": "nonsense"},
    {"bits_stored": 99},
)


@pytest.mark.parametrize("changed", UNFIT, ids=str)
@pytest.mark.parametrize(
    "name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm"]
)
def test_attributes_that_do_not_fit_the_stream(name: str, changed: dict[str, Any]) -> None:
    part, uid, description = first_frame(next(path for path in files() if path.name == name))
    with pytest.raises(CannotDecode):
        pixels.decode_frame(part, uid, replace(description, **changed))


@pytest.mark.parametrize(
    "uid", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.112", "1.2.3.4", "1.2.840.10008.1.2.1"]
)
def test_no_codec(uid: str) -> None:
    assert uid == "1.2.840.10008.1.2.1" or not transfer_syntaxes.get(uid).decodable
    with pytest.raises(CannotDecode):
        pixels.decode_frame(bytes(20), uid, GREY)


def test_every_decodable_syntax_has_a_codec() -> None:
    for syntax in transfer_syntaxes.TRANSFER_SYNTAXES:
        if syntax.encapsulated:
            with pytest.raises(CannotDecode) as caught:
                pixels.decode_frame(b"nothing of the kind", syntax.uid, GREY)
            assert ("No codec" in caught.value.detail) != syntax.decodable


@pytest.mark.parametrize(
    "attributes", [{}, {"00280010": {"vr": "US"}}, {"00280010": {"vr": "US", "Value": ["4"]}}]
)
def test_missing_attributes(attributes: dict[str, object]) -> None:
    with pytest.raises(CannotDecode):
        pixel_description.from_json(attributes)


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  "])
)
def test_any_head_can_be_read(rest: bytes, start: bytes) -> None:
    codestream.read(start + rest)
