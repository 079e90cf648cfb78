"""Rules for burned-in text: which hold, what they blank, and what a policy may add."""

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from app.deid import regions
from app.deid.boxes import Box
from app.deid.regions import NOTHING, Known
from app.dicom import part10
from app.errors import InvalidPolicy
from tests import corpus, instances


def _known(rules: list[dict[str, object]] | None = None, **attributes: object) -> Known:
    dataset = instances.ct(**{"Rows": 100, "Columns": 200, "PixelData": bytes(40000)} | attributes)
    return regions.known(part10.read(instances.part10(dataset)), regions.parse(rules or []))


def _region(left: int, top: int, right: int, bottom: int) -> Dataset:
    item = Dataset()
    item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, bottom
    return item


def test_of_a_plain_ct_nothing_is_known() -> None:
    assert _known() is NOTHING


def test_ultrasound_keeps_its_regions() -> None:
    said = Sequence([_region(20, 30, 99, 89), _region(100, 30, 179, 89)])
    found = _known(Modality="US", SequenceOfUltrasoundRegions=said)
    assert found.boxes == (
        Box(0, 0, 200, 30),
        Box(0, 30, 20, 90),
        Box(180, 30, 200, 90),
        Box(0, 90, 200, 100),
    )
    assert found.look


def test_a_region_of_the_whole_frame_leaves_nothing_to_blank_but_to_look() -> None:
    found = _known(Modality="US", SequenceOfUltrasoundRegions=Sequence([_region(0, 0, 199, 99)]))
    assert (found.boxes, found.look) == ((), True)


@pytest.mark.parametrize("said", [[], [_region(0, 0, 0, 0)], [_region(90, 9, 20, 80)], [Dataset()]])
def test_regions_that_are_none_do_not_count(said: list[Dataset]) -> None:
    found = _known(Modality="US", SequenceOfUltrasoundRegions=Sequence(said))
    assert found.rules == ("ultrasound, uncalibrated",)
    assert found.boxes == (Box(0, 0, 200, 8),)


@pytest.mark.parametrize(
    ("attributes", "rule", "boxes"),
    [
        ({"ImageType": ["DERIVED", "SECONDARY", "DOSE_INFO"]}, "dose screen", (Box(0, 0, 200, 100),)),
        ({"SeriesDescription": "Patient Protocol"}, "patient protocol", (Box(0, 0, 200, 100),)),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "secondary capture", ()),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"}, "secondary capture", ()),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "screen save", ()),
        ({"BurnedInAnnotation": "YES"}, "said to be burned in", ()),
        ({"ConversionType": "WSD"}, "converted", ()),
        ({"Modality": "XA"}, "fluoroscopy and angiography", ()),
    ],
)
def test_our_rules(attributes: dict[str, object], rule: str, boxes: tuple[Box, ...]) -> None:
    found = _known(**attributes)
    assert (found.rules, found.boxes) == ((rule,), boxes)
    assert found.look or boxes


def test_a_policy_adds_rules_by_device() -> None:
    rule = {
        "name": "our C-arm",
        "when": {"Manufacturer": "acme*", "ManufacturerModelName": ["Zeta ?", "Eta"], "Rows": [">=100"]},
        "blank": [[0, 0, "50%", 10], [-20, "-10%", "end", "end"]],
    }
    assert _known([rule], Manufacturer="ACME Medical", ManufacturerModelName="zeta 5").boxes == (
        Box(0, 0, 100, 10),
        Box(180, 90, 200, 100),
    )
    assert _known([rule], Manufacturer="ACME Medical", ManufacturerModelName="theta") is NOTHING
    assert _known([rule], Manufacturer="ACME", ManufacturerModelName="Eta", Rows=99) is NOTHING


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"name": "x"},
        {"name": "x", "when": {}},
        {"name": "x", "when": {"NoSuchKeyword": "a"}},
        {"name": "x", "when": {"Rows": []}},
        {"name": "x", "when": {"Rows": "9"}, "blank": [[0, 0, 1]]},
        {"name": "x", "when": {"Rows": "9"}, "blank": [[0, 0, 1, "wide"]]},
        {"name": "x", "when": {"Rows": "9"}, "blank": ["some"]},
        {"name": "x", "when": {"Rows": "9"}, "colour": "black"},
        "x",
        None,
    ],
)
def test_what_is_no_rule_is_refused(rule: object) -> None:
    with pytest.raises(InvalidPolicy):
        regions.parse([rule])  # type: ignore[list-item]


@pytest.mark.parametrize("path", corpus.readable()[::4], ids=lambda path: path.name)
def test_real_instances_never_fail(path: object) -> None:
    read = part10.read(path.read_bytes())  # type: ignore[attr-defined]
    found = regions.known(read)
    assert bool(found.rules) == (found is not NOTHING)
