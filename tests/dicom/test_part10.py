import mmap
import os
import random
import time
import warnings
import zlib
from functools import cache

import orjson
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dicom import json_model, scanner
from app.dicom import part10 as part10_module
from app.dicom.part10 import Element, missing_preamble, read
from app.dicom.scanner import MAX_DEPTH
from app.errors import InvalidInstance
from tests.corpus import files
from tests.dicom import oracle
from tests.dicom.part10_bytes import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    element,
    implicit,
    item,
    meta,
    part10,
)

NAME = element(0x00100010, "PN", b"A^B ")
CT = next(path for path in files() if path.name == "CT_small.dcm")


@cache
def ct() -> bytes:
    return CT.read_bytes()


def vrs(elements: list[Element]) -> dict[int, object]:
    return {
        found.tag: (found.vr, [vrs(item) for item in found.items]) if found.items is not None else found.vr
        for found in elements
    }


def pydicom_vrs(dataset: pydicom.Dataset) -> dict[int, object]:
    return {
        int(found.tag): ("SQ", [pydicom_vrs(item) for item in found.value]) if found.VR == "SQ" else found.VR
        for found in dataset
    }


@pytest.mark.parametrize("name", sorted(oracle.TRUNCATED))
def test_refuses_real_instances_that_end_too_early(name):
    [path] = [path for path in files() if path.name == name]
    with pytest.raises(InvalidInstance, match="Truncated"):
        read(path.read_bytes())


@pytest.mark.parametrize("path", oracle.whole(), ids=lambda path: path.name)
def test_finds_what_pydicom_finds_in_real_instances(path):
    found = read(path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        assert vrs(found.dataset) == pydicom_vrs(dataset)
    assert found.deflated == (found.transfer_syntax_uid == DEFLATED)
    assert found.transfer_syntax_uid == dataset.file_meta.get("TransferSyntaxUID", found.transfer_syntax_uid)
    for one in found.dataset:
        if (
            one.items is None
            and dataset[one.tag].VR in ("OB", "OW")
            and not dataset[one.tag].is_undefined_length
        ):
            assert found.value(one) == dataset[one.tag].value


def test_reads_texts_and_numbers():
    found = read(ct())
    assert found.text(0x00020010) == EXPLICIT
    assert found.text(0x00080060) == "CT"
    assert found.number(0x00280010) == 128
    assert found.number(0x00200013) == 1
    assert found.number(0x00100010) is None
    assert found.text(0x00081030 + 1) == ""
    assert found.number(0x00281111) is None
    assert found.get(0x00280010).length == 2


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        ("US", b"\xff\xfe", 0xFEFF),
        ("SS", b"\xff\xff", -1),
        ("UL", b"\1\0\0\0", 1),
        ("UL", b"\1\0", None),
        ("US", b"", None),
        ("SV", b"\xff" * 8, -1),
        ("IS", b"12\\3 ", 12),
        ("IS", b" +7 ", 7),
        ("IS", b"1.5 ", None),
        ("IS", b"9" * 5000, None),
        ("IS", "٣".encode(), None),
    ],
)
def test_number(vr, value, expected):
    assert read(part10(element(0x00091001, vr, value))).number(0x00091001) == expected


def test_big_endian():
    found = read(part10(element(0x00280010, "US", b"\1\2", order=">"), BIG))
    assert not found.little_endian
    assert found.number(0x00280010) == 0x0102


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"DICM",
        b"\0" * 4096,
        b"\0" * 128 + b"DIC",
        NAME,
        element(0x00020010, "PN") + NAME,
        element(0x00020001, "OB", b"\0\1") + NAME,
        b"%PDF-1.7\n" * 100,
        implicit(0x00020010, EXPLICIT.encode()) + NAME,
    ],
)
def test_refuses_what_is_no_part_10(data):
    with pytest.raises(InvalidInstance):
        read(data)


@pytest.mark.parametrize("start", [meta(), b"DICM" + meta()])
def test_accepts_meta_information_without_a_preamble(start):
    found = read(start + NAME)
    assert found.text(0x00100010) == "A^B"
    assert found.warnings == ("The preamble is missing.",)


@pytest.mark.parametrize("start", [b"", b"DICM", b"\0" * 128 + b"DICM"])
def test_completes_a_missing_preamble(start):
    data = start + meta() + NAME
    assert missing_preamble(data) + data == part10(NAME)


