from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.json_model import encode
from app.dicom.part10 import read
from app.dicom.xml_model import NAMESPACE, to_xml
from app.dicom.xml_reader import from_xml
from app.errors import InvalidInstance, InvalidRequest
from tests.dicom import oracle

Json = dict[str, Any]


def model(body: str, namespace: str = NAMESPACE) -> bytes:
    return f'<?xml version="1.0"?><NativeDicomModel xmlns="{namespace}">{body}</NativeDicomModel>'.encode()


def attribute(body: str, tag: str = "00081030", vr: str = "LO", more: str = "") -> str:
    return f'<DicomAttribute tag="{tag}" vr="{vr}" {more}>{body}</DicomAttribute>'


@pytest.mark.parametrize("path", oracle.whole()[::2], ids=lambda path: path.name)
def test_what_we_write_reads_back(path: Any) -> None:
    attributes, _ = encode(read(path.read_bytes()))
    document = to_xml(attributes)
    again = from_xml(document)
    assert sorted(again) == sorted(attributes)
    assert to_xml(dict(sorted(again.items()))) == document


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_text_reads_back(text: str) -> None:
    document = to_xml({"00102000": {"vr": "LT", "Value": [text]}})
    assert to_xml(from_xml(document)) == document


def test_forms_and_layout() -> None:
    body = """
      <DicomAttribute tag="00081030" vr="LO" keyword="StudyDescription">
        <Value number="3">C</Value> <Value number="1"> A &amp; &#x42;</Value>
      </DicomAttribute>
      <DicomAttribute tag="00280010"><Value number="1">5</Value></DicomAttribute>
      <DicomAttribute tag="7fe00010" vr="OW"><BulkData uri="http://x/y?a=1&amp;b=2"/></DicomAttribute>
      <DicomAttribute tag="00420011" vr="OB"><InlineBinary> AQ
        I= </InlineBinary></DicomAttribute>
      <DicomAttribute tag="00400275" vr="SQ"><Item number="2">
        <DicomAttribute tag="00401001" vr="SH"/></Item></DicomAttribute>"""
    assert from_xml(model(body)) == {
        "00081030": {"vr": "LO", "Value": [" A & B", None, "C"]},
        "00280010": {"vr": "US", "Value": ["5"]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "http://x/y?a=1&b=2"},
        "00420011": {"vr": "OB", "InlineBinary": "AQI="},
        "00400275": {"vr": "SQ", "Value": [{}, {"00401001": {"vr": "SH"}}]},
    }


def test_person_names() -> None:
    name = (
        '<PersonName number="1"><Ideographic><FamilyName>山田</FamilyName></Ideographic>'
        "<Alphabetic><GivenName>T</GivenName><FamilyName>Y</FamilyName><NameSuffix>MD</NameSuffix></Alphabetic>"
        '</PersonName><PersonName number="2"/>'
    )
    found = from_xml(model(attribute(name, "00100010", "PN")))
    assert found["00100010"]["Value"] == [{"Ideographic": "山田", "Alphabetic": "Y^T^^^MD"}, None]


def test_without_a_namespace_as_dcmtk_writes_it() -> None:
    assert from_xml(model(attribute("<Value>A</Value>"), "")) == {"00081030": {"vr": "LO", "Value": ["A"]}}


def test_private_attributes_go_where_their_creators_blocks_are() -> None:
    mark = 'privateCreator="ACME"'
    body = (
        attribute("<Value>ACME</Value>", "00090011")
        + attribute("<Value>ACME</Value>", "00090012")
        + attribute("<Value>A</Value>", "00090001", more=mark)
        + attribute("<Value>B</Value>", "00091101", more=mark)
        + attribute("<Value>C</Value>", "000B0001", more=mark)
    )
    found = from_xml(model(body))
    assert {tag: each["Value"] for tag, each in found.items()} == {
        "00090011": ["ACME"],
        "00090012": ["ACME"],
        "00091101": ["A"],
        "00091201": ["B"],
        "000B0010": ["ACME"],
        "000B1001": ["C"],
    }


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not xml",
        model("")[:-5],
        model(attribute("<Value>&nbsp;</Value>")),
        model('<DicomAttribute tag="00081030" tag="00081030" vr="LO"/>'),
        model(attribute("<Value>\x01</Value>")),
        b'<?xml version="1.0" encoding="no-such"?><NativeDicomModel/>',
        b'<?xml version="1.0" encoding="rot13"?><NativeDicomModel/>',
        b"<!DOCTYPE x [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;'>]><NativeDicomModel>&b;</NativeDicomModel>",
        b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><NativeDicomModel/>",
    ],
)
def test_what_is_no_xml_or_has_a_document_type(document: bytes) -> None:
    with pytest.raises(InvalidRequest):
        from_xml(document)


@pytest.mark.parametrize(
    "document",
    [
        model("", "http://dicom.nema.org/PS3.19/models/Other"),
        b"<html/>",
        model("text"),
        model("<Value>A</Value>"),
        model("<DicomAttribute vr='LO'/>"),
        model(attribute("", "0008103")),
        model(attribute("") * 2),
        model(attribute("", "00090001", more="privateCreator='A'") * 2),
        model(attribute("", "00080001", more="privateCreator='A'")),
        model(attribute("<Value number='0'>A</Value>")),
        model(attribute("<Value number='many'>A</Value>")),
        model(attribute("<Value number='1'>A</Value><Value number='1'>B</Value>")),
        model(attribute("<Value number='999999999'>A</Value>")),
        model(attribute("<PersonName/>")),
        model(attribute("<Item/>")),
        model(attribute("<Value>A</Value>", vr="SQ")),
        model(attribute("<BulkData/>", vr="OB")),
        model(attribute("<InlineBinary>AA==</InlineBinary>" * 2, vr="OB")),
        model(attribute("<Value>A<Value>B</Value></Value>")),
        model(attribute("<PersonName><Alphabetic/><Alphabetic/></PersonName>", vr="PN")),
        model("<DicomAttribute tag='00400275' vr='SQ'><Item>" * 100_000),
    ],
)
def test_what_is_not_the_model(document: bytes) -> None:
    with pytest.raises(InvalidInstance):
        from_xml(document)


def test_a_group_with_too_many_creators() -> None:
    body = "".join(attribute("", "00090001", more=f"privateCreator='{number}'") for number in range(241))
    with pytest.raises(InvalidInstance, match="no block left"):
        from_xml(model(body))


@given(st.binary(max_size=200))
def test_bytes_give_a_data_set_or_a_fact(noise: bytes) -> None:
    for document in (noise, model(attribute("<Value>A</Value>"))[: 60 + len(noise)] + noise):
        with suppress(InvalidRequest, InvalidInstance):
            assert isinstance(from_xml(document), dict)
