"""Slices: CT, MR and PET, one frame each."""

import numpy as np
from pydicom.uid import CTImageStorage, MRImageStorage, PositronEmissionTomographyImageStorage

from tests.deid.corpus.header import header
from tests.deid.corpus.place import Place
from tests.deid.corpus.visit import Visit
from tests.deid.drawing import body
from tests.deid.key import Action, Key

SIDE = 64
#: Well known: of the Talairach Brain Atlas (PS3.6 Table A-2).
TALAIRACH = "1.2.840.10008.1.4.1.1"


def ct(visit: Visit, key: Key) -> Place:
    """A CT slice."""
    place = header(visit, key, CTImageStorage, "CT")
    place.stays("KVP", "120")
    place.stays("ConvolutionKernel", "B31f")
    place.stays("BodyPartExamined", "CHEST")
    place.puts(ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], RescaleIntercept="-1024", RescaleSlope="1",
               AcquisitionNumber="1", XRayTubeCurrent="200", ExposureTime="500")  # fmt: skip
    place.about("0018,1200").goes("DateOfLastCalibration", [f"{visit.before:%Y%m%d}", visit.da])
    place.date("CalibrationDateTime", f"{visit.before:%Y%m%d}070000")
    sliced(place, visit)
    grey(place, body(1, SIDE, SIDE, 3000, visit.number), bits=12)
    return place


def mr(visit: Visit, key: Key) -> Place:
    """An MR slice; some in a well-known frame of reference, which must stay."""
    place = header(visit, key, MRImageStorage, "MR")
    place.stays("MagneticFieldStrength", "1.5")
    place.stays("SequenceName", "*tse2d1_15")
    place.puts(ImageType=["ORIGINAL", "PRIMARY", "M", "ND"], ScanningSequence="SE", SequenceVariant="SK",
               ScanOptions="", MRAcquisitionType="2D", EchoTime="90", EchoTrainLength="15",
               RepetitionTime="4000")  # fmt: skip
    sliced(place, visit, standard=visit.number == 2)
    grey(place, body(1, SIDE, SIDE, 1500, visit.number), bits=12)
    return place


def pet(visit: Visit, key: Key) -> Place:
    """A PET slice, whose times of injection and scan the uptake hangs on."""
    place = header(visit, key, PositronEmissionTomographyImageStorage, "PT")
    place.puts(ImageType=["ORIGINAL", "PRIMARY"], Units="BQML",
               CountsSource="EMISSION", DecayCorrection="START",
               SeriesType=["STATIC", "IMAGE"], NumberOfSlices=47, RescaleIntercept="0", RescaleSlope="2.5",
               CorrectedImage=["DECY", "ATTN"], FrameReferenceTime="0", ActualFrameDuration="180000",
               ImageIndex=visit.number, CollimatorType="NONE")  # fmt: skip
    item = place.about("times stay").item("RadiopharmaceuticalInformationSequence")
    item.stays("Radiopharmaceutical", "FDG")
    item.stays("RadiopharmaceuticalStartTime", "073015.00")
    item.stays("RadionuclideTotalDose", "370000000")
    item.date("RadiopharmaceuticalStartDateTime", f"{visit.da}073015.000000+0100")
    item.code("RadionuclideCodeSequence", "C-111A1", "SRT", "^18^Fluorine")
    sliced(place, visit)
    grey(place, body(1, SIDE, SIDE, 20000, visit.number), bits=16)
    return place


def sliced(place: Place, visit: Visit, standard: bool = False) -> None:
    """Where a slice lies; `standard`: in a frame of reference that the standard gave."""
    if standard:
        place.about("standard UIDs stay").stays("FrameOfReferenceUID", TALAIRACH)
    else:
        place.uid("FrameOfReferenceUID", visit.frame_of_reference)
    place.stays("SliceThickness", "5")
    place.stays("ImagePositionPatient", ["-160", "-160", str(visit.number * 5)])
    place.stays("WindowCenter", "40")
    place.stays("WindowWidth", "400")
    place.puts(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"], PixelSpacing=["5", "5"],
               SliceLocation=str(visit.number * 5), PatientPosition="HFS")  # fmt: skip


def grey(place: Place, pixels: "np.typing.NDArray[np.generic]", bits: int = 8, kept: bool = True) -> None:
    """Native unsigned pixels: frames by rows by columns; `kept`: not one of them may change."""
    allocated = 8 if bits == 8 else 16
    frames, rows, columns = pixels.shape
    place.puts(SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", Rows=rows, Columns=columns,
               BitsAllocated=allocated, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=0)  # fmt: skip
    if frames > 1:
        place.put("NumberOfFrames", frames)
    place.raw(0x7FE00010, "OB" if allocated == 8 else "OW", pixels.astype(f"<u{allocated // 8}").tobytes())
    if kept:
        place.check(Action.PIXELS_RETAINED, "(7FE0,0010)")


def reference(place: Place, at: str, sop_class: str, uid: str) -> Place:
    """An item that refers to an instance of the patient's."""
    item = place.item(at)
    item.about("standard UIDs stay").stays("ReferencedSOPClassUID", sop_class)
    item.uid("ReferencedSOPInstanceUID", uid)
    return item
