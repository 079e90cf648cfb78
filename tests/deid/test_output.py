"""What an instance says of its de-identification: what was done, and nothing else."""

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from app.deid import output
from app.deid.encoding import Encoding
from app.deid.output import PixelsSeen
from app.deid.policy import preset
from app.deid.standard import Option
from tests import instances
from tests.deid.made import clean, said

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def codes(dataset: Dataset) -> set[str]:
    return {item.CodeValue for item in dataset.DeidentificationMethodCodeSequence}


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_preset_tcia(syntax: str) -> None:
    after = clean(instances.ct(), syntax=syntax)
    assert after.PatientIdentityRemoved == "YES"
    assert after.LongitudinalTemporalInformationModified == "MODIFIED"
    assert codes(after) == {"113100", "113105", "113107", "113108", "113109", "113111"}
    assert {item.CodingSchemeDesignator for item in after.DeidentificationMethodCodeSequence} == {"DCM"}
    method = after.DeidentificationMethod
    assert all(len(value) <= 64 for value in method)
    assert preset("tcia").digest[:12] in method[1]
    assert "BurnedInAnnotation" not in after


def test_pixels_are_clean_only_where_somebody_looked() -> None:
    encoding = Encoding(True, True)
    tcia = preset("tcia")
    seen = output.flags(tcia, encoding, PixelsSeen(clean=True), has_pixels=True)
    assert b"113101" in b"".join(seen[0x00120064])
    assert seen[0x00280301] == [b"\x28\x00\x01\x03CS\x02\x00NO"]
    unseen = output.flags(tcia, encoding, output.UNSEEN, has_pixels=True)
    assert b"113101" not in b"".join(unseen[0x00120064])
    assert 0x00280301 not in unseen
    blank = output.flags(tcia, encoding, PixelsSeen(clean=False, doubtful=True), has_pixels=True)
    assert 0x00280301 not in blank


def test_what_the_source_claims_of_its_pixels_stays_when_nobody_looked() -> None:
    assert clean(instances.ct(BurnedInAnnotation="YES")).BurnedInAnnotation == "YES"


def test_no_option_is_claimed_that_is_not_done() -> None:
    by = said().model_copy(update={"options": frozenset({Option.CLEAN_VISUAL_FEATURES})})
    found = output.flags(by, Encoding(True, True), PixelsSeen(clean=True), has_pixels=True)
    assert b"113102" not in b"".join(found[0x00120064])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "REMOVED"),
        (["retain-longitudinal-full-dates"], "UNMODIFIED"),
        (["retain-longitudinal-modified-dates"], "MODIFIED"),
    ],
)
def test_what_became_of_the_dates(options: list[str], says: str) -> None:
    assert clean(instances.ct(), said(options=options)).LongitudinalTemporalInformationModified == says


@pytest.mark.parametrize("option", [o for o in Option if o is not Option.CLEAN_VISUAL_FEATURES])
def test_each_option_has_its_code(option: Option) -> None:
    after = clean(instances.ct(), said(options=[option]))
    expected = {"113100"} | ({output._CODES[option][0]} if option is not Option.CLEAN_PIXEL_DATA else set())
    assert codes(after) == expected


def test_claims_of_an_earlier_time_are_said_anew() -> None:
    dataset = instances.ct(DeidentificationMethod="by hand at Jane's", PatientIdentityRemoved="NO")
    after = clean(dataset)
    assert after.PatientIdentityRemoved == "YES"
    assert "Jane" not in str(after)
