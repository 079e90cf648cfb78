"""One instance in, one out: valid, the same each time, and but for what goes byte for byte what it was."""

import contextlib
import time
import warnings
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from app.deid import engine, text
from app.deid.engine import Blanked, Question
from app.deid.output import PixelsSeen
from app.deid.text import Cleaner, Identifiers
from app.dicom import part10
from app.dicom.elements import Element
from app.dicom.writer import element
from app.errors import Fact, InvalidInstance
from tests import instances
from tests.corpus import files
from tests.deid.made import OTHER_KEY, clean, result, rules, said
from tests.dicom.made import encapsulated

NATIVE = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
POLICIES = ["basic", "tcia"]
ALL_OPTIONS = said(
    options=[
        "clean-graphics",
        "clean-structured-content",
        "clean-descriptors",
        "retain-longitudinal-modified-dates",
        "retain-patient-characteristics",
        "retain-device-identity",
        "retain-safe-private",
    ],
    private={"knowledge": True, "unknown": "clean"},
)


def full(**values: Any) -> Dataset:
    """Attributes of every kind that stay, and some that go."""
    dataset = instances.ct(instance="1.2.3.4.5")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Manufacturer, dataset.ManufacturerModelName = "ACME Medical", "Scanner 2000"
    dataset.SoftwareVersions = ["V1.2.20200131", "5.1"]
    dataset.DeviceSerialNumber = "SN123"
    dataset.SeriesDescription, dataset.ProtocolName = "Chest 1.5 mm", "5.1 Chest^Routine"
    dataset.BodyPartExamined, dataset.PatientPosition = "CHEST", "HFS"
    dataset.SliceThickness, dataset.KVP, dataset.PixelSpacing = "1.5", "120", ["0.7", "0.7"]
    dataset.SeriesTime, dataset.AcquisitionTime = "101530.123", "101531"
    dataset.SeriesDate, dataset.PatientAge = "20240229", "054Y"
    dataset.RescaleIntercept, dataset.RescaleSlope = "-1024", "1"
    dataset.FrameOfReferenceUID = "1.2.3.9"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "39607008", "SCT"
    code.CodeMeaning = "Lung structure"
    dataset.AnatomicRegionSequence = [code]
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def raw(data: bytes) -> dict[int, tuple[str | None, bytes | None]]:
    """VR and bytes of each element as pydicom finds them, none of them converted."""
    with warnings.catch_warnings(action="ignore"):
        dataset = dcmread(BytesIO(data), force=True)
    return {
        int(tag): (found.VR, found.value)
        for tag in dataset._dict
        if isinstance(found := dataset.get_item(tag), RawDataElement)
    }


@pytest.mark.parametrize("syntax", NATIVE)
def test_what_says_nothing_of_anybody_keeps_its_bytes(syntax: str) -> None:
    source = instances.part10(full(), syntax)
    out, done = result(source)
    before, after = raw(source), raw(out)
    for keyword in [
        "ImageType",
        "Manufacturer",
        "ManufacturerModelName",
        "SoftwareVersions",
        "SeriesDescription",
        "ProtocolName",
        "Modality",
        "BodyPartExamined",
        "PatientPosition",
        "SliceThickness",
        "KVP",
        "PixelSpacing",
        "SeriesTime",
        "AcquisitionTime",
        "StudyTime",
        "RescaleIntercept",
        "RescaleSlope",
        "PatientSex",
        "PatientAge",
        "Rows",
        "Columns",
        "BitsAllocated",
        "PixelData",
        "SOPClassUID",
        "SeriesNumber",
        "InstanceNumber",
    ]:
        tag = tag_for_keyword(keyword)
        assert tag is not None
        assert after[tag] == before[tag], keyword
    assert done.transfer_syntax_uid == syntax
    region = dcmread(BytesIO(out)).AnatomicRegionSequence[0]
    assert (region.CodeValue, region.CodeMeaning) == ("39607008", "Lung structure")


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("by", POLICIES)
def test_every_transfer_syntax_stays_what_it_is(syntax: str, by: str) -> None:
    after = clean(full(), by, syntax=syntax)
    assert after.file_meta.TransferSyntaxUID == syntax
    assert after.PixelData == full().PixelData
    assert after.PatientID == after.PatientName != "P1"


