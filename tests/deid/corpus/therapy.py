"""Radiotherapy: structure set, plan and dose, linked to the images and to each other."""

import numpy as np
from pydicom.uid import CTImageStorage, RTDoseStorage, RTPlanStorage, RTStructureSetStorage

from tests.deid.corpus.header import header
from tests.deid.corpus.images import reference
from tests.deid.corpus.place import Place
from tests.deid.corpus.visit import Visit
from tests.deid.key import Action, Key

#: Labels as people type them: with the name whole, in part, run together, cut off where the VR ends.
_LABELS = (
    "GTV_[{family}]", "PTV 60 Gy", "Heart", "[{given}]_CTV1", "Lung_L", "SpinalCord [{FAMILY5}]2",
    "J[{family}] Bowel", "Bladder {date}",
)  # fmt: skip
_MOST_SH, _MOST_LO = 16, 64


def structures(visit: Visit, key: Key, images: list[str]) -> Place:
    """A structure set on the CT series of the study."""
    place = header(visit, key, RTStructureSetStorage, "RTSTRUCT")
    labels = place.about("RT labels")
    labels.text("StructureSetLabel", _cut(visit, "RT[{family}]", _MOST_SH))
    labels.text("StructureSetName", _label(visit, "Plan1 [{family}] boost"))
    labels.text("StructureSetDescription", _label(visit, "Drawn by [{operator}] {date}"))
    place.date("StructureSetDate", visit.da)
    place.stays("StructureSetTime", visit.time)
    _frame_of_reference(place.about("RT links"), visit, images)
    for number, template in enumerate(_LABELS, 1):
        _region(labels, visit, number, _label(visit, template))
        _contour(place, visit, number, images[number % len(images)])
        _observation(place, visit, number)
    return place


def _frame_of_reference(place: Place, visit: Visit, images: list[str]) -> None:
    frame = place.item("ReferencedFrameOfReferenceSequence")
    frame.uid("FrameOfReferenceUID", visit.frame_of_reference)
    study = frame.item("RTReferencedStudySequence")
    study.stays("ReferencedSOPClassUID", "1.2.840.10008.3.1.2.3.1")
    study.uid("ReferencedSOPInstanceUID", visit.study_uid)
    series = study.item("RTReferencedSeriesSequence")
    series.uid("SeriesInstanceUID", visit.at(1).series_uid)
    for image in images:
        reference(series, "ContourImageSequence", CTImageStorage, image)


def _region(place: Place, visit: Visit, number: int, label: str) -> None:
    region = place.item("StructureSetROISequence")
    region.stays("ROINumber", str(number))
    region.uid("ReferencedFrameOfReferenceUID", visit.frame_of_reference)
    region.text("ROIName", label)
    region.stays("ROIGenerationAlgorithm", "MANUAL")


def _contour(place: Place, visit: Visit, number: int, image: str) -> None:
    region = place.item("ROIContourSequence")
    region.puts(ROIDisplayColor=["255", "0", "0"], ReferencedROINumber=str(number))
    contour = region.item("ContourSequence")
    reference(contour, "ContourImageSequence", CTImageStorage, image)
    contour.stays("ContourGeometricType", "CLOSED_PLANAR")
    contour.put("NumberOfContourPoints", "3")
    contour.stays("ContourData", ["0", "0", "5", "10.5", "0", "5", "0", "10.25", "5"])


def _observation(place: Place, visit: Visit, number: int) -> None:
    observation = place.item("RTROIObservationsSequence")
    observation.puts(
        ObservationNumber=str(number), ReferencedROINumber=str(number), RTROIInterpretedType="ORGAN"
    )
    observation.goes("ROIInterpreter", f"{visit.person.operator}^Leopoldine")


def plan(visit: Visit, key: Key, structure_set: str) -> Place:
    """A plan on the structure set."""
    place = header(visit, key, RTPlanStorage, "RTPLAN")
    labels = place.about("RT labels")
    labels.text("RTPlanLabel", _cut(visit, "[{family}]", _MOST_SH))
    labels.text("RTPlanName", _label(visit, "Prostate VMAT [{given}]"))
    place.date("RTPlanDate", visit.da)
    place.stays("RTPlanTime", visit.time)
    place.stays("RTPlanGeometry", "PATIENT")
    reference(place.about("RT links"), "ReferencedStructureSetSequence", RTStructureSetStorage, structure_set)
    dose = place.about("RT links").item("DoseReferenceSequence")
    dose.uid("DoseReferenceUID", visit.uid(7, visit.study))
    dose.puts(DoseReferenceNumber="1", DoseReferenceStructureType="SITE", DoseReferenceType="TARGET")
    beam = place.item("BeamSequence")
    beam.goes("TreatmentMachineName", f"LINACQ{visit.person.number}KES", f"LINACQ{visit.person.number}KES")
    beam.puts(BeamNumber="1", BeamType="STATIC", RadiationType="PHOTON", NumberOfControlPoints="0")
    beam.stays("BeamName", "AP 6 MV")
    return place


def dose(visit: Visit, key: Key, planned: str, structure_set: str) -> Place:
    """A dose of the plan."""
    place = header(visit, key, RTDoseStorage, "RTDOSE")
    place.uid("FrameOfReferenceUID", visit.frame_of_reference)
    place.stays("DoseUnits", "GY")
    place.stays("DoseGridScaling", "0.0001")
    place.puts(DoseType="PHYSICAL", DoseSummationType="PLAN", GridFrameOffsetVector=["0", "5"],
               FrameIncrementPointer=0x3004000C, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2",
               Rows=8, Columns=8, NumberOfFrames="2", BitsAllocated=32, BitsStored=32, HighBit=31,
               PixelRepresentation=0, PixelSpacing=["5", "5"], ImagePositionPatient=["0", "0", "0"],
               ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])  # fmt: skip
    reference(place.about("RT links"), "ReferencedRTPlanSequence", RTPlanStorage, planned)
    reference(place.about("RT links"), "ReferencedStructureSetSequence", RTStructureSetStorage, structure_set)
    place.raw(0x7FE00010, "OW", np.arange(128, dtype="<u4").tobytes())
    place.check(Action.PIXELS_RETAINED, "(7FE0,0010)")
    return place


def _label(visit: Visit, template: str) -> str:
    person = visit.person
    family = "" if person.medical else person.family
    told = {"family": family, "FAMILY5": family.upper(), "given": person.given, "operator": person.operator}
    return template.format(**told, date=f"<{visit.before:%Y%m%d}:%d.%m.%Y>")


def _cut(visit: Visit, template: str, most: int) -> str:
    """As a device cuts it that keeps so many characters."""
    label = _label(visit, template)
    return label[: most + 1] + "]" if len(label) > most + 2 else label
