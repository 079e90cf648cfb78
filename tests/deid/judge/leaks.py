"""What is left of a patient in the bytes of a file, in any encoding, compressed or not, and in its name."""

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from tests.deid.corpus.marked import FORMS

ENCODINGS = (
    "utf-8", "latin-1", "iso8859-2", "iso8859-7", "shift_jis", "euc_jp", "iso2022_jp", "euc_kr", "gb18030",
    "utf-16-le", "utf-16-be",
)  # fmt: skip
_ESCAPE = re.compile(rb"\x1b(?:\$[\x28-\x2f]?|[\x28-\x2f])[\x30-\x7e]")
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
#: Of what is inflated; more is not looked at.
_MOST = 1 << 24
#: After the eight digits of a date: nothing, or the time of a DT.
_DATE_END = rb"(?![0-9])|(?=[0-2][0-9](?:[0-5][0-9]){1,2}(?![0-9])))"


@dataclass
class Search:
    """What may not be found: texts, dates less those that they moved to, and UIDs that begin so."""

    canaries: Iterable[str]
    dates: Iterable[date] = ()
    shift: int | None = None
    root: str = ""

    def found(self, data: bytes, name: str = "") -> set[str]:
        """All that is there."""
        return {each for part in _parts(data) for each in self._within(part)} | self._named(name)

    def _within(self, data: bytes) -> Iterator[str]:
        folded = data.lower()
        for text, needles in self._needles.items():
            if any(needle in folded for needle in needles):
                yield text
        yield from {match[0].decode() for match in self._moved.finditer(folded)} if self._moved else ()
        if self.root and self.root.encode() in data:
            yield self.root

    def _named(self, name: str) -> set[str]:
        return {text for text in self.canaries if text.casefold() in name.casefold()}

    @cached_property
    def _needles(self) -> dict[str, set[bytes]]:
        return {text: set(_encoded(text)) for text in self.canaries}

    @cached_property
    def _moved(self) -> "re.Pattern[bytes] | None":
        old = {f"{day:{form}}".lower() for day in self.dates for form in FORMS}
        days = [day + timedelta(self.shift) for day in self.dates] if self.shift else []
        old -= {f"{day:{form}}".lower() for day in days for form in FORMS}
        written = b"|".join(re.escape(each.encode()) for each in sorted(old))
        return re.compile(rb"(?<![0-9.])(?:" + written + rb")(?:" + _DATE_END) if old else None


def _encoded(text: str) -> Iterator[bytes]:
    for form in {text, text.lower(), text.upper()}:
        for encoding in ENCODINGS:
            try:
                yield _ESCAPE.sub(b"", form.encode(encoding)).lower()
            except UnicodeEncodeError:
                continue


def _parts(data: bytes) -> Iterator[bytes]:
    """The file, and all that can be inflated in it; each without the escapes of ISO 2022 too."""
    for part in (data, deflated(data), *_inflated(data)):
        yield part
        plain = _ESCAPE.sub(b"", part)
        if plain != part:
            yield plain


def _inflated(data: bytes) -> Iterator[bytes]:
    for place in _ZLIB.finditer(data):
        try:
            yield zlib.decompressobj().decompress(data[place.start() :], _MOST)
        except zlib.error:
            continue


def deflated(data: bytes) -> bytes:
    """The data set of a file in the deflated transfer syntax; b"" for any other file."""
    if b"1.2.840.10008.1.2.1.99" not in data[:1024]:
        return b""
    length = int.from_bytes(data[140:144], "little")
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[144 + length :], _MOST)
    except zlib.error:
        return b""
