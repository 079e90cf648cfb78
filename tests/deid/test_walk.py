"""Every depth: sequences, private blocks wherever they lie, and values whose VR nobody told."""

import struct
from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from app.deid.actions import Action
from app.deid.encoding import Encoding
from app.deid.policy import Policy
from app.deid.text import Identifiers
from app.deid.walk import Walk
from app.dicom import part10
from app.dicom.elements import ITEM
from app.dicom.writer import element, header
from tests import instances
from tests.deid.made import clean, result, rules, said

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
SAFE = said(options=["retain-safe-private", "clean-descriptors"])
KNOWING = said(options=["clean-descriptors"], private={"knowledge": True})
CLEANING = said(options=["clean-descriptors"], private={"unknown": "clean"})
#: A private sequence and a text that the policy keeps.
KEEPING = said(
    options=["clean-descriptors"],
    overrides={
        "00110010[ACME]": "clean",
        "00110010[ACME].00110020[ACME]": "clean",
        "00110020[ACME]": "clean",
    },
)
CANARY = "Doe^Jane"


def item(implicit: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(implicit)) + implicit


def implicit(tag: int, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def nested(text: bytes = b"seen by Doe") -> bytes:
    """A private sequence as the bytes of an UN value: its creator, and a text."""
    return item(implicit(0x00110010, b"ACME") + implicit(0x00111020, text))


def private(vr: str, value: Any, block: int = 0x10, creator: str = "ACME") -> Dataset:
    dataset = instances.ct(instance="1.2.3.4.5.6")
    dataset.add_new(0x00110000 | block, "LO", creator)
    dataset.add_new(0x00110010 | block << 8, vr, value)
    return dataset


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("block", [0x10, 0x11, 0x7F, 0xFF])
def test_private_blocks_lie_anywhere(syntax: str, block: int) -> None:
    dataset = instances.ct()
    dataset.add_new(0x00E10000 | block, "LO", "ELSCINT1")
    dataset.add_new(0x00E10021 | block << 8, "DS", "12.5")
    dataset.add_new(0x00E10022 | block << 8, "LO", CANARY)
    after = clean(dataset, SAFE, syntax=syntax)
    assert after[0x00E10000 | block].value == "ELSCINT1"
    assert str(after[0x00E10021 | block << 8].value) in ("12.5", "b'12.5'")
    assert 0x00E10022 | block << 8 not in after


def test_a_safe_creators_element_of_another_creator_goes() -> None:
    dataset = instances.ct()
    dataset.add_new(0x00E10010, "LO", "ELSCINT1")
    dataset.add_new(0x00E10011, "LO", "OTHER")
    dataset.add_new(0x00E11121, "DS", "12.5")
    after = clean(dataset, SAFE)
    assert not [element for element in after if element.tag.is_private]


def test_a_creator_goes_with_the_last_of_its_block() -> None:
    after = clean(private("LO", CANARY), SAFE)
    assert not [element for element in after if element.tag.is_private]


def test_orphans_go_whatever_the_policy() -> None:
    dataset = instances.ct()
    dataset.add_new(0x00111020, "LO", "text")
    dataset.add_new(0x00110001, "LO", "text")
    dataset.add_new(0x0011FF20, "LO", "text")
    after = clean(dataset, said(private={"unknown": "clean"}))
    assert not [element for element in after if element.tag.is_private]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_private_sequences_are_walked(syntax: str) -> None:
    inner = Dataset()
    inner.add_new(0x00110010, "LO", "ACME")
    inner.add_new(0x00111020, "LO", "seen by Doe")
    inner.add_new(0x00111021, "LO", "nobody knows me")
    inner.PatientName = CANARY
    inner.StudyDate = "20200101"
    out, _ = result(instances.part10(private("SQ", [inner]), syntax), KEEPING)
    assert b"seen by" in out
    assert b"Doe" not in out
    assert b"nobody" not in out
    assert b"20200101" not in out


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_sequences_in_unknown_vrs_are_walked(syntax: str) -> None:
    out, _ = result(instances.part10(private("UN", nested()), syntax), KEEPING)
    assert b"Doe" not in out
    if syntax != ExplicitVRBigEndian:
        assert b"seen by" in out


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_nothing_hides_in_sequences_that_cannot_be_read(syntax: str) -> None:
    hidden = private("UN", nested()[:-4] + b"\xff\xff")
    assert b"Doe" not in result(instances.part10(hidden, syntax), KEEPING)[0]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    "text", ["seen by Doe", "seen by Doe\r\non monday", "gesehen von Müller", "Doe\tseen by"]
)
def test_texts_in_unknown_vrs_are_cleaned(syntax: str, text: str) -> None:
    dataset = private("UN", text.encode("latin-1").ljust(40, b"\0"))
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PerformingPhysicianName = "Müller^Ute"
    by = said(options=["clean-descriptors"], overrides={"00110010[ACME]": "clean"})
    out, _ = result(instances.part10(dataset, syntax), by)
    assert b"Doe" not in out
    assert b"ller" not in out
    assert b"seen by" in out or b"gesehen von" in out


