"""What is made from images: a segmentation, and a presentation state with texts."""

import numpy as np
from pydicom.uid import CTImageStorage, GrayscaleSoftcopyPresentationStateStorage, SegmentationStorage

from tests.deid.corpus.header import header
from tests.deid.corpus.images import SIDE, reference
from tests.deid.corpus.place import Place
from tests.deid.corpus.texts import filled
from tests.deid.corpus.visit import Visit
from tests.deid.key import Action, Key


def segmentation(visit: Visit, key: Key, image: str) -> Place:
    """Of one frame on one image."""
    place = header(visit, key, SegmentationStorage, "SEG")
    place.puts(ImageType=["DERIVED", "PRIMARY"], SegmentationType="BINARY", LossyImageCompression="00",
               SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", Rows=SIDE, Columns=SIDE,
               BitsAllocated=1, BitsStored=1, HighBit=0, PixelRepresentation=0,
               NumberOfFrames="1")  # fmt: skip
    place.stays("ContentLabel", "LESION")
    place.text("ContentDescription", filled("Lesion of [{family}] {date}", visit, 1))
    place.goes("ContentCreatorName", f"{visit.person.operator}^Leopoldine")
    place.uid("FrameOfReferenceUID", visit.frame_of_reference)
    segment = place.about("UIDs outside the table").item("SegmentSequence")
    segment.uid("TrackingUID", visit.uid(8, visit.study))
    segment.text("TrackingID", filled("Nodule 1 [{id}]", visit))
    segment.stays("SegmentLabel", "Nodule")
    segment.puts(SegmentNumber=1, SegmentAlgorithmType="MANUAL")
    segment.code(
        "SegmentedPropertyCategoryCodeSequence", "49755003", "SCT", "Morphologically Abnormal Structure"
    )
    segment.code("SegmentedPropertyTypeCodeSequence", "27925004", "SCT", "Nodule")
    _referenced(place, visit, image)
    place.raw(0x7FE00010, "OB", np.packbits(np.eye(SIDE, dtype="u1"), bitorder="little").tobytes())
    place.check(Action.PIXELS_RETAINED, "(7FE0,0010)")
    return place


def _referenced(place: Place, visit: Visit, image: str) -> None:
    series = place.item("ReferencedSeriesSequence")
    series.uid("SeriesInstanceUID", visit.at(1).series_uid)
    reference(series, "ReferencedInstanceSequence", CTImageStorage, image)
    groups = place.about("functional groups").item("PerFrameFunctionalGroupsSequence")
    derivation = groups.item("DerivationImageSequence")
    source = reference(derivation, "SourceImageSequence", CTImageStorage, image)
    source.code(
        "PurposeOfReferenceCodeSequence", "121322", "DCM", "Source image for image processing operation"
    )
    groups.item("SegmentIdentificationSequence").put("ReferencedSegmentNumber", 1)


def presentation(visit: Visit, key: Key, image: str) -> Place:
    """A state with a text on the image; TCIA removes the whole of what is drawn."""
    place = header(visit, key, GrayscaleSoftcopyPresentationStateStorage, "PR")
    place.stays("ContentLabel", "REVIEW")
    place.text("ContentDescription", filled("Nodule marked by [{operator}]", visit))
    place.date("PresentationCreationDate", visit.da)
    place.stays("PresentationCreationTime", visit.time)
    place.goes("ContentCreatorName", f"{visit.person.performing}^Adalbertus")
    series = place.item("ReferencedSeriesSequence")
    series.uid("SeriesInstanceUID", visit.at(1).series_uid)
    reference(series, "ReferencedImageSequence", CTImageStorage, image)
    _annotation(place.about("graphic annotations"), visit, image)
    displayed = place.item("DisplayedAreaSelectionSequence")
    displayed.puts(DisplayedAreaTopLeftHandCorner=[1, 1], DisplayedAreaBottomRightHandCorner=[SIDE, SIDE],
                   PresentationSizeMode="SCALE TO FIT", PresentationPixelAspectRatio=["1", "1"])  # fmt: skip
    layer = place.item("GraphicLayerSequence")
    layer.puts(GraphicLayer="NOTES", GraphicLayerOrder="1")
    place.puts(PresentationLUTShape="IDENTITY")
    return place


def _annotation(place: Place, visit: Visit, image: str) -> None:
    annotation = place.item("GraphicAnnotationSequence")
    annotation.put("GraphicLayer", "NOTES")
    text = annotation.item("TextObjectSequence")
    # Whether the annotation goes whole, as TCIA has it, or is cleaned is not asked: its identifiers go.
    text.names("UnformattedTextValue", f"[{visit.person.given}] [{visit.person.id}], 7 mm")
    text.puts(AnchorPoint=[5.0, 5.0], AnchorPointVisibility="N", AnchorPointAnnotationUnits="PIXEL")
