import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.json_model import encode
from app.dicom.part10 import read
from app.dicom.xml_model import to_xml
from tests.dicom import oracle

NAMESPACE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def parse(attributes):
    return ElementTree.fromstring(to_xml(attributes))


def attribute(vr, key="00081030", **content):
    [found] = parse({key: {"vr": vr, **content}})
    return found


def plain(node):
    """An element as (name, text or children), without the namespace."""
    return node.tag.removeprefix(NAMESPACE), [plain(child) for child in node] or node.text


def test_an_attribute_is_named_by_tag_vr_and_keyword():
    found = attribute("LO", Value=["A & <B>", None, "C"])
    assert found.tag == NAMESPACE + "DicomAttribute"
    assert found.attrib == {"tag": "00081030", "vr": "LO", "keyword": "StudyDescription"}
    assert [(value.get("number"), value.text) for value in found] == [
        ("1", "A & <B>"),
        ("2", None),
        ("3", "C"),
    ]


def test_an_empty_attribute_is_empty():
    assert list(attribute("LO")) == []


@pytest.mark.parametrize(
    ("vr", "value", "text"),
    [
        ("US", 5, "5"),
        ("DS", 0.5, "0.5"),
        ("FD", "NaN", "NaN"),
        ("UV", "18446744073709551615", "18446744073709551615"),
    ],
)
def test_numbers(vr, value, text):
    assert attribute(vr, Value=[value])[0].text == text


def test_person_names():
    name = {"Alphabetic": "A^B^C^D^E", "Ideographic": "山田^太郎", "Phonetic": "^やまだ"}
    found = attribute("PN", Value=[name, None])
    assert plain(found[0]) == (
        "PersonName",
        [
            (
                "Alphabetic",
                [
                    ("FamilyName", "A"),
                    ("GivenName", "B"),
                    ("MiddleName", "C"),
                    ("NamePrefix", "D"),
                    ("NameSuffix", "E"),
                ],
            ),
            ("Ideographic", [("FamilyName", "山田"), ("GivenName", "太郎")]),
            ("Phonetic", [("GivenName", "やまだ")]),
        ],
    )
    assert found[1].get("number") == "2"


def test_sequences():
    found = attribute("SQ", Value=[{"00081030": {"vr": "LO", "Value": ["A"]}}, {}])
    assert [(item.tag, item.get("number")) for item in found] == [
        (f"{NAMESPACE}Item", "1"),
        (f"{NAMESPACE}Item", "2"),
    ]
    assert found[0][0][0].text == "A"
    assert len(found[1]) == 0


def test_binary():
    assert attribute("OB", InlineBinary="AQI=")[0].text == "AQI="
    bulk = attribute("OW", BulkDataURI="http://x/bulkdata/1?a=1&b='2\"")[0]
    assert (bulk.tag, bulk.get("uri")) == (NAMESPACE + "BulkData", "http://x/bulkdata/1?a=1&b='2\"")


def test_private_attributes_carry_their_creator():
    found = parse(
        {
            "00090010": {"vr": "LO", "Value": ['ACME "1" & Co']},
            "00091001": {"vr": "LO", "Value": ["A"]},
            "00091101": {"vr": "LO", "Value": ["B"]},
            "000B0010": {"vr": "LO"},
            "000B1001": {"vr": "SQ", "Value": [{"00091001": {"vr": "LO"}}]},
        }
    )
    assert [dict(node.attrib) for node in found] == [
        {"tag": "00090010", "vr": "LO"},
        {"tag": "00090001", "vr": "LO", "privateCreator": 'ACME "1" & Co'},
        {"tag": "00091101", "vr": "LO"},
        {"tag": "000B0010", "vr": "LO"},
        {"tag": "000B1001", "vr": "SQ"},
    ]
    assert found[4][0][0].get("privateCreator") is None


def test_whitespace_is_kept():
    assert attribute("UT", Value=["  a\r\n\tb "])[0].text == "  a\r\n\tb "


@given(st.text(), st.text())
def test_any_text_is_well_formed(value, creator):
    found = parse(
        {
            "00090010": {"vr": "LO", "Value": [creator]},
            "00091001": {"vr": "UT", "Value": [value]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": value}]},
        }
    )
    legal = value.translate(dict.fromkeys({*range(32), 0xFFFE, 0xFFFF} - {9, 10, 13}, "\ufffd"))
    assert (found[1][0].text or "") == legal


@pytest.mark.parametrize("path", oracle.whole()[::4], ids=lambda path: path.name)
def test_real_instances(path):
    attributes, _ = encode(read(path.read_bytes()))
    found = parse(attributes)
    assert len(found) == len(attributes)
    assert _count(attributes) == len(list(found.iter(NAMESPACE + "DicomAttribute")))


def _count(attributes):
    items = (item for value in attributes.values() if value["vr"] == "SQ" for item in value.get("Value", []))
    return len(attributes) + sum(map(_count, items))
