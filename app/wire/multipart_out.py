"""Writing multipart/related bodies without touching the bytes of their parts (RFC 2387, PS3.18 8.6.1.2).

A body is, for each part, `part_header` and then the part's own bytes, and at the end `closing`. Every length
is known beforehand, so nothing need be joined or sent chunked.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from app.wire.fields import Parameters


@dataclass(frozen=True, slots=True)
class Part:
    """One part: the Content-Type it announces, its size in bytes, further headers (`Content-Location`)."""

    content_type: str
    size: int
    headers: Parameters = ()


def new_boundary() -> str:
    """A boundary with 128 random bits: it does not occur in the data."""
    return secrets.token_hex(16)


def content_type(media_type: str, boundary: str) -> str:
    """The Content-Type of the whole body; `media_type` is that of its parts, without parameters."""
    return f'multipart/related; type="{media_type}"; boundary={boundary}'


def part_header(boundary: str, part: Part, *, first: bool = False) -> bytes:
    """What stands before a part's bytes.

    The first boundary has no line end before it and Content-Type comes first, so spelt, because the readers
    in browsers look for just that. Raises ValueError when a header would break the line.
    """
    lines = (f"--{boundary}", f"Content-Type: {part.content_type}", *(f"{k}: {v}" for k, v in part.headers))
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a part header contains a line end")
    return ("" if first else "\r\n").encode() + "\r\n".join((*lines, "\r\n")).encode("latin-1")


def closing(boundary: str) -> bytes:
    """What stands after the bytes of the last part."""
    return f"\r\n--{boundary}--\r\n".encode("latin-1")


def content_length(boundary: str, headers: Iterable[bytes], sizes: Iterable[int]) -> int:
    """The size in bytes of the whole body, of its parts' headers and sizes."""
    return sum(map(len, headers)) + sum(sizes) + len(closing(boundary))
