"""JSON arrays made of JSON objects that are ready as bytes."""

from collections.abc import Iterable


def join(blobs: Iterable[bytes]) -> list[bytes]:
    """The pieces of a JSON array whose members are `blobs`, each one JSON value in UTF-8; none is copied."""
    pieces = [b"["]
    for blob in blobs:
        pieces += (blob, b",")
    pieces[max(len(pieces) - 1, 1) :] = [b"]"]
    return pieces