def test_encapsulated_pixel_data_keeps_its_bytes() -> None:
    pixels = encapsulated([b"\xff\xd8abc\xff\xd9\0", b"\xff\xd8de\xff\xd9"], b"\0\0\0\0")
    dataset = full(PixelData=pixels)
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    after = clean(dataset, syntax=JPEGBaseline8Bit)
    assert after.PixelData == pixels


@pytest.mark.parametrize("by", POLICIES)
@pytest.mark.parametrize("syntax", NATIVE)
def test_the_same_gives_the_same_bytes(by: str, syntax: str) -> None:
    source = instances.part10(full(), syntax)
    assert result(source, by)[0] == result(source, by)[0]


def test_another_key_gives_other_identifiers() -> None:
    one, other = clean(full()), clean(full(), key=OTHER_KEY)
    for keyword in (
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "FrameOfReferenceUID",
        "PatientID",
    ):
        assert one[keyword].value != other[keyword].value


def test_equal_uids_become_one_and_times_between_dates_stay() -> None:
    dataset = full(StudyDate="20240101", SeriesDate="20240131")
    inner = Dataset()
    inner.ReferencedSOPInstanceUID, inner.ReferencedSOPClassUID = dataset.SOPInstanceUID, dataset.SOPClassUID
    dataset.ReferencedImageSequence = [inner]
    after = clean(dataset)
    assert after.ReferencedImageSequence[0].ReferencedSOPInstanceUID == after.SOPInstanceUID
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    study, series = after["StudyDate"].value, after["SeriesDate"].value
    gone = datetime.strptime(series, "%Y%m%d") - datetime.strptime(study, "%Y%m%d")
    assert gone.days == 30
    assert study != "20240101"


def test_the_beginning_is_made_anew() -> None:
    dataset = full()
    source = bytearray(instances.part10(dataset))
    source[:20] = b"JANE DOE WAS HERE...".ljust(20)
    meta_end = 132
    added = (
        element(0x00020016, "AE", b"DOEHOSPITAL")
        + element(0x00020100, "UI", b"1.2.3")
        + element(0x00020102, "OB", b"JANE")
    )
    source[meta_end + 12 : meta_end + 12] = b""
    whole = part10.read(bytes(source))
    end = whole.dataset[0].offset - 8
    out, _ = result(bytes(source[:end]) + added + bytes(source[end:]))
    assert out[:132] == bytes(128) + b"DICM"
    assert b"DOEHOSPITAL" not in out
    assert b"JANE" not in out
    assert int.from_bytes(out[140:144], "little") == part10.read(out).dataset[0].offset - 8 - 144


def test_padding_and_group_lengths_go() -> None:
    dataset = full()
    source = instances.part10(dataset) + element(0xFFFCFFFC, "OB", b"JANE DOE IS IN THE PADDING")
    source += element(0x00080000, "UL", b"\1\0\0\0")
    out, _ = result(source)
    assert b"JANE" not in out
    assert 0x00080000 not in dcmread(BytesIO(out))
    zeros, _ = result(instances.part10(dataset) + bytes(4096))
    assert len(zeros) == len(result(instances.part10(dataset))[0])


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("StudyDate", "20240301", "20240229"),
        ("AcquisitionDateTime", "20240301101530.5+0100", "20240229101530.5+0100"),
        ("DateOfLastCalibration", ["20240301", "20230101"], ["20240229", "20221231"]),
        ("StudyDate", "", ""),
    ],
)
def test_dates_in_every_form(keyword: str, value: Any, expected: Any) -> None:
    options = ["retain-longitudinal-modified-dates", "retain-device-identity"]
    by = said(options=options, dates={"earliest": -1, "latest": -1})
    found = clean(full(**{keyword: value}), by)[keyword].value
    assert (list(found) if isinstance(expected, list) else found or "") == expected


def test_dates_before_1900_and_none_at_all() -> None:
    by = said(options=["retain-longitudinal-modified-dates"], dates={"earliest": -36_000, "latest": -35_000})
    out, done = result(instances.part10(full(StudyDate="19800101")), by)
    assert Question.DATES in done.questions
    odd = Dataset()
    odd.update(full())
    with warnings.catch_warnings(action="ignore"):
        odd.StudyDate = "yesterday"
        out, done = result(instances.part10(odd))
    assert Question.DATES not in done.questions
    assert b"yesterday" not in out


