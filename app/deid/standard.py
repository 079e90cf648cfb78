"""The tables of PS3.15 Annex E, and TCIA's: what they say of an attribute, whatever a policy makes of it."""

import csv
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

#: Of table E.1-1; named in the record of everything that is de-identified by it.
EDITION: Final = "2026c"
#: Of TCIA's knowledge base of private attributes.
KNOWLEDGE_EDITION: Final = "2024-02-01"


class Option(StrEnum):
    """The options of the Basic Application Level Confidentiality Profile (PS3.15 section E.3)."""

    CLEAN_PIXEL_DATA = "clean-pixel-data"
    CLEAN_VISUAL_FEATURES = "clean-recognizable-visual-features"
    CLEAN_GRAPHICS = "clean-graphics"
    CLEAN_STRUCTURED_CONTENT = "clean-structured-content"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    RETAIN_FULL_DATES = "retain-longitudinal-full-dates"
    RETAIN_MODIFIED_DATES = "retain-longitudinal-modified-dates"
    RETAIN_PATIENT_CHARACTERISTICS = "retain-patient-characteristics"
    RETAIN_DEVICE_IDENTITY = "retain-device-identity"
    RETAIN_UIDS = "retain-uids"
    RETAIN_SAFE_PRIVATE = "retain-safe-private"
    RETAIN_INSTITUTION_IDENTITY = "retain-institution-identity"


class Row(NamedTuple):
    """A row of table E.1-1: the profile's code (`X/Z/D`), and `K` or `C` of each option that speaks of it."""

    name: str
    basic: str
    options: Mapping[Option, str]


def row(tag: int) -> Row | None:
    """The row of a standard attribute, those of repeating groups too (`60XX3000`)."""
    return _rows().get(_key(tag))


def tcia_action(tag: int) -> str | None:
    """What TCIA does to a standard attribute, by the name of an Action."""
    return _tcia().get(_key(tag))


def safe_private_vr(creator: str, tag: int) -> str | None:
    """The VR of a private attribute that table E.3.10-1 holds for safe, whatever block it lies in."""
    return _safe_private().get((creator, _without_block(tag)))


def knowledge(path: str) -> str | None:
    """What TCIA's knowledge base does to a private attribute: the name of an Action.

    `path` is of steps from the root, joined by ` > `: eight digits of a standard sequence, `GGGG:CREATOR:EE`
    of a private attribute.
    """
    return _knowledge().get(path)


def attribute_type(sop_class_uid: str, parent: int | None, tag: int) -> str:
    """`1`, `2` or `3`: how far an object of this class needs this attribute (PS3.5 section 7.4).

    A conditional type counts as required. Only attributes with alternative actions in table E.1-1 are known;
    what the class does not name is of type 3.
    """
    known = _types().get((parent, tag), {})
    return known.get(sop_class_uid.removeprefix(_DICOM), known.get("", "3"))


_DICOM: Final = "1.2.840.10008."


def _key(tag: int) -> str:
    written = f"{tag:08X}"
    if written[:2] == "50":
        return "50XXXXXX"
    return f"60XX{written[4:]}" if written[:2] == "60" else written


def _without_block(tag: int) -> str:
    return f"{tag >> 16:04X}xx{tag & 0xFF:02X}"


def _table(name: str) -> Iterator[dict[str, str]]:
    text = (files("app.deid") / "tables" / f"{name}.csv").read_text("utf-8")
    return csv.DictReader(text.splitlines())


@cache
def _rows() -> dict[str, Row]:
    options = [option for option in Option if option not in _NOT_IN_TABLE]
    return {
        line["tag"]: Row(line["name"], line["basic"], {o: code for o in options if (code := line[o])})
        for line in _table("attributes")
    }


#: What these ask for is done to the pixels alone.
_NOT_IN_TABLE: Final = frozenset({Option.CLEAN_PIXEL_DATA, Option.CLEAN_VISUAL_FEATURES})


@cache
def _tcia() -> dict[str, str]:
    return {line["tag"]: line["action"] for line in _table("tcia")}


@cache
def _safe_private() -> dict[tuple[str, str], str]:
    return {(line["creator"], line["tag"]): line["vr"] for line in _table("safe_private")}


@cache
def _knowledge() -> dict[str, str]:
    return {line["path"]: line["action"] for line in _table("private_knowledge")}


@cache
def _types() -> dict[tuple[int | None, int], dict[str, str]]:
    types: dict[tuple[int | None, int], dict[str, str]] = {}
    for line in _table("types"):
        parent = int(line["parent"], 16) if line["parent"] else None
        classes = types.setdefault((parent, int(line["tag"], 16)), {})
        classes |= dict.fromkeys(line["sop_classes"].split(" "), line["type"])
    return types
