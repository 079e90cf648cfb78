"""Boxes blanked in every frame of an instance, at full depth and without loss to the rest of the pixels.

Native pixel data stays native. Compressed frames are decoded, blanked and compressed again: in their own
transfer syntax where that loses nothing, else in JPEG-LS, HTJ2K or RLE. Pixels that a lossy codec had made
are kept as they were decoded. Each frame is decoded again before it is given out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from app.deid.boxes import Box, fitted
from app.deid.fill import Ink, Samples, filled, ink, widened
from app.dicom import (
    codestream,
    encoders,
    frames,
    native,
    pixel_description,
    rewrite,
    transcode,
    writer,
)
from app.dicom import samples as native_samples
from app.dicom.frames import FLOAT_PIXEL_DATA, PIXEL_DATA, FrameIndex
from app.dicom.part10 import Element, Part10
from app.dicom.pixel_description import PixelDescription
from app.dicom.rewrite import Source
from app.dicom.transfer_syntaxes import (
    DEFLATED_FRAMES,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_LITTLE_ENDIAN,
    RLE_LOSSLESS,
)
from app.errors import CannotDecode, CannotEncode

_JPEG_LS, _HTJ2K = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.201"
#: Transfer syntaxes whose encoders keep every bit of a container, also those above the stored ones.
_KEEP_ALL_BITS = (RLE_LOSSLESS, ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES, _HTJ2K)
_UNDEFINED = 0xFFFFFFFF
_STALE = rewrite.OFFSET_TABLES


@dataclass(frozen=True, slots=True)
class Blanked:
    """What stands instead of an instance's pixel data, as Explicit VR Little Endian.

    `transfer_syntax_uid` is that of the new instance; `replaced` are whole elements that describe the frames
    anew, by tag; `removed` the tags of offset tables that would be wrong; `element` the pixel data's tag and
    `chunks` its whole element, a frame at a time. Reading `chunks` raises CannotDecode and CannotEncode.
    """

    transfer_syntax_uid: str
    replaced: dict[int, bytes]
    removed: frozenset[int]
    element: int
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class _Frames:
    """An instance's frames: where they lie, what describes them as stored and as native pixels."""

    source: Source
    index: FrameIndex
    element: Element
    stored: PixelDescription
    native: PixelDescription

    @property
    def uid(self) -> str:
        return self.source.part10.transfer_syntax_uid

    @property
    def bits(self) -> int:
        """Bits of a native frame, which may hold every sample though its attributes say otherwise."""
        if self.index.is_native:
            return native.packing(self.source.part10, self.element, self.index.count)[0]
        return self.native.frame_bits

    def read(self, number: int) -> bytes:
        """A frame as it is stored."""
        return self.index.assemble(number, [self.source.read(*each) for each in self.index.ranges(number)])

    def decoded(self) -> Iterator[bytes]:
        """Native little-endian frames, in order."""
        for number in range(1, self.index.count + 1):
            frame = transcode.Frame(self.read(number), self.uid, self.stored)
            yield transcode.frame(frame, EXPLICIT_LITTLE_ENDIAN)


def source(part10: Part10) -> Source:
    """An instance whose bytes are at hand."""
    return Source(part10, lambda offset, length: part10.data[offset : offset + length])


def blank(instance: Source, boxes: Iterable[Box]) -> Blanked | None:
    """The pixel data with these boxes blank in every frame; None where no box lies in the frames.

    Raises CannotDecode where the frames cannot be told or decoded: then a person must look at them.
    """
    found = _frames(instance)
    inside = fitted(boxes, found.native.rows, found.native.columns)
    inside = fitted(widened(inside, found.native, found.bits), found.native.rows, found.native.columns)
    if not inside:
        return None
    how = _ink(found)
    plain = (filled(frame, inside, how) for frame in found.decoded())
    if found.index.is_native:
        return Blanked(EXPLICIT_LITTLE_ENDIAN, {}, _STALE, found.element.tag, _native(found, plain))
    first = next(plain)
    uid, stream = _first(found, first)
    if stream is None:
        return Blanked(
            uid, _replaced(found.native), _STALE, PIXEL_DATA, _native(found, chain((first,), plain))
        )
    streams = chain((stream,), (encoders.encode_frame(frame, found.native, uid) for frame in plain))
    after = encoders.encoded(found.native, uid)
    return Blanked(uid, _replaced(after), _STALE, PIXEL_DATA, _encapsulated(streams))


