"""Any stored instance as Explicit VR Little Endian, the default of PS3.18 section 8.7.3."""

import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from app.dicom import frames, native, pixel_description, pixels, transfer_syntaxes, writer
from app.dicom.dictionary import SIZES, standard_vr
from app.dicom.elements import Element
from app.dicom.fragments import EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS
from app.dicom.frames import PIXEL_DATA
from app.dicom.part10 import Part10
from app.dicom.part10 import read as read_part10
from app.dicom.transfer_syntaxes import DEFLATED_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN
from app.errors import CannotDecode, InvalidInstance

_PHOTOMETRIC_INTERPRETATION, _PLANAR_CONFIGURATION = 0x00280004, 0x00280006
#: Bytes copied at a time; a multiple of every word.
_CHUNK = 1 << 20

Read = Callable[[int, int], bytes]
#: What is wrong once frames are encoded anew.
OFFSET_TABLES = frozenset((EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS))


@dataclass(frozen=True, slots=True)
class Source:
    """One data set (the instance's, or an item's) as a Part 10 of its own, and how to read its bytes."""

    part10: Part10
    read: Read

    def item(self, elements: list[Element]) -> "Source":
        return replace(self, part10=replace(self.part10, dataset=elements))


def to_explicit_little_endian(source: Path, target: Path, uid: str = EXPLICIT_LITTLE_ENDIAN) -> None:
    """Write the instance in `source` to `target` as Explicit VR Little Endian, or as that deflated.

    Values stay as they are, private and unknown ones too. Compressed pixel data is decoded one frame at a
    time (see `pixels.decoded` for what changes with it). Group lengths and offset tables, which would now be
    wrong, are left out. Memory is bounded by a frame and its code stream, or by a deflated data set.

    Raises InvalidInstance for what cannot be read; CannotDecode for pixel data without a codec, damaged, or
    too long for a native element. Nothing stays at `target` then.
    """
    with opened(source) as instance:
        write(instance, target, uid)


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The instance in a file. Raises InvalidInstance, and CannotDecode where its frames cannot be told."""
    with path.open("rb") as stored, _mapped(stored) as data:
        part10 = read_part10(data)
        read: Read = (lambda o, n: part10.data[o : o + n]) if part10.deflated else _reader(stored)
        _require_native_or_framed(part10)
        yield Source(part10, read)


def write(
    source: Source,
    target: Path,
    uid: str = EXPLICIT_LITTLE_ENDIAN,
    replaced: Mapping[int, Iterable[bytes]] | None = None,
    sop_instance_uid: str | None = None,
) -> None:
    """Write an instance under a transfer syntax that is explicit little endian around its pixel data.

    `replaced` are whole elements of the data set that stand instead of its own. Encapsulated pixel data
    that is not replaced is decoded. Nothing stays at `target` when this fails.
    """
    with writer.create(target) as out:
        out.write(_preamble(source.part10, uid, sop_instance_uid))
        chunks = _data_set(source, replaced)
        for chunk in writer.deflated(chunks) if uid == DEFLATED_LITTLE_ENDIAN else chunks:
            out.write(chunk)


def _mapped(stored: BinaryIO) -> mmap.mmap:
    try:
        return mmap.mmap(stored.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise InvalidInstance("The instance is empty.") from None


def _reader(stored: BinaryIO) -> Read:
    """Bulk bytes are read, not mapped: mapped pages would count as this process's memory."""
    return lambda offset, length: os.pread(stored.fileno(), length, offset)


def _require_native_or_framed(part10: Part10) -> None:
    element = part10.get(PIXEL_DATA)
    if element is None or element.fragments is not None:
        return
    if transfer_syntaxes.get(part10.transfer_syntax_uid).encapsulated:
        raise CannotDecode(frames.explain(part10))


def _preamble(part10: Part10, uid: str, sop_instance_uid: str | None) -> bytes:
    return writer.preamble(
        part10.text(0x00080016) or part10.text(0x00020002),
        sop_instance_uid or part10.text(0x00080018) or part10.text(0x00020003),
        uid,
        [(element.tag, element.vr, part10.value(element)) for element in part10.meta],
    )


def _data_set(source: Source, replaced: Mapping[int, Iterable[bytes]] | None = None) -> Iterator[bytes]:
    changed: Mapping[int, Iterable[bytes]] = replaced or dict(_changed(source))
    present = {e.tag: e for e in source.part10.dataset if e.tag & 0xFFFF and e.tag not in OFFSET_TABLES}
    for tag in sorted({*present, *changed}):
        if tag in changed:
            yield from changed[tag]
        else:
            yield from _element(source, present[tag])


