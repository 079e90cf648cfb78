"""The attributes that can be matched, as a table: conformance statement and columns are made from it.

PS3.18 Table 10.6.1-5 requires the ones marked so; the others are ours.
"""

from dataclasses import dataclass

from app.dicom.attributes import Attribute, find
from app.query.ast import Level


@dataclass(frozen=True, slots=True)
class Searchable:
    """An attribute with a column of its own, and the level that it describes."""

    attribute: Attribute
    level: Level
    required: bool


#: How each VR may be matched, besides universally (PS3.4 C.2.2.2, PS3.18 section 8.3.4).
MATCHING: dict[str, tuple[str, ...]] = {
    "CS": ("single value", "wildcard"),
    "LO": ("single value", "wildcard"),
    "SH": ("single value", "wildcard"),
    "PN": ("single value", "wildcard", "fuzzy"),
    "UI": ("single value", "list"),
    "DA": ("single value", "range"),
    "TM": ("single value", "range"),
    "IS": ("single value",),
    "US": ("single value",),
}

#: A column holds, and a key may have, this many characters: PostgreSQL's b-tree takes some 2,700 bytes, and
#: no VR above may be longer (PS3.5 section 6.2: 64 characters, in each component group of a name).
LONGEST = 500

#: Dates and times that describe one moment together: ranges of both are one range (PS3.18 section 8.3.4.1.1).
MOMENTS: tuple[tuple[str, str], ...] = (
    ("StudyDate", "StudyTime"),
    ("SeriesDate", "SeriesTime"),
    ("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
)

#: Not a column: any series' modality matches, and the answer lists those of all series (PS3.4 C.3.4).
MODALITIES_IN_STUDY = "ModalitiesInStudy"

#: What a search gives another meaning than matching a stored value, and what it does instead.
NO_KEYS = {
    "TimezoneOffsetFromUTC": "times are matched as they were stored",
    "SpecificCharacterSet": "queries are UTF-8, and text is matched decoded",
}

_KEYWORDS: tuple[tuple[Level, bool, tuple[str, ...]], ...] = (
    (
        Level.STUDY,
        True,
        (
            "StudyInstanceUID",
            "StudyDate",
            "StudyTime",
            "AccessionNumber",
            MODALITIES_IN_STUDY,
            "ReferringPhysicianName",
            "PatientName",
            "PatientID",
            "StudyID",
        ),
    ),
    (Level.STUDY, False, ("PatientBirthDate", "PatientSex", "StudyDescription")),
    (
        Level.SERIES,
        True,
        (
            "SeriesInstanceUID",
            "Modality",
            "SeriesNumber",
            "PerformedProcedureStepStartDate",
            "PerformedProcedureStepStartTime",
            "RequestAttributesSequence.ScheduledProcedureStepID",
            "RequestAttributesSequence.RequestedProcedureID",
        ),
    ),
    (
        Level.SERIES,
        False,
        (
            "SeriesDate",
            "SeriesTime",
            "SeriesDescription",
            "BodyPartExamined",
            "Laterality",
            "ProtocolName",
            "Manufacturer",
            "ManufacturerModelName",
        ),
    ),
    (Level.INSTANCE, True, ("SOPInstanceUID", "SOPClassUID", "InstanceNumber")),
    (Level.INSTANCE, False, ("Rows", "Columns", "BitsAllocated", "NumberOfFrames")),
)


def _attribute(keyword: str) -> Attribute:
    attribute = find(keyword)
    assert attribute, f"{keyword} is not in the standard's dictionary"
    return attribute


SEARCHABLE: tuple[Searchable, ...] = tuple(
    Searchable(_attribute(keyword), level, required)
    for level, required, keywords in _KEYWORDS
    for keyword in keywords
)

BY_PATH: dict[tuple[int, ...], Searchable] = {row.attribute.path: row for row in SEARCHABLE}
