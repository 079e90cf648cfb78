"""How native pixel data is packed: bits of a frame, words to swap (PS3.5 sections 8.1.1 and 8.2, Annex D)."""

import numpy as np

from app.dicom import transfer_syntaxes
from app.dicom.elements import Element
from app.dicom.fragments import Inconsistent
from app.dicom.part10 import Part10

ROWS, COLUMNS, SAMPLES_PER_PIXEL = 0x00280010, 0x00280011, 0x00280002
PHOTOMETRIC_INTERPRETATION, BITS_ALLOCATED = 0x00280004, 0x00280100

#: Twice the samples that a pixel of a subsampled native frame has on average (PS3.3 C.7.6.3.1.2).
_SUBSAMPLED = {"YBR_FULL_422": 4, "YBR_PARTIAL_422": 4, "YBR_PARTIAL_420": 3}
#: Float and Double Float Pixel Data have no Bits Allocated of their own choice.
_FLOAT_BITS = {0x7FE00008: 32, 0x7FE00009: 64}


def packing(part10: Part10, pixels: Element, count: int) -> tuple[int, int]:
    """Bits of a frame, and bytes of the big endian words it lies in (1: there are none).

    Raises Inconsistent when the pixel data is too short for `count` frames.
    """
    bits = _measured_bits(part10, pixels, count)
    word = word_size(part10, pixels)
    if -(-bits * count // (8 * word)) * word > pixels.length:
        raise Inconsistent("Pixel Data is shorter than its attributes say; no frames can be retrieved.")
    return bits, word


def frame_bits(rows: int, columns: int, samples: int, bits: int, photometric: str = "") -> int:
    """Bits of a native frame, subsampled where the photometric interpretation says so."""
    doubled = _SUBSAMPLED.get(photometric, 6) if samples == 3 else 2 * samples
    return rows * columns * bits * doubled // 2


def word_size(part10: Part10, pixels: Element) -> int:
    """Bytes of the words in which native pixel data must be swapped to be little endian; 1: not at all.

    8-bit pixels sent as OW lie two to a big endian word (PS3.5 section 8.1.1).
    """
    if not transfer_syntaxes.get(part10.transfer_syntax_uid).big_endian_pixels:
        return 1
    bits = bits_allocated(part10, pixels)
    if bits > 8 and bits % 8 == 0:
        return bits // 8
    return 2 if pixels.vr == "OW" or bits > 8 else 1


def bits_allocated(part10: Part10, pixels: Element) -> int:
    """Bits of a sample; 0 when the instance does not say."""
    return _FLOAT_BITS.get(pixels.tag) or part10.number(BITS_ALLOCATED) or 0


def swap_words(data: bytes, word: int) -> bytes:
    """The bytes of each word of `word` bytes in reverse; a last word that is not whole is left as it is."""
    whole = len(data) // word * word
    swapped = np.frombuffer(data, np.uint8, whole).reshape(-1, word)[:, ::-1].tobytes()
    return swapped if whole == len(data) else swapped + bytes(data[whole:])


def shift(part: bytes, bit: int, bits: int) -> bytes:
    """`bits` bits of `part` from `bit` on; a byte's first is its least significant (PS3.5 Annex D)."""
    wanted = (int.from_bytes(part, "little") >> bit) & ((1 << bits) - 1)
    return wanted.to_bytes(-(-bits // 8), "little")


def _measured_bits(part10: Part10, pixels: Element, count: int) -> int:
    rows, columns = part10.number(ROWS) or 0, part10.number(COLUMNS) or 0
    samples, bits = part10.number(SAMPLES_PER_PIXEL) or 1, bits_allocated(part10, pixels)
    if min(rows, columns, samples, bits) < 1:
        raise Inconsistent("Rows, Columns or Bits Allocated is missing; no frames can be retrieved.")
    every_sample = frame_bits(rows, columns, samples, bits)
    if every_sample * count <= 8 * pixels.length:
        # Some writers say YBR_FULL_422 and yet send every sample: the length tells.
        return every_sample
    return frame_bits(rows, columns, samples, bits, part10.text(PHOTOMETRIC_INTERPRETATION))