@pytest.mark.parametrize(
    "data", [b"", b"\2\0", NAME, b"\2\0" * 100, element(0x00020001, "OB", b"\0\1") + NAME]
)
def test_adds_no_preamble_to_what_is_no_instance(data):
    assert missing_preamble(data) == b""


def test_reads_meta_information_in_implicit_vr():
    data = (
        b"\0" * 128
        + b"DICM"
        + implicit(0x00020000, b"\x1c\0\0\0")
        + implicit(0x00020010, IMPLICIT.encode() + b"\0")
    )
    found = read(data + implicit(0x00100010, b"A^B "))
    assert (found.transfer_syntax_uid, found.text(0x00100010)) == (IMPLICIT, "A^B")


@pytest.mark.parametrize(
    ("dataset", "uid"),
    [
        (element(0x00080060, "CS", b"CT"), EXPLICIT),
        (implicit(0x00080060, b"CT"), IMPLICIT),
        (element(0x00080060, "CS", b"CT", order=">"), BIG),
    ],
)
def test_tells_a_missing_transfer_syntax(dataset, uid):
    found = read(part10(dataset, None))
    assert (found.transfer_syntax_uid, found.text(0x00080060)) == (uid, "CT")
    assert "transfer syntax" in found.warnings[0]


@pytest.mark.parametrize(
    ("dataset", "uid"),
    [(implicit(0x00080060, b"CT"), EXPLICIT), (element(0x00080060, "CS", b"CT"), IMPLICIT)],
)
def test_believes_the_data_more_than_the_transfer_syntax(dataset, uid):
    found = read(part10(dataset, uid))
    assert found.text(0x00080060) == "CT"
    assert found.explicit == (uid == IMPLICIT)
    assert "against its transfer syntax" in found.warnings[0]


def test_an_empty_data_set_is_one():
    assert read(part10(b"")).dataset == []


def _deflated(dataset: bytes, window: int = -15) -> bytes:
    compressor = zlib.compressobj(wbits=window)
    return part10(compressor.compress(dataset) + compressor.flush(), DEFLATED)


@pytest.mark.parametrize("window", [-15, 15])
@pytest.mark.parametrize("padding", [b"", b"\0"])
def test_inflates(window, padding):
    found = read(_deflated(NAME, window) + padding)
    assert found.deflated
    assert found.value(found.get(0x00100010)) == b"A^B "
    assert found.text(0x00020010) == DEFLATED


def test_refuses_damaged_deflated_data():
    data = _deflated(element(0x00420011, "OB", random.Random(1).randbytes(4096)))
    with pytest.raises(InvalidInstance, match="Truncated"):
        read(data[:-100])
    with pytest.raises(InvalidInstance, match="inflated"):
        read(part10(b"\xff" * 100, DEFLATED))


def test_refuses_to_inflate_beyond_the_limit(monkeypatch):
    data = _deflated(element(0x00420011, "OB", bytes(100_000)))
    monkeypatch.setattr(part10_module, "INFLATE_LIMIT", 200_000)
    assert read(data).get(0x00420011).length == 100_000
    monkeypatch.setattr(part10_module, "INFLATE_LIMIT", 50_000)
    with pytest.raises(InvalidInstance, match="larger than"):
        read(data)


def test_refuses_to_inflate_out_of_proportion():
    bomb = _deflated(element(0x00420011, "OB", bytes(96 << 20)))
    with pytest.raises(InvalidInstance, match="larger than"):
        read(bomb)


@pytest.mark.parametrize("delimited", [True, False])
def test_nesting_is_limited(delimited):
    def nested(depth: int) -> bytes:
        if delimited:
            opened = element(0x00081115, "SQ", length=UNDEFINED) + item(length=UNDEFINED)
            return part10(opened * depth + (ITEM_END + SEQUENCE_END) * depth)
        data = b""
        for _ in range(depth):
            data = element(0x00081115, "SQ", item(data))
        return part10(data)

    attributes, _ = json_model.encode(read(nested(MAX_DEPTH)))
    assert orjson.loads(orjson.dumps([[attributes]]))
    for depth in (MAX_DEPTH + 1, 20_000 if delimited else 2_000):
        with pytest.raises(InvalidInstance, match="nested"):
            read(nested(depth))


def test_nested_unknown_values_are_bounded_too():
    data = b""
    for _ in range(500):
        data = element(0x00081115, "UN", item(data))
    found = read(part10(data))
    assert found.get(0x00081115).vr == "SQ"


