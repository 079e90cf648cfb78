"""Frames of real and made instances, as whoever draws them is handed them."""

import orjson

from app.dicom import describe, part10
from app.dicom.drawing import StoredFrame


def stored_frame(data: bytes, number: int = 1) -> StoredFrame | None:
    """A frame with all of the instance's bulk data; None where the instance has no frames."""
    described, read = describe.describe(data), part10.read(data)
    index = described.frames
    if index is None:
        return None
    parts = [bytes(read.data[offset : offset + length]) for offset, length in index.ranges(number)]
    bulk = {
        path: bytes(read.data[offset : offset + length])
        for path, (offset, length) in described.bulkdata.items()
        if not path.startswith("7FE0")
    }
    json = orjson.dumps(described.attributes)
    return StoredFrame(
        index.assemble(number, parts), number, index.is_native, described.transfer_syntax_uid, json, bulk
    )
