"""DICOM JSON in pieces: an answer is put together from what was stored, without parsing it (PS3.18 F.2)."""

from collections.abc import Iterable

import orjson

from app.dicom.description import Json

#: By its key, an attribute as JSON with its name: `"00080020":{"vr":"DA","Value":["20240229"]}`.
Elements = dict[bytes, bytes]

_ODD = frozenset(b"13579BDF")


def piece(key: bytes, element: Json) -> bytes:
    """One attribute."""
    return b'"%b":%b' % (key, orjson.dumps(element))


def valued(key: bytes, vr: bytes) -> bytes:
    """What becomes an attribute of one value with `% orjson.dumps(value)`."""
    return b'"%b":{"vr":"%b","Value":[%%b]}' % (key, vr)


def pieces(attributes: Json) -> Elements:
    """Every attribute."""
    return {name: piece(name, element) for key, element in attributes.items() if (name := key.encode())}


def document(found: Iterable[bytes]) -> bytes:
    """The JSON object of pieces; empty ones are none."""
    return b"{%b}" % b",".join(filter(None, found))


def is_private(key: bytes) -> bool:
    """Whether its group is of odd number (PS3.5 section 7.8)."""
    return key[3] in _ODD
