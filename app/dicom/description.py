"""All we know of an instance without decoding its pixels (design section 2)."""

from dataclasses import dataclass
from typing import Any

from app.dicom.frames import FrameIndex
from app.dicom.resource import Resource

Json = dict[str, Any]
#: Where bulk data lie in the instance's data: path (`7FE00010`, `54000100/1/54001010`) to (offset, length).
BulkData = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Description:
    """One instance, described.

    `attributes` is its DICOM JSON Model (PS3.18 Annex F), in which a BulkDataURI is the placeholder
    `@/bulkdata/{path}`: `@` stands for the instance's absolute URL, put in as the answer goes out.
    `bulkdata` and `frames` give offsets into the instance's bytes (inflated first, for a deflated one).
    `warnings` are sentences about odd values that were kept as they are.
    """

    resource: Resource
    sop_class_uid: str
    transfer_syntax_uid: str
    attributes: Json
    bulkdata: BulkData
    frames: FrameIndex | None
    warnings: tuple[str, ...] = ()
