"""What happens to an attribute, by option, class of object, place and VR."""

import pytest

from app.deid.actions import Action
from app.deid.decisions import UNKNOWN_PRIVATE, Decisions
from app.deid.policy import Policy, preset
from app.dicom import attributes
from app.dicom.dictionary import LONG_VRS, SHORT_VRS
from tests.deid.made import said

CT, ENHANCED_CT, SR = (f"1.2.840.10008.5.1.4.1.1.{last}" for last in ("2", "2.1", "88.33"))
DEVICE, MODIFIED, FULL = (
    "retain-device-identity",
    "retain-longitudinal-modified-dates",
    "retain-longitudinal-full-dates",
)


def decided(by: Policy, name: str, sop_class: str = CT) -> Action:
    """The action for an attribute by its keyword or path."""
    found = attributes.find(name)
    assert found is not None
    return Decisions(by, sop_class).explained(found)[0].action


@pytest.mark.parametrize(
    ("options", "action"),
    [
        ([], Action.REMOVE),
        ([DEVICE], Action.KEEP),
        ([MODIFIED], Action.SHIFT),
        ([DEVICE, MODIFIED], Action.SHIFT),
        ([FULL], Action.KEEP),
        ([DEVICE, FULL], Action.KEEP),
    ],
)
def test_cleaning_wins_over_keeping(options: list[str], action: Action) -> None:
    assert decided(said(options=options), "00181200") is action


def test_an_override_wins_over_all() -> None:
    by = said(
        options=[DEVICE, MODIFIED],
        standard_actions="tcia",
        overrides={"00181200": "empty", "PatientID": "remove"},
    )
    assert decided(by, "00181200") is Action.EMPTY
    assert decided(by, "PatientID") is Action.REMOVE
    assert decided(said(options=[DEVICE], standard_actions="tcia"), "00181200") is Action.REMOVE


def test_an_override_of_a_path_is_of_that_path_alone() -> None:
    path = "ReferencedImageSequence.ReferencedSOPInstanceUID"
    by = said(overrides={path: "keep"})
    assert decided(by, path) is Action.KEEP
    assert decided(by, "ReferencedSOPInstanceUID") is Action.UID
    assert decided(by, "SourceImageSequence.ReferencedSOPInstanceUID") is Action.UID


@pytest.mark.parametrize(
    ("name", "sop_class", "action"),
    [
        ("ContentDate", CT, Action.EMPTY),
        ("ContentDate", ENHANCED_CT, Action.DUMMY),
        ("DeviceSerialNumber", CT, Action.REMOVE),
        ("DeviceSerialNumber", ENHANCED_CT, Action.DUMMY),
        ("AcquisitionDate", CT, Action.REMOVE),
        ("SeriesDate", CT, Action.REMOVE),
        ("SourceImageSequence", CT, Action.REMOVE),
        ("ContentSequence", SR, Action.WALK),
    ],
)
def test_alternatives_are_told_by_the_class(name: str, sop_class: str, action: Action) -> None:
    assert decided(said(), name, sop_class) is action


@pytest.mark.parametrize(
    ("option", "name", "without", "with_it"),
    [
        ("retain-uids", "StudyInstanceUID", Action.UID, Action.KEEP),
        ("retain-uids", "TrackingUID", Action.UID, Action.KEEP),
        (DEVICE, "DeviceSerialNumber", Action.REMOVE, Action.CLEAN),
        ("retain-institution-identity", "InstitutionName", Action.REMOVE, Action.KEEP),
        ("retain-patient-characteristics", "PatientAge", Action.REMOVE, Action.AGE),
        ("retain-patient-characteristics", "PatientSex", Action.EMPTY, Action.KEEP),
        (MODIFIED, "StudyDate", Action.EMPTY, Action.SHIFT),
        (MODIFIED, "StudyTime", Action.EMPTY, Action.KEEP),
        (FULL, "StudyDate", Action.EMPTY, Action.KEEP),
        ("clean-descriptors", "SeriesDescription", Action.REMOVE, Action.CLEAN),
        ("clean-structured-content", "ContentSequence", Action.WALK, Action.WALK),
    ],
)
def test_options(option: str, name: str, without: Action, with_it: Action) -> None:
    assert decided(said(), name) is without
    assert decided(said(options=[option]), name) is with_it


@pytest.mark.parametrize("options", [[], [MODIFIED], [FULL]])
def test_dates_that_tables_name_follow_the_options(options: list[str]) -> None:
    """Where dates are not modified, nothing moves: what moved alone would tell by how much."""
    by = said(options=options, standard_actions="tcia", private={"knowledge": True})
    expected = {(): Action.DUMMY, (MODIFIED,): Action.SHIFT, (FULL,): Action.KEEP}[tuple(options)]
    assert decided(by, "StudyDate") in (expected, Action.EMPTY)
    assert decided(by, "PresentationCreationDate") is expected
    shifted = next(path for path, action in _knowledge().items() if action == "shift" and " > " not in path)
    group, creator, element = shifted.split(":")
    tag = int(group + "10" + element, 16)
    key = (attributes.private_key(f"{tag:08X}", creator),)
    private = Decisions(by, CT).of_private(tag, creator, "LO", key).action
    assert private is {Action.DUMMY: Action.REMOVE}.get(expected, expected)


