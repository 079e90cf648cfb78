"""Boxes blanked in every frame of an instance, at full depth and without loss to the rest of the pixels.

Native pixel data stays encoded as it is. Compressed frames are decoded, blanked and compressed again: in
their own transfer syntax where that loses nothing, else in JPEG-LS, HTJ2K or RLE. Pixels that a lossy codec
had made are kept as they were decoded. Each frame is compared, and decoded again, before it is given out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from app.deid import native_frames
from app.deid.boxes import Box, fitted
from app.deid.encoding import Encoding
from app.deid.fill import Ink, filled, ink, widened
from app.deid.native_frames import NativeFrames
from app.dicom import codestream, encoders, native, rewrite, writer
from app.dicom.elements import PIXEL_DATA, UNDEFINED
from app.dicom.pixel_description import PixelDescription
from app.dicom.rewrite import Source
from app.dicom.transfer_syntaxes import (
    DEFLATED_FRAMES,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    RLE_LOSSLESS,
)
from app.errors import CannotDecode, CannotEncode

_PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
_PLANAR_CONFIGURATION: Final = 0x00280006
_JPEG_LS: Final = "1.2.840.10008.1.2.4.80"
_HTJ2K: Final = "1.2.840.10008.1.2.4.201"
#: Transfer syntaxes whose encoders keep every bit of a container, also those above the stored ones.
_KEEP_ALL_BITS: Final = (RLE_LOSSLESS, ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES, _HTJ2K)


@dataclass(frozen=True, slots=True)
class Blanked:
    """What stands instead of an instance's pixel data.

    `transfer_syntax_uid` is that of the new instance: the source's wherever that can be. `elements` are whole
    elements by tag, as that transfer syntax writes them, in pieces: pixel data a frame at a time, what
    describes its frames anew, and no pieces for offset tables that would be wrong. They can be read once;
    reading raises CannotDecode and CannotEncode.
    """

    transfer_syntax_uid: str
    elements: dict[int, Iterable[bytes]]


def blank(instance: Source, boxes: Iterable[Box]) -> Blanked | None:
    """The pixel data with these boxes blank in every frame; None where no box lies in the frames.

    Raises CannotDecode where the frames cannot be told or decoded: then a person must look at them.
    """
    found = native_frames.of(instance)
    inside = _inside(found, boxes)
    if not inside:
        return None
    how = _ink(found)
    plain = (filled(frame, inside, how) for frame in found.decoded())
    if found.index.is_native:
        return Blanked(found.transfer_syntax_uid, {found.element.tag: _as_stored(found, plain)})
    first = next(plain)
    uid, stream = _first(found, first)
    after, elements = found.pixels, dict[int, Iterable[bytes]](dict.fromkeys(rewrite.OFFSET_TABLES, ()))
    if stream is None:
        elements[PIXEL_DATA] = _native(found, chain((first,), plain))
    else:
        after = encoders.encoded(found.pixels, uid)
        streams = chain((stream,), (encoders.encode_frame(frame, found.pixels, uid) for frame in plain))
        elements[PIXEL_DATA] = _encapsulated(streams, _encoding(found))
    return Blanked(uid, elements | _described(after, _encoding(found)))


def prove(before: Source, after: Source, boxes: Iterable[Box]) -> None:
    """Read a written instance again: blank in the boxes, and outside of them the pixels of its source.

    Raises CannotDecode where that is not so.
    """
    old, new = native_frames.of(before), native_frames.of(after)
    inside, how = _inside(old, boxes), _ink(old)
    if old.index.count != new.index.count:
        raise CannotDecode("The blanked instance has another number of frames than its source.")
    for first, second in zip(old.decoded(), new.decoded(), strict=True):
        expected, found = old.samples(filled(first, inside, how)), new.samples(second)
        if expected.shape != found.shape or expected.tobytes() != found.tobytes():
            raise CannotDecode("The blanked instance does not read back as its source does.")


def _inside(found: NativeFrames, boxes: Iterable[Box]) -> list[Box]:
    """What of the boxes lies in the frames, and can be blanked there."""
    rows, columns = found.pixels.rows, found.pixels.columns
    return fitted(widened(fitted(boxes, rows, columns), found.pixels, found.bits), rows, columns)


def _ink(found: NativeFrames) -> Ink:
    return ink(found.source.part10, found.pixels, floating=found.floating)


def _first(found: NativeFrames, frame: bytes) -> tuple[str, bytes | None]:
    """The transfer syntax of the blanked frames: the first that loses nothing; and the first frame in it.

    Without a stream the frames are native: no encoder takes them.
    """
    head = codestream.read(found.read(1))
    stored = found.pixels.bits_stored
    spare = found.pixels.bits_allocated > stored and not (head and head.precision <= stored)
    for uid in dict.fromkeys((found.transfer_syntax_uid, _JPEG_LS, _HTJ2K, RLE_LOSSLESS)):
        lossless = uid in encoders.ENCODERS and encoders.ENCODERS[uid].lossless
        if lossless and (uid in _KEEP_ALL_BITS or not spare):
            try:
                return uid, encoders.encode_frame(frame, found.pixels, uid)
            except CannotEncode:
                continue
    # Some data sets are implicit though their transfer syntax says otherwise.
    return (EXPLICIT_LITTLE_ENDIAN if found.source.part10.explicit else IMPLICIT_LITTLE_ENDIAN), None


def _encoding(found: NativeFrames) -> Encoding:
    return Encoding(found.source.part10.little_endian, found.source.part10.explicit)


def _described(after: PixelDescription, encoding: Encoding) -> dict[int, Iterable[bytes]]:
    """The elements that follow from how frames are encoded."""
    photometric = after.photometric_interpretation.encode("latin-1", "replace")
    written: dict[int, Iterable[bytes]] = {
        _PHOTOMETRIC_INTERPRETATION: (encoding.element(_PHOTOMETRIC_INTERPRETATION, "CS", photometric),)
    }
    if after.samples > 1:
        value = after.planar_configuration.to_bytes(2, "little" if encoding.little_endian else "big")
        written[_PLANAR_CONFIGURATION] = (encoding.element(_PLANAR_CONFIGURATION, "US", value),)
    return written if photometric else {}


def _as_stored(found: NativeFrames, plain: Iterator[bytes]) -> Iterator[bytes]:
    """Native frames encoded as their source is: its VR, its byte order."""
    part10, element = found.source.part10, found.element
    length = -(-found.bits * found.index.count // 8)
    yield _encoding(found).header(element.tag, element.vr, length + length % 2)
    pixels = chain(rewrite.joined(plain, found.bits), (writer.padding("OB", length),))
    word = native.word_size(part10, element)
    yield from _swapped(pixels, word) if word > 1 else pixels


def _swapped(chunks: Iterable[bytes], word: int) -> Iterator[bytes]:
    """Little-endian bytes as big-endian words, which may lie in two chunks."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        whole = len(rest) // word * word
        yield native.swap_words(rest[:whole], word)
        rest = rest[whole:]
    yield rest


def _native(found: NativeFrames, plain: Iterator[bytes]) -> Iterator[bytes]:
    """Decoded frames that no encoder takes, without gaps."""
    length = -(-found.bits * found.index.count // 8)
    if length + length % 2 > writer.LONGEST_VALUE:
        raise CannotEncode("The decoded pixel data would be longer than a native element can be (4 GiB).")
    vr = "OW" if found.pixels.bits_allocated > 8 else "OB"
    yield _encoding(found).header(PIXEL_DATA, vr, length + length % 2)
    yield from rewrite.joined(plain, found.bits)
    yield writer.padding("OB", length)


def _encapsulated(streams: Iterator[bytes], encoding: Encoding) -> Iterator[bytes]:
    """A fragment a frame, behind an empty offset table: its lengths are not known before (PS3.5 A.4)."""
    yield encoding.header(PIXEL_DATA, "OB", UNDEFINED)
    yield writer.fragment(0)
    for stream in streams:
        if len(stream) > writer.LONGEST_VALUE:
            raise CannotEncode("A frame is longer than a fragment can be (4 GiB).")
        yield writer.fragment(len(stream) + len(stream) % 2)
        yield stream + b"\0" * (len(stream) % 2)
    yield writer.SEQUENCE_END
