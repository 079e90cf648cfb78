"""The body parts that bring pixel data and other bulk data (PS3.18 sections 8.7.3.3 and 10.5.1)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.dicom import codestream, transfer_syntaxes, writer
from app.dicom.codestream import CodeStream
from app.dicom.description import Json
from app.dicom.elements import PIXEL_DATA
from app.dicom.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN, OCTET_STREAM, TransferSyntax
from app.errors import InvalidInstance

_CHUNK = 1 << 20
#: The head of a code stream that is looked at: profiles and comments may stand before the frame header.
_HEAD = 1 << 18
_FRAGMENTS = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class BulkPart:
    """One body part: its bytes (or the path where they lie), media type and transfer-syntax parameter."""

    data: Path | bytes
    media_type: str = OCTET_STREAM
    transfer_syntax_uid: str | None = None

    @property
    def size(self) -> int:
        """Bytes of the part."""
        return len(self.data) if isinstance(self.data, bytes) else self.data.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, a piece at a time."""
        if isinstance(self.data, bytes):
            yield self.data
            return
        with self.data.open("rb") as stored:
            while chunk := stored.read(_CHUNK):
                yield chunk


BulkData = Callable[[str], list[BulkPart]]


def syntax(parts: list[BulkPart], fallback: str | None) -> TransferSyntax:
    """The transfer syntax of an instance whose Pixel Data are these parts.

    Compressed parts name it, else their code stream shows it, else it is `fallback`, else the default of
    their media type (PS3.18 Table 8.7.3-5); all else is Explicit VR Little Endian. Raises InvalidInstance.
    """
    native = transfer_syntaxes.get(EXPLICIT_LITTLE_ENDIAN)
    if not parts:
        return native
    media_types = {part.media_type.lower() for part in parts}
    named = {part.transfer_syntax_uid for part in parts} - {None, "", "*"}
    if len(media_types) > 1 or len(named) > 1:
        raise _wrong("Its parts differ in media type or transfer syntax.")
    media_type = media_types.pop()
    uid = named.pop() if named else _shown(parts[0], media_type, fallback)
    found = transfer_syntaxes.get(uid) if uid else None
    if found is None or media_type not in (OCTET_STREAM, found.media_type.lower()):
        raise _wrong("Its media type is none that pixel data of its transfer syntax has.")
    return found if found.encapsulated else native


def described(parts: list[BulkPart], syntax: TransferSyntax) -> Json:
    """The Image Pixel attributes that a code stream tells by itself, for metadata that leaves them out."""
    if not parts or not syntax.encapsulated:
        return {}
    stream = _stream(parts[0])
    if stream is None:
        return {}
    allocated = 8 if stream.precision <= 8 else 16 if stream.precision <= 16 else 32
    numbers = {
        "00280002": stream.samples,
        "00280010": stream.rows,
        "00280011": stream.columns,
        "00280100": allocated,
        "00280101": stream.precision,
        "00280102": stream.precision - 1,
        "00280103": int(stream.signed),
        **({"00280006": 0} if stream.samples > 1 else {}),
    }
    photometric = _photometric(stream, syntax)
    said = {key: {"vr": "US", "Value": [number]} for key, number in numbers.items()}
    return said | ({"00280004": {"vr": "CS", "Value": [photometric]}} if photometric else {})


def element(
    vr: str, parts: list[BulkPart], syntax: TransferSyntax, frames: int
) -> Iterator[bytes | BulkPart]:
    """Pixel Data: native, or encapsulated with a fragment for each frame. Raises InvalidInstance."""
    if not syntax.encapsulated:
        return joined(PIXEL_DATA, vr, parts)
    if len(parts) != (1 if syntax.video else frames):
        raise _wrong(f"There are {len(parts)} parts for {frames} frames; send one for each.")
    if any(part.size >= writer.LONGEST_VALUE for part in parts):
        raise _wrong("A frame is longer than a fragment can be (4 GiB).")
    return _encapsulated(parts)


def joined(tag: int, vr: str, parts: list[BulkPart]) -> Iterator[bytes | BulkPart]:
    """The parts one after another, as one value. Raises InvalidInstance when no element can be so long."""
    length = sum(part.size for part in parts)
    pad = writer.padding(vr, length)
    if length + len(pad) > writer.LONGEST_VALUE:
        raise InvalidInstance("The bulk data is longer than an element can be (4 GiB).")
    yield writer.header(tag, vr, length + len(pad))
    yield from parts
    yield pad


def _encapsulated(parts: list[BulkPart]) -> Iterator[bytes | BulkPart]:
    """One fragment a part, behind a Basic Offset Table where its 32 bits suffice (PS3.5 section A.4)."""
    sizes = [part.size for part in parts]
    yield writer.header(PIXEL_DATA, "OB", _FRAGMENTS)
    yield writer.offset_table(sizes)
    for part, size in zip(parts, sizes, strict=True):
        yield writer.fragment(size + size % 2)
        yield part
        yield b"\0" * (size % 2)
    yield writer.SEQUENCE_END


def _shown(part: BulkPart, media_type: str, fallback: str | None) -> str | None:
    if media_type == OCTET_STREAM:
        return (
            fallback if fallback and transfer_syntaxes.get(fallback).encapsulated else EXPLICIT_LITTLE_ENDIAN
        )
    stream = _stream(part)
    if stream is not None and stream.transfer_syntax_uid:
        return stream.transfer_syntax_uid
    if fallback and transfer_syntaxes.get(fallback).media_type.lower() == media_type:
        return fallback
    default = transfer_syntaxes.default(media_type)
    return default.uid if default else None


def _stream(part: BulkPart) -> CodeStream | None:
    return codestream.read(next(part.chunks(), b"")[:_HEAD])


def _photometric(stream: CodeStream, syntax: TransferSyntax) -> str | None:
    """What a stream of its kind most plainly is; None where only the sender knows (JPEG 2000 colour)."""
    if stream.samples == 1:
        return "MONOCHROME2"
    if stream.samples != 3 or not stream.marker:
        return None
    return "YBR_FULL_422" if syntax.media_type == "image/jpeg" and syntax.lossy else "RGB"


def _wrong(sentence: str) -> InvalidInstance:
    return InvalidInstance(f"{PIXEL_DATA:08X}: {sentence}")
