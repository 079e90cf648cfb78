"""One frame from any transfer syntax to any other, for a file of its own."""

from dataclasses import dataclass
from pathlib import Path

from app.dicom import encoders, pixels, transfer_syntaxes
from app.dicom.pixel_description import PixelDescription
from app.dicom.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes of a frame as they are stored (native ones little endian), and what describes them."""

    data: bytes
    transfer_syntax_uid: str
    description: PixelDescription

    @property
    def compressed(self) -> bool:
        """Whether the bytes are a code stream."""
        return bool(transfer_syntaxes.get(self.transfer_syntax_uid).encapsulated)


def frame(stored: Frame, uid: str) -> bytes:
    """The frame in the transfer syntax `uid`, native for Explicit VR Little Endian.

    Raises CannotDecode and CannotEncode.
    """
    description = native(stored.description, stored.transfer_syntax_uid)
    if uid != EXPLICIT_LITTLE_ENDIAN:
        encoders.encoded(description, uid)  # refuses before anything is decoded
    data = stored.data
    if stored.compressed:
        data = pixels.decode_frame(data, stored.transfer_syntax_uid, stored.description)
    return data if uid == EXPLICIT_LITTLE_ENDIAN else encoders.encode_frame(data, description, uid)


def native(description: PixelDescription, transfer_syntax_uid: str) -> PixelDescription:
    """What describes the native frames of an instance."""
    if not transfer_syntaxes.get(transfer_syntax_uid).encapsulated:
        return description
    return pixels.decoded(description, transfer_syntax_uid)


def write_frame(target: Path, stored: Frame, uid: str) -> None:
    """Write `frame` to a new file."""
    target.write_bytes(frame(stored, uid))
