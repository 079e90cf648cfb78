"""Writing multipart/related bodies without touching the bytes of their parts (RFC 2387, PS3.18 8.6.1.2).

A body is, for each part, `part_header` and then the part's own bytes, and at the end `closing`. Every length
is known beforehand, so nothing need be joined or sent chunked.
"""

import secrets
from collections.abc import Iterable


def new_boundary() -> str:
    """A boundary with 128 random bits: it does not occur in the data."""
    return secrets.token_hex(16)


def content_type(media_type: str, boundary: str) -> str:
    """The Content-Type of the whole body; `media_type` is that of its parts, without parameters."""
    return f'multipart/related; type="{media_type}"; boundary={boundary}'


def part_header(boundary: str, content_type: str, location: str = "", *, first: bool = False) -> bytes:
    """What stands before a part's bytes, with a Content-Location if there is one.

    The first boundary has no line end before it and Content-Type comes first, so spelt, because the readers
    in browsers look for just that. Raises ValueError when a header would break the line.
    """
    located = f"\r\nContent-Location: {location}" if location else ""
    if "\n" in content_type or "\r" in content_type or "\n" in location or "\r" in location:
        raise ValueError("a part header contains a line end")
    before = "" if first else "\r\n"
    return f"{before}--{boundary}\r\nContent-Type: {content_type}{located}\r\n\r\n".encode("latin-1")


def closing(boundary: str) -> bytes:
    """What stands after the bytes of the last part."""
    return f"\r\n--{boundary}--\r\n".encode("latin-1")


def content_length(boundary: str, headers: Iterable[bytes], sizes: Iterable[int]) -> int:
    """The size in bytes of the whole body, of its parts' headers and sizes."""
    return sum(map(len, headers)) + sum(sizes) + len(closing(boundary))
