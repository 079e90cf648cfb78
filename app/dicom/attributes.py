"""Attributes by keyword, tag or path (PS3.6; PS3.18 section 8.3.4.1), and private ones by their creator.

A private attribute is written `gggg00ee[creator]`: the block that its creator reserved differs from instance
to instance (PS3.5 section 7.8.1), so 00 stands for it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydicom.datadict import get_entry, tag_for_keyword

from app.dicom import values

_TAG = re.compile("[0-9A-Fa-f]{8}")
_PRIVATE = re.compile(r"([0-9A-Fa-f]{3}[13579BDFbdf])00([0-9A-Fa-f]{2})\[(.+)\]", re.DOTALL)
#: One step of a path: dots may stand in a creator's brackets.
_STEP = re.compile(r"((?:[^.\[]|\[.*?\](?=\.|\Z))*)(\.|\Z)", re.DOTALL)
#: A key may have this many characters; longer paths are neither indexed nor asked for.
LONGEST_KEY = 600
#: Command, directory-record and delimiter groups: in the dictionary, yet never in a stored data set.
_ODD = "13579BDF"
_OUTSIDE_DATA_SETS = frozenset({0x0000, 0x0002, 0xFFFE})


Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: tags from the outermost sequence inwards, the innermost's VR, and the dotted keyword.

    `vr` is the dictionary's, so it may leave a choice (`US or SS`); empty where only the instances say, as
    for a private attribute. `creators` has one text for each tag where some are private, else none.
    """

    path: tuple[int, ...]
    vr: str
    keyword: str
    creators: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """The key of each tag: as in DICOM JSON, but `00090002[GEMS_IDEN_01]` for a private one."""
        creators = self.creators or ("",) * len(self.path)
        return tuple(
            private_key(f"{tag:08X}", creator) if creator else f"{tag:08X}"
            for tag, creator in zip(self.path, creators, strict=True)
        )

    @property
    def key(self) -> str:
        """The steps joined by dots: `00080020`, `00400275.00400009`."""
        return ".".join(self.steps)


def private_key(tag: str, creator: str) -> str:
    """The key of a private attribute: its tag in whatever block, 8 hexadecimal digits, and who made it."""
    return f"{tag[:4]}00{tag[6:]}[{creator}]"


def creators(attributes: Json) -> Iterator[tuple[str, str]]:
    """The private creators of a data set (DICOM JSON): the tag of each, `00090010`, and its name."""
    for tag, element in attributes.items():
        if tag[3] in _ODD and tag[4:6] == "00" and tag[6:] >= "10" and element.get("Value"):
            creator = values.text(element["Value"][0])
            if creator:
                yield tag, creator


def find(text: str) -> Attribute | None:
    """The attribute meant by a keyword (`StudyDate`), a tag (`00080020`, any case) or a path of either.

    None where the standard dictionary has no such attribute and it is no private one with its creator, or
    where a path leads through something that is no sequence. Keywords are case-sensitive.
    """
    return _found(text) if len(text) <= 4 * LONGEST_KEY else None


@lru_cache(4096)
def _found(text: str) -> Attribute | None:
    steps = [_step(part) for part in split(text)]
    known = [step for step in steps if step]
    if len(known) < len(steps) or any(step.vr not in ("SQ", "") for step in known[:-1]):
        return None
    path = tuple(step.path[0] for step in known)
    creators = tuple(step.creators[0] if step.creators else "" for step in known)
    keyword = ".".join(step.keyword for step in known)
    found = Attribute(path, known[-1].vr, keyword, creators if any(creators) else ())
    return found if len(found.key) <= LONGEST_KEY else None


def split(text: str) -> list[str]:
    """The steps of a path as they were written."""
    if "[" not in text:
        return text.split(".")
    steps, place = [], 0
    while match := _STEP.match(text, place):
        steps.append(match[1])
        place = match.end()
        if not match[2]:
            return steps
    return [""]


def _step(text: str) -> Attribute | None:
    if private := _PRIVATE.fullmatch(text):
        return _private(*private.groups())
    # Some retired attributes have an empty keyword: no text means them.
    tag = int(text, 16) if _TAG.fullmatch(text) else text and tag_for_keyword(text)
    if not tag or tag >> 16 in _OUTSIDE_DATA_SETS:
        return None
    try:
        vr, _, _, _, keyword = get_entry(tag)
    except KeyError:
        return None
    return Attribute((int(tag),), str(vr), keyword)


def _private(group: str, element: str, creator: str) -> Attribute | None:
    creator, tag = values.text(creator), f"{group}00{element}".upper()
    if not creator:
        return None
    return Attribute((int(tag, 16),), "", private_key(tag, creator), (creator,))
