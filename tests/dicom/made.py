"""Small instances made for a test, written by pydicom."""

import io
from typing import Any

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def attributes(**values: Any) -> dict[str, Any]:
    """Image Pixel attributes of a small grey image, changed by `values`; None takes one away."""
    said = {
        "SOPClassUID": SECONDARY_CAPTURE,
        "SOPInstanceUID": "1.2.3.4",
        "Rows": 4,
        "Columns": 4,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        **values,
    }
    return {keyword: value for keyword, value in said.items() if value is not None}


def instance(transfer_syntax_uid: str, pixel_vr: str = "OB", **values: Any) -> bytes:
    """A Part 10 instance; `PixelData` may be encapsulated already."""
    dataset = Dataset()
    for keyword, value in attributes(**values).items():
        setattr(dataset, keyword, value)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = pixel_vr
        dataset["PixelData"].is_undefined_length = dataset.PixelData[:4] == b"\xfe\xff\x00\xe0"
    return written(dataset, transfer_syntax_uid)


def written(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    """A data set as a Part 10 file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax_uid
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", SECONDARY_CAPTURE)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3.4")
    buffer = io.BytesIO()
    implicit, little = (
        transfer_syntax_uid == "1.2.840.10008.1.2",
        transfer_syntax_uid != "1.2.840.10008.1.2.2",
    )
    dataset.preamble = bytes(128)
    dcmwrite(buffer, dataset, implicit_vr=implicit, little_endian=little, force_encoding=True)
    return buffer.getvalue()


def encapsulated(fragments: list[bytes], table: bytes = b"") -> bytes:
    """Encapsulated pixel data: the Basic Offset Table, then each fragment as it is; pydicom ends it."""
    items = [table, *fragments]
    return b"".join(b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item for item in items)
