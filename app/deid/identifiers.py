"""What identifies a patient and the people around: harvested from headers, merged, kept as JSON."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.dicom import values
from app.errors import InvalidRequest

#: The kinds of identifiers. A patient's name counts in more spellings than another person's.
PATIENT, PERSON, NUMBER, PHONE, ADDRESS, PLACE, BIRTH = KINDS = (
    "patient",
    "person",
    "number",
    "phone",
    "address",
    "place",
    "birth",
)
#: Attributes by what their values identify; every other PN is a person's name (PS3.6).
_NUMBERS = (
    0x00080050,  # Accession Number
    0x00100020,  # Patient ID
    0x00101000,  # Other Patient IDs
    0x00101050,  # Insurance Plan Identification
    0x00101090,  # Medical Record Locator
    0x00200010,  # Study ID
    0x00380010,  # Admission ID
    0x00380060,  # Service Episode ID
    0x00400009,  # Scheduled Procedure Step ID
    0x00400253,  # Performed Procedure Step ID
    0x0040050A,  # Specimen Accession Number
    0x00401001,  # Requested Procedure ID
    0x00401006,  # Placer Order Number / Procedure
    0x00401007,  # Filler Order Number / Procedure
    0x00402006,  # Placer Order Number, retired
    0x00402007,  # Filler Order Number, retired
    0x00402016,  # Placer Order Number
    0x00402017,  # Filler Order Number
)
#: Telephone numbers and telecom information of patient, referring physician, person, order callback.
_PHONES = (0x00080094, 0x00102154, 0x00102155, 0x00401103, 0x00401104, 0x00402010, 0x00402011, 0x0040A354)
#: Addresses of institution, physician, patient, person; region of residence; where the patient is or lives.
_ADDRESSES = (0x00080081, 0x00080092, 0x00101040, 0x00102152, 0x00380300, 0x00380400, 0x00401102, 0x0040A353)
#: Institution, department, issuers, responsible and verifying organizations, a trial's site.
_PLACES = (
    0x00080080,
    0x00081040,
    0x00100021,
    0x00102299,
    0x00120031,
    0x00380011,
    0x00404036,
    0x0040A027,
)
#: Names of the patient, other and birth names, the mother's birth name, the responsible person.
_PATIENTS = (0x00100010, 0x00101001, 0x00101005, 0x00101060, 0x00102297)
_BY_TAG = {
    **dict.fromkeys(_NUMBERS, NUMBER),
    **dict.fromkeys(_PHONES, PHONE),
    **dict.fromkeys(_ADDRESSES, ADDRESS),
    **dict.fromkeys(_PLACES, PLACE),
    **dict.fromkeys(_PATIENTS, PATIENT),
    0x00100030: BIRTH,
}
#: No value that identifies somebody is longer; the rest of a longer one is not read.
_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What must go from one patient's texts: (kind, value) pairs without order."""

    entries: frozenset[tuple[str, str]] = frozenset()

    def __or__(self, other: "Identifiers") -> "Identifiers":
        return Identifiers(self.entries | other.entries)

    def of(self, *kinds: str) -> list[str]:
        """The values of these kinds, sorted: what is made of them is the same each time."""
        return sorted(value for kind, value in self.entries if kind in kinds)

    def to_json(self) -> list[list[str]]:
        """Sorted `[kind, value]` pairs."""
        return sorted([kind, value] for kind, value in self.entries)

    @classmethod
    def from_json(cls, form: Any) -> "Identifiers":
        """What `to_json` gave. Raises InvalidRequest for anything else."""
        try:
            entries = frozenset((kind, value) for kind, value in form)
        except (TypeError, ValueError):
            raise InvalidRequest("These are not a patient's identifiers.") from None
        if not all(kind in KINDS and isinstance(value, str) for kind, value in entries):
            raise InvalidRequest("These are not a patient's identifiers.")
        return cls(entries)


def harvest(texts: Iterable[tuple[int, str, str]]) -> Identifiers:
    """The identifiers in one instance, from (tag, VR, decoded value) of its elements at all depths."""
    found = ((kind, text) for tag, vr, text in texts if text and (kind := _kind(tag, vr)))
    return Identifiers(
        frozenset((kind, value) for kind, text in found for value in _values(kind, text[:_LONGEST]))
    )


def _kind(tag: int, vr: str) -> str | None:
    return _BY_TAG.get(tag) or (PERSON if vr == "PN" else None)


def _values(kind: str, text: str) -> set[str]:
    """The values of an element; each is one line but for an address, which has lines in any case."""
    plain = unicodedata.normalize("NFC", text.replace("\0", ""))
    found = {" ".join(value.split()) for value in plain.split("\\")}
    return {values.date(value) if kind == BIRTH else value for value in found} - {""}
