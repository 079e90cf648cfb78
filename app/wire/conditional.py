"""Conditional and range requests (RFC 9110 sections 8.8, 13 and 14): ETag, If-None-Match, If-Range, Range."""

import re

from app.errors import RangeNotSatisfiable
from app.wire.fields import bounded

_ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]*)[ \t]*-[ \t]*([0-9]*)", re.IGNORECASE | re.ASCII)


def etag(digest: str, coding: str = "") -> str:
    """A strong entity tag. Name the content coding where it is not identity: each needs a tag of its own.

    Raises ValueError when the digest holds a character that an entity tag cannot.
    """
    tag = f'"{digest}-{coding}"' if coding not in ("", "identity") else f'"{digest}"'
    if not _ENTITY_TAG.fullmatch(tag):
        raise ValueError("not an entity tag")
    return tag


def coded(tag: str, coding: str) -> str:
    """The entity tag of what `tag` names, in a content coding."""
    return etag(tag[1:-1], coding)


def if_none_match(header: str | None, tag: str) -> bool:
    """Whether If-None-Match names the current tag, so that the answer is 304: weakly, in lists, or by `*`."""
    text = bounded(header or "").strip()
    return text == "*" or any(match[2] == tag for match in _ENTITY_TAG.finditer(text))


def if_range(header: str | None, tag: str) -> bool:
    """Whether a Range may be honoured: If-Range is absent or names the current tag, strongly.

    A date never does: only tags tell one state of a resource from the next here.
    """
    return header is None or header.strip() == tag


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The half-open `(start, end)` that Range asks for, in bytes; send it as 206 with `content_range`.

    None, for which the whole is sent, when the header is absent, malformed, in another unit, or lists several
    ranges. Raises RangeNotSatisfiable when it asks for nothing that exists.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or not (match[1] or match[2]):
        return None
    first, last = _number(match[1]), _number(match[2])
    if first is None:
        return _suffix(last or 0, size)
    if last is not None and last < first:
        return None
    if first >= size:
        raise RangeNotSatisfiable(size)
    return first, size if last is None else min(last + 1, size)


def content_range(start: int, end: int, size: int) -> str:
    """The Content-Range of a 206 that holds the half-open `(start, end)`."""
    return f"bytes {start}-{end - 1}/{size}"


def _suffix(length: int, size: int) -> tuple[int, int] | None:
    """The last `length` bytes. An empty resource is sent whole: Content-Range cannot name a part of it."""
    if length == 0:
        raise RangeNotSatisfiable(size)
    return (max(size - length, 0), size) if size else None


def _number(digits: str) -> int | None:
    """Twenty digits are beyond any size; more would only make the reading slow."""
    return int(digits.lstrip("0")[:20] or "0") if digits else None