def _knowledge() -> dict[str, str]:
    from app.deid import standard

    return dict(standard._knowledge())


@pytest.mark.parametrize("vr", sorted(SHORT_VRS | LONG_VRS))
@pytest.mark.parametrize("action", [action for action in Action if action is not Action.EPOCH])
def test_an_override_fits_every_vr(action: Action, vr: str) -> None:
    """What cannot be done to a VR is never half done to it."""
    by = said(overrides={"00109431": action})
    done = Decisions(by, CT).of_standard(0x00109431, vr, ("00109431",), None).action
    if vr == "SQ":
        assert done is (action if action in (Action.REMOVE, Action.EMPTY) else Action.WALK)
    elif action in (Action.KEEP, Action.REMOVE, Action.EMPTY):
        assert done is action
    else:
        assert done in (action, Action.REMOVE, Action.KEEP, Action.UID)
    if vr in ("US", "FD", "OW", "AT") and action in (Action.CLEAN, Action.UID, Action.SHIFT, Action.AGE):
        assert done is Action.REMOVE


@pytest.mark.parametrize(
    ("tag", "vr", "action"),
    [
        (0x00180022, "CS", Action.KEEP),
        (0x00281050, "DS", Action.KEEP),
        (0x00080016, "UI", Action.KEEP),
        (0x00081150, "UI", Action.KEEP),
        (0x0008010C, "UI", Action.KEEP),
        (0x00620021, "UI", Action.UID),
        (0x00080070, "LO", Action.CLEAN),
        (0x00281055, "LO", Action.CLEAN),
        (0x7FE00010, "OW", Action.KEEP),
        (0x00282000, "OB", Action.KEEP),
        (0x00084321, "OB", Action.REMOVE),
        (0x00084321, "UN", Action.REMOVE),
        (0x00084321, "LO", Action.CLEAN),
        (0x00084321, "PN", Action.EMPTY),
        (0x00084321, "UR", Action.REMOVE),
        (0x52009230, "SQ", Action.WALK),
    ],
)
def test_what_no_table_names_goes_by_its_vr(tag: int, vr: str, action: Action) -> None:
    assert Decisions(said(), CT).of_standard(tag, vr, (f"{tag:08X}",), None).action is action


def test_an_overlay_goes_whole() -> None:
    for element in (0x0010, 0x0011, 0x0022, 0x0040, 0x0050, 0x0100, 0x0102, 0x1500, 0x3000, 0x4000):
        tag = 0x60020000 | element
        assert Decisions(said(), CT).of_standard(tag, "US", (f"{tag:08X}",), None).action is Action.REMOVE


def test_an_overlay_that_the_policy_keeps_keeps_its_description() -> None:
    by = said(overrides={"60XX3000": "keep"})
    assert Decisions(by, CT).of_standard(0x60000010, "US", ("60000010",), None).action is Action.KEEP
    assert Decisions(by, CT).of_standard(0x60003000, "OW", ("60003000",), None).action is Action.KEEP
    assert Decisions(by, CT).of_standard(0x60004000, "LT", ("60004000",), None).action is Action.REMOVE


@pytest.mark.parametrize("vr", ["OB", "OW", "UN", "OF"])
def test_binary_private_values_that_nobody_knows_go_always(vr: str) -> None:
    by = said(private={"unknown": "clean"})
    found = Decisions(by, CT).of_private(0x00091001, "ACME", vr, ("00090001[ACME]",))
    assert (found.action, found.rule) == (Action.REMOVE, UNKNOWN_PRIVATE)
    text = Decisions(by, CT).of_private(0x00091001, "ACME", "LO", ("00090001[ACME]",))
    assert text.action is Action.CLEAN


def test_safe_private_needs_its_option() -> None:
    path = ("00E10021[ELSCINT1]",)
    assert Decisions(said(), CT).of_private(0x00E11021, "ELSCINT1", "DS", path).rule == UNKNOWN_PRIVATE
    safe = said(options=["retain-safe-private"])
    assert Decisions(safe, CT).of_private(0x00E1FF21, "ELSCINT1", "DS", path).action is Action.KEEP
    other = Decisions(safe, CT).of_private(0x00E11022, "ELSCINT1", "DS", ("00E10022[ELSCINT1]",))
    assert other.action is Action.REMOVE


def test_invented_attributes_do_not_fill_the_memory() -> None:
    decisions = Decisions(said(), CT)
    for number in range(20_000):
        decisions.of_private(0x00091001, f"ACME {number}", "LO", (f"00090001[ACME {number}]",))
    assert len(decisions._known) <= 1 << 14


def test_explaining_names_every_rule() -> None:
    found = attributes.find("00181200")
    assert found is not None
    rules = [each.rule for each in Decisions(preset("tcia"), CT).explained(found)]
    assert rules[0].startswith("TCIA: remove")
    assert any(MODIFIED in rule for rule in rules)
    assert any(DEVICE in rule for rule in rules)
    assert "PS3.15 basic profile: X" in rules
