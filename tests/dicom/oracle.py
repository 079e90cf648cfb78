"""pydicom's own DICOM JSON, and the rules by which ours may differ from it, each with its reason."""

import base64
import math
import warnings
from pathlib import Path
from typing import Any

import pydicom

from tests import corpus

Json = dict[str, Any]

BINARY = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
LEADING_MATTERS = ("LT", "ST", "UC", "UR", "UT", "PN")
#: Files of the corpus that end too early; pydicom gives what is there.
TRUNCATED = {
    "DICOMDIR-nooffset",
    "MR_truncated.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
    "rtplan_truncated.dcm",
}
WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def whole() -> list[Path]:
    """The files of the corpus that are whole."""
    return [path for path in corpus.files() if path.name not in TRUNCATED]


def theirs(dataset: pydicom.Dataset) -> Json:
    """pydicom's JSON of every element that it can convert; None for the others, which we give anyway."""
    found: Json = {}
    for tag in sorted(dataset.keys()):
        key = f"{tag:08X}"
        try:
            element = dataset[tag]
        except Exception:
            found[key] = None
            continue
        if element.VR == "SQ":
            found[key] = {"vr": "SQ", "Value": [theirs(item) for item in element.value]}
            continue
        try:
            found[key] = element.to_json_dict(None, 0)
        except Exception:
            found[key] = None
    return found


def read(source: Any) -> pydicom.FileDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(source)


def differences(ours: Json, dataset: pydicom.Dataset, little_endian: bool = True) -> list[str]:
    """Where our JSON differs from pydicom's by none of the rules below; empty when all is well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(_differences(ours, theirs(dataset), little_endian, ""))


def _differences(ours: Json, expected: Json, little_endian: bool, path: str) -> Any:
    # Rule: group lengths, command and meta groups are no part of the model (PS3.18 F.2.2).
    expected = {
        key: value for key, value in expected.items() if key[4:] != "0000" and key[:4] not in ("0000", "0002")
    }
    # Rule: where text is beyond ASCII, (0008,0005) says UTF-8 even if the instance has no such element.
    if "00080005" in ours and "00080005" not in expected:
        expected["00080005"] = None
    if list(ours) != sorted(expected):
        yield f"{path}: keys {sorted(set(ours) ^ set(expected))}"
        return
    for key, attribute in ours.items():
        if expected[key] is not None:
            yield from _attribute(key, attribute, expected[key], little_endian, f"{path}/{key}")


def _attribute(key: str, ours: Json, expected: Json, little_endian: bool, path: str) -> Any:
    vr = ours["vr"]
    if key == "00080005":
        # Rule: text is UTF-8 and says so (F.2).
        if ours != {"vr": "CS", "Value": ["ISO_IR 192"]}:
            yield f"{path}: {ours}"
        return
    # Rule: a choice of VRs that pydicom leaves open is OW, as in implicit VR little endian.
    if vr != expected["vr"] and not (" or " in expected["vr"] and vr == "OW"):
        yield f"{path}: vr {vr}, expected {expected['vr']}"
        return
    if vr == "SQ":
        yield from _items(ours, expected, little_endian, path)
    elif "BulkDataURI" in ours:
        # Rule: long values and pixel data are bulk data; pydicom was asked to inline everything.
        if ours["BulkDataURI"] != f"@/bulkdata{path}":
            yield f"{path}: {ours['BulkDataURI']}"
    elif vr in BINARY:
        # Rule: inline binary is little endian (F.2.7); pydicom leaves it in the instance's order.
        raw = base64.b64decode(expected.get("InlineBinary", ""))
        size = 1 if little_endian else WORDS.get(vr, 1)
        turned = b"".join(raw[start : start + size][::-1] for start in range(0, len(raw), size))
        if base64.b64decode(ours.get("InlineBinary", "")) != turned:
            yield f"{path}: inline binary"
    else:
        ours_values, their_values = ours.get("Value", []), _values(vr, expected.get("Value", []))
        if not _same(ours_values, their_values):
            yield f"{path}: {vr} {ours_values!r}, expected {their_values!r}"


def _items(ours: Json, expected: Json, little_endian: bool, path: str) -> Any:
    # Rule: a sequence without items has no Value (F.2.5); pydicom gives an empty array.
    ours_items, their_items = ours.get("Value", []), expected["Value"]
    if len(ours_items) != len(their_items) or ("Value" in ours and not ours_items):
        yield f"{path}: {len(ours_items)} items, expected {len(their_items)}"
        return
    for number, (item, their_item) in enumerate(zip(ours_items, their_items, strict=True), 1):
        yield from _differences(item, their_item, little_endian, f"{path}/{number}")


def _values(vr: str, values: list[Any]) -> list[Any]:
    found = [_value(vr, value) for value in values]
    # Rule: a value that is nothing but padding is empty (PS3.5 6.2), and empty alone is no Value (F.2.5).
    return [] if found == [None] else found


def _value(vr: str, value: Any) -> Any:
    if isinstance(value, str) and vr not in ("DS", "IS"):
        # Rule: padding is trimmed behind each value, and before it where it is insignificant (PS3.5 6.2).
        value = value.rstrip(" \0") if vr in LEADING_MATTERS else value.strip(" \0")
        # Rule: an empty value among others is null (F.2.5); pydicom gives an empty string.
        return value or None
    if vr == "PN":
        # Rule: empty component groups are left out (F.2.2), their padding too.
        return {key: text.rstrip(" \0") for key, text in value.items() if text.rstrip(" \0")} or None
    if isinstance(value, float) and not math.isfinite(value):
        # Rule: JSON has no such numbers; pydicom's output would be no JSON.
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if vr in ("SV", "UV") and abs(value) > 1 << 53:
        # Rule: 64-bit integers that readers would round are strings (F.2.3).
        return str(value)
    return None if value == "" else value


def _same(ours: list[Any], expected: list[Any]) -> bool:
    if len(ours) != len(expected):
        return False
    return all(mine == other or _more_exact(mine, other) for mine, other in zip(ours, expected, strict=True))


def _more_exact(ours: Any, expected: Any) -> bool:
    # Rule: an IS or DS that a JSON number would round is a string (F.2.3).
    return isinstance(ours, str) and isinstance(expected, int | float) and float(ours) == float(expected)
