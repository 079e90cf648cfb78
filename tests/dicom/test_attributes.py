import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary

from app.dicom.attributes import Attribute, find


@pytest.mark.parametrize("text", ["StudyDate", "00080020"])
def test_finds_an_attribute_by_keyword_and_by_tag(text):
    assert find(text) == Attribute((0x00080020,), "DA", "StudyDate")


@pytest.mark.parametrize("text", ["7fe00010", "7FE00010", "7Fe00010", "PixelData"])
def test_hex_digits_may_have_any_case(text):
    assert find(text).key == "7FE00010"


@pytest.mark.parametrize(
    "text",
    [
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "00400275.00400009",
        "RequestAttributesSequence.00400009",
        "00400275.ScheduledProcedureStepID",
    ],
)
def test_finds_an_attribute_inside_a_sequence(text):
    found = find(text)
    assert found.key == "00400275.00400009"
    assert found.vr == "SH"
    assert found.keyword == "RequestAttributesSequence.ScheduledProcedureStepID"


def test_finds_repeating_groups_by_tag():
    assert find("60023000").key == "60023000"
    assert find("60023000").keyword == "OverlayData"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "studydate",
        "STUDYDATE",
        "StudyDate ",
        "0008002",
        "000800200",
        "0008,0020",
        "(0008,0020)",
        "0x080020",
        "٠٠٠٨٠٠٢٠",
        "00091001",
        "99999998",
        "StudyDate.StudyTime",
        "RequestAttributesSequence.",
        ".StudyDate",
        "TransferSyntaxUID",
        "00000100",
        "FFFEE000",
    ],
)
def test_knows_nothing_else(text):
    assert find(text) is None


def test_every_key_of_the_dictionary_leads_back_to_itself():
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if tag >> 16 in (0, 2, 0xFFFE):
            continue
        attribute = find(f"{tag:08x}")
        assert (attribute.path, attribute.vr, attribute.keyword) == ((tag,), vr, keyword)
        assert find(attribute.key) == attribute
        assert not keyword or find(keyword) == attribute


@given(st.text(max_size=30))
def test_any_text_is_answered(text):
    found = find(text)
    assert found is None or find(found.key).path == found.path