def test_numbers_in_unknown_vrs_keep_their_bytes() -> None:
    value = struct.pack("<dHH", 3.14, 7, 0)
    by = said(overrides={"00110010[ACME]": "clean"})
    assert value in result(instances.part10(private("UN", value), ImplicitVRLittleEndian), by)[0]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("size", [8, 70_000])
def test_standard_sequences_of_unknown_vr_are_walked(big: bool, size: int) -> None:
    """As UN, too long or of the wrong byte order to be taken for what the dictionary says."""
    value = item(implicit(0x00104000, b"Doe" + b"x" * size) + implicit(0x00080090, b"Roe^Richard"))
    syntax = ExplicitVRBigEndian if big else ExplicitVRLittleEndian
    whole = instances.part10(instances.ct(), syntax)
    for tag in (0x00081140, 0x00081199, 0x0040A730, 0x00540016, 0x52009230):
        whole += Encoding(not big, True).element(tag, "UN", value)
    for by in ("tcia", "basic", said(options=["clean-structured-content", "retain-uids"])):
        out, _ = result(whole, by)
        assert b"Roe" not in out
        assert b"Doe" not in out


def test_hidden_sequences_do_not_end_the_stack() -> None:
    """Each level is an UN value with another within; their number is the sender's choice."""
    value = b"x" * 8
    for _ in range(3000):
        value = item(implicit(0x00E10010, b"ELSCINT1") + implicit(0x00E11021, value))
    dataset = instances.ct()
    dataset.add_new(0x00E10010, "LO", "ELSCINT1")
    dataset.add_new(0x00E11021, "UN", value)
    out, _ = result(instances.part10(dataset, ImplicitVRLittleEndian), SAFE)
    assert len(dcmread(BytesIO(out)).PixelData) == 96


def test_elements_of_other_groups_have_no_place() -> None:
    """Command elements and meta information in a data set: nobody reads them there."""
    dataset = instances.ct()
    whole = instances.part10(dataset)
    foreign = header(0x00020016, "AE", 8) + b"JANEDOE " + header(0x00001000, "UI", 4) + b"1.2\0"
    out, _ = result(whole + foreign)
    assert b"JANEDOE" not in out[300:]
    assert dcmread(BytesIO(out)).Modality == "CT"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_each_item_has_its_own_character_set(syntax: str) -> None:
    inner = Dataset()
    inner.SpecificCharacterSet = "ISO_IR 144"
    inner.SeriesDescription = "Грудь Иванов"
    dataset = instances.ct(SpecificCharacterSet="ISO_IR 192", ReferencedSeriesSequence=[inner])
    dataset.PatientName = "Иванов^Иван"
    dataset.StudyDescription = "Лёгкие Иванов"
    after = clean(dataset, said(options=["clean-descriptors"]), syntax=syntax)
    assert after.ReferencedSeriesSequence[0].SeriesDescription.strip() == "Грудь"
    assert after.StudyDescription.strip() == "Лёгкие"


@pytest.mark.parametrize(
    ("charset", "name", "text"),
    [
        ("ISO_IR 100", "Müller^Jörg", "Thorax Müller"),
        ("ISO_IR 101", "Dvořák^Jan", "Thorax Dvořák"),
        ("ISO_IR 166", "สมชาย^ใจดี", "Thorax สมชาย"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう", "Thorax 山田"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", "Thorax 홍길동"),
        ("GB18030", "Wang^XiaoDong=王^小东", "Thorax 王小东"),
        ("ISO_IR 192", "Νίκος^Παπαδόπουλος", "Thorax Παπαδόπουλος"),
    ],
)
def test_names_in_every_script_go(charset: Any, name: str, text: str) -> None:
    dataset = instances.ct(SpecificCharacterSet=charset, PatientName=name, SeriesDescription=text)
    dataset.ImageComments = text
    after = clean(dataset, said(options=["clean-descriptors"]))
    assert after.SeriesDescription.strip() == "Thorax"
    assert after.ImageComments.strip() == "Thorax"
    assert after.SpecificCharacterSet == charset


@pytest.mark.parametrize(
    ("charset", "name", "text"),
    [
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis"), "Thorax ﾔﾏﾀﾞ".encode("shift_jis")),
        (
            "\\ISO 2022 IR 58",
            b"Wang^XiaoDong=\x1b$)A" + "王^".encode("gb2312") + b"\x1b$)A" + "小东".encode("gb2312"),
            b"Thorax \x1b$)A" + "王小东".encode("gb2312"),
        ),
    ],
)
def test_names_in_bytes_that_pydicom_does_not_write(charset: str, name: bytes, text: bytes) -> None:
    whole = instances.part10(instances.ct())
    for tag, vr, value in (
        (0x00080005, "CS", charset.encode()),
        (0x00100010, "PN", name),
        (0x0008103E, "LO", text),
    ):
        whole += element(tag, vr, value)
    out, _ = result(whole, said(options=["clean-descriptors"]))
    assert b"Thorax " in out
    assert text[-6:] not in out


