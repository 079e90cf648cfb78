"""Each of the ten types of check passes where it should, and fails where it should."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.deid.drawing import draw
from tests.deid.judge.cases import Case
from tests.deid.judge.maps import Maps
from tests.deid.judge.rules import passes
from tests.deid.key import Action, Check, Drawn

STUDY, DATE, TEXT, UID, PIXELS = "(0008,1030)", "(0008,0020)", "(0010,21B0)", "(0020,000D)", "(7FE0,0010)"
MAPS = Maps({"1.2.3": "2.25.7"}, {"MRN77": "SYNTH-0001"})


def image(text: str = "", value: int = 200) -> Dataset:
    """An image of 40 by 200 with a text drawn into it."""
    pixels = np.random.default_rng(3).integers(0, 40, (1, 40, 200)).astype("u1")
    if text:
        draw(pixels, text, 5, 5, 16, value)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.Rows, made.Columns, made.SamplesPerPixel = 40, 200, 1
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation, made.PhotometricInterpretation = 7, 0, "MONOCHROME2"
    made.add_new(0x7FE00010, "OB", pixels.tobytes())
    return made


def instance(**values: object) -> Dataset:
    """An image with these attributes."""
    made = image()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def asked(
    action: Action, after: Dataset | None, path: str = STUDY, text: str = "", drawn: Drawn | None = None
) -> bool:
    """What is said of this output."""
    case = Case("1.2.3.4", "MRN77", Path("in"), image("Rosamund"), Path("out"), after)
    return passes(Check("1.2.3.4", "MRN77", action, path, text, drawn=drawn), case, MAPS)


@pytest.mark.parametrize(
    ("action", "path", "text", "good", "bad"),
    [
        (Action.TAG_RETAINED, STUDY, "", {"StudyDescription": ""}, {}),
        (Action.TEXT_NOTNULL, STUDY, "", {"StudyDescription": "CT"}, {"StudyDescription": " "}),
        (Action.TEXT_NOTNULL, STUDY, "", {"StudyDescription": "CT"}, {}),
        (
            Action.TEXT_RETAINED,
            STUDY,
            "CT of the thorax 1.50 mm",
            {"StudyDescription": "thorax CT, 1.5 mm"},
            {"StudyDescription": "CT 1.5 mm"},
        ),
        (
            Action.TEXT_RETAINED,
            STUDY,
            "thorax",
            {"StudyDescription": "Thorax"},
            {"StudyDescription": "thoraxes"},
        ),
        (Action.TEXT_RETAINED, STUDY, "7 mm", {"StudyDescription": "7.0 mm"}, {"StudyDescription": "70 mm"}),
        (
            Action.TEXT_REMOVED,
            STUDY,
            "Doe^Jane",
            {"StudyDescription": "CT"},
            {"StudyDescription": "CT for jane"},
        ),
        (Action.TEXT_REMOVED, STUDY, "Doe", {}, {"StudyDescription": "GTVDoe"}),
        (Action.DATE_SHIFTED, DATE, "20200131", {"StudyDate": "20190131"}, {"StudyDate": "20200131"}),
        (Action.DATE_SHIFTED, DATE, "20200131", {}, {"StudyDate": "20200131"}),
        (Action.UID_CHANGED, UID, "1.2.3", {"StudyInstanceUID": "2.25.7"}, {"StudyInstanceUID": "1.2.3"}),
        (Action.UID_CONSISTENT, UID, "1.2.3", {"StudyInstanceUID": "2.25.7"}, {"StudyInstanceUID": "2.25.8"}),
        (Action.UID_CONSISTENT, UID, "1.2.3", {}, {"StudyInstanceUID": "1.2.3"}),
        (
            Action.PATID_CONSISTENT,
            "(0010,0020)",
            "MRN77",
            {"PatientID": "SYNTH-0001"},
            {"PatientID": "SYNTH-2"},
        ),
        (Action.PATID_CONSISTENT, "(0010,0020)", "MRN77", {"PatientID": "SYNTH-0001"}, {}),
    ],
)
def test_an_element(
    action: Action, path: str, text: str, good: dict[str, object], bad: dict[str, object]
) -> None:
    assert asked(action, instance(**good), path, text)
    assert not asked(action, instance(**bad), path, text)


def test_the_fraction_and_zone_of_a_date_may_stay_but_not_the_day() -> None:
    old = "20200131101530.12+0100"
    for day, right in (("20190504", True), ("20200131", False)):
        after = instance(AcquisitionDateTime=f"{day}101530.12+0100")
        assert asked(Action.DATE_SHIFTED, after, "(0008,002A)", old) is right
    assert not asked(Action.DATE_SHIFTED, instance(AcquisitionDateTime="20200131"), "(0008,002A)", old)


def test_pixels_hidden() -> None:
    drawn = Drawn(5, 5, 16)
    assert asked(Action.PIXELS_HIDDEN, image(), PIXELS, "Rosamund", drawn)
    assert not asked(Action.PIXELS_HIDDEN, image("Rosamund"), PIXELS, "Rosamund", drawn)
    assert not asked(Action.PIXELS_HIDDEN, image("Rosamund", 70), PIXELS, "Rosamund", drawn)


def test_pixels_hidden_but_for_the_last_letters() -> None:
    after = image("Rosamund")
    pixels = np.frombuffer(after.PixelData, "u1").reshape(40, 200).copy()
    pixels[5:25, :60] = 0
    after.PixelData = pixels.tobytes()
    assert not asked(Action.PIXELS_HIDDEN, after, PIXELS, "Rosamund", Drawn(5, 5, 16))


def test_pixels_retained() -> None:
    assert asked(Action.PIXELS_RETAINED, image("Rosamund"), PIXELS)
    assert not asked(Action.PIXELS_RETAINED, image("Rosamunt"), PIXELS)
    assert not asked(Action.PIXELS_RETAINED, Dataset(), PIXELS)


@pytest.mark.parametrize("action", Action)
def test_a_missing_instance_fails_what_asks_for_something(action: Action) -> None:
    gone = {Action.TEXT_REMOVED, Action.DATE_SHIFTED, Action.UID_CHANGED, Action.PIXELS_HIDDEN}
    assert asked(action, None, text="x") is (action in gone)
