"""Bulk data of one instance, known by its path in the instance's DICOM JSON (`54000100/1/54001010`)."""

import re

import orjson

from app.dicom import native
from app.dicom.description import Json

_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
#: Bytes of the words that big endian instances hold the other way round (PS3.5 section 7.3).
_WORDS = {
    **dict.fromkeys(("OW", "US", "SS", "AT"), 2),
    **dict.fromkeys(("OL", "OF", "UL", "SL", "FL"), 4),
    **dict.fromkeys(("OV", "OD", "UV", "SV", "FD"), 8),
}


def vr(json: bytes, path: str) -> str:
    """The value representation of the element at the path. Raises KeyError where the instance has none."""
    attributes: Json = orjson.loads(json)
    *above, leaf = path.split("/")
    for tag, item in zip(above[::2], above[1::2], strict=True):
        attributes = attributes[tag]["Value"][int(item) - 1]
    return str(attributes[leaf]["vr"])


def little_endian(value: bytes, vr: str) -> bytes:
    """A value of a big endian instance as Explicit VR Little Endian holds it."""
    word = _WORDS.get(vr)
    return native.swap_words(value, word) if word else value


def document_type(json: bytes) -> str:
    """MIME Type of Encapsulated Document (0042,0012), in lower case; empty where it is none."""
    values = orjson.loads(json).get("00420012", {}).get("Value") or [""]
    text = str(values[0]).strip().lower()
    return text if _MEDIA_TYPE.fullmatch(text) else ""


def document_length(attributes: Json, length: int) -> int:
    """Bytes of the encapsulated document itself, of `length` with padding (0042,0015)."""
    values = attributes.get("00420015", {}).get("Value") or [length]
    said = values[0]
    return said if isinstance(said, int) and length - 1 <= said <= length else length