def values(instance: Source) -> Iterator[tuple[PixelDescription, Samples]]:
    """The stored values of every frame, with what describes them as native pixels. Raises CannotDecode."""
    found = _frames(instance)
    floating = found.element.tag != PIXEL_DATA
    for frame in found.decoded():
        raw = native_samples.raw(frame, found.native, floating=floating)
        yield found.native, native_samples.stored(raw, found.native)


def prove(before: Source, after: Source, boxes: Iterable[Box]) -> None:
    """Read a written instance again: blank in the boxes, and outside of them the pixels of its source.

    Raises CannotDecode where that is not so.
    """
    old, new = _frames(before), _frames(after)
    inside = fitted(boxes, old.native.rows, old.native.columns)
    inside = fitted(widened(inside, old.native, old.bits), old.native.rows, old.native.columns)
    how = _ink(old)
    if old.index.count != new.index.count:
        raise CannotDecode("The blanked instance has another number of frames than its source.")
    for first, second in zip(old.decoded(), new.decoded(), strict=True):
        expected = native_samples.raw(filled(first, inside, how), old.native, floating=how.floating)
        found = native_samples.raw(second, new.native, floating=how.floating)
        if expected.shape != found.shape or expected.tobytes() != found.tobytes():
            raise CannotDecode("The blanked instance does not read back as its source does.")


def _frames(instance: Source) -> _Frames:
    part10 = instance.part10
    index, element = frames.index(part10), frames.pixel_element(part10)
    if index is None or element is None:
        raise CannotDecode(frames.explain(part10) or "The instance has no pixel data.")
    stored = _described(part10, element)
    return _Frames(instance, index, element, stored, transcode.native(stored, part10.transfer_syntax_uid))


def _described(part10: Part10, element: Element) -> PixelDescription:
    """Floating-point pixels need no Bits Allocated of their own."""
    if element.tag == PIXEL_DATA:
        return pixel_description.from_part10(part10)
    bits = native.bits_allocated(part10, element)
    rows, columns = part10.number(native.ROWS) or 0, part10.number(native.COLUMNS) or 0
    return PixelDescription(rows, columns, 1, bits, bits, bits - 1, 1, "MONOCHROME2")


def _ink(found: _Frames) -> Ink:
    return ink(found.source.part10, found.native, floating=found.element.tag != PIXEL_DATA)


def _first(found: _Frames, frame: bytes) -> tuple[str, bytes | None]:
    """The transfer syntax of the blanked frames: the first that loses nothing; and the first frame in it.

    Without a stream the frames are native: no encoder takes them.
    """
    head = codestream.read(found.read(1))
    stored = found.native.bits_stored
    spare = found.native.bits_allocated > stored and not (head and head.precision <= stored)
    for uid in dict.fromkeys((found.uid, _JPEG_LS, _HTJ2K, RLE_LOSSLESS)):
        lossless = uid in encoders.ENCODERS and encoders.ENCODERS[uid].lossless
        if lossless and (uid in _KEEP_ALL_BITS or not spare):
            try:
                return uid, encoders.encode_frame(frame, found.native, uid)
            except CannotEncode:
                continue
    return EXPLICIT_LITTLE_ENDIAN, None


def _replaced(after: PixelDescription) -> dict[int, bytes]:
    """The elements that describe frames encoded anew."""
    return {tag: b"".join(whole) for tag, whole in rewrite.described(after)}


def _native(found: _Frames, plain: Iterator[bytes]) -> Iterator[bytes]:
    """Frames without gaps."""
    element = found.element
    length = -(-found.bits * found.index.count // 8)
    if length + length % 2 > writer.LONGEST_VALUE:
        raise CannotEncode("The decoded pixel data would be longer than a native element can be (4 GiB).")
    floating = "OF" if element.tag == FLOAT_PIXEL_DATA else "OD"
    whole = "OW" if found.native.bits_allocated > 8 or element.vr == "OW" else "OB"
    vr = whole if element.tag == PIXEL_DATA else floating
    head, pad = writer.header(element.tag, vr, length + length % 2), writer.padding("OB", length)
    return chain((head,), rewrite.joined(plain, found.bits), (pad,))


def _encapsulated(streams: Iterator[bytes]) -> Iterator[bytes]:
    """A fragment a frame, behind an empty offset table: its lengths are not known before (PS3.5 A.4)."""
    yield writer.header(PIXEL_DATA, "OB", _UNDEFINED)
    yield writer.fragment(0)
    for stream in streams:
        if len(stream) > writer.LONGEST_VALUE:
            raise CannotEncode("A frame is longer than a fragment can be (4 GiB).")
        yield writer.fragment(len(stream) + len(stream) % 2)
        yield stream + b"\0" * (len(stream) % 2)
    yield writer.SEQUENCE_END
