"""Where identifiers hide: nested sequences, sequences coded as UN, overlays, curves, icons."""

import numpy as np
from pydicom import Dataset
from pydicom.charset import convert_encodings
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_sequence_item

from tests.deid.corpus.images import reference
from tests.deid.corpus.place import Place, Private
from tests.deid.corpus.visit import Visit
from tests.deid.key import Action

#: Kept by TCIA's knowledge base.
_SAFE = Private(0x0019, "HOLOGIC, Inc.", 0x8A, "SQ", 0x15)


def nested(place: Place, visit: Visit) -> None:
    """In original attributes, requests, equipment and references, at some depth."""
    person, deep = visit.person, place.about("nested sequences")
    original = deep.item("OriginalAttributesSequence")
    original.puts(ModifyingSystem="PACS", ReasonForTheAttributeModification="COERCE")
    original.goes("AttributeModificationDateTime", f"{visit.da}2300")
    original.goes("SourceOfPreviousValues", person.hospital)
    before = original.item("ModifiedAttributesSequence")
    before.goes("PatientName", person.name)
    before.goes("PatientID", person.other_id)
    request = deep.item("RequestAttributesSequence")
    request.goes("RequestedProcedureID", f"RP{person.other_id}")
    request.goes("ScheduledProcedureStepID", f"SPS{person.other_id}")
    equipment = deep.item("ContributingEquipmentSequence")
    equipment.code("PurposeOfReferenceCodeSequence", "109101", "DCM", "Acquisition Equipment")
    equipment.stays("Manufacturer", "SIEMENS")
    equipment.goes("InstitutionName", f"{person.hospital} General Hospital")
    equipment.goes("StationName", f"CTSTATION{person.number}XQ")
    equipment.goes("OperatorsName", f"{person.operator}^Leopoldine")
    equipment.date("ContributionDateTime", f"{visit.da}120000")
    patient = deep.item("OtherPatientIDsSequence")
    patient.goes("PatientID", person.other_id)
    physician = deep.item("ReferringPhysicianIdentificationSequence")
    physician.goes("PersonAddress", f"{person.street}, {person.city}")


def referring(place: Place, visit: Visit) -> None:
    """To other instances, and to a study by UN-coded sequences."""
    links = place.about("links")
    source = reference(links, "SourceImageSequence", place.dataset.SOPClassUID, visit.at(1, 1).instance_uid)
    source.code("PurposeOfReferenceCodeSequence", "121320", "DCM", "Uncompressed predecessor")
    reference(links, "ReferencedImageSequence", place.dataset.SOPClassUID, visit.at(1, 2).instance_uid)
    mapped = place.about("standard UIDs stay").code(
        "ProcedureCodeSequence", "P5-08000", "SRT", "Computed tomography"
    )
    mapped.stays("MappingResourceUID", "1.2.840.10008.8.1.1")
    mapped.stays("ContextUID", "1.2.840.10008.6.1.1")


def unknown(place: Place, visit: Visit) -> None:
    """Sequences whose VR the sender did not know: a standard one, and a private one of a safe creator."""
    hidden = place.about("UN-coded sequences")
    _as_unknown(hidden, "ReferencedStudySequence", _study(hidden, visit))
    _as_unknown(hidden, "PerformedProtocolCodeSequence", _code(hidden))
    _as_unknown(hidden, _SAFE, _shutter(hidden, visit))


def _study(place: Place, visit: Visit) -> Dataset:
    item = place.item("ReferencedStudySequence")
    item.stays("ReferencedSOPClassUID", "1.2.840.10008.3.1.2.3.1")
    item.uid("ReferencedSOPInstanceUID", visit.study_uid)
    item.goes("InstitutionName", f"{visit.person.hospital} General Hospital")
    return item.dataset


def _code(place: Place) -> Dataset:
    return place.code("PerformedProtocolCodeSequence", "C1", "99LOCAL", "Thorax routine").dataset


def _shutter(place: Place, visit: Visit) -> Dataset:
    item = place.item(_SAFE)
    item.goes("PatientName", visit.person.name)
    item.goes("OperatorsName", f"{visit.person.operator}^Leopoldine")
    return item.dataset


def _as_unknown(place: Place, at: str | Private, item: Dataset) -> None:
    """The sequence, made as such before, coded anew: UN, its items implicit VR little endian."""
    target = DicomBytesIO()
    target.is_little_endian, target.is_implicit_VR = True, True
    encodings = convert_encodings(place.person.charset or "")
    write_sequence_item(target, item, encodings)
    tag = at.tag if isinstance(at, Private) else place.dataset.data_element(at).tag
    del place.dataset[tag]
    place.raw(tag, "UN", target.getvalue())


#: Of an overlay, beside its data: rows, columns, type, origin, bits.
_OVERLAY = ((0x10, "US", 64), (0x11, "US", 64), (0x40, "CS", "G"), (0x50, "SS", [1, 1]), (0x100, "US", 1),
            (0x102, "US", 0))  # fmt: skip


def graphics(place: Place, visit: Visit) -> None:
    """An overlay, a curve, and an icon."""
    person, drawn = visit.person, place.about("overlays, curves, icons")
    for group in (0x6000, 0x6002):
        told = f"{person.given} {person.id}".encode()
        drawn.raw(group << 16 | 0x3000, "OW", told.ljust(512, b"\0"))
        for element, vr, value in _OVERLAY:
            drawn.dataset.add_new(group << 16 | element, vr, value)
        drawn.dataset.add_new(group << 16 | 0x4000, "LT", f"by {person.operator}")
        drawn.check(Action.TEXT_REMOVED, f"({group:04X},3000)", told.decode())
        drawn.check(Action.TEXT_REMOVED, f"({group:04X},4000)", f"by {person.operator}")
    drawn.raw(0x50003000, "OW", person.id.encode().ljust(32, b"\0"))
    drawn.check(Action.TEXT_REMOVED, "(5000,3000)", person.id)
    _icon(drawn, person.id)


def _icon(place: Place, told: str) -> None:
    icon = place.item("IconImageSequence")
    icon.puts(SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", Rows=16, Columns=16,
              BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0)  # fmt: skip
    pixels = np.zeros(256, "u1")
    pixels[: len(told)] = np.frombuffer(told.encode(), "u1")
    icon.raw(0x7FE00010, "OB", pixels.tobytes())
    place.check(Action.TEXT_REMOVED, f"{icon.prefix}(7FE0,0010)", told)


#: One after the other, by instance.
HIDING = (nested, referring, unknown, graphics)
