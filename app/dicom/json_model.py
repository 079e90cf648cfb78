"""An instance as a DICOM JSON Model object (PS3.18 Annex F)."""

from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from app.dicom.charsets import NAME, TEXT, CharacterSet, character_set
from app.dicom.description import BulkData, Json
from app.dicom.elements import Element, name
from app.dicom.json_forms import BINARY, NUMBERS, TEXTS, little_endian, numbers
from app.dicom.part10 import Part10

#: Binary values up to this many bytes are inline; others are bulk data.
LONGEST_INLINE: Final = 1024
#: Text and numbers up to this many bytes are values, where the standard lets longer ones be bulk data.
LONGEST_VALUE: Final = 1 << 16
_MAY_BE_BULK: Final = (NUMBERS - {"AT"}) | {"DS", "IS", "LT", "ST", "UC", "UT"}
_SPECIFIC_CHARACTER_SET: Final = 0x00080005
#: Bulk data of any length: pixel data, and an encapsulated document, which is retrieved and shown as itself.
_ALWAYS_BULK: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010, 0x00420011})
#: Their first value, a number of entries, is unsigned whatever the VR (PS3.3 section C.11.1.1.1).
_LUT_DESCRIPTORS: Final = frozenset({0x00281101, 0x00281102, 0x00281103, 0x00283002})
_UTF8: Final = "ISO_IR 192"
#: Text up to this many bytes comes again and again, from instance to instance.
_SHORT: Final = 64
#: Groups that belong to a message or to the meta information.
_OUTSIDE: Final = frozenset({0x0000, 0x0002})


def _ignore(_: str) -> None:
    """Drop a warning."""


def encode(part10: Part10, warn: Callable[[str], None] = _ignore) -> tuple[Json, BulkData]:
    """The instance's data set in JSON, and where its bulk data lie in `part10.data`.

    A BulkDataURI is `@/bulkdata/{path}`, path being tags with the number of the item (from 1) between them.
    Text is decoded, and (0008,0005) then names UTF-8. `warn` is told, in sentences without values, what could
    not be encoded as it should be. Never fails on a data set that was read.
    """
    encoder = _Encoder(part10, warn)
    attributes = encoder.data_set(part10.dataset, CharacterSet(), "")
    if encoder.beyond_ascii and "00080005" not in attributes:
        attributes = dict(sorted({**attributes, "00080005": {"vr": "CS", "Value": [_UTF8]}}.items()))
    return attributes, encoder.bulkdata


class _Encoder:
    """One pass over an instance."""

    __slots__ = ("_data", "_little_endian", "_warn", "beyond_ascii", "bulkdata")

    def __init__(self, part10: Part10, warn: Callable[[str], None]) -> None:
        self._data = part10.data
        self._little_endian = part10.little_endian
        self._warn = warn
        self.bulkdata: BulkData = {}
        self.beyond_ascii = False

    def data_set(self, elements: list[Element], charset: CharacterSet, path: str) -> Json:
        """The elements of a data set at `path`, which is empty or ends in a slash."""
        attributes: Json = {}
        for element in elements:
            tag = element.tag
            if not tag & 0xFFFF or tag >> 16 in _OUTSIDE:
                continue  # as are group lengths, no part of the model
            if tag == _SPECIFIC_CHARACTER_SET:
                charset = self._charset(element)
                attributes["00080005"] = {"vr": "CS", "Value": [_UTF8]}
            else:
                key = _key(tag)
                attributes[key] = self._attribute(element, key, charset, path)
        return attributes

    def _attribute(self, element: Element, key: str, charset: CharacterSet, path: str) -> Json:
        tag, vr, offset, length, items, _ = element
        if items:
            below = f"{path}{key}/"
            return {
                "vr": vr,
                "Value": [
                    self.data_set(item, charset, f"{below}{number}/") for number, item in enumerate(items, 1)
                ],
            }
        if not length or vr == "SQ":
            return {"vr": vr}
        if vr in BINARY or (length > LONGEST_VALUE and vr in _MAY_BE_BULK):
            return self._binary(element, vr, key, path)
        value = self._data[offset : offset + length]
        if vr in TEXTS:
            return self._text(value, element, charset)
        values = self._numbers(value, element)
        if values is None:
            self._warn(f"{name(tag)} has a length that its VR {vr} cannot have; it is given as UN.")
            return self._binary(element, "UN", key, path)
        return {"vr": vr, "Value": values}

    def _charset(self, element: Element) -> CharacterSet:
        charset = character_set(self._data[element.offset : element.offset + element.length])
        if not charset.known:
            self._warn("(0008,0005) names a character set that does not exist.")
        return charset

    def _text(self, value: bytes, element: Element, charset: CharacterSet) -> Json:
        plain = (_remembered if len(value) <= _SHORT else _plain)(element.vr, value)
        if plain is not None:
            return plain
        text, exact = charset.decode(value, NAME if element.vr == "PN" else TEXT)
        if not exact:
            self._warn(f"{name(element.tag)} has bytes outside of its character set.")
        self.beyond_ascii = True
        return _told(element.vr, text)

    def _numbers(self, value: bytes, element: Element) -> list[Any] | None:
        found = numbers(value, element.vr, self._little_endian)
        if found and element.tag in _LUT_DESCRIPTORS and isinstance(found[0], int) and found[0] < 0:
            found[0] += 1 << 16
        return found

    def _binary(self, element: Element, vr: str, key: str, path: str) -> Json:
        """Inline when short, else bulk data; pixel data and encapsulated data are bulk data always."""
        tag, _, offset, length, _, fragments = element
        if length > LONGEST_INLINE or tag in _ALWAYS_BULK or fragments is not None:
            self.bulkdata[path + key] = (offset, length)
            return {"vr": vr, "BulkDataURI": f"@/bulkdata/{path}{key}"}
        value = self._data[offset : offset + length]
        value = value if self._little_endian else little_endian(value, element.vr)
        return {"vr": vr, "InlineBinary": b64encode(value).decode("ascii")}


@lru_cache(1 << 13)
def _key(tag: int) -> str:
    return f"{tag:08X}"


def _told(vr: str, text: str) -> Json:
    values = TEXTS[vr](text)
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def _plain(vr: str, value: bytes) -> Json | None:
    """Text of ASCII; None for what takes a character set."""
    return _told(vr, value.decode("ascii")) if value.isascii() and b"\x1b" not in value else None


#: The instances of a series say mostly the same: one object stands in all of them, and nobody changes it.
_remembered = lru_cache(1 << 13)(_plain)
