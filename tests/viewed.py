"""The studies that the viewer is shown: real ones, and what refers to others, made over a real slice."""

from io import BytesIO
from itertools import count

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import ComprehensiveSRStorage, EncapsulatedPDFStorage, SegmentationStorage, generate_uid

from tests.corpus import files
from tests.instances import part10

SLICES, SPACING = 32, 0.661468 * 4
PATIENT = "Viewed^Volume"
NUMBERS = count(1)


def real(name: str) -> bytes:
    """A file of the corpus by its name."""
    return next(path for path in files() if path.name == name).read_bytes()


def study_uid(data: bytes) -> str:
    """The study that an instance belongs to."""
    return str(dcmread(BytesIO(data), stop_before_pixels=True).StudyInstanceUID)


def volume() -> list[Dataset]:
    """A CT series: the slice of CT_small, cut to a ball, so that each plane through it shows a disc."""
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    found = []
    for number in range(SLICES):
        dataset = dcmread(str(get_testdata_file("CT_small.dcm")))
        dataset.remove_private_tags()
        dataset.pop("DataSetTrailingPadding", None)
        dataset.PatientName, dataset.PatientID = PATIENT, "VIEWED"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
        dataset.SOPInstanceUID, dataset.FrameOfReferenceUID = generate_uid(), frame
        dataset.StudyDescription, dataset.SeriesDescription = "A ball", "Slices of a ball"
        dataset.InstanceNumber, dataset.SliceThickness = number + 1, SPACING
        dataset.WindowCenter, dataset.WindowWidth = 40, 800
        dataset.ImagePositionPatient = [-42.0, -42.0, number * SPACING]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.PixelData = np.where(ball(number), dataset.pixel_array, -1000).astype("<i2").tobytes()
        found.append(dataset)
    return found


def ball(number: int, radius: float = 66.0) -> np.ndarray:
    """Which pixels of a slice lie in a ball in the middle of the volume; `radius` is in pixels."""
    y, x = np.mgrid[0:128, 0:128] - 63.5
    z = (number - (SLICES - 1) / 2) * 4
    return np.asarray(x**2 + y**2 + z**2 < radius**2)


def segmentation(slices: list[Dataset]) -> Dataset:
    """A binary segmentation (PS3.3 section A.51) of a smaller ball in the middle, a frame for each slice."""
    dataset = _beside(slices[0], SegmentationStorage, "SEG", "The inner ball")
    dataset.ImageType, dataset.SegmentationType = ["DERIVED", "PRIMARY"], "BINARY"
    dataset.ContentLabel, dataset.ContentDescription = "BALL", "The inner ball"
    dataset.ContentCreatorName, dataset.FrameOfReferenceUID = "Roe^Richard", slices[0].FrameOfReferenceUID
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 128, 128, SLICES
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 1, 1, 0, 0
    dataset.LossyImageCompression = "00"
    dataset.SegmentSequence = [_segment()]
    dataset.ReferencedSeriesSequence = [_references(slices)]
    dataset.SharedFunctionalGroupsSequence = [_shared(slices[0])]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(number, each) for number, each in enumerate(slices, 1)]
    organization = _item(DimensionOrganizationUID=generate_uid())
    dataset.DimensionOrganizationSequence = [organization]
    dataset.DimensionIndexSequence = [
        _item(
            DimensionOrganizationUID=organization.DimensionOrganizationUID,
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=group,
        )
        for pointer, group in ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113))
    ]
    inner = np.stack([ball(number, 30) for number in range(SLICES)])
    dataset.PixelData = np.packbits(inner.reshape(-1), bitorder="little").tobytes()
    return dataset


def report(of: Dataset) -> Dataset:
    """A comprehensive structured report (PS3.3 section A.35.3) with text and a measurement."""
    dataset = _beside(of, ComprehensiveSRStorage, "SR", "A report")
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = [_code("11528-7", "LN", "Radiology Report")]
    text = _item(RelationshipType="CONTAINS", ValueType="TEXT", TextValue="A ball, seen from every side.")
    text.ConceptNameCodeSequence = [_code("121071", "DCM", "Finding")]
    size = _item(RelationshipType="CONTAINS", ValueType="NUM")
    size.ConceptNameCodeSequence = [_code("81827009", "SCT", "Diameter")]
    size.MeasuredValueSequence = [
        _item(NumericValue="79.4", MeasurementUnitsCodeSequence=[_code("mm", "UCUM", "mm")])
    ]
    dataset.ContentSequence = [text, size]
    return dataset


