"""One native frame to a code stream: what each encoder takes, and what describes its frames afterwards.

These functions run in a worker process, as decoding does. A stream made without loss is decoded again before
it is given out (see `encode_frame`); where two free codecs exist, by the other one.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dicom import pixels
from app.dicom.pixel_description import PixelDescription
from app.dicom.transfer_syntaxes import RLE_LOSSLESS
from app.errors import CannotDecode, CannotEncode

Samples = NDArray[Any]

#: What lossy encoding keeps: JPEG quality of 1 to 100; peak signal to noise of JPEG 2000, in dB, where the
#: peak is the range that the pixels of a frame have.
JPEG_QUALITY, JPEG_2000_PSNR = 90, 50
#: Both, for names of what was made with them.
QUALITY = f"{JPEG_QUALITY} {JPEG_2000_PSNR}"

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL")
_EVERY = (*_GREY, "PALETTE COLOR", *_COLOUR)
_RLE_HEADER = struct.Struct("<16I")


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder: the bits that a sample may be allocated and have, and the photometric interpretations.

    `becomes` names those that change with encoding, `method` what goes into Lossy Image Compression Method.
    """

    encode: Callable[[Samples, PixelDescription], bytes]
    allocated: tuple[int, ...]
    stored: tuple[int, int]
    photometrics: tuple[str, ...]
    becomes: dict[str, str]
    signed: bool = True
    method: str = ""

    @property
    def lossless(self) -> bool:
        """Whether its frames decode to the same pixels."""
        return not self.method


def encoded(native: PixelDescription, uid: str) -> PixelDescription:
    """What describes frames that were described by `native`, once they are encoded. Raises CannotEncode."""
    encoder = _encoder(uid)
    if wrong := _unfit(native, encoder):
        raise CannotEncode(f"{wrong} Ask for another transfer syntax, or as stored with transfer-syntax=*.")
    photometric = native.photometric_interpretation
    return replace(
        native,
        photometric_interpretation=encoder.becomes.get(photometric, photometric),
        planar_configuration=0,
    )


def encode_frame(frame: bytes, native: PixelDescription, uid: str) -> bytes:
    """The code stream of a native little-endian frame. Raises CannotEncode.

    One made without loss is given out only after it was decoded to the same bytes again.
    """
    after = encoded(native, uid)
    if len(frame) * 8 != native.rows * native.columns * native.samples * native.bits_allocated:
        raise CannotEncode("The frame has another size than Rows, Columns and Bits Allocated say.")
    samples = _samples(frame, native)
    try:
        stream = ENCODERS[uid].encode(samples, native)
    except Exception as error:
        raise CannotEncode(
            "The encoder cannot encode these pixels; ask for another transfer syntax."
        ) from error
    if ENCODERS[uid].lossless:
        _require_same(stream, uid, after, samples.tobytes())
    return stream


def _encoder(uid: str) -> Encoder:
    if uid not in ENCODERS:
        raise CannotEncode("There is no encoder for this transfer syntax here.")
    return ENCODERS[uid]


def _unfit(native: PixelDescription, encoder: Encoder) -> str:
    """Why pixels so described cannot be encoded, as a sentence; nothing when they can."""
    fewest, most = encoder.stored
    if native.bits_allocated not in encoder.allocated or not fewest <= native.bits_stored <= most:
        return "This transfer syntax cannot hold samples of so many bits."
    if native.pixel_representation and not encoder.signed:
        return "This transfer syntax cannot hold signed samples."
    if native.photometric_interpretation not in encoder.photometrics:
        return "This transfer syntax cannot hold pixels of this Photometric Interpretation."
    if native.samples != (3 if native.photometric_interpretation in _COLOUR else 1):
        return "Samples per Pixel contradicts Photometric Interpretation."
    return "" if min(native.rows, native.columns) > 0 else "There are no pixels."


def _samples(frame: bytes, native: PixelDescription) -> Samples:
    """Rows × columns (× samples), colour by pixel."""
    kind = "i" if native.pixel_representation else "u"
    flat = np.frombuffer(frame, f"<{kind}{native.bits_allocated // 8}")
    if native.samples == 1:
        return flat.reshape(native.rows, native.columns)
    if native.planar_configuration == 1:
        planes = flat.reshape(native.samples, native.rows, native.columns)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))
    return flat.reshape(native.rows, native.columns, native.samples)


def _require_same(stream: bytes, uid: str, after: PixelDescription, samples: bytes) -> None:
    try:
        again = pixels.decode_frame(stream, uid, after)
    except CannotDecode as error:
        raise CannotEncode("The encoder made what cannot be decoded; ask for another one.") from error
    if again != samples:
        # Most often overlay planes of old, in bits above those stored.
        raise CannotEncode("This transfer syntax would lose bits of these pixels: ask for RLE, or as stored.")


def _stored_bits(samples: Samples, native: PixelDescription) -> Samples:
    """Only the stored bits of each sample, unsigned: the sign comes back with decoding."""
    unsigned = samples.view(samples.dtype.str.replace("i", "u"))
    return unsigned & ((1 << native.bits_stored) - 1)


