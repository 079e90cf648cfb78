"""Which fragments of encapsulated pixel data make up which frame (PS3.5 section A.4).

Four ways, the surest first, each believed only when it fits the data: the Extended Offset Table, the Basic
Offset Table, one fragment a frame, and the marks at which code streams begin and end.
"""

import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise

from app.dicom.part10 import Part10
from app.dicom.transfer_syntaxes import TransferSyntax
from app.errors import InvalidInstance

EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00001, 0x7FE00002

Fragment = tuple[int, int]
Frames = list[list[Fragment]]

_ITEM_HEADER = 8
_JPEG_START = (b"\xff\xd8\xff",)
#: A bare code stream, as PS3.5 section A.4.4 wants it, or one in a JP2 box, as some writers send it.
_JPEG_2000_START = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
#: How a frame's code stream begins, by media type; the others begin as they like.
_STARTS: dict[str, tuple[bytes, ...]] = {
    "image/jpeg": _JPEG_START,
    "image/jls": _JPEG_START,
    "image/jp2": _JPEG_2000_START,
    "image/jpx": _JPEG_2000_START,
    "image/jphc": _JPEG_2000_START,
    "image/jxl": (b"\xff\x0a", b"\x00\x00\x00\x0cJXL "),
    # The RLE header: 1 to 15 segments, the first at byte 64 (PS3.5 section G.5).
    "image/dicom-rle": tuple(struct.pack("<II", segments, 64) for segments in range(1, 16)),
}
#: The same two bytes end a JPEG, a JPEG-LS and a JPEG 2000 code stream.
_END_OF_IMAGE = b"\xff\xd9"
_ENDED = {"image/jpeg", "image/jls", "image/jp2", "image/jpx", "image/jphc"}


class Inconsistent(InvalidInstance):
    """The pixel data does not fit its attributes; the text is a sentence."""


def frames(part10: Part10, items: list[Fragment], count: int, syntax: TransferSyntax) -> Frames:
    """The fragments of each of `count` frames (one "frame" for video). `items[0]` is the Basic Offset Table.

    Raises Inconsistent when no way of finding the frames agrees with the data.
    """
    found = [item for item in items[1:] if item[1]]
    if not found:
        raise Inconsistent("Pixel Data has no fragments; no frames can be retrieved.")
    if syntax.video:
        return [found]
    begins = _begins(part10, found, syntax)
    for divided in _ways(part10, items, found, count, begins, syntax):
        if begins <= {frame[0][0] for frame in divided}:
            return divided
    raise Inconsistent("Pixel Data cannot be divided into Number of Frames; no frames can be retrieved.")


def _ways(
    part10: Part10,
    items: list[Fragment],
    found: list[Fragment],
    count: int,
    begins: set[int],
    syntax: TransferSyntax,
) -> Iterator[Frames]:
    """Each way's division into `count` frames; the caller refuses one with two code streams in a frame."""
    base = items[1][0] - _ITEM_HEADER
    offsets = _numbers(part10, _value(part10, EXTENDED_OFFSET_TABLE), "<Q", count)
    if divided := _trimmed(part10, _divided(found, _positions(found, base, offsets)), count):
        yield divided
    if count == 1:
        yield [found]
    offsets = _numbers(part10, items[0], "<I", count)
    if divided := _divided(found, _positions(found, base, offsets)):
        yield divided
    if len(found) == count and len(begins) in (0, count):
        yield [[item] for item in found]
    if len(begins) == count and found[0][0] in begins:
        yield _divided(found, [n for n, item in enumerate(found) if item[0] in begins])
    if not begins and syntax.media_type in _ENDED:
        ends = [n for n, item in enumerate(found, 1) if _ends(part10, item)]
        if len(ends) == count and ends[-1] == len(found):
            yield _divided(found, [0, *ends[:-1]])


def _value(part10: Part10, tag: int) -> Fragment:
    element = part10.get(tag)
    return (element.offset, element.length) if element else (0, 0)


def _numbers(part10: Part10, table: Fragment, form: str, count: int) -> list[int]:
    """The numbers of an offset table; none when it has not one for each frame."""
    offset, length = table
    if length != count * struct.calcsize(form):
        return []
    return [number for (number,) in struct.iter_unpack(form, part10.data[offset : offset + length])]


def _positions(found: list[Fragment], base: int, offsets: list[int]) -> list[int]:
    """The fragments at which frames begin; none when an offset hits no fragment or the offsets do not rise.

    A Basic Offset Table that has wrapped around at 4 GiB does not rise.
    """
    at = {offset - _ITEM_HEADER - base: n for n, (offset, _) in enumerate(found)}
    positions = [at.get(offset, -1) for offset in offsets]
    rising = positions[:1] == [0] and all(first < second for first, second in pairwise(positions))
    return positions if rising else []


def _divided(found: list[Fragment], positions: list[int]) -> Frames:
    return [found[first:end] for first, end in pairwise([*positions, len(found)])]


def _trimmed(part10: Part10, divided: Frames, count: int) -> Frames:
    """The frames without the pad byte that Extended Offset Table Lengths leaves out; none when it lies."""
    lengths = _numbers(part10, _value(part10, EXTENDED_OFFSET_TABLE_LENGTHS), "<Q", count)
    if len(lengths) != len(divided):
        return []
    return divided if all(map(_trim, divided, lengths)) else []


def _trim(frame: list[Fragment], length: int) -> bool:
    padding = sum(size for _, size in frame) - length
    if padding not in (0, 1):
        return False
    offset, size = frame[-1]
    frame[-1] = (offset, size - padding)
    return True


def _begins(part10: Part10, found: Iterable[Fragment], syntax: TransferSyntax) -> set[int]:
    """Where fragments lie that begin a code stream; none where its kind cannot be told."""
    starts = _STARTS.get(syntax.media_type)
    if starts is None:
        return set()
    return {
        offset for offset, size in found if part10.data[offset : offset + min(size, 8)].startswith(starts)
    }


def _ends(part10: Part10, item: Fragment) -> bool:
    end = item[0] + item[1]
    return part10.data[max(item[0], end - 16) : end].rstrip(b"\0").endswith(_END_OF_IMAGE)
