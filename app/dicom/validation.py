"""Whether an instance can be kept, and the reasons in the answer when not (PS3.18 Annex I)."""

import re
from dataclasses import dataclass
from typing import Final

from app.dicom.description import Description

NOT_AUTHORIZED: Final = 0x0124
DOES_NOT_MATCH: Final = 0xA900
CANNOT_UNDERSTAND: Final = 0xC000
DUPLICATE: Final = 0x0111

COERCED: Final = 0xB000
ODD: Final = 0xB007

#: Failure Reason (0008,1197) and when it is given here (PS3.18 Table I.2-2; PS3.7 Annex C).
FAILURE_REASONS: Final[dict[int, str]] = {
    DUPLICATE: "Duplicate SOP instance: another instance with this SOP Instance UID is stored.",
    NOT_AUTHORIZED: "Not authorized: who may only annotate stores annotations and other results, no images.",
    DOES_NOT_MATCH: "Data set does not match: a UID is missing or invalid, or the study is another one.",
    CANNOT_UNDERSTAND: "Cannot understand: not a readable instance in the DICOM file format.",
}
#: Warning Reason (0008,1196) and when it is given here (PS3.18 Table I.2-1).
WARNING_REASONS: Final[dict[int, str]] = {
    COERCED: "Coercion of data elements: the collection de-identifies; the instance has new UIDs now.",
    ODD: "Data set does not match the SOP class: odd values were kept as they are.",
}

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_LEADING_ZERO = re.compile(r"(^|\.)0[0-9]")
_LONGEST_UID = 64
_STUDY = (0x0020000D, "Study Instance UID")
_SERIES = (0x0020000E, "Series Instance UID")
_INSTANCE = (0x00080018, "SOP Instance UID")
_SOP_CLASS = (0x00080016, "SOP Class UID")
_STORAGE = "1.2.840.10008.5.1.4.1.1."
#: How the SOP classes of results begin: presentation states, parametric maps, registrations, fiducials,
#: segmentations, tractography, real world values, structured reports, annotations, structure sets.
_RESULTS = tuple(
    _STORAGE + own for own in ("11.", "30", "66.1", "66.2", "66.3", "66.4", "66.5", "66.6", "66.7", "67")
) + tuple(_STORAGE + own for own in ("88.", "91.", "481.3"))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an instance is not kept: a code of `FAILURE_REASONS`, a sentence without values, a tag."""

    failure_reason: int
    comment: str
    tag: int


def check(
    description: Description, study: str | None = None, *, results_only: bool = False
) -> Refusal | None:
    """None when the instance can be kept, in this study if one is named; else the first reason why not.

    With `results_only` what was made from images can be kept, and no images (PS3.4 Annex B.5).
    """
    for (tag, name), uid in _uids(description):
        if not uid:
            return Refusal(DOES_NOT_MATCH, f"{name} is missing.", tag)
        if not is_uid(uid):
            return Refusal(DOES_NOT_MATCH, f"{name} is not a valid UID.", tag)
    if study is not None and description.resource.study != study:
        return Refusal(DOES_NOT_MATCH, "The instance belongs to another study.", _STUDY[0])
    if results_only and not description.sop_class_uid.startswith(_RESULTS):
        return Refusal(NOT_AUTHORIZED, "You may store annotations and other results here.", _SOP_CLASS[0])
    return None


def is_uid(text: str) -> bool:
    """Whether a text is a UID: numbers and dots, at most 64 characters (PS3.5 section 9.1).

    Leading zeros pass, since real instances have them; `odd_uids` names them.
    """
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def odd_uids(description: Description) -> list[str]:
    """A sentence for each identifying UID that has a component with a leading zero."""
    found = (name for (_, name), uid in _uids(description) if is_uid(uid) and _LEADING_ZERO.search(uid))
    return [f"{name} has a component with a leading zero." for name in found]


def _uids(description: Description) -> list[tuple[tuple[int, str], str]]:
    resource = description.resource
    return [
        (_SOP_CLASS, description.sop_class_uid),
        (_INSTANCE, resource.instance or ""),
        (_STUDY, resource.study or ""),
        (_SERIES, resource.series or ""),
    ]
