"""One native frame to a code stream: what each encoder takes, and what describes its frames afterwards.

These functions run in a worker process, as decoding does. A stream made without loss is decoded again before
it is given out (see `encode_frame`); where two free codecs exist, by the other one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dicom import colours, encodings, pixels, transfer_syntaxes
from app.dicom import samples as native_samples
from app.dicom.pixel_description import RETIRED, PixelDescription
from app.dicom.transfer_syntaxes import DEFLATED_FRAMES, ENCAPSULATED_UNCOMPRESSED, RLE_LOSSLESS
from app.errors import CannotDecode, CannotEncode

Samples = NDArray[Any]

#: What lossy encoding keeps, for names of what was made with it.
QUALITY = f"{encodings.JPEG_QUALITY} {encodings.JPEG_2000_PSNR}"

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL")
_EVERY = (*_GREY, "PALETTE COLOR", *_COLOUR)
#: What native pixels of which two share their colour are encoded as: the first without loss, the second not.
_SPREAD, _CONVERTED = {"YBR_FULL_422": "YBR_FULL"}, {"YBR_PARTIAL_422": "RGB"}


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
    taken = _taken(native, encoder)
    if wrong := _unfit(taken, encoder):
        raise CannotEncode(f"{wrong} {_instead(native)}")
    photometric = taken.photometric_interpretation
    return replace(
        native,
        photometric_interpretation=encoder.becomes.get(photometric, photometric),
        planar_configuration=0,
    )


def encode_frame(frame: bytes, native: PixelDescription, uid: str) -> bytes:
    """The code stream of a native little-endian frame. Raises CannotEncode.

    One made without loss is given out only after it was decoded to the same bytes again.
    """
    after, encoder = encoded(native, uid), ENCODERS[uid]
    taken = _taken(native, encoder)
    samples = _samples(frame, native, taken)
    try:
        stream = encoder.encode(samples, taken)
    except Exception as error:
        raise CannotEncode(
            "The encoder cannot encode these pixels; ask for another transfer syntax."
        ) from error
    if encoder.lossless:
        _require_same(stream, uid, after, samples.tobytes())
    return stream


def _encoder(uid: str) -> Encoder:
    if uid not in ENCODERS:
        raise CannotEncode("There is no encoder for this transfer syntax here.")
    return ENCODERS[uid]


def _taken(native: PixelDescription, encoder: Encoder) -> PixelDescription:
    """What an encoder is given for pixels so described: every sample of every pixel."""
    spread = _SPREAD if encoder.lossless else {**_SPREAD, **_CONVERTED}
    photometric = native.photometric_interpretation
    return replace(native, photometric_interpretation=spread.get(photometric, photometric))


def _instead(native: PixelDescription) -> str:
    """What else can be had, as a sentence."""
    able = [uid for uid, each in ENCODERS.items() if not _unfit(_taken(native, each), each)]
    named = [f"{uid} ({transfer_syntaxes.get(uid).name})" for uid in able]
    return f"Ask for it as stored with transfer-syntax=*, or for: {', '.join(['native', *named])}."


def _unfit(native: PixelDescription, encoder: Encoder) -> str:
    """Why pixels so described cannot be encoded, as a sentence; nothing when they can."""
    fewest, most = encoder.stored
    if native.bits_allocated not in encoder.allocated or not fewest <= native.bits_stored <= most:
        return "This transfer syntax cannot hold samples of so many bits."
    if native.pixel_representation and not encoder.signed:
        return "This transfer syntax cannot hold signed samples."
    if native.photometric_interpretation not in encoder.photometrics:
        return f"This transfer syntax cannot hold pixels of {_named(native)}."
    if native.samples != (3 if native.photometric_interpretation in _COLOUR else 1):
        return "Samples per Pixel contradicts Photometric Interpretation."
    return "" if min(native.rows, native.columns) > 0 else "There are no pixels."


def _named(native: PixelDescription) -> str:
    """The Photometric Interpretation where it is one of the standard's: others are a sender's own words."""
    said = native.photometric_interpretation
    return said if said in (*_EVERY, *_SPREAD, *_CONVERTED, *RETIRED) else "this Photometric Interpretation"


def _samples(frame: bytes, native: PixelDescription, taken: PixelDescription) -> Samples:
    """Rows × columns (× samples), colour by pixel; bits stay packed as they are."""
    if native.photometric_interpretation in (*_SPREAD, *_CONVERTED):
        return _spread(frame, native, taken)
    if len(frame) != -(-native.frame_bits // 8):
        raise CannotEncode("The frame has another size than Rows, Columns and Bits Allocated say.")
    if native.bits_allocated == 1:
        return np.frombuffer(frame, np.uint8)
    raw = native_samples.raw(frame, native)
    return np.ascontiguousarray(raw.view(f"<i{raw.itemsize}") if native.pixel_representation else raw)


def _spread(frame: bytes, native: PixelDescription, taken: PixelDescription) -> Samples:
    """Every sample of pixels that share their colour."""
    try:
        samples = native_samples.raw(frame, native)
        return colours.rgb(samples, native) if taken.photometric_interpretation == "RGB" else samples
    except CannotDecode as error:
        raise CannotEncode(error.detail) from error


def _require_same(stream: bytes, uid: str, after: PixelDescription, samples: bytes) -> None:
    try:
        again = pixels.decode_frame(stream, uid, after)
    except CannotDecode as error:
        raise CannotEncode("The encoder made what cannot be decoded; ask for another one.") from error
    if again != samples:
        # Most often overlay planes of old, in bits above those stored.
        raise CannotEncode("This transfer syntax would lose bits of these pixels: ask for RLE, or as stored.")


_REVERSIBLE = {"RGB": "YBR_RCT"}
_JPEG_LOSSLESS = Encoder(encodings.jpeg_lossless, (8, 16), (8, 16), _EVERY, {})
#: The transfer syntaxes that can be made here.
ENCODERS: dict[str, Encoder] = {
    RLE_LOSSLESS: Encoder(encodings.rle, (8, 16, 32), (1, 32), _EVERY, {}),
    "1.2.840.10008.1.2.4.50": Encoder(
        encodings.jpeg,
        (8,),
        (8, 8),
        (*_GREY, *_COLOUR),
        dict.fromkeys(_COLOUR, "YBR_FULL_422"),
        False,
        "ISO_10918_1",
    ),
    "1.2.840.10008.1.2.4.57": _JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.70": _JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.80": Encoder(encodings.jpeg_ls, (8, 16), (2, 16), _EVERY, {}),
    "1.2.840.10008.1.2.4.90": Encoder(encodings.jpeg_2000, (8, 16), (1, 16), _EVERY, _REVERSIBLE),
    "1.2.840.10008.1.2.4.91": Encoder(
        encodings.jpeg_2000_lossy,
        (8, 16),
        (8, 16),
        (*_GREY, *_COLOUR),
        {"RGB": "YBR_ICT"},
        True,
        "ISO_15444_1",
    ),
    "1.2.840.10008.1.2.4.201": Encoder(encodings.htj2k, (8, 16), (1, 16), _EVERY, _REVERSIBLE),
    ENCAPSULATED_UNCOMPRESSED: Encoder(encodings.octets, (1, 8, 16, 32), (1, 32), _EVERY, {}),
    DEFLATED_FRAMES: Encoder(encodings.deflated, (1, 8, 16, 32), (1, 32), _EVERY, {}),
}
