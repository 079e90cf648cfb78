"""An instance from its DICOM JSON and its bulk data, for STOW-RS (PS3.18 sections 10.5.1 and F.2.6)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from app.dicom import json_values, pixel_parts, writer
from app.dicom.description import Json
from app.dicom.dictionary import LONG_VRS, SHORT_VRS
from app.dicom.elements import PIXEL_DATA
from app.dicom.pixel_parts import BulkData, BulkPart
from app.dicom.transfer_syntaxes import TransferSyntax
from app.errors import InvalidInstance

__all__ = ["BulkData", "BulkPart", "instance"]

_CHARACTER_SET = "00080005"
_KEY = re.compile(r"[0-9A-Fa-f]{8}")
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class _Build:
    """What every attribute is built with; `pixels` are the parts of Pixel Data, none when it is inline."""

    bulkdata: BulkData
    pixels: list[BulkPart]
    syntax: TransferSyntax
    frames: int


def instance(
    attributes: Json, bulkdata: BulkData, target: Path, transfer_syntax_uid: str | None = None
) -> None:
    """Write the instance that `attributes` (DICOM JSON) describe to `target`, in the DICOM file format.

    `bulkdata` gives the parts of a BulkDataURI: one, or for Pixel Data one for each frame. Where those are
    compressed (image/*, video/*) the instance is encapsulated in the transfer syntax that they name, else in
    the one their code stream shows, else `transfer_syntax_uid`, else the default of their media type; all
    others are Explicit VR Little Endian. Image Pixel attributes that are left out are read from the code
    stream. Text is written as UTF-8. Bulk data is copied piece by piece.

    Raises InvalidInstance naming the attribute that cannot be written. Nothing stays at `target` then.
    """
    if not isinstance(attributes, dict):
        raise InvalidInstance("The metadata of an instance is not an object of attributes.")
    parts = _pixel_parts(attributes, bulkdata)
    syntax = pixel_parts.syntax(parts, transfer_syntax_uid)
    present = _present(attributes)
    shown = pixel_parts.described(parts, syntax)
    described = present | {key: shown[key] for key in shown if _first(present, key) is None}
    build = _Build(bulkdata, parts, syntax, _number_of_frames(described))
    # What is small is encoded before the first byte is written, so that an error leaves nothing half done.
    body = list(_data_set({_CHARACTER_SET: {"vr": "CS"}, **described}, build, ""))
    with writer.create(target) as out:
        out.write(writer.preamble(_uid(described, "00080016"), _uid(described, "00080018"), syntax.uid))
        _write(out, body)


def _present(attributes: Json) -> Json:
    """The attributes by upper-case tag."""
    return {key.upper(): value for key, value in attributes.items()}


def _first(attributes: Json, key: str) -> Any:
    attribute = attributes.get(key)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values[0] if isinstance(values, list) and values else None


def _uid(attributes: Json, key: str) -> str:
    value = _first(attributes, key)
    return value if isinstance(value, str) else ""


def _number_of_frames(attributes: Json) -> int:
    value = _first(attributes, "00280008")
    try:
        return 1 if value is None else int(value)
    except (ValueError, TypeError, OverflowError):
        raise InvalidInstance("00280008: Number of Frames is not a number.") from None


def _write(out: BinaryIO, body: Iterable[bytes | BulkPart]) -> None:
    for piece in body:
        if isinstance(piece, bytes):
            out.write(piece)
            continue
        for chunk in piece.chunks():
            out.write(chunk)


def _data_set(attributes: Json, build: _Build, path: str) -> Iterator[bytes | BulkPart]:
    """The elements in order. Group 0002 and group lengths have no place in DICOM JSON and are left out."""
    if path.count("/") > 2 * _DEEPEST:
        raise InvalidInstance(f"{path[:8]}: sequences are nested deeper than {_DEEPEST} levels.")
    for key in sorted(attributes):
        if not _KEY.fullmatch(key):
            raise InvalidInstance(f"{path}{key[:20]!r} is not a tag of eight hexadecimal digits.")
        tag = int(key, 16)
        if tag >> 16 not in (0, 2, 0xFFFE) and tag & 0xFFFF:
            yield from _named(tag, attributes[key], build, path + key)


def _named(tag: int, attribute: Any, build: _Build, path: str) -> Iterator[bytes | BulkPart]:
    """One attribute; whatever is wrong in it is said with its tag."""
    vr = attribute.get("vr") if isinstance(attribute, dict) else None
    if not isinstance(vr, str) or vr not in SHORT_VRS | LONG_VRS:
        raise InvalidInstance(f"{path} has no vr that DICOM knows.")
    if sum(form in attribute for form in ("Value", "InlineBinary", "BulkDataURI")) > 1:
        raise InvalidInstance(f"{path} has more than one of Value, InlineBinary and BulkDataURI.")
    try:
        if vr == "SQ":
            return (yield from _sequence(tag, attribute, build, path))
        if tag == PIXEL_DATA and "/" not in path and build.pixels:
            return (yield from pixel_parts.element(vr, build.pixels, build.syntax, build.frames))
        if "BulkDataURI" in attribute:
            return (yield from pixel_parts.joined(tag, vr, _parts(attribute, build.bulkdata)))
        yield _element(tag, vr, attribute)
    except InvalidInstance as fact:
        if fact.detail.startswith(path):
            raise
        raise InvalidInstance(f"{path}: {fact.detail}") from None


def _element(tag: int, vr: str, attribute: Json) -> bytes:
    if tag == int(_CHARACTER_SET, 16):
        # JSON is UTF-8, whatever the instance was that it came from (PS3.18 section F.2).
        return writer.element(tag, "CS", b"ISO_IR 192")
    if "InlineBinary" in attribute:
        if not json_values.is_binary(vr):
            raise InvalidInstance(f"VR {vr} cannot be InlineBinary.")
        return writer.element(tag, vr, json_values.inline(attribute["InlineBinary"]))
    values = attribute.get("Value", [])
    if not isinstance(values, list):
        raise InvalidInstance("Value is not an array.")
    return writer.element(tag, vr, json_values.encode(vr, values) if values else b"")


def _sequence(tag: int, attribute: Json, build: _Build, path: str) -> Iterator[bytes | BulkPart]:
    items = attribute.get("Value", [])
    if not isinstance(items, list) or "InlineBinary" in attribute or "BulkDataURI" in attribute:
        raise InvalidInstance("A sequence has an array of items as its Value.")
    yield writer.header(tag, "SQ", 0xFFFFFFFF)
    for number, item in enumerate(items, 1):
        yield writer.ITEM
        if not isinstance(item, dict):
            raise InvalidInstance(f"{path}/{number} is not an object of attributes.")
        yield from _data_set(_present(item), build, f"{path}/{number}/")
        yield writer.ITEM_END
    yield writer.SEQUENCE_END


def _parts(attribute: Json, bulkdata: BulkData) -> list[BulkPart]:
    uri = attribute["BulkDataURI"]
    parts = bulkdata(uri) if isinstance(uri, str) else []
    if not parts:
        raise InvalidInstance("There is no part for its BulkDataURI.")
    return parts


def _pixel_parts(attributes: Json, bulkdata: BulkData) -> list[BulkPart]:
    attribute = _present(attributes).get(f"{PIXEL_DATA:08X}")
    if not isinstance(attribute, dict) or "BulkDataURI" not in attribute:
        return []
    try:
        return _parts(attribute, bulkdata)
    except InvalidInstance as fact:
        raise InvalidInstance(f"{PIXEL_DATA:08X}: {fact.detail}") from None