def document(of: Dataset) -> Dataset:
    """An encapsulated PDF (PS3.3 section A.45.1) of one page."""
    dataset = _beside(of, EncapsulatedPDFStorage, "DOC", "A document")
    dataset.BurnedInAnnotation, dataset.DocumentTitle = "NO", "A document"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    page = pdf("Reading Room shows documents")
    dataset.EncapsulatedDocumentLength = len(page)
    dataset.EncapsulatedDocument = page + b"\0" * (len(page) % 2)
    return dataset


def pdf(text: str) -> bytes:
    """A page with a line of text and a filled red square, and more bytes than metadata carries inline."""
    drawing = f"BT /F1 36 Tf 60 700 Td ({text}) Tj ET 1 0 0 rg 60 300 300 300 re f".encode()
    drawing += b"\n%" + b" " * 4096
    bodies = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawing), drawing),
    )
    written, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(written))
        written += b"%d 0 obj%s endobj\n" % (number, body)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    table = b"xref\n0 5\n0000000000 65535 f \n%strailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return written + table % (rows, len(written))


def everything() -> dict[str, list[bytes]]:
    """Each study that is shown, by a word for it: its instances."""
    slices = volume()
    whole = [*slices, segmentation(slices), report(slices[0]), document(slices[0])]
    return {"volume": [part10(each) for each in whole], **{name: [real(name)] for name in REAL}}


REAL = (
    "MR2_UNCR.dcm",
    "emri_small.dcm",
    "eCT_Supplemental.dcm",
    "color3d_jpeg_baseline.dcm",
    "US1_UNCR.dcm",
    "GDCMJ2K_TextGBR.dcm",
    "JPGLosslessP14SV1_1s_1f_8b.dcm",
    "OBXXXX1A_rle.dcm",
    "RG3_J2KI.dcm",
    "693_J2KR.dcm",
    "waveform_ecg.dcm",
    "reportsi.dcm",
)


def _beside(of: Dataset, sop_class: str, modality: str, description: str) -> Dataset:
    dataset = Dataset()
    for keyword in (
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"),
        *("StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName", "StudyDescription"),
    ):
        setattr(dataset, keyword, of.get(keyword, ""))
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    dataset.SeriesInstanceUID, dataset.SeriesNumber = generate_uid(), 100 + next(NUMBERS)
    dataset.Modality, dataset.SeriesDescription, dataset.InstanceNumber = modality, description, 1
    dataset.Manufacturer, dataset.ContentDate, dataset.ContentTime = "Reading Room", "20240229", "101530"
    dataset.SeriesDate, dataset.SeriesTime = "20240229", "101530"
    return dataset


def _item(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _segment() -> Dataset:
    tissue = _code("85756007", "SCT", "Tissue")
    return _item(
        SegmentNumber=1,
        SegmentLabel="Inner ball",
        SegmentAlgorithmType="AUTOMATIC",
        SegmentAlgorithmName="Geometry",
        SegmentedPropertyCategoryCodeSequence=[tissue],
        SegmentedPropertyTypeCodeSequence=[tissue],
        RecommendedDisplayCIELabValue=[32896, 53000, 50000],
    )


def _references(slices: list[Dataset]) -> Dataset:
    return _item(
        SeriesInstanceUID=slices[0].SeriesInstanceUID,
        ReferencedInstanceSequence=[_reference(each) for each in slices],
    )


def _reference(of: Dataset, **more: object) -> Dataset:
    return _item(ReferencedSOPClassUID=of.SOPClassUID, ReferencedSOPInstanceUID=of.SOPInstanceUID, **more)


def _shared(of: Dataset) -> Dataset:
    measures = _item(
        PixelSpacing=of.PixelSpacing, SliceThickness=of.SliceThickness, SpacingBetweenSlices=SPACING
    )
    return _item(
        PixelMeasuresSequence=[measures],
        PlaneOrientationSequence=[_item(ImageOrientationPatient=of.ImageOrientationPatient)],
    )


def _frame(number: int, of: Dataset) -> Dataset:
    source = _reference(of, PurposeOfReferenceCodeSequence=[_code("121322", "DCM", "Source image")])
    derivation = _code("113076", "DCM", "Segmentation")
    return _item(
        FrameContentSequence=[_item(DimensionIndexValues=[1, number])],
        PlanePositionSequence=[_item(ImagePositionPatient=of.ImagePositionPatient)],
        SegmentIdentificationSequence=[_item(ReferencedSegmentNumber=1)],
        DerivationImageSequence=[_item(SourceImageSequence=[source], DerivationCodeSequence=[derivation])],
    )