def test_the_patients_new_name_is_in_the_data_sets_character_set() -> None:
    by = said(patient_ids={"prefix": "Größe-"}, options=["clean-descriptors"])
    for charset in ("ISO_IR 100", "ISO_IR 192"):
        after = clean(instances.ct(SpecificCharacterSet=charset), by)
        assert str(after.PatientName).startswith("Größe-")
        assert after.PatientID == str(after.PatientName)


def test_text_of_which_nothing_is_left_is_still_a_value() -> None:
    dataset = instances.ct(SeriesDescription="Jane Doe")
    dataset.ContentSequence = [Dataset()]
    dataset.ContentSequence[0].TextValue = "Doe"
    after = clean(dataset, said(options=["clean-descriptors", "clean-structured-content"]))
    assert after.SeriesDescription == "REMOVED"
    assert after.ContentSequence[0].TextValue == "REMOVED"


def test_the_log_says_where_and_never_what() -> None:
    inner = Dataset()
    inner.PatientName, inner.StudyDate = CANARY, "20200101"
    dataset = instances.ct(
        ReferencedSeriesSequence=[Dataset(), inner], SeriesDescription="of Jane Doe, 4 Elm Street"
    )
    _, done = result(instances.part10(dataset))
    assert ("00081115[1].", "00100010", "patient-id") in [tuple(change[:3]) for change in done.changes]
    assert ("", "0008103E", "clean") in [tuple(change[:3]) for change in done.changes]
    said_there = repr(done.changes)
    for value in ("Doe", "Jane", "20200101", "Elm"):
        assert value not in said_there


def test_empty_sequences_and_items_stay_valid() -> None:
    dataset = instances.ct(ReferencedImageSequence=[], ReferencedSeriesSequence=[Dataset(), Dataset()])
    after = clean(dataset)
    assert len(after.ReferencedSeriesSequence) == 2


def test_delimiters_are_not_needed() -> None:
    """Undefined lengths become defined ones."""
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = "1.2.3"
    dataset = instances.ct(ReferencedImageSequence=[inner])
    dataset["ReferencedImageSequence"].is_undefined_length = True
    inner.is_undefined_length_sequence_item = True
    out, _ = result(instances.part10(dataset))
    assert struct.pack("<HH", 0xFFFE, 0xE0DD) not in out
    assert struct.pack("<HH", ITEM >> 16, ITEM & 0xFFFF) in out


@pytest.mark.parametrize("by", [SAFE, KNOWING, CLEANING])
def test_policies_on_private_data_give_readable_instances(by: Policy) -> None:
    assert clean(private("LO", "seen by Doe"), by).Modality == "CT"


def test_every_action_is_done_by_the_walk() -> None:
    source, by = part10.read(instances.part10(instances.ct())), rules()
    walk = Walk(source, by.decisions("1.2"), by.identities, by.cleaner("", Identifiers()), "", -1)
    assert set(walk._does) | {Action.KEEP, Action.REMOVE, Action.WALK} == set(Action)


@pytest.mark.filterwarnings("ignore")
def test_codes_and_numbers_that_name_the_patient() -> None:
    """Real devices write nothing of the sort; people who plant something do."""
    whole = instances.part10(instances.ct(PatientName="Zebrowski^Quentin"))
    for tag, vr, value in (
        (0x00080008, "CS", b"ORIGINAL\\PRIMARY\\ZEBROWSKI"),
        (0x00180015, "CS", b"ZEBROWSKI KNEE"),
        (0x00180050, "DS", b"Zebrowski"),
        (0x00200011, "IS", b"Quentin"),
        (0x00080031, "TM", b"ZEBROWSKI"),
    ):
        whole += element(tag, vr, value)
    out, _ = result(whole)
    assert b"zebrowski" not in out.lower()
    assert b"quentin" not in out.lower()
    assert list(dcmread(BytesIO(out)).ImageType[:2]) == ["ORIGINAL", "PRIMARY"]


def test_device_texts_lose_the_patient_and_keep_their_versions() -> None:
    dataset = instances.ct(PatientID="MRN-4711-ZZ", SoftwareVersions=["V1.2.20200131", "5.1", "617-555-0199"])
    dataset.Manufacturer, dataset.ManufacturerModelName = "ACME MRN-4711-ZZ", "Scanner 20200131"
    after = clean(dataset)
    assert list(after.SoftwareVersions) == ["V1.2.20200131", "5.1", "617-555-0199"]
    assert after.Manufacturer == "ACME"
    assert after.ManufacturerModelName == "Scanner 20200131"


def test_a_vr_that_is_none_is_not_handed_on() -> None:
    """The first element tells readers whether VRs are named at all."""
    whole = instances.part10(instances.ct())
    uid = b"1.2.840.10008.5.1.4.1.1.2\0"
    before = b"\x08\x00\x16\x00UI" + len(uid).to_bytes(2, "little") + uid
    assert before in whole
    first = element(0x00080012, "DA", b"20240101")
    odd = whole.replace(before, first + b"\x08\x00\x16\x00zN\0\0" + len(uid).to_bytes(4, "little") + uid)
    out, _ = result(odd, "basic")
    assert part10.read(out).text(0x00080016) == uid.decode().strip("\0")
    assert b"zN" not in out[:600]
