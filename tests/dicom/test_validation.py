import pytest

from app.dicom.description import Description
from app.dicom.resource import Resource
from app.dicom.validation import (
    CANNOT_UNDERSTAND,
    DOES_NOT_MATCH,
    FAILURE_REASONS,
    WARNING_REASONS,
    check,
    is_uid,
    odd_uids,
)


def description(**uids: str | None) -> Description:
    resource = Resource(
        uids.get("study", "1.2.3"), uids.get("series", "1.2.4"), uids.get("instance", "1.2.5")
    )
    sop_class = uids.get("sop_class", "1.2.840.10008.5.1.4.1.1.7")
    return Description(resource, sop_class or "", "1.2.840.10008.1.2.1", {}, {}, None)


def test_an_instance_with_its_uids_is_kept():
    assert check(description()) is None
    assert check(description(), "1.2.3") is None


@pytest.mark.parametrize(
    ("part", "tag"),
    [("study", 0x0020000D), ("series", 0x0020000E), ("instance", 0x00080018), ("sop_class", 0x00080016)],
)
@pytest.mark.parametrize(
    "uid", [None, "", "abc", "1..2", ".1", "1.", "1.2\\1.3", "1." + "2" * 63, "1.2 ", "١.٢"]
)
def test_a_missing_or_invalid_uid_is_refused(part, tag, uid):
    refusal = check(description(**{part: uid}))
    assert (refusal.failure_reason, refusal.tag) == (DOES_NOT_MATCH, tag)
    assert ("missing" in refusal.comment) == (not uid)
    assert not uid or uid not in refusal.comment


def test_another_study_is_refused():
    refusal = check(description(), "1.2.4")
    assert (refusal.failure_reason, refusal.tag) == (DOES_NOT_MATCH, 0x0020000D)


def test_leading_zeros_pass_with_a_warning():
    odd = description(study="1.02.3", instance="00.1")
    assert check(odd) is None
    assert odd_uids(odd) == [
        "SOP Instance UID has a component with a leading zero.",
        "Study Instance UID has a component with a leading zero.",
    ]
    assert odd_uids(description(study="1.0.3", instance="0")) == []


@pytest.mark.parametrize(
    ("text", "valid"), [("1", True), ("1.2." + "3" * 60, True), ("1.2." + "3" * 61, False)]
)
def test_is_uid(text, valid):
    assert is_uid(text) == valid


def test_reasons_are_those_of_the_standard_that_are_given_here():
    assert set(FAILURE_REASONS) == {0x0111, 0x0124, 0xA900, 0xC000}
    assert set(WARNING_REASONS) == {0xB000, 0xB007}
    assert CANNOT_UNDERSTAND in FAILURE_REASONS
    assert all(text.endswith(".") for text in (*FAILURE_REASONS.values(), *WARNING_REASONS.values()))
