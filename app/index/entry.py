"""One instance on its way into the index."""

from dataclasses import dataclass
from typing import Any, Self

from app.dicom.description import Description, Json
from app.errors import InvalidInstance
from app.index import columns, tag_values
from app.index.stored_form import encode_bulkdata, encode_json
from app.index.tag_values import Tags

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One instance to put in: its address, digest and row, what the rows above may take, and its values."""

    study: str
    series: str
    instance: str
    sha256: bytes
    row: Columns
    attributes: Json
    tags: Tags

    @classmethod
    def of(cls, description: Description, object_key: str, size: int, sha256: bytes, crc32: int) -> Self:
        """The entry of an instance whose bytes are stored. Raises InvalidInstance where a UID is missing.

        Encodes and compresses, so it is made before the transaction; it may be made in any thread.
        """
        address = description.resource
        if not (address.study and address.series and address.instance):
            raise InvalidInstance("The instance does not name its study, its series and itself.")
        row = {
            **columns.instance_columns(description.attributes),
            "sop_instance_uid": address.instance,
            "sop_class_uid": description.sop_class_uid,
            "transfer_syntax_uid": description.transfer_syntax_uid,
            "object_key": object_key,
            "size": size,
            "sha256": sha256,
            "crc32": crc32,
            "dicom_json": encode_json(description.attributes),
            "bulkdata": encode_bulkdata(description.bulkdata),
            "frame_index": description.frames.encode() if description.frames else None,
        }
        above = columns.above_instances(description.attributes)
        values = tag_values.tags(description.attributes)
        return cls(address.study, address.series, address.instance, sha256, row, above, values)
