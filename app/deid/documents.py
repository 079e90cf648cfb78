"""Encapsulated documents: nobody cleans a letter by rules, so an empty one takes its place."""

from collections.abc import Iterable
from typing import Final

from app.deid.encoding import Chunk, Encoding
from app.dicom.part10 import Part10

_DOCUMENT, _MIME_TYPE, _LENGTH = 0x00420011, 0x00420012, 0x00420015

_EMPTY_XML: Final = b'<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'
#: A binary STL: a header of 80 bytes and no triangles.
_EMPTY_STL: Final = bytes(84)


def taken_out(part10: Part10, elements: dict[int, Iterable[Chunk]], encoding: Encoding) -> bytes | None:
    """Put a valid empty document into `elements`; what stood there, None where there is no document."""
    found = part10.get(_DOCUMENT)
    if found is None:
        return None
    empty = _empty(part10.text(_MIME_TYPE).lower())
    elements[_DOCUMENT] = [encoding.element(_DOCUMENT, "OB", empty)]
    if _LENGTH in elements:
        order = "little" if encoding.little_endian else "big"
        elements[_LENGTH] = [encoding.element(_LENGTH, "UL", len(empty).to_bytes(4, order))]  # type: ignore[arg-type]
    return part10.value(found)


def _empty(mime_type: str) -> bytes:
    if mime_type.endswith("xml"):
        return _EMPTY_XML
    return {"application/pdf": _empty_pdf(), "model/stl": _EMPTY_STL}.get(mime_type, b"\n")


def _empty_pdf() -> bytes:
    """A PDF of one empty page (ISO 32000-1 section 7.5)."""
    bodies = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>",
    )
    pdf, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(pdf))
        pdf += b"%d 0 obj%s endobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(pdf)
    return pdf + b"xref\n0 4\n0000000000 65535 f \n" + table + trailer
