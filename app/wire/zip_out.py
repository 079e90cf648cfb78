"""Writing ZIP files whose entries are stored as they are (APPNOTE 6.3; ZIP64 where 32 bits do not suffice).

A file is, for each entry, `local_header` and then the entry's own bytes; then a `central_header` for each;
and at last the `ending`. Sizes and checksums are known beforehand, so that every reader takes it, and so is
where everything stands: a `Mark` between two entries says all that is to be known of what is before it.
"""

from datetime import datetime
from struct import Struct
from typing import NamedTuple, Self

_LOCAL = Struct("<4s5H3I2H")
_CENTRAL = Struct("<4s6H3I5H2I")
_END = Struct("<4s4H2IH")
_END_64 = Struct("<4sQ2H2I4Q")
_LOCATOR_64 = Struct("<4sIQI")
#: What stands in a field whose value is too large for it, and is in the ZIP64 record.
_BEYOND_16, _BEYOND_32 = 0xFFFF, 0xFFFFFFFF
#: The version of a reader that is needed, and where the file was made: 3 is Unix, whose modes it then has.
_PLAIN, _ZIP64, _MADE_BY = 20, 45, 3 << 8 | 45
_MODE = 0o100644 << 16
#: Names are UTF-8.
_FLAGS = 1 << 11
_EARLIEST = datetime(1980, 1, 1)


class Entry(NamedTuple):
    """One entry: its path in the file, its size in bytes, the CRC-32 of its bytes, and when it was made."""

    name: str
    size: int
    crc32: int
    made: datetime


class Mark(NamedTuple):
    """A place between entries: how many stand before it, in how many bytes, and what these add to the
    directory.
    """

    entries: int = 0
    offset: int = 0
    directory: int = 0

    def after(self, entry: Entry) -> Self:
        """The place behind an entry that stands here."""
        name, large = len(entry.name.encode()), entry.size >= _BEYOND_32
        local = _LOCAL.size + name + (20 if large else 0) + entry.size
        wide = (16 if large else 0) + (8 if self.offset >= _BEYOND_32 else 0)
        central = _CENTRAL.size + name + (wide and wide + 4)
        return self.__class__(self.entries + 1, self.offset + local, self.directory + central)

    @property
    def size(self) -> int:
        """The size in bytes of the whole file, where no entry follows."""
        return self.offset + self.directory + len(ending(self))


def local_header(entry: Entry) -> bytes:
    """What stands before an entry's bytes."""
    name, large = entry.name.encode(), entry.size >= _BEYOND_32
    more = _extra(entry.size, entry.size) if large else b""
    size = _BEYOND_32 if large else entry.size
    version = _ZIP64 if large else _PLAIN
    fields = (version, _FLAGS, 0, *_moment(entry.made), entry.crc32, size, size, len(name), len(more))
    return _LOCAL.pack(b"PK\x03\x04", *fields) + name + more


def central_header(entry: Entry, offset: int) -> bytes:
    """What the directory says of an entry that stands at this offset."""
    name = entry.name.encode()
    large = entry.size >= _BEYOND_32
    wide = [entry.size] * 2 if large else []
    wide += [offset] if offset >= _BEYOND_32 else []
    more = _extra(*wide) if wide else b""
    size, place = _BEYOND_32 if large else entry.size, min(offset, _BEYOND_32)
    head = (_MADE_BY, _ZIP64 if wide else _PLAIN, _FLAGS, 0, *_moment(entry.made), entry.crc32, size, size)
    return _CENTRAL.pack(b"PK\x01\x02", *head, len(name), len(more), 0, 0, 0, _MODE, place) + name + more


def ending(last: Mark) -> bytes:
    """What stands behind the directory of a file whose entries end at this mark."""
    count, offset, size = last
    few, short, near = min(count, _BEYOND_16), min(size, _BEYOND_32), min(offset, _BEYOND_32)
    plain = _END.pack(b"PK\x05\x06", 0, 0, few, few, short, near, 0)
    if count < _BEYOND_16 and max(size, offset) < _BEYOND_32:
        return plain
    rest = _END_64.size - 12
    wide = _END_64.pack(b"PK\x06\x06", rest, _MADE_BY, _ZIP64, 0, 0, count, count, size, offset)
    return wide + _LOCATOR_64.pack(b"PK\x06\x07", 0, offset + size, 1) + plain


def _extra(*values: int) -> bytes:
    return Struct(f"<2H{len(values)}Q").pack(1, 8 * len(values), *values)


def _moment(made: datetime) -> tuple[int, int]:
    """Time and date as MS-DOS has them."""
    made = max(made.replace(tzinfo=None), _EARLIEST)
    time = made.hour << 11 | made.minute << 5 | made.second // 2
    return time, (made.year - 1980) << 9 | made.month << 5 | made.day
