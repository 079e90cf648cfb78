import base64
import json
import struct

import orjson
import pytest

from app.dicom.json_model import LONGEST_INLINE, LONGEST_VALUE, encode
from app.dicom.part10 import read
from tests.dicom import oracle
from tests.dicom.part10_bytes import (
    BIG,
    IMPLICIT,
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    part10,
)

PIXEL_DATA = ("7FE00008", "7FE00009", "7FE00010")
MAY_BE_BULK = ("DS", "FD", "FL", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV")


def attribute(vr: str, value: bytes, tag: int = 0x00091001, charset: bytes = b"") -> dict[str, object]:
    head = element(0x00080005, "CS", charset) if charset else b""
    attributes, _ = encode(read(part10(head + element(tag, vr, value))))
    json.loads(orjson.dumps(attributes), parse_constant=pytest.fail)
    return attributes[f"{tag:08X}"]


@pytest.mark.parametrize("path", oracle.whole(), ids=lambda path: path.name)
def test_equals_pydicoms_json_for_real_instances(path):
    found = read(path.read_bytes())
    attributes, bulkdata = encode(found)
    assert orjson.loads(orjson.dumps(attributes)) == attributes
    assert oracle.differences(attributes, oracle.read(path), found.little_endian) == []
    for address, (offset, length) in bulkdata.items():
        bulk = attributes
        *parents, key = address.split("/")
        for sequence, number in zip(parents[::2], parents[1::2], strict=True):
            bulk = bulk[sequence]["Value"][int(number) - 1]
        assert bulk[key] == {"vr": bulk[key]["vr"], "BulkDataURI": f"@/bulkdata/{address}"}
        assert offset + length <= len(found.data)
        limit = LONGEST_VALUE if bulk[key]["vr"] in MAY_BE_BULK else LONGEST_INLINE
        assert length > limit or key in PIXEL_DATA


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        ("LO", b"A B ", ["A B"]),
        ("LO", b" A \\\\ B\0", ["A", None, "B"]),
        ("CS", b"ORIGINAL \\PRIMARY", ["ORIGINAL", "PRIMARY"]),
        ("CS", b"\\", [None, None]),
        ("UI", b"1.2.3\0", ["1.2.3"]),
        ("UI", b"1.2\0\\1.3\0", ["1.2", "1.3"]),
        ("AE", b"  AE  ", ["AE"]),
        ("UC", b"  A \\ B ", ["  A", " B"]),
        ("LT", b"  a\\b\r\n ", ["  a\\b\r\n"]),
        ("ST", b" a\\b ", [" a\\b"]),
        ("UT", b" a\\b\0", [" a\\b"]),
        ("UR", b"http://x/a\\b ", ["http://x/a\\b"]),
        ("IS", b"1\\-2\\+3\\ 04 ", [1, -2, 3, 4]),
        ("IS", b"\\1", [None, 1]),
        ("IS", b"1.0 ", [1]),
        ("IS", b"1.5 ", ["1.5"]),
        ("IS", b"9007199254740993", ["9007199254740993"]),
        ("IS", b"12345678901234567890", ["12345678901234567890"]),
        ("IS", b"one ", ["one"]),
        ("IS", b"1_0 ", ["1_0"]),
        ("DS", b"1.5\\-0.25\\ 1e-3 ", [1.5, -0.25, 0.001]),
        ("DS", b"\\.5", [None, 0.5]),
        ("DS", b"0.1234567890123456789", ["0.1234567890123456789"]),
        ("DS", b"1234567890.12345", [1234567890.12345]),
        ("DS", b"123456789012345678", ["123456789012345678"]),
        ("DS", b"1e400 ", ["1e400"]),
        ("DS", b"1e-400", ["1e-400"]),
        ("DS", b"1e99999999999999999999", ["1e99999999999999999999"]),
        ("DS", b"1,5 ", ["1,5"]),
        ("DS", b"nan\\inf\\1_0\\0x1", ["nan", "inf", "1_0", "0x1"]),
        ("DS", b"0E0 ", [0]),
        ("AT", b"\x08\0\x18\0\xe0\x7f\x10\0", ["00080018", "7FE00010"]),
        ("US", b"\1\0\xff\xff", [1, 65535]),
        ("SS", b"\xff\xff", [-1]),
        ("UL", b"\xff\xff\xff\xff", [4294967295]),
        ("SL", b"\xff\xff\xff\xff", [-1]),
        ("SV", struct.pack("<3q", 2**53, -(2**53), -(2**53) - 1), [2**53, -(2**53), "-9007199254740993"]),
        ("UV", struct.pack("<2Q", 5, 2**64 - 1), [5, "18446744073709551615"]),
        ("FL", struct.pack("<3f", 0.5, float("nan"), float("inf")), [0.5, "NaN", "Infinity"]),
        ("FD", struct.pack("<3d", 1e300, float("-inf"), 0.1), [1e300, "-Infinity", 0.1]),
        ("PN", b"A^B^^ ", [{"Alphabetic": "A^B^^"}]),
        ("PN", b"A^B==C", [{"Alphabetic": "A^B", "Phonetic": "C"}]),
        ("PN", b"=B=\\\\C", [{"Ideographic": "B"}, None, {"Alphabetic": "C"}]),
        ("PN", b"A=B=C=D", [{"Alphabetic": "A", "Ideographic": "B", "Phonetic": "C"}]),
    ],
)
def test_values(vr, value, expected):
    assert attribute(vr, value) == {"vr": vr, "Value": expected}


