"""One instance on its way into the index."""

from dataclasses import dataclass, replace
from typing import Any, Self

import orjson

from app.dicom.description import Description, Json
from app.errors import InvalidInstance
from app.index import columns, tag_values
from app.index.stored_form import decode_json, encode_bulkdata, encode_json
from app.index.tag_values import Tags

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One instance to put in: its address, digest and row, what the rows above may take, and its values.

    One that is short has of its values only those that `like` has not: an earlier one of its series.
    """

    study: str
    series: str
    instance: str
    sha256: bytes
    row: Columns
    attributes: Json
    tags: Tags
    like: Self | None = None

    @classmethod
    def of(
        cls,
        description: Description,
        object_key: str,
        size: int,
        sha256: bytes,
        crc32: int,
        source: bytes | None = None,
        after: "tuple[Self, Json] | None" = None,
    ) -> Self:
        """The entry of an instance whose bytes are stored. Raises InvalidInstance where a UID is missing.

        Encodes and compresses, so it is made before the transaction; it may be made in any thread. `after` is
        an earlier one of its series with its attributes: the new one is short then.
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
            "source": source,
            "crc32": crc32,
            "dicom_json": encode_json(description.attributes),
            "bulkdata": encode_bulkdata(description.bulkdata),
            "frame_index": description.frames.encode() if description.frames else None,
        }
        like, known = after or (None, None)
        above = {} if like else columns.above_instances(description.attributes)
        values = tag_values.tags(description.attributes, known)
        return cls(address.study, address.series, address.instance, sha256, row, above, values, like)

    def short(self, like: Self) -> Self:
        """The same in a tenth of the memory: a request may hold thousands until its transaction."""
        values = {digest: value for digest, value in self.tags.items() if digest not in like.tags}
        return replace(self, attributes={}, tags=values, like=like)

    def whole(self) -> Self:
        """One that is short as it was, for where `like` is not stored after all."""
        attributes = orjson.loads(decode_json(self.row["dicom_json"]))
        above, values = columns.above_instances(attributes), tag_values.tags(attributes)
        return replace(self, attributes=above, tags=values, like=None)
