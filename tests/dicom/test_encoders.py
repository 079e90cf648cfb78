"""Code streams of real and made frames, decoded again by other libraries than the archive itself uses."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from warnings import catch_warnings

import gdcm
import imagecodecs
import numpy as np
import orjson
import pytest

from app.dicom import pixel_description, pixels, transcode
from app.dicom.encoders import ENCODERS, encode_frame, encoded
from app.dicom.pixel_description import PixelDescription
from app.errors import CannotDecode, CannotEncode, InvalidInstance
from tests.corpus import readable
from tests.dicom.frames_of import stored_frame

EXPLICIT, DEFLATED, UNCOMPRESSED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1.98"
RLE, JPEG, JPEG_LS = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"
JPEG_2000, LOSSY_2000, HTJ2K = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.201"
JPEG_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
LARGEST = 1 << 20

Judge = Callable[[bytes, str, PixelDescription], bytes]


def by_gdcm(stream: bytes, uid: str, after: PixelDescription) -> bytes:
    """GDCM's own RLE, its OpenJPEG and its CharLS; samples as they lie in their containers."""
    fragment, items = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
    fragment.SetByteStringValue(stream)
    items.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(items.__ref__())
    frame, kind = gdcm.Image(), gdcm.PhotometricInterpretation
    frame.SetNumberOfDimensions(2)
    frame.SetDimensions((after.columns, after.rows, 1))
    frame.SetPixelFormat(
        gdcm.PixelFormat(
            after.samples, after.bits_allocated, after.bits_stored, after.high_bit, after.pixel_representation
        )
    )
    frame.SetPhotometricInterpretation(kind(kind.GetPIType(after.photometric_interpretation)))
    frame.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(uid)))
    frame.SetDataElement(element)
    decoded: bytes = frame.GetBuffer().encode("utf-8", "surrogateescape")
    return decoded


def by_imagecodecs(stream: bytes, uid: str, after: PixelDescription) -> bytes:
    """liblj92 for JPEG lossless of one sample (libjpeg-turbo for three), OpenJPH for HTJ2K."""
    lossless = imagecodecs.ljpeg_decode if after.samples == 1 else imagecodecs.jpeg8_decode
    decode = imagecodecs.htj2k_decode if uid == HTJ2K else lossless
    array = np.asarray(decode(stream))
    planes = array.ndim == 3 and array.shape != (after.rows, after.columns, after.samples)
    return (array.transpose(1, 2, 0) if planes else array).tobytes()


def by_the_book(stream: bytes, uid: str, after: PixelDescription) -> bytes:
    """RLE: grey by GDCM, colour (which GDCM has no 16 bits of) as PS3.5 section G.3 says."""
    if after.samples == 1:
        return by_gdcm(stream, uid, after)
    count, *offsets = struct.unpack_from("<16I", stream)
    ends = [*offsets[1:count], len(stream)]
    size = after.rows * after.columns
    planes = [unpacked(stream[begin:end], size) for begin, end in zip(offsets, ends, strict=False)]
    octets = np.stack([np.frombuffer(plane, np.uint8) for plane in planes], axis=-1)
    return octets.reshape(size, after.samples, -1)[:, :, ::-1].tobytes()


def unpacked(segment: bytes, size: int) -> bytes:
    out, at = bytearray(), 0
    while len(out) < size:
        length = segment[at]
        if length < 128:
            out += segment[at + 1 : at + 2 + length]
            at += length + 2
        else:
            out += segment[at + 1 : at + 2] * (257 - length)
            at += 2
    return bytes(out)


def by_zlib(stream: bytes, _uid: str, _after: PixelDescription) -> bytes:
    return zlib.decompress(stream, wbits=-15)


def as_it_is(stream: bytes, _uid: str, _after: PixelDescription) -> bytes:
    return stream


#: A library that is neither the encoder nor the one that the archive decodes with, where there is one.
JUDGES: dict[str, Judge] = {
    RLE: by_the_book,
    JPEG_LS: by_gdcm,
    JPEG_2000: by_gdcm,
    HTJ2K: by_imagecodecs,
    **dict.fromkeys(JPEG_LOSSLESS, by_imagecodecs),
    DEFLATED: by_zlib,
    UNCOMPRESSED: as_it_is,
}


def frames() -> list[Path]:
    """Real files with frames of integers, and not too many samples for many encoders."""
    small = (path for path in readable() if path.stat().st_size <= LARGEST)
    return [path for path in small if _is_framed(path)]


def _is_framed(path: Path) -> bool:
    with catch_warnings(action="ignore"):
        try:
            frame = stored_frame(path.read_bytes())
        except InvalidInstance:
            return False
    return frame is not None and "7FE00010" in orjson.loads(frame.json)


def native(path: Path) -> tuple[bytes, PixelDescription] | None:
    frame = stored_frame(path.read_bytes())
    assert frame is not None
    try:
        described = pixel_description.from_json(orjson.loads(frame.json))
        stored = transcode.Frame(frame.data, frame.transfer_syntax_uid, described)
        return transcode.frame(stored, EXPLICIT), transcode.native(described, frame.transfer_syntax_uid)
    except CannotDecode:
        return None


