"""The tables: what they say of attributes that everybody knows."""

import pytest

from app.deid import standard
from app.deid.actions import Action
from app.deid.standard import Option

CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize(
    ("tag", "basic"),
    [
        (0x00100010, "Z"),
        (0x00100020, "Z/D"),
        (0x00080018, "U"),
        (0x00181200, "X"),
        (0x60003000, "X"),
        (0x60FE4000, "X"),
        (0x50040005, "X"),
        (0xFFFCFFFC, "X"),
        (0x0040A730, "D"),
    ],
)
def test_the_profile(tag: int, basic: str) -> None:
    row = standard.row(tag)
    assert row is not None
    assert row.basic == basic


@pytest.mark.parametrize("tag", [0x00280010, 0x60003001, 0x00091001])
def test_what_the_profile_does_not_name(tag: int) -> None:
    assert standard.row(tag) is None


def test_the_day_of_calibration_is_kept_and_cleaned() -> None:
    row = standard.row(0x00181200)
    assert row is not None
    assert row.options == {
        Option.RETAIN_DEVICE_IDENTITY: "K",
        Option.RETAIN_FULL_DATES: "K",
        Option.RETAIN_MODIFIED_DATES: "C",
    }


def test_safe_private_attributes_lie_in_any_block() -> None:
    assert standard.safe_private_vr("ELSCINT1", 0x00E11021) == "DS"
    assert standard.safe_private_vr("ELSCINT1", 0x00E1AB21) == "DS"
    assert standard.safe_private_vr("ELSCINT2", 0x00E11021) is None
    assert standard.safe_private_vr("ELSCINT1", 0x00E11022) is None


def test_every_action_of_the_tables_is_an_action() -> None:
    assert set(standard._tcia().values()) <= set(Action)
    assert set(standard._knowledge().values()) <= set(Action)
    codes = {code.rstrip("*") for row in standard._rows().values() for code in row.basic.split("/")}
    assert codes <= set("DZXKCU")
    assert {code for row in standard._rows().values() for code in row.options.values()} <= set("KC")
    assert len(standard._rows()) == 655


def test_the_knowledge_base_has_paths() -> None:
    paths = standard._knowledge()
    assert any(" > " in path for path in paths)
    assert standard.knowledge("0029:SIEMENS CSA HEADER:10") == "remove"
    assert standard.knowledge("0029:NOBODY:10") is None


def test_an_attribute_is_needed_by_some_classes() -> None:
    assert standard.attribute_type(CT, None, 0x00080050) == "2"
    assert standard.attribute_type(CT, None, 0x00081030) == "3"
    assert standard.attribute_type(CT, None, 0x00181000) == "3"
    assert standard.attribute_type("1.2.3", None, 0x00181000) == "1"
    assert standard.attribute_type(CT, 0x00185011, 0x00181000) == "2"
