"""An instance in the DICOM file format, taken apart without reading its values (PS3.10 section 7)."""

import re
import zlib
from bisect import bisect_left
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Literal

from app.dicom import transfer_syntaxes
from app.dicom.ambiguous import resolve
from app.dicom.dictionary import SIZES
from app.dicom.elements import Data, Element
from app.dicom.headers import Creators
from app.dicom.scanner import Scanner
from app.errors import InvalidInstance

__all__ = ["Data", "Element", "Part10", "read"]

TRANSFER_SYNTAX_UID: Final = 0x00020010
INFLATE_LIMIT: Final = 1 << 29
#: What a deflated data set may always become, and how many times its size beyond that.
_INFLATES_TO: Final = 64 << 20
_INFLATES_BY: Final = 128

_INTEGERS: Final = frozenset({"US", "SS", "UL", "SL", "UV", "SV"})
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_tag = attrgetter("tag")


@dataclass(frozen=True, slots=True)
class Part10:
    """An instance's elements and where their values lie in `data`.

    `data` are the bytes given to `read`; for a deflated instance its meta information as it was and then the
    inflated data set. `meta` (always explicit VR little endian) and `dataset` ascend by tag. `explicit` is
    what was found, whatever the transfer syntax says. `warnings` are sentences about what is odd.
    """

    data: Data
    meta: list[Element]
    dataset: list[Element]
    transfer_syntax_uid: str
    little_endian: bool
    explicit: bool
    deflated: bool
    warnings: tuple[str, ...] = ()

    def get(self, tag: int) -> Element | None:
        """The element of the data set, or of the meta information, that has this tag."""
        elements = self.meta if tag >> 16 == 2 else self.dataset
        index = bisect_left(elements, tag, key=_tag)
        return elements[index] if index < len(elements) and elements[index].tag == tag else None

    def value(self, element: Element) -> bytes:
        """An element's bytes as they are stored."""
        return self.data[element.offset : element.offset + element.length]

    def text(self, tag: int) -> str:
        """An element's text without padding, for VRs of the default repertoire; empty where there is none."""
        element = self.get(tag)
        return self.value(element).decode("latin-1").strip(" \0") if element else ""

    def number(self, tag: int) -> int | None:
        """An element's first value where it is a whole number (an integer VR, or IS), else None."""
        element = self.get(tag)
        if element is None:
            return None
        if element.vr not in _INTEGERS:
            match = _INTEGER.fullmatch(self.text(tag).split("\\")[0].strip(" "))
            return int(match.group()) if match else None
        size = SIZES[element.vr]
        if element.length < size:
            return None
        order: Literal["little", "big"] = "little" if self.little_endian or tag >> 16 == 2 else "big"
        value = self.data[element.offset : element.offset + size]
        return int.from_bytes(value, order, signed=element.vr.startswith("S"))


def read(data: Data) -> Part10:
    """Take an instance apart.

    Raises InvalidInstance where the bytes are not in the DICOM file format, are truncated, or would inflate
    to more than INFLATE_LIMIT bytes or out of all proportion to their size.
    """
    start = _meta_start(data)
    meta, position, warnings = _meta(data, start)
    stated = _transfer_syntax(data, meta)
    if start == 0 and not stated:
        raise InvalidInstance("Not in the DICOM file format: neither a preamble nor a transfer syntax.")
    syntax = transfer_syntaxes.get(stated or _guess(data, position))
    if syntax.deflated:
        data = _inflate(data, position)
    scanner = Scanner(data, syntax.little_endian)
    scanner.warnings |= warnings
    if not stated:
        scanner.warn("The meta information has no transfer syntax; it was told from the data set.")
    explicit = _is_explicit(scanner, position, syntax.explicit)
    dataset = scanner.data_set(position, explicit)
    if scanner.ambiguous:
        resolve(dataset, data, syntax.little_endian)
    sentences = tuple(scanner.warnings)
    return Part10(data, meta, dataset, syntax.uid, syntax.little_endian, explicit, syntax.deflated, sentences)


