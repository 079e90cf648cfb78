"""Private attributes named by their creator, put into the blocks of a data set (PS3.5 section 7.8)."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.dicom.description import Json
from app.errors import InvalidInstance

_FIRST, _LAST = 0x10, 0xFF


@dataclass(frozen=True, slots=True)
class Private:
    """An attribute of DICOM JSON, its tag with any block (or 00), and who defines what it means."""

    tag: str
    creator: str
    attribute: Json


def placed(attributes: Json, private: Iterable[Private]) -> Json:
    """`attributes` and the private ones: each in the first block of its creator where its element is free.

    A block is reserved for a creator who has none. Raises InvalidInstance where there is no such place.
    """
    found = dict(attributes)
    blocks = _blocks(attributes)
    for each in private:
        group = each.tag[:4]
        if int(group, 16) % 2 == 0:
            raise InvalidInstance(f"{each.tag} is not private, but has a private creator.")
        own = blocks.setdefault((group, each.creator), [])
        if not own:
            own.append(_reserve(found, group, each.creator))
        tag = next((tag for block in own if (tag := f"{group}{block:02X}{each.tag[6:]}") not in found), None)
        if tag is None:
            raise InvalidInstance(f"{each.tag} is there twice.")
        found[tag] = each.attribute
    return found


def _blocks(attributes: Json) -> dict[tuple[str, str], list[int]]:
    """The blocks of each creator by group, in order."""
    blocks: dict[tuple[str, str], list[int]] = {}
    for tag in sorted(attributes):
        values = attributes[tag].get("Value")
        if int(tag[:4], 16) % 2 and tag[4:6] == "00" and int(tag[6:], 16) >= _FIRST and values:
            creator = values[0].strip() if isinstance(values[0], str) else ""
            blocks.setdefault((tag[:4], creator), []).append(int(tag[6:], 16))
    return blocks


def _reserve(attributes: Json, group: str, creator: str) -> int:
    free = (block for block in range(_FIRST, _LAST + 1) if f"{group}00{block:02X}" not in attributes)
    block = next(free, None)
    if block is None:
        raise InvalidInstance(f"Group {group} has no block left for another private creator.")
    attributes[f"{group}00{block:02X}"] = {"vr": "LO", "Value": [creator]}
    return block
