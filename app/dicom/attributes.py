"""Attributes of the standard dictionary, by keyword, tag or path (PS3.6; PS3.18 section 8.3.4.1)."""

import re
from dataclasses import dataclass

from pydicom.datadict import get_entry, tag_for_keyword

_TAG = re.compile("[0-9A-Fa-f]{8}")
#: Command, directory-record and delimiter groups: in the dictionary, yet never in a stored data set.
_OUTSIDE_DATA_SETS = frozenset({0x0000, 0x0002, 0xFFFE})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: tags from the outermost sequence inwards, the innermost's VR, and the dotted keyword.

    `vr` is the dictionary's, so it may leave a choice (`US or SS`).
    """

    path: tuple[int, ...]
    vr: str
    keyword: str

    @property
    def key(self) -> str:
        """The key in DICOM JSON, dotted below sequences: `00080020`, `00400275.00400009`."""
        return ".".join(f"{tag:08X}" for tag in self.path)


def find(text: str) -> Attribute | None:
    """The attribute meant by a keyword (`StudyDate`), a tag (`00080020`, any case) or a path of either.

    None where the standard dictionary has no such attribute, or a path leads through something that is no
    sequence. Keywords are case-sensitive.
    """
    steps = [_step(part) for part in text.split(".")]
    known = [step for step in steps if step]
    if len(known) < len(steps) or any(step.vr != "SQ" for step in known[:-1]):
        return None
    path = tuple(step.path[0] for step in known)
    return Attribute(path, known[-1].vr, ".".join(step.keyword for step in known))


def _step(text: str) -> Attribute | None:
    # Some retired attributes have an empty keyword: no text means them.
    tag = int(text, 16) if _TAG.fullmatch(text) else text and tag_for_keyword(text)
    if not tag or tag >> 16 in _OUTSIDE_DATA_SETS:
        return None
    try:
        vr, _, _, _, keyword = get_entry(tag)
    except KeyError:
        return None
    return Attribute((int(tag),), str(vr), keyword)