def by_pixel(frame: bytes, described: PixelDescription) -> bytes:
    """Colour by pixel, whatever Planar Configuration was."""
    if described.samples == 1 or not described.planar_configuration:
        return frame
    planes = np.frombuffer(frame, np.uint8).reshape(3, -1, described.bits_allocated // 8)
    return planes.transpose(1, 0, 2).tobytes()


def only_stored_bits(frame: bytes, described: PixelDescription) -> bytes:
    """What a judge cannot know is left out: the bits above those stored."""
    if described.bits_allocated == 1:
        return frame
    samples = np.frombuffer(frame, f"<u{described.bits_allocated // 8}")
    return (samples & samples.dtype.type((1 << described.bits_stored) - 1)).tobytes()


@pytest.mark.parametrize("path", frames(), ids=lambda path: path.name)
def test_real_frames_are_the_same_to_other_libraries(path: Path) -> None:
    if (found := native(path)) is None:
        return
    frame, described = found
    judged = 0
    for uid, judge in JUDGES.items():
        try:
            stream, after = encode_frame(frame, described, uid), encoded(described, uid)
        except CannotEncode:
            continue
        if described.photometric_interpretation.endswith("_422"):
            continue
        seen, expected = judge(stream, uid, after), by_pixel(frame, described)
        assert only_stored_bits(seen, after) == only_stored_bits(expected, after), uid
        judged += 1
    assert judged > 0 or described.photometric_interpretation.endswith("_422")


def made(photometric: str, frame_bits: int = 8, **values: Any) -> PixelDescription:
    said = {"rows": 5, "columns": 6, "samples": 3, **values}
    return PixelDescription(
        bits_allocated=frame_bits, bits_stored=frame_bits, high_bit=frame_bits - 1, pixel_representation=0,
        photometric_interpretation=photometric, **said,
    )  # fmt: skip


def random(size: int) -> bytes:
    return np.random.default_rng(7).integers(0, 256, size, np.uint8).tobytes()


@pytest.mark.parametrize("uid", [DEFLATED, UNCOMPRESSED])
def test_frames_of_bits_there_and_back(uid: str) -> None:
    described = made("MONOCHROME2", 1, samples=1)
    frame = (int.from_bytes(random(4), "little") & ((1 << 30) - 1)).to_bytes(4, "little")
    stream = transcode.frame(transcode.Frame(frame, EXPLICIT, described), uid)
    assert JUDGES[uid](stream, uid, described) == frame
    assert transcode.frame(transcode.Frame(stream, uid, described), EXPLICIT) == frame


@pytest.mark.parametrize("uid", [uid for uid in ENCODERS if uid not in (DEFLATED, UNCOMPRESSED)])
def test_bits_are_refused_elsewhere_and_what_can_be_had_is_named(uid: str) -> None:
    with pytest.raises(CannotEncode) as refused:
        encoded(made("MONOCHROME2", 1, samples=1), uid)
    assert "native" in refused.value.detail
    assert [other for other in ENCODERS if other in refused.value.detail] == [UNCOMPRESSED, DEFLATED]


@pytest.mark.parametrize("uid", JUDGES)
def test_shared_colours_are_spread_without_loss(uid: str) -> None:
    """Y1 Y2 Cb Cr to Y Cb Cr of each pixel (PS3.3 section C.7.6.3.1.2)."""
    described, frame = made("YBR_FULL_422"), random(60)
    pairs = np.frombuffer(frame, np.uint8).reshape(15, 4)
    expected = pairs[:, [0, 2, 3, 1, 2, 3]].tobytes()
    stream, after = encode_frame(frame, described, uid), encoded(described, uid)
    assert (after.photometric_interpretation, after.planar_configuration) == ("YBR_FULL", 0)
    assert JUDGES[uid](stream, uid, after) == expected


def test_studio_range_becomes_rgb_only_where_loss_is_meant() -> None:
    grey = made("YBR_PARTIAL_422", rows=16, columns=16)
    frame = bytes([235, 235, 128, 128]) * 128
    for uid, photometric in ((JPEG, "YBR_FULL_422"), (LOSSY_2000, "YBR_ICT")):
        after = encoded(grey, uid)
        assert after.photometric_interpretation == photometric
        shown = pixels.decode_frame(encode_frame(frame, grey, uid), uid, after)
        assert min(shown) >= 253
    with pytest.raises(CannotEncode, match="YBR_PARTIAL_422") as refused:
        encoded(grey, RLE)
    assert all(uid in refused.value.detail for uid in (JPEG, LOSSY_2000))


@pytest.mark.parametrize("photometric", ["CMYK", "ARGB", "HSV", "YBR_PARTIAL_420"])
def test_retired_colour_spaces_are_refused_by_name(photometric: str) -> None:
    samples = 4 if photometric in ("CMYK", "ARGB") else 3
    for uid in ENCODERS:
        with pytest.raises(CannotEncode, match=photometric):
            encoded(made(photometric, samples=samples), uid)


def test_a_senders_own_words_are_not_repeated() -> None:
    with pytest.raises(CannotEncode, match="this Photometric"):
        encoded(made("DOE^JANE"), RLE)


@pytest.mark.parametrize("size", [59, 61])
def test_frames_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(CannotEncode):
        encode_frame(random(size), made("MONOCHROME2", 16, samples=1), RLE)
    with pytest.raises(CannotEncode):
        encode_frame(random(59), made("YBR_FULL_422"), RLE)
