"""How an instance's description lies in its row: compressed DICOM JSON, ranges of bulk data, frame index."""

import threading
from collections.abc import Mapping

import orjson
import zstandard

from app.dicom.description import BulkData, Json

LEVEL = 3


class _Contexts(threading.local):
    """Zstandard's own state, made once for each thread: making it costs as much as compressing a header."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_CONTEXTS = _Contexts()


def encode_json(attributes: Json) -> bytes:
    """DICOM JSON, compressed with Zstandard."""
    return _CONTEXTS.compressor.compress(orjson.dumps(attributes))


def decode_json(form: bytes) -> bytes:
    """The text of the DICOM JSON, in UTF-8."""
    return _CONTEXTS.decompressor.decompress(form)


def encode_bulkdata(bulkdata: Mapping[str, tuple[int, int]]) -> bytes | None:
    """The ranges of an instance's bulk data; None when it has none."""
    return orjson.dumps(bulkdata) if bulkdata else None


def decode_bulkdata(form: bytes | None) -> BulkData:
    """Element path to (offset, length)."""
    return {path: (offset, length) for path, (offset, length) in orjson.loads(form or b"{}").items()}