VRS = ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]


@pytest.mark.parametrize("vr", VRS)
@pytest.mark.parametrize("value", [b"", b"  ", b"\0"])
def test_text_that_is_padding_has_no_value(vr, value):
    assert attribute(vr, value) == {"vr": vr}


@pytest.mark.parametrize("vr", ["US", "FD", "AT", "OB", "OW", "UN", "SQ"])
def test_empty_elements_have_no_value(vr):
    assert attribute(vr, b"") == {"vr": vr}


@pytest.mark.parametrize("vr", ["US", "FL", "FD", "UL", "AT", "UV"])
def test_a_length_that_no_value_has_is_given_as_un(vr):
    warnings = []
    attributes, _ = encode(read(part10(element(0x00091001, vr, b"\1\2\3"))), warnings.append)
    assert attributes == {"00091001": {"vr": "UN", "InlineBinary": "AQID"}}
    assert warnings == [f"(0009,1001) has a length that its VR {vr} cannot have; it is given as UN."]


@pytest.mark.parametrize("vr", ["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
def test_binary_is_inline_when_short_and_bulk_when_long(vr):
    short, long = bytes(range(256)) * 4, bytes(LONGEST_INLINE + 2)
    assert attribute(vr, short) == {"vr": vr, "InlineBinary": base64.b64encode(short).decode()}
    found = read(part10(element(0x00091001, vr, long)))
    attributes, bulkdata = encode(found)
    assert attributes == {"00091001": {"vr": vr, "BulkDataURI": "@/bulkdata/00091001"}}
    assert bulkdata == {"00091001": (len(found.data) - len(long), len(long))}


@pytest.mark.parametrize(
    ("vr", "expected"),
    [
        ("OW", b"\2\1\4\3\6\5\x08\x07\x09"),
        ("OL", b"\4\3\2\1\x08\x07\6\5\x09"),
        ("OF", b"\4\3\2\1\x08\x07\6\5\x09"),
        ("OV", b"\x08\x07\6\5\4\3\2\1\x09"),
        ("OD", b"\x08\x07\6\5\4\3\2\1\x09"),
        ("OB", bytes(range(1, 10))),
        ("UN", bytes(range(1, 10))),
    ],
)
def test_inline_binary_is_little_endian(vr, expected):
    data = part10(element(0x00091001, vr, bytes(range(1, 10)), order=">"), BIG)
    attributes, _ = encode(read(data))
    assert base64.b64decode(attributes["00091001"]["InlineBinary"]) == expected


@pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009, 0x7FE00010])
def test_pixel_data_are_bulk_data_however_short(tag):
    value = attribute("OW", b"\1\2", tag)
    assert value == {"vr": "OW", "BulkDataURI": f"@/bulkdata/{tag:08X}"}
    assert attribute("OW", b"", tag) == {"vr": "OW"}


def test_encapsulated_data_are_bulk_data_as_a_whole():
    value = item() + item(b"abcd")
    found = read(part10(element(0x7FE00010, "OB", value + SEQUENCE_END, UNDEFINED)))
    attributes, bulkdata = encode(found)
    assert attributes["7FE00010"]["BulkDataURI"] == "@/bulkdata/7FE00010"
    offset, length = bulkdata["7FE00010"]
    assert found.data[offset : offset + length] == value


