"""Writing multipart bodies; readers in clients, browsers and the standard library are the judges."""

from email.parser import BytesParser
from email.policy import HTTP

import pytest
import requests
from dicomweb_client.web import DICOMwebClient

from app.wire.media_types import parse
from app.wire.multipart_out import closing, content_length, content_type, new_boundary, part_header

CONTENTS = [b"DICM\x00\xff\r\n--", b"", bytes(range(256)) * 5, b"\r\n"]
LOCATION = "http://localhost/studies/1.2"


def encode(boundary: str, contents: list[bytes]) -> bytes:
    """The body, as a sender puts it together; its length is checked against what was foretold."""
    kind = "application/dicom; transfer-syntax=1.2"
    headers = [part_header(boundary, kind, LOCATION, first=place == 0) for place in range(len(contents))]
    pieces = [header + content for header, content in zip(headers, contents, strict=True)]
    body = b"".join((*pieces, closing(boundary)))
    assert content_length(boundary, headers, map(len, contents)) == len(body)
    return body


def test_the_bytes_of_a_body() -> None:
    assert encode("b", [b"one", b"two"]) == (
        b"--b\r\nContent-Type: application/dicom; transfer-syntax=1.2\r\n"
        b"Content-Location: http://localhost/studies/1.2\r\n\r\none"
        b"\r\n--b\r\nContent-Type: application/dicom; transfer-syntax=1.2\r\n"
        b"Content-Location: http://localhost/studies/1.2\r\n\r\ntwo"
        b"\r\n--b--\r\n"
    )


@pytest.mark.parametrize("contents", [CONTENTS[:1], CONTENTS[1:2], CONTENTS])
def test_dicomweb_client_reads_it(contents: list[bytes]) -> None:
    boundary = new_boundary()
    response = requests.Response()
    response.headers["content-type"] = content_type("application/dicom", boundary)
    response._content = encode(boundary, contents)
    client = DICOMwebClient("http://localhost")
    assert list(client._decode_multipart_message(response, stream=False)) == contents


def test_the_standard_library_reads_it() -> None:
    boundary = new_boundary()
    head = f"Content-Type: {content_type('application/dicom', boundary)}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + encode(boundary, [b"one", b"two"]))
    assert message.get_content_type() == "multipart/related"
    assert not message.defects
    parts = message.get_payload()
    assert [(part.get_content_type(), part.get_payload()) for part in parts] == [
        ("application/dicom", "one"),
        ("application/dicom", "two"),
    ]


def test_the_content_type_of_the_body() -> None:
    text = content_type("application/octet-stream", "b")
    assert text == 'multipart/related; type="application/octet-stream"; boundary=b'
    assert parse(text).get("boundary") == "b"


def test_boundaries_are_new_and_need_no_quotes() -> None:
    boundaries = {new_boundary() for _ in range(100)}
    assert len(boundaries) == 100
    assert all(len(boundary) == 32 and boundary.isalnum() for boundary in boundaries)


@pytest.mark.parametrize(
    "header", [("a/b\r\nX: y",), ("a/b\n",), ("a/b", "http://x/\r"), ("a/b", "http://x/\nX: y")]
)
def test_a_header_cannot_break_its_line(header: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="line end"):
        part_header("b", *header)