def test_a_sequence_of_defined_or_undefined_length():
    whole = item(NAME) + item() + item(NAME + ITEM_END, UNDEFINED)
    closed = element(0x00081115, "SQ", whole)
    for data in (closed, element(0x00081115, "SQ", whole + SEQUENCE_END, UNDEFINED)):
        found = read(part10(data + element(0x00100020, "LO", b"ID")))
        sequence = found.get(0x00081115)
        assert [[one.tag for one in item] for item in sequence.items] == [[0x00100010], [], [0x00100010]]
        assert found.value(sequence) == whole
        assert found.text(0x00100020) == "ID"
        assert found.warnings == ()


@pytest.mark.parametrize(
    "value",
    [
        item(NAME, UNDEFINED) + SEQUENCE_END,
        item(NAME, UNDEFINED) + item(b"") + SEQUENCE_END,
    ],
)
def test_accepts_an_item_that_is_not_closed(value):
    found = read(part10(element(0x00081115, "SQ", value, UNDEFINED) + element(0x00100020, "LO", b"ID")))
    assert found.get(0x00081115).items[0][0].tag == 0x00100010
    assert found.text(0x00100020) == "ID"
    assert "not closed" in found.warnings[0]


def test_accepts_what_an_enclosing_length_closes():
    inner = element(0x00081140, "SQ", item(NAME, UNDEFINED), UNDEFINED)
    found = read(part10(element(0x00081115, "SQ", item(inner)) + element(0x00100020, "LO", b"ID")))
    assert found.get(0x00081115).items[0][0].items[0][0].tag == 0x00100010
    assert found.text(0x00100020) == "ID"
    assert "(0008,1140) is not closed." in found.warnings


@pytest.mark.parametrize(
    "dataset",
    [
        element(0x00081115, "SQ", item(NAME), UNDEFINED),
        element(0x00081115, "SQ", item(NAME, UNDEFINED), UNDEFINED),
        element(0x00081115, "SQ", item(NAME, 100)),
        element(0x00081115, "SQ", item(NAME), 100),
        element(0x00081115, "SQ", NAME),
        element(0x00081115, "SQ", item(NAME + b"\1\2\3")),
        element(0x00081115, "SQ", item(item())),
        element(0x7FE00010, "OB", item() + item(b"\0" * 8), UNDEFINED),
        element(0x7FE00010, "OB", item() + item(b"\0" * 8, 100) + SEQUENCE_END, UNDEFINED),
        element(0x7FE00010, "OB", item() + b"\0" * 16, UNDEFINED),
        element(0x7FE00010, "OW", b"\0" * 8, 9),
        element(0x00100010, "PN", b"A", 4),
        NAME + b"\1\2\3\4\5",
        NAME + b"\x10\0\x20\0LO",
        NAME + item(),
        NAME + b"\0\0\0\0\0\0\0\0\1",
        element(0x00100010, "ZZ", b"abc", 5),
    ],
)
def test_refuses_what_is_cut_off_or_misplaced(dataset):
    with pytest.raises(InvalidInstance):
        read(part10(dataset))


def test_ignores_zeros_behind_the_data_set():
    for zeros in (b"\0", b"\0" * 7, b"\0" * 512):
        for uid, name in ((EXPLICIT, NAME), (IMPLICIT, implicit(0x00100010, b"A^B "))):
            found = read(part10(name + zeros, uid))
            assert [one.tag for one in found.dataset] == [0x00100010]
            assert found.warnings == ("Zeros stand where an element should.",)


def test_goes_on_behind_a_stray_delimiter():
    found = read(part10(NAME + ITEM_END + SEQUENCE_END + element(0x00100020, "LO", b"ID")))
    assert [one.tag for one in found.dataset] == [0x00100010, 0x00100020]
    assert len(found.warnings) == 1


def test_orders_elements_and_takes_the_last_of_one_tag():
    found = read(part10(element(0x00100020, "LO", b"ID") + NAME + element(0x00100020, "LO", b"XY")))
    assert [one.tag for one in found.dataset] == [0x00100010, 0x00100020]
    assert found.text(0x00100020) == "XY"
    assert "order" in found.warnings[0]


