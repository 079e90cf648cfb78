"""One compressed frame to native pixels, as Explicit VR Little Endian holds them (PS3.5 section 8.1.1).

These functions run in a worker process: native codecs meet untrusted bytes there. What they give agrees with
`decoded`, the description that belongs to the decoded frames:

- colour-by-pixel always (Planar Configuration 0), samples in the container that Bits Allocated says;
- where the codec itself knows a colour transform (JPEG lossy, JPEG 2000) the pixels are RGB;
- where it does not (RLE, JPEG-LS, JPEG lossless) the samples stay bit for bit what they were.
"""

import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydicom.pixels.decoders.base import get_decoder

from app.dicom import codestream
from app.dicom.pixel_description import PixelDescription, from_json, from_part10
from app.dicom.transfer_syntaxes import DEFLATED_FRAMES, ENCAPSULATED_UNCOMPRESSED, RLE_LOSSLESS
from app.errors import CannotDecode

__all__ = ["LARGEST_FRAME", "PixelDescription", "decode_frame", "decoded", "from_json", "from_part10"]

#: No frame is decoded to more bytes than this, whatever Rows and Columns say.
LARGEST_FRAME = 2**31

_BASELINE = "1.2.840.10008.1.2.4.50"
_EXTENDED = "1.2.840.10008.1.2.4.51"
_NATIVE_FRAMES = (ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES)
#: The transfer syntax whose codec decodes each, and the one plugin to trust with it: GDCM's JPEG-LS and
#: JPEG 2000 crash on damaged streams, and Pillow reads the retired progressive processes as well.
_CODECS = {
    _BASELINE: (_BASELINE, "pillow"),
    _EXTENDED: (_BASELINE, "pillow"),
    "1.2.840.10008.1.2.4.53": (_BASELINE, "pillow"),
    "1.2.840.10008.1.2.4.55": (_BASELINE, "pillow"),
    "1.2.840.10008.1.2.4.57": ("1.2.840.10008.1.2.4.57", "gdcm"),
    "1.2.840.10008.1.2.4.70": ("1.2.840.10008.1.2.4.70", "gdcm"),
    "1.2.840.10008.1.2.4.80": ("1.2.840.10008.1.2.4.80", "pyjpegls"),
    "1.2.840.10008.1.2.4.81": ("1.2.840.10008.1.2.4.81", "pyjpegls"),
    "1.2.840.10008.1.2.4.90": ("1.2.840.10008.1.2.4.90", "pylibjpeg"),
    "1.2.840.10008.1.2.4.91": ("1.2.840.10008.1.2.4.91", "pylibjpeg"),
    "1.2.840.10008.1.2.4.201": ("1.2.840.10008.1.2.4.201", "pylibjpeg"),
    "1.2.840.10008.1.2.4.202": ("1.2.840.10008.1.2.4.202", "pylibjpeg"),
    "1.2.840.10008.1.2.4.203": ("1.2.840.10008.1.2.4.203", "pylibjpeg"),
    RLE_LOSSLESS: (RLE_LOSSLESS, "pydicom"),
}
_LOSSY_JPEG = {uid for uid, (codec, _) in _CODECS.items() if codec == _BASELINE}
_JPEG_2000 = {uid for uid, (_, plugin) in _CODECS.items() if plugin == "pylibjpeg"}
_END_OF_IMAGE = b"\xff\xd9"
_TRANSFORMED = ("YBR_ICT", "YBR_RCT")
#: What PS3.5 section 8.2.1 lets a colour frame of lossy JPEG be; only these are known to become RGB.
_JPEG_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422")
#: Two bytes of an RLE segment stand for at most 128 (PS3.5 section G.3.2).
_RLE_LARGEST_RATIO = 64


def decoded(pixels: PixelDescription, transfer_syntax_uid: str) -> PixelDescription:
    """What describes the frames that `decode_frame` gives for frames so described and compressed."""
    if transfer_syntax_uid in _NATIVE_FRAMES:
        return pixels
    photometric = pixels.photometric_interpretation
    transformed = photometric in _TRANSFORMED and transfer_syntax_uid in _JPEG_2000
    if transformed or (transfer_syntax_uid in _LOSSY_JPEG and pixels.samples == 3):
        photometric = "RGB"
    elif photometric == "YBR_FULL_422":
        # A codec gives every sample of every pixel, which native YBR_FULL_422 would not hold.
        photometric = "YBR_FULL"
    return replace(pixels, photometric_interpretation=photometric, planar_configuration=0)


