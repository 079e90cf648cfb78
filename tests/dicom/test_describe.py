import mmap

import pytest

from app.dicom.describe import describe
from app.dicom.resource import Resource
from app.dicom.validation import check
from app.errors import InvalidInstance
from tests.corpus import files, readable
from tests.dicom import oracle
from tests.dicom.part10_bytes import EXPLICIT, element, part10

META_INSTANCE = element(0x00020003, "UI", b"1.2.9\0")


def uids(study: bytes = b"1.2.3\0") -> bytes:
    return (
        element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0")
        + element(0x00080018, "UI", b"1.2.5\0")
        + element(0x0020000D, "UI", study)
        + element(0x0020000E, "UI", b"1.2.4\0")
    )


def test_an_instance():
    found = describe(part10(uids()))
    assert found.resource == Resource("1.2.3", "1.2.4", "1.2.5")
    assert found.sop_class_uid == "1.2.840.10008.5.1.4.1.1.7"
    assert found.transfer_syntax_uid == EXPLICIT
    assert found.attributes["0020000D"] == {"vr": "UI", "Value": ["1.2.3"]}
    assert (found.bulkdata, found.frames, found.warnings) == ({}, None, ())


def test_missing_uids_are_left_to_validation():
    found = describe(part10(element(0x00080060, "CS", b"CT")))
    assert (found.resource, found.sop_class_uid) == (Resource(), "")
    assert check(found) is not None


def test_the_data_sets_uid_counts():
    found = describe(part10(META_INSTANCE + uids()))
    assert found.resource.instance == "1.2.5"
    assert found.warnings == (
        "The meta information has another SOP Instance UID than the data set, whose own counts.",
    )


def test_warnings_name_attributes_and_never_values():
    data = (
        element(0x00080005, "CS", b"KLINGON ")
        + uids(b"1.02.3")
        + element(0x00100010, "PN", b"J\xe9r\xf4me^Secret ")
        + element(0x00100010, "PN", b"J\xe9r\xf4me^Secret ")
        + element(0x00280010, "US", b"\1")
        + element(0x7FE00010, "OW", b"\1\2")
    )
    found = describe(part10(data))
    assert len(found.warnings) == 6
    assert all(sentence.endswith(".") for sentence in found.warnings)
    assert not any(value in " ".join(found.warnings) for value in ("Secret", "1.02.3", "KLINGON"))
    assert found.frames is None


def test_each_warning_is_said_once():
    names = b"".join(element(tag, "PN", b"\xe9 ") for tag in (0x00080090, 0x00100010))
    sequence = element(0x00081115, "SQ", b"\xfe\xff\x00\xe0\x0a\0\0\0" + element(0x00100010, "PN", b"\xe9 "))
    found = describe(part10(sequence + names + uids()))
    assert len(set(found.warnings)) == len(found.warnings)


@pytest.mark.parametrize("path", oracle.whole(), ids=lambda path: path.name)
def test_real_instances(path):
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = describe(data)
        assert found == describe(path.read_bytes())
    if path in readable():
        refusal = check(found, found.resource.study)
        assert (refusal is not None) == (path.name == "bad_sequence.dcm")


def test_real_uids_that_are_hexadecimal_are_refused():
    [path] = [path for path in files() if path.name == "bad_sequence.dcm"]
    assert check(describe(path.read_bytes())).comment == "SOP Instance UID is not a valid UID."


def test_bytes_that_are_no_instance():
    for data in (b"", b"\0" * 200, files()[0].read_bytes()[:1000]):
        with pytest.raises(InvalidInstance):
            describe(data)
