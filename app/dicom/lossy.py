"""What an instance must say of itself once a lossy encoder has been at its pixels (PS3.3 C.7.6.1.1.5).

Whether the loss affects how a person reads the image, nobody here can tell; where it may, the derived image
needs a SOP Instance UID of its own (PS3.3 C.7.6.1.1.2). So it always gets one, and names its source.
"""

from collections.abc import Iterator
from hashlib import sha256

from app.dicom import encoders, writer
from app.dicom.part10 import Part10

_SOP_CLASS_UID, _SOP_INSTANCE_UID = 0x00080016, 0x00080018
_LOSSY_COMPRESSION = (
    (0x00080100, "SH", "113040"),
    (0x00080102, "SH", "DCM"),
    (0x00080104, "LO", "Lossy Compression"),
)


def instance_uid(part10: Part10, uid: str) -> str:
    """The SOP Instance UID of the derived instance: the same whenever it is made again."""
    digest = sha256(f"{part10.text(_SOP_INSTANCE_UID)} {uid} {encoders.QUALITY}".encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def elements(part10: Part10, uid: str, ratio: float) -> Iterator[tuple[int, bytes]]:
    """The elements that change: tag, and the whole element."""
    yield _text(0x00080008, "CS", _derived(part10.text(0x00080008)))
    yield _text(_SOP_INSTANCE_UID, "UI", instance_uid(part10, uid))
    source = (
        (0x00081150, "UI", part10.text(_SOP_CLASS_UID)),
        (0x00081155, "UI", part10.text(_SOP_INSTANCE_UID)),
    )
    yield 0x00082112, _sequence(0x00082112, source)
    yield 0x00089215, _sequence(0x00089215, _LOSSY_COMPRESSION)
    yield _text(0x00282110, "CS", "01")
    yield _text(0x00282112, "DS", _appended(part10.text(0x00282112), f"{ratio:.4g}"))
    yield _text(0x00282114, "CS", _appended(part10.text(0x00282114), encoders.ENCODERS[uid].method))


def _derived(image_type: str) -> str:
    _, *rest = image_type.split("\\") if image_type else ("", "SECONDARY")
    return "\\".join(("DERIVED", *rest))


def _appended(values: str, value: str) -> str:
    """Earlier losses stay, in their order (PS3.3 C.7.6.1.1.5)."""
    return f"{values}\\{value}" if values else value


def _text(tag: int, vr: str, value: str) -> tuple[int, bytes]:
    return tag, writer.element(tag, vr, value.encode("latin-1"))


def _sequence(tag: int, item: tuple[tuple[int, str, str], ...]) -> bytes:
    inside = b"".join(_text(*each)[1] for each in item)
    return b"".join(
        (writer.header(tag, "SQ", 0xFFFFFFFF), writer.ITEM, inside, writer.ITEM_END, writer.SEQUENCE_END)
    )
