"""Where texts are burned in: ultrasound with regions, radiographs, mammograms, secondary captures."""

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalXRayImageStorageForPresentation,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from tests.deid.corpus.header import header
from tests.deid.corpus.images import grey
from tests.deid.corpus.place import Place
from tests.deid.corpus.visit import Visit
from tests.deid.drawing import body, draw, mask
from tests.deid.key import Action, Drawn, Key

#: Of an ultrasound: rows, columns, and where its one region begins and ends (row, column, row, column).
ROWS, COLUMNS, REGION = 300, 440, (60, 10, 290, 430)


def ultrasound(visit: Visit, key: Key, frames: int = 1) -> Place:
    """A banner with the patient above one region."""
    sop_class = UltrasoundMultiFrameImageStorage if frames > 1 else UltrasoundImageStorage
    place = header(visit, key, sop_class, "US")
    item = place.item("SequenceOfUltrasoundRegions")
    top, left, bottom, right = REGION
    item.puts(RegionLocationMinX0=left, RegionLocationMinY0=top, RegionLocationMaxX1=right - 1,
              RegionLocationMaxY1=bottom - 1, RegionFlags=0, RegionSpatialFormat=1, RegionDataType=1,
              PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3, PhysicalDeltaX=0.05,
              PhysicalDeltaY=0.05)  # fmt: skip
    if frames > 1:
        place.puts(FrameTime="33.3", FrameIncrementPointer=0x00181063)
    place.puts(ImageType=["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"], BurnedInAnnotation="YES")
    key.regions[visit.instance_uid] = REGION
    pixels = body(frames, ROWS, COLUMNS, 255, visit.number)
    _burn(
        place, pixels, 220, (f"{visit.person.given} {visit.person.id}", 6, 12, 18), (_day(visit), 32, 12, 16)
    )
    if visit.person.number % 3 == 0:
        _colour(place, pixels)
    else:
        grey(place, pixels, kept=False)
    return place


def radiograph(visit: Visit, key: Key) -> Place:
    """CR, DX or MG by turns, with a label at the side."""
    sop_class, modality = _RADIOGRAPHS[visit.person.number % len(_RADIOGRAPHS)]
    place = header(visit, key, sop_class, modality)
    place.stays("ViewPosition", "CC" if modality == "MG" else "PA")
    place.puts(ImageType=["DERIVED", "PRIMARY"], BurnedInAnnotation="YES", ImageLaterality="L",
               PixelIntensityRelationship="LOG", PixelIntensityRelationshipSign=1, RescaleIntercept="0",
               RescaleSlope="1", RescaleType="US", PresentationLUTShape="IDENTITY",
               LossyImageCompression="00",
               PresentationIntentType="FOR PRESENTATION", PatientOrientation=["L", "F"],
               BodyPartExamined="BREAST" if modality == "MG" else "CHEST", KVP="110")  # fmt: skip
    pixels = body(1, 400, 400, 4000, visit.number)
    _burn(place, pixels, 3900, (f"{visit.person.given}", 8, 10, 20), (visit.person.id, 370, 240, 16))
    grey(place, pixels, bits=12, kept=False)
    return place


def capture(visit: Visit, key: Key) -> Place:
    """A secondary capture of a screen, which does not say that there is a text in it."""
    place = header(visit, key, SecondaryCaptureImageStorage, "OT")
    place.puts(ConversionType="WSD", ImageType=["DERIVED", "SECONDARY"])
    place.about("device identity").stays("SecondaryCaptureDeviceID", "Grabber 4")
    place.date("DateOfSecondaryCapture", visit.da)
    place.stays("TimeOfSecondaryCapture", visit.time)
    pixels = body(1, 320, 420, 255, visit.number)
    told = f"Name: {visit.person.given}", 12, 12, 17
    _burn(place, pixels, 240, told, (f"ID {visit.person.id}", 280, 20, 15), (_day(visit), 40, 250, 15))
    _colour(place, pixels)
    return place


_RADIOGRAPHS = (
    (ComputedRadiographyImageStorage, "CR"),
    (DigitalXRayImageStorageForPresentation, "DX"),
    (DigitalMammographyXRayImageStorageForPresentation, "MG"),
)


def _day(visit: Visit) -> str:
    return f"{visit.day:%d.%m.%Y} {visit.person.other_id}"


def _burn(place: Place, pixels: NDArray[np.float64], value: int, *told: tuple[str, int, int, int]) -> None:
    for text, row, column, size in told:
        height, width = mask(text, size).shape
        assert row + height <= pixels.shape[1], text
        assert column + width <= pixels.shape[2], text
        draw(pixels, text, row, column, size, value)
        burned = place.about("burned-in text")
        burned.check(Action.PIXELS_HIDDEN, "(7FE0,0010)", text, drawn=Drawn(row, column, size))


def _colour(place: Place, pixels: NDArray[np.float64]) -> None:
    grey(place, pixels, kept=False)
    place.puts(SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    place.raw(0x7FE00010, "OB", np.repeat(pixels.astype("u1")[..., None], 3, axis=3).tobytes())
