"""The certificate: counts and names of attributes, never a value."""

import json
import xml.etree.ElementTree as ElementTree

from app.deid.policy import preset
from app.deid.report import Certificate, summary
from app.deid.standard import EDITION
from tests import instances
from tests.deid.made import result

SECRETS = ("Doe", "Jane", "19700101", "20240229", "Roe", "P1<", "19 Elm")


def certificate() -> Certificate:
    made = Certificate(preset("tcia"))
    for number in range(3):
        dataset = instances.ct(instance=f"1.2.3.4.{number}", SeriesDescription="of Jane Doe, 19 Elm Street")
        dataset.add_new(0x00110010, "LO", "<b>ACME & Co</b>")
        dataset.add_new(0x00111020, "LO", "text")
        made.add(result(instances.part10(dataset))[1])
    return made


def test_it_counts_instances_not_elements() -> None:
    said = certificate().to_json()
    assert said["instances"] == 3
    assert {row["times"] for row in said["changed"]} == {3}
    by_tag = {row["attribute"]: row for row in said["changed"]}
    assert by_tag["00100010"]["name"] == "Patient's Name"
    assert by_tag["00100010"]["action"] == "patient-id"
    assert by_tag["0008103E"]["action"] == "clean"
    assert said["unknown private attributes"] == {"00110020[<b>ACME & Co</b>]": 3}
    assert list(said["for a person"].values()) == [3]
    assert said["editions"]["PS3.15"] == EDITION
    assert said["policy"]["sha256"] == preset("tcia").digest


def test_neither_form_holds_a_value() -> None:
    made = certificate()
    for form in (json.dumps(made.to_json()), made.to_html()):
        for secret in SECRETS:
            assert secret not in form


def test_the_page_is_well_formed_and_escapes() -> None:
    page = certificate().to_html()
    assert "<b>ACME" not in page
    assert "&lt;b&gt;ACME &amp; Co&lt;/b&gt;" in page
    # As XML, but for the document type and the one element that HTML does not close.
    ElementTree.fromstring(page.replace("<!doctype html>", "").replace('<meta charset="utf-8">', ""))


def test_a_summary_is_small_and_in_json() -> None:
    dataset = instances.ct(ReferencedImageSequence=[instances.ct() for _ in range(50)])
    one = summary(result(instances.part10(dataset))[1])
    assert len(one.changed) < 60
    made = Certificate(preset("tcia"))
    made.counted(one)
    assert json.loads(json.dumps(made.to_json()))["instances"] == 1


def test_nothing_done_is_a_certificate_too() -> None:
    assert Certificate(preset("basic")).to_json()["changed"] == []
    assert "0 instances" in Certificate(preset("basic")).to_html()