def _element(source: Source, element: Element) -> Iterator[bytes]:
    if element.fragments is not None:
        yield from _decoded(source, element)
        return
    if element.items is not None:
        yield writer.header(element.tag, "SQ", 0xFFFFFFFF)
        for item in element.items:
            yield writer.ITEM
            yield from _data_set(source.item(item))
            yield writer.ITEM_END
        yield writer.SEQUENCE_END
        return
    vr, word = _encoding(source.part10, element)
    pad = writer.padding(vr, element.length)
    yield writer.header(element.tag, vr, element.length + len(pad))
    yield from _value(source, element, word)
    yield pad


def _encoding(part10: Part10, element: Element) -> tuple[str, int]:
    """The VR to write, and the bytes of the words to swap."""
    if element.tag in (frames.FLOAT_PIXEL_DATA, frames.DOUBLE_FLOAT_PIXEL_DATA, PIXEL_DATA):
        wide = native.bits_allocated(part10, element) > 8 and element.tag == PIXEL_DATA
        return "OW" if wide else element.vr, native.word_size(part10, element)
    vr = element.vr
    if element.length > 0xFFFF and "OW" in (standard_vr(element.tag) or ""):
        # A lookup table of 65,536 entries, which a US of this transfer syntax cannot hold (PS3.3 C.11.1.1).
        vr = "OW"
    word = 2 if element.vr == "AT" else SIZES.get(element.vr, 1)
    return vr, 1 if part10.little_endian else word


def _value(source: Source, element: Element, word: int) -> Iterator[bytes]:
    if element.length <= _CHUNK:
        value = source.part10.value(element)
        yield native.swap_words(value, word) if word > 1 else value
        return
    step = _CHUNK // word * word
    for offset in range(element.offset, element.offset + element.length, step):
        chunk = source.read(offset, min(step, element.offset + element.length - offset))
        yield native.swap_words(chunk, word) if word > 1 else chunk


def _changed(source: Source) -> Iterator[tuple[int, list[bytes]]]:
    """The elements that decoding the pixel data changes, written anew."""
    element = source.part10.get(PIXEL_DATA)
    if element is None or element.fragments is None:
        return
    before = pixel_description.from_part10(source.part10)
    yield from described(pixels.decoded(before, source.part10.transfer_syntax_uid))


def described(after: pixel_description.PixelDescription) -> Iterator[tuple[int, list[bytes]]]:
    """The elements of a pixel description that follow from how its frames are encoded, written anew."""
    photometric = after.photometric_interpretation.encode("latin-1")
    if photometric:
        yield (
            _PHOTOMETRIC_INTERPRETATION,
            [writer.element(_PHOTOMETRIC_INTERPRETATION, "CS", photometric)],
        )
    if after.samples > 1:
        value = struct.pack("<H", after.planar_configuration)
        yield _PLANAR_CONFIGURATION, [writer.element(_PLANAR_CONFIGURATION, "US", value)]


def _decoded(source: Source, element: Element) -> Iterator[bytes]:
    """Pixel Data as native frames without gaps (PS3.5 section 8.1.1)."""
    part10 = source.part10
    if element.tag != PIXEL_DATA:
        raise CannotDecode("An element other than Pixel Data is encapsulated, and cannot be decoded.")
    index = frames.index(part10)
    if index is None:
        raise CannotDecode(frames.explain(part10))
    before, uid = pixel_description.from_part10(part10), part10.transfer_syntax_uid
    bits = pixels.decoded(before, uid).frame_bits
    length = -(-bits * index.count // 8)
    if length + length % 2 > writer.LONGEST_VALUE:
        raise CannotDecode("The decoded pixel data would be longer than a native element can be (4 GiB).")
    vr = "OW" if before.bits_allocated > 8 else "OB"
    yield writer.header(PIXEL_DATA, vr, length + length % 2)
    parts = (index.assemble(n, [source.read(*r) for r in index.ranges(n)]) for n in range(1, index.count + 1))
    yield from joined((pixels.decode_frame(part, uid, before) for part in parts), bits)
    yield writer.padding(vr, length)


def joined(decoded: Iterator[bytes], bits: int) -> Iterator[bytes]:
    """Frames of `bits` bits one after another; bits that one leaves of its last byte, the next takes."""
    if bits % 8 == 0:
        yield from decoded
        return
    held, carry = 0, 0
    for frame in decoded:
        carry |= (int.from_bytes(frame, "little") & ((1 << bits) - 1)) << held
        whole, held = divmod(held + bits, 8)
        yield (carry & ((1 << 8 * whole) - 1)).to_bytes(whole, "little")
        carry >>= 8 * whole
    if held:
        yield carry.to_bytes(1, "little")
