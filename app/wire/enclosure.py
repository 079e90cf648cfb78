"""Many ready documents as one body: a JSON array, or multipart/related with a part for each (RFC 2387)."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.wire import multipart_out


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The body's Content-Type, and what stands before the first document, between two and after the last."""

    content_type: str
    opening: bytes
    between: bytes
    closing: bytes

    def join(self, documents: Iterable[bytes]) -> list[bytes]:
        """The pieces of the whole body of at least one document, none of which is copied."""
        pieces = [piece for document in documents for piece in (self.between, document)]
        return [self.opening, *pieces[1:], self.closing]


def array(content_type: str) -> Enclosure:
    """A JSON array; each document is one JSON value in UTF-8."""
    return Enclosure(content_type, b"[", b",", b"]")


def parts(media_type: str, boundary: str) -> Enclosure:
    """A multipart body; each document is a part of this media type, in which the boundary does not occur."""
    return Enclosure(
        multipart_out.content_type(media_type, boundary),
        multipart_out.part_header(boundary, media_type, first=True),
        multipart_out.part_header(boundary, media_type),
        multipart_out.closing(boundary),
    )