def has_preamble(beginning: bytes) -> bool:
    """Whether an instance that begins so has its preamble: 132 bytes tell."""
    return beginning[128:132] == b"DICM"


def missing_preamble(data: Data) -> bytes:
    """What to put before an instance sent without (all of) its preamble; empty for any other data."""
    try:
        start = _meta_start(data)
        if start == 0 and not _transfer_syntax(data, _meta(data, 0)[0]):
            return b""
    except InvalidInstance:
        return b""
    return (bytes(128) + b"DICM")[: 132 - start]


def _meta_start(data: Data) -> int:
    """Where the meta information begins. Without a preamble only where it can be nothing else."""
    if data[128:132] == b"DICM":
        return 132
    if data[:6] == b"DICM\x02\x00":
        return 4
    if data[:2] == b"\x02\x00" and data[4:6] in (b"UL", b"OB", b"UI"):
        return 0
    raise InvalidInstance("Not in the DICOM file format: no 'DICM' behind a preamble of 128 bytes.")


def _meta(data: Data, position: int) -> tuple[list[Element], int, dict[str, None]]:
    """Group 0002 by its tags, since its group length is often wrong, and the position behind it."""
    scanner = Scanner(data, little_endian=True)
    if position != 132:
        scanner.warn("The preamble is missing.")
    elements: dict[int, Element] = {}
    creators: Creators = {}
    while data[position : position + 2] == b"\x02\x00":
        tag = scanner.tag(position, len(data))
        elements[tag], position = scanner.element(tag, position, len(data), True, creators)
    return [elements[tag] for tag in sorted(elements)], position, scanner.warnings


def _transfer_syntax(data: Data, meta: list[Element]) -> str:
    found = next((element for element in meta if element.tag == TRANSFER_SYNTAX_UID), None)
    if found is None:
        return ""
    return data[found.offset : found.offset + found.length].decode("latin-1").strip(" \0")


def _guess(data: Data, position: int) -> str:
    """The transfer syntax of a data set whose meta information does not say: one of the uncompressed ones.

    A data set begins with a low group, which in the wrong byte order is a high one.
    """
    if not Scanner(data, True).looks_explicit(position):
        return transfer_syntaxes.IMPLICIT_LITTLE_ENDIAN
    low_first = data[position : position + 1] > data[position + 1 : position + 2]
    if low_first:
        return transfer_syntaxes.EXPLICIT_LITTLE_ENDIAN
    return transfer_syntaxes.EXPLICIT_BIG_ENDIAN


def _is_explicit(scanner: Scanner, position: int, stated: bool) -> bool:
    """Whether the data set names its VRs: what its first element does counts, not the transfer syntax."""
    found = scanner.looks_explicit(position) if position < len(scanner.data) else stated
    if found != stated:
        scanner.warn(
            f"The data set is in {'explicit' if found else 'implicit'} VR, against its transfer syntax."
        )
    return found


def _inflate(data: Data, position: int) -> bytes:
    """The data with the deflated rest inflated (RFC 1951; some writers put zlib's header before it)."""
    allowed = min(INFLATE_LIMIT, _INFLATES_TO + _INFLATES_BY * (len(data) - position))
    with memoryview(data) as view, view[position:] as rest:
        try:
            dataset = _inflated(rest, -zlib.MAX_WBITS, allowed)
        except zlib.error:
            dataset = _zlib_inflated(rest, allowed)
    return data[:position] + dataset


def _zlib_inflated(rest: memoryview, allowed: int) -> bytes:
    try:
        return _inflated(rest, zlib.MAX_WBITS, allowed)
    except zlib.error:
        raise InvalidInstance("The deflated data set cannot be inflated.") from None


def _inflated(rest: memoryview, window: int, allowed: int) -> bytes:
    inflater = zlib.decompressobj(window)
    dataset = inflater.decompress(rest, allowed + 1)
    if len(dataset) > allowed:
        raise InvalidInstance(f"The deflated data set is larger than the {allowed:,} bytes that are taken.")
    if not inflater.eof:
        raise InvalidInstance("Truncated: the deflated data set ends too early.")
    return dataset
