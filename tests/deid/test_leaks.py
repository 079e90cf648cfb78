"""The leak scan finds a text in every encoding and packing, and dates that did not move."""

import zlib
from datetime import date
from io import BytesIO

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian

from tests.deid.judge.leaks import ENCODINGS, Search

NAME, JAPANESE, KOREAN = "Müllerhöfner", "山城田太郎座", "황보길선우연"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_ascii(encoding: str) -> None:
    for told in ("Quillfeather", "QUILLFEATHER", "quillfeather"):
        data = b"\0\1" + told.encode(encoding) + b"\0"
        assert Search(["Quillfeather"]).found(data) == {"Quillfeather"}
    assert Search(["Quillfeather"]).found("Quill feather".encode(encoding)) == set()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(NAME, "latin-1"), (NAME, "utf-8"), (NAME.upper(), "utf-8"), (JAPANESE, "iso2022_jp"),
     (JAPANESE, "shift_jis"), (JAPANESE, "utf-8"), (KOREAN, "euc_kr"), (KOREAN, "utf-16-be")],
)  # fmt: skip
def test_other_characters(text: str, encoding: str) -> None:
    canary = NAME if text.upper() == NAME.upper() else text
    assert Search([canary]).found(b"xx" + text.encode(encoding)) == {canary}


def test_korean_with_escapes_between() -> None:
    # As pydicom writes a PN: each component designates its character set anew.
    data = b"\x1b$)C" + KOREAN[:3].encode("euc_kr") + b"\x1b$)C" + KOREAN[3:].encode("euc_kr")
    assert Search([KOREAN]).found(data) == {KOREAN}


def test_what_is_deflated() -> None:
    assert Search(["Quillfeather"]).found(b"%PDF" + zlib.compress(b"(Quillfeather) Tj")) == {"Quillfeather"}
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID, made.PatientName = CTImageStorage, "1.2.3", "Quillfeather"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    target = BytesIO()
    dcmwrite(target, made, enforce_file_format=True)
    assert b"Quill" not in target.getvalue()
    assert Search(["Quillfeather"]).found(target.getvalue()) == {"Quillfeather"}


def test_dates_but_those_that_others_moved_to() -> None:
    days = [date(2020, 1, 31), date(2020, 3, 1)]
    assert Search([], days).found(b"CS\0\x0820200131\0") == {"20200131"}
    assert Search([], days).found(b"since 31 January 2020.") == {"31 january 2020"}
    assert Search([], days).found(b"20200131101530.5+0100") == {"20200131"}
    # 2020-01-31 is where 2020-03-01 moved to.
    assert Search([], days, shift=-30).found(b"20200131") == set()


@pytest.mark.parametrize("data", [b"120200131", b"202001311", b"1.2.20200131.4", b"20200131999999"])
def test_digits_that_are_no_date(data: bytes) -> None:
    assert Search([], [date(2020, 1, 31)]).found(data) == set()


def test_a_file_name_and_a_uid() -> None:
    assert Search(["Quillfeather"]).found(b"", "a/quillfeather_7.dcm") == {"Quillfeather"}
    assert Search([], root="1.2.826.7.").found(b"UI\0\x101.2.826.7.4.4") == {"1.2.826.7."}
