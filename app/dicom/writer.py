"""Writing the DICOM file format in Explicit VR Little Endian (PS3.10 section 7, PS3.5 section 7.1.2)."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from app.dicom.dictionary import LONG_VRS, SHORT_VRS, SIZES
from app.dicom.elements import UNDEFINED

IMPLEMENTATION_CLASS_UID = "2.25.230628369254292182464921022870670882885"
IMPLEMENTATION_VERSION_NAME = "READINGROOM"
#: The longest value that a length of 32 bits can state.
LONGEST_VALUE = UNDEFINED - 1

ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"

_SHORT = struct.Struct("<HH2sH")
_LONG = struct.Struct("<HH2sHI")
_FRAGMENT = struct.Struct("<HHI")
#: Text is padded with a space, all else (UIDs too) with a NUL (PS3.5 section 6.2).
_SPACE_PADDED = SHORT_VRS - set(SIZES) - {"UI"} | {"UC", "UR", "UT"}
#: Meta elements that every writer states anew; the others describe the sending and are kept.
_REBUILT = frozenset({0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013})


def header(tag: int, vr: str, length: int) -> bytes:
    """What stands before a value of `length` bytes.

    A value too long for its VR's length of 16 bits, and one of an unknown VR, is UN (PS3.5 section 6.2.2).
    """
    if vr in SHORT_VRS and length <= 0xFFFF:
        return _SHORT.pack(tag >> 16, tag & 0xFFFF, vr.encode(), length)
    known = vr if vr in LONG_VRS else "UN"
    return _LONG.pack(tag >> 16, tag & 0xFFFF, known.encode(), 0, length)


def padding(vr: str, length: int) -> bytes:
    """What brings a value to even length."""
    return b"" if length % 2 == 0 else b" " if vr in _SPACE_PADDED else b"\0"


def element(tag: int, vr: str, value: bytes) -> bytes:
    """One whole element."""
    pad = padding(vr, len(value))
    return header(tag, vr, len(value) + len(pad)) + value + pad


def fragment(length: int) -> bytes:
    """What stands before a fragment of `length` bytes, which is even (PS3.5 section A.4)."""
    return _FRAGMENT.pack(0xFFFE, 0xE000, length)


def offset_table(sizes: Sequence[int]) -> bytes:
    """The item of a Basic Offset Table for one fragment a frame; empty where 32 bits do not suffice."""
    offsets = list(accumulate((_FRAGMENT.size + size + size % 2 for size in sizes), initial=0))[:-1]
    table = struct.pack(f"<{len(offsets)}I", *offsets) if offsets and offsets[-1] <= UNDEFINED else b""
    return fragment(len(table)) + table


def preamble(
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    kept: Iterable[tuple[int, str, bytes]] = (),
) -> bytes:
    """Preamble, prefix and File Meta Information; `kept` are more elements of group 0002 (tag, VR, value)."""
    elements = {
        0x00020001: element(0x00020001, "OB", b"\0\1"),
        0x00020002: element(0x00020002, "UI", sop_class_uid.encode("latin-1")),
        0x00020003: element(0x00020003, "UI", sop_instance_uid.encode("latin-1")),
        0x00020010: element(0x00020010, "UI", transfer_syntax_uid.encode()),
        0x00020012: element(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode()),
        0x00020013: element(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode()),
        **{tag: element(tag, vr, value) for tag, vr, value in kept if tag not in _REBUILT},
    }
    group = b"".join(elements[tag] for tag in sorted(elements))
    length = element(0x00020000, "UL", struct.pack("<I", len(group)))
    return b"\0" * 128 + b"DICM" + length + group


def deflated(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """A data set as bare RFC 1951 data of an even length (PS3.5 section A.5)."""
    deflating, length = zlib.compressobj(wbits=-zlib.MAX_WBITS), 0
    for chunk in chunks:
        piece = deflating.compress(chunk)
        length += len(piece)
        yield piece
    last = deflating.flush()
    yield last + b"\0" * ((length + len(last)) % 2)


@contextmanager
def create(target: Path) -> Iterator[BinaryIO]:
    """A new instance at `target`, which is gone again when writing it fails."""
    try:
        with target.open("wb") as out:
            yield out
    except BaseException:
        target.unlink(missing_ok=True)
        raise