def decode_frame(part: bytes, transfer_syntax_uid: str, pixels: PixelDescription) -> bytes:
    """The native little endian bytes of one frame, without padding.

    Raises CannotDecode: no codec, a damaged stream, or one of another size than `pixels` says.
    """
    size = -(-decoded(pixels, transfer_syntax_uid).frame_bits // 8)
    if not 0 < size <= LARGEST_FRAME:
        raise CannotDecode("Rows and Columns describe a frame that is too large to decode.")
    frame = _decode(part, transfer_syntax_uid, pixels, size)
    if len(frame) != size:
        raise CannotDecode("The decoded frame has another size than Rows and Columns say.")
    return frame


def _decode(part: bytes, uid: str, pixels: PixelDescription, size: int) -> bytes:
    if uid == ENCAPSULATED_UNCOMPRESSED:
        return part[:size] if len(part) == size + size % 2 else part
    if uid == DEFLATED_FRAMES:
        return _inflate(part, size)
    if uid not in _CODECS:
        raise CannotDecode(
            "No codec for this transfer syntax; ask for the frames as stored (transfer-syntax=*)."
        )
    _require_plausible(part, uid, pixels, size)
    return _quietly(_by_gdcm if _is_twelve_bit(part, uid) else _by_plugin, part, uid, pixels)


def _is_twelve_bit(part: bytes, uid: str) -> bool:
    stream = codestream.read(part) if uid == _EXTENDED else None
    return stream is not None and stream.precision == 12


def _quietly(
    decode: Callable[[bytes, str, PixelDescription], bytes], part: bytes, uid: str, pixels: PixelDescription
) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return decode(part, uid, pixels)
    except Exception as error:
        raise CannotDecode("The frame's code stream is damaged or of an unknown kind.") from error


def _require_plausible(part: bytes, uid: str, pixels: PixelDescription, size: int) -> None:
    """Refuse what would fail anyway before a codec reserves memory for it."""
    if uid == RLE_LOSSLESS:
        if size > len(part) * _RLE_LARGEST_RATIO:
            raise CannotDecode("The RLE segments are too short for Rows and Columns.")
        return
    stream = codestream.read(part)
    if stream is None:
        raise CannotDecode("The frame does not begin with a code stream of its transfer syntax.")
    said = (pixels.rows, pixels.columns, pixels.samples)
    if (stream.rows or pixels.rows, stream.columns, stream.samples) != said:
        raise CannotDecode("The code stream has another size than Rows, Columns and Samples per Pixel say.")
    if uid in _LOSSY_JPEG and pixels.samples == 3 and pixels.photometric_interpretation not in _JPEG_COLOURS:
        raise CannotDecode("Photometric Interpretation is none that a JPEG frame of this kind can have.")
    if stream.precision > pixels.bits_allocated:
        raise CannotDecode("The code stream has more bits a sample than Bits Allocated.")


def _by_plugin(part: bytes, uid: str, pixels: PixelDescription) -> bytes:
    codec, plugin = _CODECS[uid]
    lossy_jpeg = uid in _LOSSY_JPEG
    options: dict[str, Any] = {
        "number_of_frames": 1,
        "rows": pixels.rows,
        "columns": pixels.columns,
        "samples_per_pixel": pixels.samples,
        "bits_allocated": 8 if lossy_jpeg else pixels.bits_allocated,
        "bits_stored": min(8, pixels.bits_stored) if lossy_jpeg else pixels.bits_stored,
        "pixel_representation": pixels.pixel_representation,
        "photometric_interpretation": pixels.photometric_interpretation,
        "planar_configuration": pixels.planar_configuration,
        "correct_unused_bits": _extends_sign(part, pixels),
        "decoding_plugin": plugin,
    }
    array, _ = get_decoder(codec).as_array(
        _encapsulated(_ended(part, plugin)), index=0, raw=not lossy_jpeg, **options
    )
    container = f"<{array.dtype.kind}{pixels.bits_allocated // 8}"
    return array.astype(container, copy=False).tobytes()


def _extends_sign(part: bytes, pixels: PixelDescription) -> bool:
    """Whether a signed sample has lost its sign bits: a JPEG stream of just the stored bits is unsigned.

    In every other case the unused bits may be overlay planes of old, and stay.
    """
    stream = codestream.read(part)
    return bool(pixels.pixel_representation and stream and stream.precision <= pixels.bits_stored)


def _by_gdcm(part: bytes, uid: str, pixels: PixelDescription) -> bytes:
    """12-bit JPEG, which Pillow's libjpeg refuses."""
    import gdcm

    gdcm.Trace.WarningOff()
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(part)
    items = gdcm.SequenceOfFragments.New()
    items.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(items.__ref__())
    frame = gdcm.Image()
    frame.SetNumberOfDimensions(2)
    frame.SetDimensions((pixels.columns, pixels.rows, 1))
    frame.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(pixels.photometric_interpretation)
    frame.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    frame.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(uid)))
    frame.SetPixelFormat(gdcm.PixelFormat(pixels.samples, 16, 12, 11, pixels.pixel_representation))
    # SWIG hands the buffer over as a str whose undecodable bytes are surrogates.
    data: bytes = frame.GetBuffer().encode("utf-8", "surrogateescape")
    return data


def _inflate(part: bytes, size: int) -> bytes:
    """A frame of Deflated Image Frame Compression: bare RFC 1951 data (PS3.5 section 8.2.16)."""
    try:
        inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(part, size + 1)
    except zlib.error as error:
        raise CannotDecode("The frame's deflated data is damaged.") from error
    return inflated


def _ended(part: bytes, plugin: str) -> bytes:
    """A JPEG-LS stream with an end: CharLS looks for one far behind the bytes of a truncated stream."""
    return part + _END_OF_IMAGE if plugin == "pyjpegls" else part


def _encapsulated(part: bytes) -> bytes:
    """The frame as the one fragment of encapsulated pixel data, the form in which decoders take it."""
    padded = len(part) + len(part) % 2
    head = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0" + padded.to_bytes(4, "little")
    return b"".join((head, part, b"\0" * (padded - len(part))))
