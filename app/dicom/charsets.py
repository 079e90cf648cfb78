"""Text in the sets of Specific Character Set (0008,0005) (PS3.3 section C.12.1.1.2; PS3.5 section 6.1)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

#: What takes the character sets back to the initial ones (PS3.5 section 6.1.2.5.3), in text and in names.
TEXT: Final = b"\\\t\n\f\r"
NAME: Final = b"\\^=\t\n\f\r"

_ASCII = "ascii"
#: Python's codec for each registered set, by its ISO-IR number; all of them hold ASCII in their lower half.
_CODECS: Final = {
    "6": _ASCII,
    "13": "shift_jis",
    "58": "gb2312",
    "87": _ASCII,
    "100": "iso8859_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "149": "euc_kr",
    "159": _ASCII,
    "166": "iso8859_11",
    "192": "utf_8",
    "203": "iso8859_15",
}
#: Other names: of sets without a number, and those that real instances have instead of the defined terms.
_NAMES: Final = {
    "": _ASCII,
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO 2022 GBK": "gbk",
    "ISO 2022 58": "gb2312",
    "UTF-8": "utf_8",
    "UTF8": "utf_8",
}
#: Sets without code extensions, in which ESC is a character like others.
_STAND_ALONE: Final = frozenset({"utf_8", "gb18030", "gbk"})
_TERM = re.compile(r"ISO[ _-]?(?:2022[ _-]?)?IR[ _-]?([0-9]+)")

#: Escape sequences that put a double-byte set into the lower half: what EUC-JP has before its characters.
_DOUBLE: Final = {b"$B": b"", b"$@": b"", b"$(D": b"\x8f"}
_SINGLE: Final = frozenset({b"(B", b"(J"})
#: Escape sequences that put a set into the upper half.
_UPPER: Final = {
    b")I": "shift_jis",
    b"-A": "iso8859_1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-F": "iso8859_7",
    b"-G": "iso8859_6",
    b"-H": "iso8859_8",
    b"-L": "iso8859_5",
    b"-M": "iso8859_9",
    b"-T": "iso8859_11",
    b"-b": "iso8859_15",
    b"$)A": "gb2312",
    b"$)C": "euc_kr",
}
#: Codecs for text beyond the initial set, with the escape sequence that they leave to the writer.
_WAYS: Final = (
    ("utf_8", b""),
    ("latin-1", b""),
    ("iso2022_jp_2", b""),
    ("euc_kr", b"\x1b$)C"),
    ("gb2312", b"\x1b$)A"),
)
_ESCAPE = re.compile(rb"\x1b(\$[()]?[@-~]|[()-][@-~])")
#: Space and control characters, which are the same in every set; the lower half; the upper half.
_HALF = re.compile(rb"[\x00-\x20\x7f]+|[\x21-\x7e]+|[\x80-\xff]+")
_CONTROL = re.compile(rb"[\t\n\f\r]")
_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """The sets in which a data set's text begins; `known` is false where a name means nothing to us."""

    codec: str = _ASCII
    known: bool = True

    def decode(self, value: bytes, delimiters: bytes = TEXT) -> tuple[str, bool]:
        """A value as text, and whether every byte meant a character; those that did not are replaced."""
        if b"\x1b" in value and self.codec not in _STAND_ALONE:
            return _Extended(self.codec, delimiters).decode(value)
        return _decode(value, self.codec)

    def encode(self, text: str) -> bytes:
        """Text in the first way of writing it that this set reads as the same text.

        What none can write becomes question marks.
        """
        for codec, escape in (self.codec, b""), *_WAYS:
            try:
                written = escape + text.encode(codec)
            except UnicodeEncodeError:
                continue
            if self.decode(written)[0] == text:
                return written
        return text.encode(self.codec, "replace")


def character_set(value: bytes) -> CharacterSet:
    """The character set that a value of (0008,0005) names; only its first term matters where text begins.

    The others say which escape sequences may occur; those are taken as they come.
    """
    return _character_set(bytes(value[:_LONGEST]))


@lru_cache(256)
def _character_set(value: bytes) -> CharacterSet:
    term = value.split(b"\\")[0].decode("latin-1").strip(" \0").upper()
    number = _TERM.fullmatch(term)
    codec = _CODECS.get(number.group(1)) if number else _NAMES.get(term)
    return CharacterSet(codec) if codec else CharacterSet(known=False)


def _decode(value: bytes, codec: str) -> tuple[str, bool]:
    try:
        return value.decode(codec), True
    except UnicodeDecodeError:
        return (_undeclared(value) if codec == _ASCII else value.decode(codec, "replace")), False


def _undeclared(value: bytes) -> str:
    """Text beyond the declared repertoire: UTF-8 where it can be, else the Latin alphabet No. 1."""
    try:
        return value.decode("utf_8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


class _Extended:
    """Text with code extensions (PS3.5 section 6.1.2.5): what is in the lower and the upper half now."""

    def __init__(self, codec: str, delimiters: bytes) -> None:
        self._initial = codec
        self._delimiter = re.compile(b"[" + re.escape(delimiters) + b"]")
        self._double: bytes | None = None
        self._upper = codec
        self._exact = True

    def decode(self, value: bytes) -> tuple[str, bool]:
        first, *rest = _ESCAPE.split(value)
        parts = [self._segment(first)]
        for escape, segment in zip(rest[::2], rest[1::2], strict=True):
            self._designate(escape)
            parts.append(self._segment(segment))
        return "".join(parts), self._exact

    def _designate(self, escape: bytes) -> None:
        if escape in _UPPER:
            self._upper = _UPPER[escape]
            return
        self._exact = self._exact and (escape in _SINGLE or escape in _DOUBLE)
        self._double = _DOUBLE.get(escape)

    def _segment(self, segment: bytes) -> str:
        """What stands between two escape sequences; a delimiter resets both halves.

        A double-byte set ends at control characters only: the others are halves of its own characters.
        """
        end = (_CONTROL if self._double is not None else self._delimiter).search(segment)
        if end is None:
            return self._run(segment)
        before = self._run(segment[: end.start()])
        self._double = None
        if self._initial != _ASCII:
            # Else the upper half were undefined, but writers go on in it: the set stays.
            self._upper = self._initial
        return before + self._run(segment[end.start() :])

    def _run(self, run: bytes) -> str:
        if self._double is None:
            return self._text(run, self._upper)
        return "".join(self._half(half) for half in _HALF.findall(run))

    def _half(self, half: bytes) -> str:
        if self._double is None or half[0] > 0x7F or half[0] <= 0x20:
            return self._text(half, self._upper)
        pairs = (half[start : start + 2] for start in range(0, len(half), 2))
        lead = self._double
        return self._text(b"".join(lead + bytes(byte | 0x80 for byte in pair) for pair in pairs), "euc_jp")

    def _text(self, value: bytes, codec: str) -> str:
        text, exact = _decode(value, codec)
        self._exact = self._exact and exact
        return text
