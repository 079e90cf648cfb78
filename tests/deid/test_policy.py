"""Policies: what people write, validated, with a digest of what it says."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.deid import policy
from app.deid.actions import Action
from app.deid.standard import Option
from app.errors import InvalidPolicy
from tests.deid.made import said


@pytest.mark.parametrize("name", policy.PRESETS)
def test_the_presets_are_valid_and_clean_pixels(name: str) -> None:
    preset = policy.preset(name)
    assert preset.name == name
    assert preset.has(Option.CLEAN_PIXEL_DATA)


def test_there_is_no_other_preset() -> None:
    with pytest.raises(InvalidPolicy, match="basic, tcia"):
        policy.preset("../tcia")


def test_attributes_are_named_in_any_form() -> None:
    written = """
name: lung
overrides:
  PatientSex: keep
  "0008103e": clean
  RequestAttributesSequence.ScheduledProcedureStepID: empty
  "00090002[ACME 1.0]": keep
  60xx3000: keep
"""
    assert policy.parse(written).overrides == {
        "00100040": Action.KEEP,
        "0008103E": Action.CLEAN,
        "00400275.00400009": Action.EMPTY,
        "00090002[ACME 1.0]": Action.KEEP,
        "60XX3000": Action.KEEP,
    }


def test_extending_joins_mappings_and_says_all_else_anew() -> None:
    base = policy.preset("tcia")
    extended = policy.parse(
        "name: mine\nextends: tcia\nprivate: {unknown: clean}\noverrides: {PatientSex: remove}\n"
    )
    assert extended.options == base.options
    assert extended.private.knowledge
    assert extended.private.unknown == "clean"
    assert extended.standard_actions == "tcia"
    assert (extended.name, extended.version) == ("mine", 1)


def test_a_name_is_not_inherited() -> None:
    with pytest.raises(InvalidPolicy, match="name"):
        policy.parse("extends: tcia")


@pytest.mark.parametrize(
    "written",
    [
        "",
        "- a\n- b",
        "just words",
        "name: [",
        "{" * 2000,
        "[" * 100_000,
        "name: x\nunknown: 1",
        "name: x\noptions: [retain-everything]",
        "name: x\noptions: [clean-recognizable-visual-features]",
        "name: x\noptions: [retain-longitudinal-full-dates, retain-longitudinal-modified-dates]",
        "name: x\noverrides: {NoSuchKeyword: keep}",
        "name: x\noverrides: {PatientName.PatientID: keep}",
        "name: x\noverrides: {PatientName: burn}",
        "name: x\noverrides: {'00090010': keep}",
        "name: x\ndates: {earliest: 0, latest: 0}",
        "name: x\ndates: {earliest: 5, latest: 4}",
        "name: x\ndates: {earliest: -100000}",
        "name: x\npatient_ids: {prefix: 'a^b'}",
        "name: x\npatient_ids: {scheme: random}",
        "name: x\nversion: 0",
        "name: x\nextends: [tcia]",
        "name: x\nextends: nothing",
        "name: x\nprivate: 5\nextends: tcia",
        "name: x\nprivate: {unknown: keep}",
        "name: 'a\\b'",
        "name: x\n!!python/object/apply:os.system [true]",
        "name: &a [*a]",
        "x" * (1 << 21),
    ],
)
def test_what_is_no_policy(written: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        policy.parse(written)
    assert refused.value.detail.endswith(".")


@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_a_fact(written: str) -> None:
    with contextlib.suppress(InvalidPolicy):
        policy.parse(written)


def test_the_digest_is_of_what_it_says() -> None:
    one = policy.parse("name: a\noptions: [retain-uids, clean-descriptors]\ndescription: x")
    other = policy.parse("options: [clean-descriptors, retain-uids, retain-uids]\nname: a\n")
    assert one.digest == other.digest
    changed = [
        said(name="a"),
        said(name="b"),
        said(name="a", version=2),
        said(name="a", dates={"latest": -2}),
        said(name="a", overrides={"PatientSex": "keep"}),
        said(name="a", private={"unknown": "clean"}),
        said(name="a", again=True),
    ]
    assert len({each.digest for each in [one, *changed]}) == len(changed) + 1


def test_the_digest_of_overrides_knows_no_order() -> None:
    one = policy.parse("name: a\noverrides: {PatientSex: keep, PatientAge: empty}")
    other = policy.parse("name: a\noverrides: {PatientAge: empty, '00100040': keep}")
    assert one.digest == other.digest
