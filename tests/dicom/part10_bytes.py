"""Part 10 bytes by hand, right and wrong ones, for what no writer would write."""

import struct

EXPLICIT, IMPLICIT, BIG, DEFLATED = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)
UNDEFINED = 0xFFFFFFFF
LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")


def element(tag: int, vr: str, value: bytes = b"", length: int | None = None, order: str = "<") -> bytes:
    """An element with explicit VR; `length` in place of the value's own."""
    length = len(value) if length is None else length
    group, number = tag >> 16, tag & 0xFFFF
    if vr in LONG:
        return struct.pack(f"{order}HH2sHI", group, number, vr.encode(), 0, length) + value
    return struct.pack(f"{order}HH2sH", group, number, vr.encode(), length) + value


def implicit(tag: int, value: bytes = b"", length: int | None = None, order: str = "<") -> bytes:
    """An element without VR, or an item."""
    length = len(value) if length is None else length
    return struct.pack(f"{order}HHI", tag >> 16, tag & 0xFFFF, length) + value


def item(value: bytes = b"", length: int | None = None, order: str = "<") -> bytes:
    return implicit(0xFFFEE000, value, length, order)


ITEM_END = implicit(0xFFFEE00D)
SEQUENCE_END = implicit(0xFFFEE0DD)


def meta(uid: str | None = EXPLICIT) -> bytes:
    if uid is None:
        return element(0x00020001, "OB", b"\0\1")
    return element(0x00020010, "UI", uid.encode() + b"\0" * (len(uid) % 2))


def part10(dataset: bytes, uid: str | None = EXPLICIT) -> bytes:
    return b"\0" * 128 + b"DICM" + meta(uid) + dataset
