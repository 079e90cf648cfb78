"""Encapsulated documents: an empty one of the same kind takes their place."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from pydicom.uid import EncapsulatedCDAStorage, EncapsulatedPDFStorage, EncapsulatedSTLStorage

from app.deid.engine import Question
from tests import instances
from tests.deid.made import clean, result

LETTER = b"%PDF-1.4 Dear Jane Doe %%EOF"


def letter(sop_class: str, mime_type: str, **values: object) -> object:
    dataset = instances.ct(
        SOPClassUID=sop_class,
        MIMETypeOfEncapsulatedDocument=mime_type,
        EncapsulatedDocument=LETTER,
        EncapsulatedDocumentLength=len(LETTER),
        **values,
    )
    del dataset.PixelData
    return dataset


@pytest.mark.parametrize("by", ["tcia", "basic"])
@pytest.mark.parametrize(
    ("sop_class", "mime_type", "beginning"),
    [
        (EncapsulatedPDFStorage, "application/pdf", b"%PDF-"),
        (EncapsulatedCDAStorage, "text/XML", b"<?xml"),
        (EncapsulatedSTLStorage, "model/stl", bytes(84)),
        (EncapsulatedPDFStorage, "text/plain", b"\n"),
    ],
)
def test_an_empty_one_of_its_kind(by: str, sop_class: str, mime_type: str, beginning: bytes) -> None:
    source = instances.part10(letter(sop_class, mime_type))  # type: ignore[arg-type]
    out, done = result(source, by)
    assert b"Jane" not in out
    assert done.document == LETTER
    assert Question.DOCUMENT in done.questions
    after = clean(letter(sop_class, mime_type), by)  # type: ignore[arg-type]
    assert after.EncapsulatedDocument.startswith(beginning)
    assert 0 <= len(after.EncapsulatedDocument) - after.EncapsulatedDocumentLength <= 1
    assert after.SOPClassUID == sop_class


def test_the_empty_pdf_is_a_pdf() -> None:
    pdf = clean(letter(EncapsulatedPDFStorage, "application/pdf")).EncapsulatedDocument  # type: ignore[arg-type]
    start = int(re.search(rb"startxref\n(\d+)", pdf).group(1))  # type: ignore[union-attr]
    assert pdf[start : start + 4] == b"xref"
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", pdf), 1):
        assert pdf[int(place) :].startswith(b"%d 0 obj" % number)


def test_the_empty_cda_is_xml() -> None:
    found = clean(letter(EncapsulatedCDAStorage, "text/XML")).EncapsulatedDocument  # type: ignore[arg-type]
    assert ElementTree.fromstring(found.strip(b"\0")).tag == "{urn:hl7-org:v3}ClinicalDocument"


def test_a_document_within_a_sequence_goes_too() -> None:
    inner = instances.ct()
    inner.EncapsulatedDocument = LETTER
    for keyword in ("ReferencedImageSequence", "ReferencedInstanceSequence"):
        out, _ = result(instances.part10(instances.ct(**{keyword: [inner]})))
        assert b"Dear" not in out
