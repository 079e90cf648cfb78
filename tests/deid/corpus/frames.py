"""Enhanced MR: what is of a frame is in functional groups."""

from pydicom.uid import EnhancedMRImageStorage, MRImageStorage

from tests.deid.corpus.header import header
from tests.deid.corpus.images import SIDE, grey
from tests.deid.corpus.place import Place, Private
from tests.deid.corpus.texts import filled
from tests.deid.corpus.visit import Visit
from tests.deid.drawing import body
from tests.deid.key import Key

FRAMES = 3


def enhanced(visit: Visit, key: Key) -> Place:
    """Of three frames, with identifiers in the shared groups and in each frame's."""
    place = header(visit, key, EnhancedMRImageStorage, "MR")
    place.puts(ImageType=["ORIGINAL", "PRIMARY", "M", "NONE"], PixelPresentation="MONOCHROME",
               MagneticFieldStrength="1.5",
               VolumetricProperties="VOLUME", VolumeBasedCalculationTechnique="NONE", BurnedInAnnotation="NO",
               ComplexImageComponent="MAGNITUDE", AcquisitionContrast="T1", ResonantNucleus="1H",
               LossyImageCompression="00", PresentationLUTShape="IDENTITY")  # fmt: skip
    place.uid("FrameOfReferenceUID", visit.frame_of_reference)
    _shared(place.about("functional groups"), visit)
    for number in range(1, FRAMES + 1):
        _frame(place.about("functional groups"), visit, number)
    dimension = place.item("DimensionOrganizationSequence")
    dimension.uid("DimensionOrganizationUID", visit.uid(6, visit.study, visit.series))
    index = place.item("DimensionIndexSequence")
    index.uid("DimensionOrganizationUID", visit.uid(6, visit.study, visit.series))
    index.puts(DimensionIndexPointer=0x00209057, FunctionalGroupPointer=0x00209111)
    grey(place, body(FRAMES, SIDE, SIDE, 1500, visit.number), bits=12)
    return place


def _shared(place: Place, visit: Visit) -> None:
    shared = place.item("SharedFunctionalGroupsSequence")
    referenced = shared.item("ReferencedImageSequence")
    referenced.stays("ReferencedSOPClassUID", MRImageStorage)
    referenced.uid("ReferencedSOPInstanceUID", visit.at(1, 1).instance_uid)
    referenced.code("PurposeOfReferenceCodeSequence", "121311", "DCM", "Localizer")
    timing = shared.item("MRTimingAndRelatedParametersSequence")
    timing.stays("RepetitionTime", "4000")
    private = shared.item(Private(0x2005, "Ward Notes Inc", 0x0E, "SQ"))
    private.goes("PatientName", visit.person.name)
    private.goes("PatientID", visit.person.id)


def _frame(place: Place, visit: Visit, number: int) -> None:
    groups = place.item("PerFrameFunctionalGroupsSequence")
    content = groups.item("FrameContentSequence")
    content.date("FrameAcquisitionDateTime", f"{visit.da}1012{number:02}.500000")
    content.date("FrameReferenceDateTime", f"{visit.da}1012{number:02}.750000+0200")
    content.stays("FrameAcquisitionDuration", 250.5)
    content.stays("StackID", "1")
    content.put("InStackPositionNumber", number)
    content.put("DimensionIndexValues", [number])
    content.text("FrameLabel", filled(f"Phase {number} [{{given}}]", visit))
    content.goes("FrameComments", f"{visit.person.family} breathes, {visit.person.operator}")
    position = groups.item("PlanePositionSequence")
    position.stays("ImagePositionPatient", ["-160", "-160", str(number * 5)])
