"""Elements by path, `(0040,0275)[0](0040,1001)` or `(0019,"SIEMENS MR HEADER",0C)`, at any depth."""

import re
from collections.abc import Iterator

from pydicom import DataElement, Dataset
from pydicom.dataelem import RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.values import convert_SQ

_STEP = re.compile(
    r"\((?P<group>[0-9A-F]{4}),"
    r'(?:(?P<element>[0-9A-F]{4})|"(?P<creator>[^"]*)",(?P<offset>[0-9A-F]{2}))\)'
    r"(?:\[(?P<item>\d+)\])?"
)


#: An item tag, little endian.
_ITEM = b"\xfe\xff\x00\xe0"


def find(dataset: Dataset, path: str) -> DataElement | None:
    """The element; None where there is none, or none that can be read."""
    steps = list(_STEP.finditer(path))
    for step in steps:
        element = _element(dataset, step)
        if element is None or step["item"] is None:
            return element
        inside, number = items(element), int(step["item"])
        if number >= len(inside):
            return None
        dataset = inside[number]
    return None


def walk(dataset: Dataset, prefix: str = "") -> Iterator[tuple[str, DataElement]]:
    """Every element that can be read, with its path, those of items too."""
    for tag in sorted(dataset.keys()):
        element = read(dataset, tag)
        if element is None:
            continue
        path = prefix + _path(dataset, tag)
        yield path, element
        for number, item in enumerate(items(element)):
            yield from walk(item, f"{path}[{number}]")


def read(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    """An element; one whose value is nothing that its VR allows, as UN."""
    raw = dataset.get_item(tag) if tag in dataset else None
    if raw is None or not raw.is_raw:
        return raw
    try:
        if _hidden(raw):
            dataset[tag] = _sequence(tag, raw.value, dataset._character_set)
        return dataset[tag]
    except Exception:
        return _unknown(tag, raw.value)


def items(element: DataElement) -> list[Dataset]:
    """Of a sequence."""
    return list(element.value or []) if element.VR == "SQ" else []


def _hidden(raw: RawDataElement) -> bool:
    """Whether it is a sequence coded as UN, or as whatever implicit VR takes a private element for."""
    coded = raw.VR == "UN" or (raw.VR is None and raw.tag.is_private)
    return coded and (raw.value or b"").startswith(_ITEM)


def _sequence(tag: BaseTag, value: bytes, charsets: list[str]) -> DataElement:
    # Always implicit VR little endian inside of UN (PS3.5 section 6.2.2).
    return DataElement(tag, "SQ", convert_SQ(value, True, True, charsets))


def _unknown(tag: BaseTag, value: bytes | None) -> DataElement:
    made = DataElement(tag, "OB", value)
    made.VR = "UN"
    return made


def values(element: DataElement) -> list[str]:
    """Each of its values as text."""
    value = element.value
    if value is None:
        return []
    if isinstance(value, bytes):
        return [_decoded(value).rstrip("\0 ")]
    return [str(each) for each in value] if isinstance(value, (MultiValue, list)) else [str(value)]


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def text(element: DataElement) -> str:
    """All that it says, items included."""
    inside = items(element)
    if inside:
        return " ".join(text(each) for item in inside for _, each in walk(item) if each.VR != "SQ")
    return "" if element.VR == "SQ" else "\\".join(values(element))


def _element(dataset: Dataset, step: "re.Match[str]") -> DataElement | None:
    group = int(step["group"], 16)
    if step["element"]:
        return read(dataset, Tag(group, int(step["element"], 16)))
    for block in _blocks(dataset, group, step["creator"]):
        found = read(dataset, Tag(group, block << 8 | int(step["offset"], 16)))
        if found is not None:
            return found
    return None


def _blocks(dataset: Dataset, group: int, creator: str) -> Iterator[int]:
    for block in range(0x10, 0x100):
        reserved = read(dataset, Tag(group, block))
        if reserved is not None and text(reserved).strip() == creator:
            yield block


def _path(dataset: Dataset, tag: BaseTag) -> str:
    if tag.is_private and tag.element > 0xFF:
        creator = read(dataset, Tag(tag.group, tag.element >> 8))
        if creator is not None:
            return f'({tag.group:04X},"{text(creator).strip()}",{tag.element & 0xFF:02X})'
    return f"({tag.group:04X},{tag.element:04X})"