@pytest.mark.parametrize(
    ("odd", "vr", "value"),
    [
        (element(0x00080060, "cs", b"CT"), "CS", b"CT"),
        (b"\x42\0\x11\0ob\0\0\2\0\0\0\1\2", "OB", b"\1\2"),
        (implicit(0x00080060, b"CT"), "CS", b"CT"),
        (b"\x08\0\x60\0ZZ\0\0\2\0\0\0CT", "CS", b"CT"),
        (b"\x08\0\x60\0ZZ\2\0CT", "CS", b"CT"),
        (b"\x08\0\x60\0??\2\0CT", "CS", b"CT"),
        (b"\x08\0\xf1\xffZZ\2\0CT", "UN", b"CT"),
        (b"\x08\0\x60\0ZZ\0\0", "CS", b""),
    ],
)
def test_reads_headers_whose_vr_is_none(odd, vr, value):
    first = element(0x00080016, "UI", b"1.2\0")
    found = read(part10(first + odd + element(0x00420012, "LO", b"text")))
    one = found.dataset[1]
    assert (one.vr, found.value(one)) == (vr, value)
    assert found.text(0x00420012) == "text"
    assert "no valid VR" in found.warnings[0]


def test_reads_implicit_items_in_explicit_data():
    inner = implicit(0x00081140, item(implicit(0x00100010, b"A^B ")))
    found = read(part10(element(0x00081115, "SQ", item(inner)) + NAME))
    [[nested]] = found.get(0x00081115).items
    assert (nested.vr, nested.items[0][0].vr) == ("SQ", "PN")
    assert found.value(nested.items[0][0]) == b"A^B "


def test_unknown_vr_of_undefined_length_is_a_sequence_in_implicit_vr():
    value = item(implicit(0x00100010, b"A^B ") + ITEM_END, UNDEFINED) + SEQUENCE_END
    for tag in (0x00081115, 0x00091001):
        found = read(part10(element(tag, "UN", value, UNDEFINED)))
        assert found.get(tag).vr == "SQ"
        assert found.get(tag).items[0][0].vr == "PN"


def test_unknown_vr_of_undefined_length_stays_unknown_in_big_endian():
    value = item(implicit(0x00100010, b"A^B ") + ITEM_END, UNDEFINED)
    dataset = element(0x00081115, "UN", value + SEQUENCE_END, UNDEFINED, order=">")
    found = read(part10(dataset + element(0x00100020, "LO", b"ID", order=">"), BIG))
    assert found.get(0x00081115).vr == "UN"
    assert found.value(found.get(0x00081115)) == value
    assert found.text(0x00100020) == "ID"


@pytest.mark.parametrize(
    ("tag", "value", "vr"),
    [
        (0x00100010, b"A^B ", "PN"),
        (0x00280010, b"\1\0", "US"),
        (0x00280010, b"\1\0\0", "UN"),
        (0x00081115, item(NAME), "SQ"),
        (0x00081115, b"no items at all!", "UN"),
        (0x00081115, b"", "SQ"),
        (0x00280106, b"\1\0", "US"),
        (0x0008FFF1, b"text", "UN"),
        (0x00091001, b"text", "UN"),
        (0x00090010, b"ACME", "LO"),
        (0x00100010, b"A" * 0x10000, "UN"),
    ],
)
def test_unknown_vr_of_a_known_attribute(tag, value, vr):
    assert read(part10(element(tag, "UN", value))).get(tag).vr == vr


def test_private_attributes_by_their_creators_dictionary():
    creator = implicit(0x00290010, b"SIEMENS CSA HEADER")
    known = implicit(0x00291008, b"IMAGE NUM 4 ")
    unknown = implicit(0x002910FE, b"\1\2")
    found = read(part10(creator + known + unknown, IMPLICIT))
    assert [one.vr for one in found.dataset] == ["LO", "CS", "UN"]
    assert [one.vr for one in read(part10(known, IMPLICIT)).dataset] == ["UN"]


@pytest.mark.parametrize(("representation", "vr"), [(b"\0\0", "US"), (b"\1\0", "SS"), (b"", "US")])
def test_us_or_ss_follows_the_nearest_pixel_representation(representation, vr):
    low = implicit(0x00189810, b"\1\0")
    sequence = implicit(0x00081115, item(implicit(0x00280106, b"\1\0")))
    own = implicit(0x00081140, item(implicit(0x00280103, b"\1\0") + implicit(0x00280106, b"\1\0")))
    found = read(part10(sequence + own + low + implicit(0x00280103, representation), IMPLICIT))
    assert found.get(0x00189810).vr == vr
    assert found.get(0x00081115).items[0][0].vr == vr
    assert found.get(0x00081140).items[0][1].vr == "SS"