def test_bulk_data_in_sequences_have_the_path_of_their_items():
    waveform = element(0x54001010, "OW", bytes(2000))
    deeper = element(0x00081115, "SQ", item(waveform))
    found = read(part10(element(0x54000100, "SQ", item() + item(waveform) + item(deeper))))
    attributes, bulkdata = encode(found)
    assert list(bulkdata) == ["54000100/2/54001010", "54000100/3/00081115/1/54001010"]
    items = attributes["54000100"]["Value"]
    assert items[0] == {}
    assert items[1]["54001010"]["BulkDataURI"] == "@/bulkdata/54000100/2/54001010"


@pytest.mark.parametrize("vr", ["UT", "UC", "UV", "SV"])
def test_very_long_values_are_bulk_data(vr):
    assert "Value" in attribute(vr, b"1" * LONGEST_VALUE)
    assert attribute(vr, b"1" * (LONGEST_VALUE + 8)) == {"vr": vr, "BulkDataURI": "@/bulkdata/00091001"}


def test_long_values_for_which_the_standard_has_no_bulk_data_stay():
    data = part10(implicit(0x00080060, b"A\\" * LONGEST_VALUE), IMPLICIT)
    attributes, bulkdata = encode(read(data))
    assert len(attributes["00080060"]["Value"]) == LONGEST_VALUE + 1
    assert bulkdata == {}


def test_keys_ascend_without_group_lengths():
    data = (
        element(0x00080000, "UL", b"\4\0\0\0")
        + element(0x00081030, "LO", b"b")
        + element(0x00080060, "CS", b"a")
    )
    attributes, _ = encode(read(part10(data + element(0x00090000, "UL", b"\0\0\0\0"))))
    assert list(attributes) == ["00080060", "00081030"]


def test_text_is_utf8_and_says_so():
    assert attribute("LO", b"J\xe9r\xf4me", charset=b"ISO_IR 100")["Value"] == ["Jérôme"]
    data = part10(element(0x00080005, "CS", b"ISO_IR 100") + element(0x00080060, "CS", b"CT"))
    assert encode(read(data))[0]["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert "00080005" not in encode(read(part10(element(0x00080060, "CS", b"CT"))))[0]


def test_undeclared_text_says_utf8_too():
    warnings = []
    data = part10(element(0x00080001, "UL", b"\0" * 4) + element(0x00100010, "PN", b"J\xe9r\xf4me"))
    attributes, _ = encode(read(data), warnings.append)
    assert list(attributes) == ["00080001", "00080005", "00100010"]
    assert attributes["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert warnings == ["(0010,0010) has bytes outside of its character set."]


def test_items_inherit_their_character_set_or_have_their_own():
    name = element(0x00100010, "PN", b"\xc4")
    own = element(0x00080005, "CS", b"ISO_IR 144")
    sequence = element(0x00081115, "SQ", item(name) + item(own + name))
    attributes, _ = encode(read(part10(element(0x00080005, "CS", b"ISO_IR 100") + sequence + name)))
    inherited, other = attributes["00081115"]["Value"]
    assert inherited["00100010"]["Value"] == [{"Alphabetic": "Ä"}]
    assert other["00100010"]["Value"] == [{"Alphabetic": "Ф"}]
    assert other["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert attributes["00100010"]["Value"] == [{"Alphabetic": "Ä"}]


def test_a_backslash_inside_a_double_byte_character_divides_nothing():
    assert attribute("LO", "表\\構".encode("gb18030"), charset=b"GB18030 ")["Value"] == ["表", "構"]
    assert attribute("LO", "俓".encode("gb18030"), charset=b"GB18030 ")["Value"] == ["俓"]


def test_an_unknown_character_set_is_told():
    warnings = []
    data = part10(element(0x00080005, "CS", b"KLINGON ") + element(0x00100010, "PN", b"A"))
    encode(read(data), warnings.append)
    assert warnings == ["(0008,0005) names a character set that does not exist."]


def test_the_entries_of_a_lut_are_unsigned():
    descriptor = implicit(0x00280103, b"\1\0") + implicit(0x00283002, struct.pack("<Hhh", 65535, -1024, 16))
    attributes, _ = encode(read(part10(descriptor, IMPLICIT)))
    assert attributes["00283002"] == {"vr": "SS", "Value": [65535, -1024, 16]}
