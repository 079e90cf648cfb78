"""The VR of attributes whose instance does not say: the dictionaries of standard and vendors (PS3.6)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import dictionary_VR, private_dictionary_VR

#: VRs whose explicit header has a length of 16 bits, and those of 32 bits (PS3.5 section 7.1.2).
SHORT_VRS: Final = frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO"}
    | {"LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"}
)
LONG_VRS: Final = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])
#: Bytes in one value of the VRs of fixed size; the unit that a byte order turns round.
SIZES: Final = {
    **dict.fromkeys(("OW", "SS", "US"), 2),
    **dict.fromkeys(("AT", "FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}
#: A creator is an LO: longer ones are in no dictionary.
_LONGEST_CREATOR = 64


def _plain() -> Mapping[int, str]:
    known = {tag: str(entry[0]) for tag, entry in DicomDictionary.items() if tag >> 16 not in (0, 0xFFFE)}
    return {tag: vr for tag, vr in known.items() if vr in SHORT_VRS | LONG_VRS and vr != "SQ"}


#: The VR of every standard attribute that is no sequence and leaves no choice.
PLAIN: Final = _plain()


@lru_cache(4096)
def standard_vr(tag: int) -> str | None:
    """The VR of a standard attribute, repeating or group length too; may leave a choice (`US or SS`)."""
    if tag & 0xFFFF == 0:
        return "UL"
    try:
        return _known(dictionary_VR(tag))
    except KeyError:
        return None


def private_vr(tag: int, creator: str) -> str | None:
    """The VR of a private attribute by its creator's dictionary; the creator's is LO (PS3.5 section 7.8)."""
    if 0x10 <= tag & 0xFFFF <= 0xFF:
        return "LO"
    return _private_vr(tag, creator) if 0 < len(creator) <= _LONGEST_CREATOR else None


@lru_cache(4096)
def _private_vr(tag: int, creator: str) -> str | None:
    try:
        return _known(private_dictionary_VR(tag, creator))
    except KeyError:
        return None


def _known(vr: str) -> str | None:
    return str(vr) if vr in SHORT_VRS or vr in LONG_VRS or " or " in vr else None