def _rle(samples: Samples, native: PixelDescription) -> bytes:
    """A segment for each byte of each sample, the most significant first (PS3.5 section G.2)."""
    import imagecodecs

    size = native.bits_allocated // 8
    octets = samples.view(np.uint8).reshape(native.rows, native.columns, native.samples, size)
    planes = (octets[:, :, sample, at] for sample in range(native.samples) for at in reversed(range(size)))
    segments = [_even(bytes(imagecodecs.packbits_encode(plane.copy()))) for plane in planes]
    offsets = np.cumsum([_RLE_HEADER.size, *map(len, segments)])[:-1].tolist()
    head = _RLE_HEADER.pack(len(segments), *offsets, *[0] * (15 - len(offsets)))
    return head + b"".join(segments)


def _even(segment: bytes) -> bytes:
    return segment + b"\0" * (len(segment) % 2)


def _jpeg(samples: Samples, native: PixelDescription) -> bytes:
    from PIL import Image

    mode = "YCbCr" if native.photometric_interpretation == "YBR_FULL" else None
    out = BytesIO()
    picture = Image.fromarray(samples) if mode is None else Image.frombytes(mode, _size(native), samples)
    subsampling = {} if native.samples == 1 else {"subsampling": "4:2:2"}
    picture.save(out, "JPEG", quality=JPEG_QUALITY, **subsampling)
    return out.getvalue()


def _size(native: PixelDescription) -> tuple[int, int]:
    return native.columns, native.rows


def _jpeg_lossless(samples: Samples, native: PixelDescription) -> bytes:
    """First-order prediction, which both lossless transfer syntaxes allow. GDCM decodes it again."""
    import imagecodecs

    stored = _stored_bits(samples, native)
    return bytes(
        imagecodecs.jpeg8_encode(stored, lossless=True, predictor=1, bitspersample=native.bits_stored)
    )


def _jpeg_ls(samples: Samples, native: PixelDescription) -> bytes:
    import jpeg_ls

    said = {
        "rows": native.rows,
        "columns": native.columns,
        "samples_per_pixel": native.samples,
        "bits_stored": native.bits_stored,
        "planar_configuration": 0,
    }
    return bytes(jpeg_ls.encode_pixel_data(_stored_bits(samples, native).tobytes(), **said))


def _jpeg_2000(samples: Samples, native: PixelDescription, **quality: Any) -> bytes:
    import imagecodecs

    return bytes(
        imagecodecs.jpeg2k_encode(
            samples,
            codecformat="j2k",
            bitspersample=native.bits_stored,
            mct=native.photometric_interpretation == "RGB",
            resolutions=min(6, min(native.rows, native.columns).bit_length()),
            **(quality or {"reversible": True}),
        )
    )


def _jpeg_2000_lossy(samples: Samples, native: PixelDescription) -> bytes:
    """In the quality that the pixels' own range asks for: of 16 bits stored, few may be used."""
    used = max(1, int(samples.max()) - int(samples.min()))
    unused = 20 * math.log10(max(1, ((1 << native.bits_stored) - 1) / used))
    return _jpeg_2000(samples, native, level=JPEG_2000_PSNR + unused)


def _htj2k(samples: Samples, native: PixelDescription) -> bytes:
    """By OpenJPH, in the precision of Bits Allocated; OpenJPEG decodes it again."""
    import imagecodecs

    colour = native.photometric_interpretation == "RGB"
    return bytes(imagecodecs.htj2k_encode(samples, reversible=True, rgb=colour))


_REVERSIBLE = {"RGB": "YBR_RCT"}
_JPEG_LOSSLESS = Encoder(_jpeg_lossless, (8, 16), (8, 16), _EVERY, {})
#: The transfer syntaxes that can be made here.
ENCODERS: dict[str, Encoder] = {
    RLE_LOSSLESS: Encoder(_rle, (8, 16, 32), (1, 32), _EVERY, {}),
    "1.2.840.10008.1.2.4.50": Encoder(
        _jpeg, (8,), (8, 8), (*_GREY, *_COLOUR), dict.fromkeys(_COLOUR, "YBR_FULL_422"), False, "ISO_10918_1"
    ),
    "1.2.840.10008.1.2.4.57": _JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.70": _JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.80": Encoder(_jpeg_ls, (8, 16), (2, 16), _EVERY, {}),
    "1.2.840.10008.1.2.4.90": Encoder(_jpeg_2000, (8, 16), (1, 16), _EVERY, _REVERSIBLE),
    "1.2.840.10008.1.2.4.91": Encoder(
        _jpeg_2000_lossy, (8, 16), (8, 16), (*_GREY, *_COLOUR), {"RGB": "YBR_ICT"}, True, "ISO_15444_1"
    ),
    "1.2.840.10008.1.2.4.201": Encoder(_htj2k, (8, 16), (1, 16), _EVERY, _REVERSIBLE),
}