def test_dates_of_the_future() -> None:
    by = said(options=["retain-longitudinal-modified-dates"], dates={"earliest": 30_000, "latest": 31_000})
    assert Question.DATES in result(instances.part10(full()), by)[1].questions


def test_ages() -> None:
    for by in ("tcia", said(options=["retain-patient-characteristics"])):
        assert clean(full(PatientAge="095Y"), by).PatientAge == "090Y"
        assert clean(full(PatientAge="054Y"), by).PatientAge == "054Y"


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SOPClassUID"])
def test_what_every_instance_has(keyword: str) -> None:
    dataset = full()
    whole = instances.part10(dataset)
    del dataset[keyword]
    with pytest.raises(InvalidInstance) as refused:
        result(_written(dataset, whole))
    assert "is missing" in refused.value.detail
    setattr(dataset, keyword, ["1.2.3", "1.2.4"])
    with pytest.raises(InvalidInstance, match="more than one"):
        result(_written(dataset, whole))


def _written(dataset: Dataset, whole: bytes) -> bytes:
    """With the meta information of another."""
    out = BytesIO()
    plain = Dataset()
    plain.update({element.tag: element for element in dataset})
    dcmwrite(out, plain, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return whole[: part10.read(whole).dataset[0].offset - 8] + out.getvalue()


def test_a_class_that_is_no_uid_is_refused() -> None:
    whole = instances.part10(full())
    broken = whole + element(0x00080016, "UI", b"Doe^Jane")
    with pytest.raises(InvalidInstance) as refused:
        result(broken)
    assert "Doe" not in refused.value.detail


@pytest.mark.parametrize("vr", ["DA", "PN", "LO"])
def test_a_class_that_is_written_as_something_else_is_refused(vr: str) -> None:
    broken = instances.part10(full()) + element(0x00080016, vr, b"1.2.840.10008.5.1.4.1.1.2")
    with pytest.raises(InvalidInstance, match=f"written as {vr}"):
        result(broken)


def test_delimiters_that_pretend_to_be_elements_go() -> None:
    whole = instances.part10(full()) + element(0xFFFEE000, "SH", b"JANE")
    out, _ = result(whole)
    assert b"JANE" not in out
    assert part10.read(out).text(0x00080060) == "CT"


def test_who_has_no_identifier_is_told_by_the_study() -> None:
    dataset = full()
    del dataset.PatientID, dataset.PatientName
    after = clean(dataset)
    assert after.PatientID == after.PatientName
    assert after.PatientID == clean(dataset).PatientID
    other = full(StudyInstanceUID="1.2.77")
    del other.PatientID
    assert clean(other).PatientID != after.PatientID


def test_pixels_that_nobody_looked_at_ask_for_a_person() -> None:
    assert Question.BURNED_IN in result(instances.part10(full()))[1].questions
    said_so = instances.part10(full(BurnedInAnnotation="YES"))
    assert Question.BURNED_IN in result(said_so, said())[1].questions
    assert Question.BURNED_IN not in result(instances.part10(full()), said())[1].questions
    without = full()
    del without.PixelData
    assert not result(instances.part10(without))[1].questions


def test_blanked_pixels_take_the_place_of_the_old() -> None:
    source, by = part10.read(instances.part10(full())), rules()
    blanked = Blanked(ExplicitVRLittleEndian, {0x7FE00010: [element(0x7FE00010, "OW", bytes(96))]})
    cleaner = by.cleaner("P1", text.harvest(engine.texts(source)))
    done = engine.deidentify(source, by, cleaner, blanked, PixelsSeen(clean=True, doubtful=False))
    after = dcmread(BytesIO(b"".join(done.chunks)))
    assert after.PixelData == bytes(96)
    assert after.BurnedInAnnotation == "NO"
    assert not done.questions


def test_overlays_in_the_bits_of_pixels_ask_for_a_person() -> None:
    """They are in no picture in which somebody, or OCR, looked for text."""
    dataset = full()
    dataset.add_new(0x60020010, "US", 6)
    dataset.add_new(0x60020011, "US", 8)
    dataset.add_new(0x60020102, "US", 12)
    source = part10.read(instances.part10(dataset))
    for by in (rules(), rules(said())):
        cleaner = by.cleaner("P1", text.harvest(engine.texts(source)))
        done = engine.deidentify(source, by, cleaner, None, PixelsSeen(clean=True))
        assert done.questions == (Question.GRAPHICS,)
    dataset[0x60020102].value = 0
    assert Question.GRAPHICS not in result(instances.part10(dataset), said())[1].questions


def test_once_more_by_what_is_known_later() -> None:
    """The second pass takes out what only other instances said; nothing else moves."""
    by = rules()
    first, _ = result(instances.part10(full(SeriesDescription="chest Zebrowski on 20240229")))
    late = text.harvest([(0x00081050, "PN", "Zebrowski^Quentin")])
    source = part10.read(first)
    nothing = engine.finished(source, by, Cleaner(Identifiers(), 0, str), None, PixelsSeen())
    assert nothing is None
    again = engine.finished(source, by, Cleaner(late, 0, str), None, PixelsSeen())
    assert again is not None
    changes, chunks = again
    before, after = raw(first), raw(b"".join(chunks))
    assert {tag for tag in before if before[tag] != after[tag]} == {0x0008103E}
    assert b"Zebrowski" not in (after[0x0008103E][1] or b"")
    assert [change.attribute for change in changes] == ["0008103E"]


def test_unknown_private_attributes_are_named() -> None:
    dataset = full()
    dataset.add_new(0x00110010, "LO", "ACME")
    dataset.add_new(0x00111020, "LO", "text")
    _, done = result(instances.part10(dataset))
    assert done.unknown == {"00110020[ACME]"}


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_real_instances(path: Path) -> None:
    data = path.read_bytes()
    for by in POLICIES:
        try:
            out, done = result(data, by)
        except Fact:
            continue
        source, after = part10.read(data), part10.read(out)
        assert after.transfer_syntax_uid == source.transfer_syntax_uid
        assert after.text(0x00120062) == "YES"
        assert after.text(0x00080018) == done.uids.get(source.text(0x00080018), source.text(0x00080018))
        assert pixels(source) == pixels(after)
        assert out == result(data, by)[0]
        with warnings.catch_warnings(action="ignore"):
            str(dcmread(BytesIO(out)))


def pixels(source: part10.Part10) -> bytes | None:
    found = source.get(0x7FE00010)
    return source.value(found) if found else None


@pytest.mark.parametrize("unknown", ["remove", "clean"])
def test_a_creator_that_names_the_patient_is_not_repeated(unknown: str) -> None:
    dataset = full()
    dataset.add_new(0x00110010, "LO", "Doe Jane Private")
    dataset.add_new(0x00111020, "LO", "text")
    out, done = result(instances.part10(dataset), said(private={"unknown": unknown}))
    assert b"Doe" not in out
    assert "Doe" not in repr((done.changes, done.unknown))


TEXTS = st.sampled_from(
    [
        "SeriesDescription", "StudyDescription", "ImageComments", "PatientComments", "ProtocolName",
        "AdditionalPatientHistory", "InstitutionName", "RequestedProcedureDescription", "ContrastBolusAgent",
        "Manufacturer", "DerivationDescription", "StationName", "TextValue", "RTPlanLabel", "ROIName",
        "WindowCenterWidthExplanation", "AcquisitionComments", "FilterType", "LUTExplanation",
        "OverlayComments",
        "PatientName", "OperatorsName", "PersonName", "ReviewerName", "NameOfPhysiciansReadingStudy",
        "UnformattedTextValue", "SelectorLOValue", "SelectorUTValue", "SelectorPNValue", "TrackingID",
    ]
)  # fmt: skip
PLACES = st.sampled_from(
    [
        "ReferencedImageSequence", "RequestAttributesSequence", "ContentSequence", "SourceImageSequence",
        "PerFrameFunctionalGroupsSequence", "GraphicAnnotationSequence", "StructureSetROISequence",
        "OriginalAttributesSequence", "AnatomicRegionSequence", "ReferencedSeriesSequence",
    ]
)  # fmt: skip
SPELLED = st.sampled_from(
    [
        "Zebrowski", "ZEBROWSKI", "Zebrowski^Quentin", "Quentin Zebrowski", "ZEBROWSKI, QUENTIN",
        "chest of Zebrowski", "PTV_ZEBROWSKI_60Gy", "quentin.zebrowski@example.org", "MRN-4711-ZZ",
        "mrn4711zz",
    ]
)  # fmt: skip


@st.composite
def planted(draw: st.DrawFn, depth: int = 0) -> Dataset:
    """A data set whose texts name its patient, down to any depth."""
    dataset = Dataset()
    for keyword in draw(st.lists(TEXTS, min_size=1, max_size=6)):
        tag = tag_for_keyword(keyword) or 0x60004000
        dataset.add_new(tag, dictionary_VR(tag), draw(SPELLED)[:64])
    if depth < 3:
        for keyword in draw(st.lists(PLACES, max_size=2)):
            setattr(dataset, keyword, [draw(planted(depth + 1))])
    if draw(st.booleans()):
        block = draw(st.integers(0x10, 0xFF))
        dataset.add_new(
            0x00110000 | block, "LO", draw(st.sampled_from(["ACME", "ELSCINT1", "SIEMENS CSA HEADER"]))
        )
        dataset.add_new(0x00110000 | block << 8 | 0x21, draw(st.sampled_from(["LO", "UN"])), "for Zebrowski")
        private = dataset[0x00110000 | block << 8 | 0x21]
        if private.VR == "UN":
            dataset[private.tag].value = b"for Zebrowski"
    return dataset


@given(planted(), st.sampled_from(NATIVE), st.sampled_from(["tcia", "basic", ALL_OPTIONS]))
@settings(deadline=None, max_examples=150)
@pytest.mark.filterwarnings("ignore")
def test_no_identifier_is_left_in_any_byte(extra: Dataset, syntax: str, by: Any) -> None:
    dataset = instances.ct(PatientName="Zebrowski^Quentin", PatientID="MRN-4711-ZZ")
    dataset.update({each.tag: each for each in extra if each.tag != 0x00100010})
    out, _ = result(instances.part10(dataset, syntax), by)
    if syntax == DeflatedExplicitVRLittleEndian:
        # Read as if it were not: the inflated data set behind the meta information.
        out = bytes(part10.read(out).data).replace(b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1\0\0\0")
    for secret in (b"zebrowski", b"quentin", b"4711-zz", b"4711zz"):
        assert secret not in out.lower(), naming(out, secret)
    str(dcmread(BytesIO(result(instances.part10(dataset, syntax), by)[0])))


def naming(data: bytes, secret: bytes) -> list[str]:
    """The elements that hold it, outermost."""
    source = part10.read(data)
    return [f"{each.tag:08X} {each.vr}" for each in source.dataset if secret in source.value(each).lower()]


WHOLE = [instances.part10(full(), syntax) for syntax in NATIVE[:3]]


@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=8),
    st.floats(0, 1),
    st.sampled_from(["tcia", ALL_OPTIONS]),
)
@settings(deadline=None, max_examples=300)
def test_broken_instances_raise_facts_alone(
    data: bytes, changes: list[tuple[float, bytes]], end: float, by: Any
) -> None:
    broken = bytearray(data)
    for place, value in changes:
        at = 132 + int(place * (len(broken) - 140))
        broken[at : at + len(value)] = value
    begun = time.process_time()
    with contextlib.suppress(Fact):
        result(bytes(broken[: max(200, int(end * 2 * len(broken)))]), by)
    assert time.process_time() - begun < 2


def test_elements_of_the_walk_are_elements() -> None:
    """What the walk hands on lies in the source: nothing is copied that stays."""
    source = part10.read(instances.part10(full(PixelData=bytes(200_000))))
    cleaner = rules().cleaner("P1", text.harvest(engine.texts(source)))
    chunks = list(engine.deidentify(source, rules(), cleaner).chunks)
    assert any(isinstance(chunk, memoryview) and len(chunk) > 200_000 for chunk in chunks)
    assert isinstance(source.dataset[0], Element)
