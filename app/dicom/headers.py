"""What stands before a value: tag, VR and length, also where writers got them wrong (PS3.5 section 7.1)."""

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from app.dicom.dictionary import LONG_VRS, SHORT_VRS, private_vr, standard_vr
from app.dicom.elements import ITEM, SEQUENCE_END, UNDEFINED, Data, name
from app.errors import InvalidInstance

SHORT: Final = {vr.encode(): vr for vr in SHORT_VRS}
LONG: Final = {vr.encode(): vr for vr in LONG_VRS}
_MOST_WARNINGS = 50

#: Private creators of a data set, by group and block: `0x000910` to `ACME 1.0`.
Creators = dict[int, str]


class Header(NamedTuple):
    """A header; `offset` is where the value begins, and `explicit` tells whether the header named a VR."""

    vr: str
    offset: int
    length: int
    explicit: bool


def truncated(tag: int) -> InvalidInstance:
    """The fact that an element is longer than what is there."""
    return InvalidInstance(f"Truncated: {name(tag)} reaches beyond the end of the data.")


class Headers:
    """Reads the headers of one instance, in one byte order. Raises InvalidInstance on bytes that are none."""

    __slots__ = ("_length", "data", "explicit", "implicit", "little_endian", "warnings")

    def __init__(self, data: Data, little_endian: bool) -> None:
        order = "<" if little_endian else ">"
        self.data = data
        self.little_endian = little_endian
        self.explicit = Struct(f"{order}HH2sH").unpack_from
        self.implicit = Struct(f"{order}HHI").unpack_from
        self._length = Struct(f"{order}I").unpack_from
        self.warnings: dict[str, None] = {}

    def warn(self, sentence: str) -> None:
        """Keep a sentence about something odd, once."""
        if len(self.warnings) < _MOST_WARNINGS:
            self.warnings[sentence] = None

    def tag(self, position: int, end: int) -> int:
        """The tag at a position."""
        if end - position < 8:
            raise InvalidInstance(f"Truncated: the data end inside an element's header at byte {position}.")
        group, number, _ = self.implicit(self.data, position)
        return int(group << 16 | number)

    def length(self, position: int) -> int:
        """A length of 32 bits."""
        return int(self._length(self.data, position)[0])

    def looks_explicit(self, position: int) -> bool:
        """Whether the header here names a VR: two capitals, or a known one written in small letters.

        In a header without VR these bytes are a length, which would be longer than 16,000 bytes.
        """
        code = bytes(self.data[position + 4 : position + 6])
        return (code.isalpha() and code.isupper()) or code.upper() in SHORT or code.upper() in LONG

    def header(self, tag: int, position: int, end: int, explicit: bool, creators: Creators) -> Header:
        """The header at a position, of which at least eight bytes are there."""
        if not explicit:
            return self._without_vr(tag, position, creators)
        code, short = self.explicit(self.data, position)[2:]
        if code in SHORT:
            return Header(SHORT[code], position + 8, short, True)
        if code in LONG:
            if end - position < 12:
                raise truncated(tag)
            return Header(LONG[code], position + 12, self.length(position + 8), True)
        for header in self._readings(tag, position, end, creators):
            if self._lands(tag, header, end):
                self.warn(f"{name(tag)} has no valid VR.")
                return header
        raise InvalidInstance(f"{name(tag)} has no valid VR, and its length leads nowhere.")

    def dictionary_vr(self, tag: int, creators: Creators) -> str | None:
        """The VR by the standard's or the private creator's dictionary; may leave a choice (`US or SS`)."""
        return private_vr(tag, creators.get(tag >> 8, "")) if tag & 0x10000 else standard_vr(tag)

    def _without_vr(self, tag: int, position: int, creators: Creators) -> Header:
        return Header(
            self.dictionary_vr(tag, creators) or "UN", position + 8, self.length(position + 4), False
        )

    def _readings(self, tag: int, position: int, end: int, creators: Creators) -> Iterator[Header]:
        """Ways to read a header whose VR is none, the likeliest first.

        A VR in small letters; a header without VR, as some writers leave inside sequences; a VR not known
        here, which has a 32-bit length (PS3.5 section 7.1.2) or, in old data, a 16-bit one.
        """
        code, short = self.explicit(self.data, position)[2:]
        long = self.length(position + 8) if end - position >= 12 else end
        if code.upper() in SHORT:
            yield Header(SHORT[code.upper()], position + 8, short, True)
        if code.upper() in LONG:
            yield Header(LONG[code.upper()], position + 12, long, True)
        if not code.isalpha():
            yield self._without_vr(tag, position, creators)
        if short == 0:
            yield Header("UN", position + 12, long, True)
        yield Header("UN", position + 8, short, True)
        yield self._without_vr(tag, position, creators)

    def _lands(self, tag: int, header: Header, end: int) -> bool:
        """Whether an element read so is followed by one that may follow it."""
        if header.length == UNDEFINED:
            return end - header.offset >= 8 and self.tag(header.offset, end) in (ITEM, SEQUENCE_END)
        behind = header.offset + header.length
        return behind == end or (end - behind >= 8 and self.tag(behind, end) > tag)
