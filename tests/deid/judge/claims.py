"""What an output says of itself: that it is de-identified, how, and that it is the instance it says it is."""

from collections.abc import Iterator

from pydicom import Dataset

from tests.deid.judge.cases import Case
from tests.deid.judge.maps import Maps
from tests.deid.judge.rules import passes
from tests.deid.key import Check

#: CID 7050: what the preset `tcia` does in every instance, and what it never does.
DONE = frozenset({"113100", "113105", "113107", "113108", "113109", "113111"})
NEVER = frozenset({"113102", "113106", "113110", "113112"})
CLEAN_PIXELS = "113101"
#: File meta information that says where a file came from.
_TELLING = (0x00020016, 0x00020017, 0x00020018, 0x00020026, 0x00020027, 0x00020028, 0x00020100, 0x00020102)


def flags(case: Case, drawn: list[Check]) -> Iterator[str]:
    """What is wrong with the flags of an output (PS3.15 E.1.1 and PS3.3 C.7.1.1, C.12.1.1)."""
    if case.after is None:
        return
    if case.after.get("PatientIdentityRemoved") != "YES":
        yield "PatientIdentityRemoved"
    if not str(case.after.get("DeidentificationMethod") or "").strip():
        yield "DeidentificationMethod"
    if case.after.get("LongitudinalTemporalInformationModified") != "MODIFIED":
        yield "LongitudinalTemporalInformationModified"
    yield from _codes(case.after, bool(drawn))
    yield from _burned_in(case, drawn)


def _codes(after: Dataset, drawn: bool) -> Iterator[str]:
    sequence = after.get("DeidentificationMethodCodeSequence") or []
    codes = {str(item.get("CodeValue")) for item in sequence}
    if not codes >= DONE | ({CLEAN_PIXELS} if drawn else set()):
        yield f"DeidentificationMethodCodeSequence lacks {sorted(DONE - codes)}"
    if codes & NEVER:
        yield f"DeidentificationMethodCodeSequence claims {sorted(codes & NEVER)}"
    if any(item.get("CodingSchemeDesignator") != "DCM" or not item.get("CodeMeaning") for item in sequence):
        yield "DeidentificationMethodCodeSequence has an incomplete code"


def _burned_in(case: Case, drawn: list[Check]) -> Iterator[str]:
    """NO where all texts went, never where one is left."""
    said = case.after.get("BurnedInAnnotation") if case.after else None
    hidden = all(passes(check, case, Maps()) for check in drawn)
    if drawn and (said == "NO") is not hidden:
        yield f"BurnedInAnnotation is {said}"


def meta(case: Case) -> Iterator[str]:
    """What is wrong with the preamble and the file meta information (PS3.10 section 7)."""
    if case.after is None:
        return
    told = case.after.file_meta
    if told.get("MediaStorageSOPInstanceUID") != case.after.get("SOPInstanceUID"):
        yield "MediaStorageSOPInstanceUID"
    if told.get("MediaStorageSOPClassUID") != case.after.get("SOPClassUID"):
        yield "MediaStorageSOPClassUID"
    if (case.after.preamble or b"").strip(b"\0"):
        yield "the preamble is not empty"
    yield from (f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in _TELLING if tag in told)
