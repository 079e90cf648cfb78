"""What an instance says about one of its frames, wherever it says it (PS3.3 section C.7.6.16)."""

import math
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.dicom import bulkdata
from app.dicom.description import Json

_SHARED, _PER_FRAME = "52009229", "52009230"
_PLACEHOLDER = "@/bulkdata/"


@dataclass(frozen=True, slots=True)
class FrameAttributes:
    """The attributes that hold for one frame: its functional groups', then the shared ones', then the rest.

    `scopes` are DICOM JSON objects in that order. `bulk` are the bulk data that may be asked for, by path,
    as they lie in the instance; words in `big_endian` are turned.
    """

    scopes: tuple[Json, ...]
    bulk: Mapping[str, bytes]
    big_endian: bool = False

    def values(self, tag: str) -> list[Any]:
        """The values of an attribute; empty where it is missing or empty."""
        for scope in self.scopes:
            found = scope.get(tag, {}).get("Value")
            if found:
                return list(found)
        return []

    def number(self, tag: str) -> float | None:
        """The first value where it is a finite number."""
        return number(next(iter(self.values(tag)), None))

    def whole(self, tag: str) -> int | None:
        """The first value where it is a whole number."""
        found = self.number(tag)
        return int(found) if found is not None and found.is_integer() else None

    def text(self, tag: str) -> str:
        """The first value where it is text, without padding."""
        found = next(iter(self.values(tag)), "")
        return found.strip() if isinstance(found, str) else ""

    def item(self, tag: str) -> "FrameAttributes | None":
        """The first item of a sequence, as attributes of their own."""
        items = self.values(tag)
        return FrameAttributes((items[0],), self.bulk, self.big_endian) if items else None

    def data(self, tag: str) -> bytes:
        """A binary value as Explicit VR Little Endian has it, or numbers of 16 bits written as such."""
        for scope in self.scopes:
            if attribute := scope.get(tag):
                return self._bytes(attribute)
        return b""

    def _bytes(self, attribute: Json) -> bytes:
        if uri := attribute.get("BulkDataURI"):
            value = self.bulk.get(str(uri).removeprefix(_PLACEHOLDER), b"")
            return bulkdata.little_endian(value, str(attribute.get("vr"))) if self.big_endian else value
        if inline := attribute.get("InlineBinary"):
            return b64decode(inline)
        numbers = (value for value in attribute.get("Value", ()) if isinstance(value, int))
        return b"".join((value & 0xFFFF).to_bytes(2, "little") for value in numbers)


def of_frame(
    attributes: Json, frame: int, bulk: Mapping[str, bytes] | None = None, *, big_endian: bool = False
) -> FrameAttributes:
    """What holds for a frame, numbered from 1, of the instance with this DICOM JSON."""
    groups = [*_groups(attributes, _PER_FRAME, frame - 1), *_groups(attributes, _SHARED, 0)]
    return FrameAttributes((*groups, attributes), bulk or {}, big_endian)


def number(value: object) -> float | None:
    """A JSON value as a finite number, None where it is none."""
    try:
        found = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _groups(attributes: Json, tag: str, place: int) -> Iterator[Json]:
    """The one item of each functional group's sequence: that is where its attributes are."""
    items = attributes.get(tag, {}).get("Value") or []
    if place >= len(items):
        return
    for attribute in items[place].values():
        inside = attribute.get("Value") if attribute.get("vr") == "SQ" else None
        if inside:
            yield inside[0]