@pytest.mark.parametrize(("entries", "vr"), [(b"\1\0", "US"), (b"\0\1", "OW")])
def test_lut_data_of_one_entry_is_us(entries, vr):
    lut = implicit(0x00283002, entries + b"\0\0\x10\0") + implicit(0x00283006, b"\5\0")
    assert read(part10(lut, IMPLICIT)).get(0x00283006).vr == vr


def test_other_choices_are_ow_in_implicit_vr():
    data = implicit(0x54001010, b"\1\2") + implicit(0x60003000, b"\1\2") + implicit(0x7FE00010, b"\1\2")
    assert [one.vr for one in read(part10(data, IMPLICIT)).dataset] == ["OW", "OW", "OW"]


def test_fragments_and_the_basic_offset_table():
    value = item(b"\0\0\0\0") + item(b"ab") + item() + item(b"cdef")
    found = read(
        part10(
            element(0x7FE00010, "OB", value + SEQUENCE_END, UNDEFINED) + element(0xFFFCFFFC, "OB", b"\0\0")
        )
    )
    pixels = found.get(0x7FE00010)
    assert [found.data[start : start + size] for start, size in pixels.fragments] == [
        b"\0\0\0\0",
        b"ab",
        b"",
        b"cdef",
    ]
    assert found.value(pixels) == value
    assert found.get(0xFFFCFFFC).length == 2


def test_the_number_of_elements_is_limited(monkeypatch):
    monkeypatch.setattr(scanner, "MAX_ELEMENTS", 100)
    for dataset in (
        b"".join(element(0x00090010 + number, "LO") for number in range(101)),
        element(0x00081115, "SQ", item() * 101),
        element(0x00081115, "SQ", item(NAME) * 60),
        element(0x7FE00010, "OB", item() * 101 + SEQUENCE_END, UNDEFINED),
    ):
        with pytest.raises(InvalidInstance, match="More than"):
            read(part10(dataset))
    assert len(read(part10(element(0x00081115, "SQ", item() * 98))).get(0x00081115).items) == 98


@pytest.mark.parametrize("encapsulated", [False, True])
def test_scans_gigabytes_without_reading_them(tmp_path, encapsulated):
    path, size = tmp_path / "large.dcm", 0xFFFFFFF0
    with path.open("wb") as file:
        if encapsulated:
            file.write(part10(element(0x7FE00010, "OB", item(), UNDEFINED)))
            for _ in range(16):
                file.write(item(length=size // 16))
                file.seek(size // 16, os.SEEK_CUR)
            file.write(SEQUENCE_END)
        else:
            file.write(part10(element(0x7FE00010, "OW", length=size)))
            file.seek(size, os.SEEK_CUR)
        file.write(element(0xFFFCFFFC, "OB", b"\0\0"))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        before, started = _resident(), time.process_time()
        found = read(data)
        assert time.process_time() - started < 1
        assert _resident() - before < 16 << 20
        assert found.get(0xFFFCFFFC).length == 2
        if encapsulated:
            assert [length for _, length in found.get(0x7FE00010).fragments] == [0] + [size // 16] * 16
        else:
            assert found.get(0x7FE00010).length == size


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 39_000))
def test_a_cut_instance_is_refused_or_ends_between_elements(cut):
    whole = read(ct())
    try:
        found = read(ct()[:cut])
    except InvalidInstance:
        return
    assert found.dataset == whole.dataset[: len(found.dataset)]
    assert len(found.dataset) < len(whole.dataset)


@cache
def _sources() -> list[bytes]:
    return [path.read_bytes() for path in files() if path.stat().st_size < 40_000]


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_damaged_instances_raise_nothing_else(data):
    source = bytearray(data.draw(st.sampled_from(_sources())))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(128, len(source) - 1))
        patch = data.draw(
            st.one_of(st.binary(min_size=1, max_size=12), st.sampled_from([b"\xff" * 4, ITEM_END, b"SQ"]))
        )
        source[position : position + data.draw(st.sampled_from([0, len(patch)]))] = patch
    _survives(bytes(source))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400), st.sampled_from([EXPLICIT, IMPLICIT, BIG, DEFLATED, None, ""]))
def test_any_bytes_raise_nothing_else(data, uid):
    _survives(part10(data, uid))
    _survives(data)


def _survives(data: bytes) -> None:
    try:
        found = read(data)
    except InvalidInstance:
        return
    attributes, bulkdata = json_model.encode(found)
    assert orjson.loads(orjson.dumps(attributes)) == attributes
    assert all(start >= 0 and start + size <= len(found.data) for start, size in bulkdata.values())
