"""Multipart bodies as clients write and read them, independent of the archive's own code."""

from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import compat32

BOUNDARY = "0f3cf5c0-70e0-41ef-baef-c6f9f65ec3e1"


@dataclass(frozen=True)
class Received:
    """One part of an answer."""

    content_type: str
    location: str
    data: bytes


def multipart(
    parts: Iterable[bytes], part_type: str | None = "application/dicom", locations: Iterable[str] = ()
) -> bytes:
    """A body of these parts, in the plainest form."""
    lines = []
    named = list(locations)
    for number, part in enumerate(parts):
        head = f"Content-Type: {part_type}\r\n" if part_type else ""
        head += f"Content-Location: {named[number]}\r\n" if number < len(named) and named[number] else ""
        lines.append(f"--{BOUNDARY}\r\n{head}\r\n".encode() + part + b"\r\n")
    return b"".join(lines) + f"--{BOUNDARY}--\r\n".encode()


def content_type(part_type: str = "application/dicom", boundary: str = BOUNDARY) -> str:
    """The Content-Type of such a body."""
    return f'multipart/related; type="{part_type}"; boundary={boundary}'


def received(answer_type: str, body: bytes) -> list[Received]:
    """The parts of an answer, as Python's own parser of mail reads them."""
    message = message_from_bytes(
        b"Content-Type: " + answer_type.encode() + b"\r\nContent-Transfer-Encoding: binary\r\n\r\n" + body,
        policy=compat32,
    )
    assert message.is_multipart(), answer_type
    # The mail parser would normalise line ends in binary parts: their bytes are cut out by its own boundary.
    boundary = message.get_boundary()
    assert boundary
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    assert pieces[0] == b""
    assert pieces[-1].startswith(b"--")
    found = []
    for part, piece in zip(message.get_payload(), pieces[1:-1], strict=True):
        found.append(
            Received(part["Content-Type"], part["Content-Location"], piece.partition(b"\r\n\r\n")[2])
        )
    return found
