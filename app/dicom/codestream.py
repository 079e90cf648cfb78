"""What the head of a compressed frame says of itself, read without decoding it."""

import struct
from dataclasses import dataclass

#: Start-of-frame markers: all of C0 to CF but the Huffman table, the arithmetic table and the extension
#: (ISO/IEC 10918-1 Table B.1), and JPEG-LS's own (ISO/IEC 14495-1 Table C.1).
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_JPEG_LS = 0xF7
_SCAN = 0xDA
#: Markers that stand alone: TEM, RST0 to RST7, SOI.
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_JPEG_2000_HEAD = struct.Struct(">4sHH8I")
_JP2_BOX = struct.Struct(">I4s")

#: The process of a JPEG frame marker, as the transfer syntax that carries it.
_JPEG_SYNTAXES = {
    0xC0: "1.2.840.10008.1.2.4.50",
    0xC1: "1.2.840.10008.1.2.4.51",
    0xC2: "1.2.840.10008.1.2.4.55",
    0xC3: "1.2.840.10008.1.2.4.57",
}
_FIRST_ORDER_LOSSLESS = "1.2.840.10008.1.2.4.70"


@dataclass(frozen=True, slots=True)
class CodeStream:
    """Rows, columns, samples of a pixel, bits of a sample, and the JPEG frame marker (0 for JPEG 2000)."""

    rows: int
    columns: int
    samples: int
    precision: int
    marker: int = 0
    #: Predictor of a lossless JPEG scan (selection value), or NEAR of a JPEG-LS scan.
    selection: int = 0
    signed: bool = False

    @property
    def transfer_syntax_uid(self) -> str | None:
        """The JPEG or JPEG-LS transfer syntax that this stream is of; None for what only its sender knows."""
        if self.marker == _JPEG_LS:
            return "1.2.840.10008.1.2.4.81" if self.selection else "1.2.840.10008.1.2.4.80"
        if self.marker == 0xC3 and self.selection == 1:
            return _FIRST_ORDER_LOSSLESS
        return _JPEG_SYNTAXES.get(self.marker)


def read(part: bytes) -> CodeStream | None:
    """The head of a JPEG, JPEG-LS or JPEG 2000 code stream; None when `part` does not begin with one."""
    try:
        if part[:2] == b"\xff\xd8":
            return _jpeg(part)
        return _jpeg_2000(part, _code_stream_offset(part))
    except (struct.error, IndexError):
        return None


def _jpeg(part: bytes) -> CodeStream | None:
    found: CodeStream | None = None
    position = 2
    while part[position] == 0xFF:
        marker = part[position + 1]
        if marker == 0xFF or marker in _BARE:  # a fill byte, or a marker without a segment
            position += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", part, position + 2)
        if marker in _FRAME_MARKERS:
            precision, rows, columns, samples = struct.unpack_from(">BHHB", part, position + 4)
            found = CodeStream(rows, columns, samples, precision, marker)
        elif marker == _SCAN and found:
            return _with_scan(found, part, position + 4)
        position += 2 + length
    return found


def _with_scan(found: CodeStream, part: bytes, position: int) -> CodeStream:
    """The byte after the scan's components is the predictor of a lossless stream, or NEAR."""
    selection = part[position + 1 + 2 * part[position]]
    return CodeStream(found.rows, found.columns, found.samples, found.precision, found.marker, selection)


def _jpeg_2000(part: bytes, offset: int) -> CodeStream | None:
    head, _, _, right, bottom, left, top, *_ = _JPEG_2000_HEAD.unpack_from(part, offset)
    if head != b"\xff\x4f\xff\x51":
        return None
    samples, depth = struct.unpack_from(">HB", part, offset + _JPEG_2000_HEAD.size)
    return CodeStream(bottom - top, right - left, samples, (depth & 0x7F) + 1, signed=bool(depth & 0x80))


def _code_stream_offset(part: bytes) -> int:
    """Where the code stream begins: at once (PS3.5 section A.4.4), or in the jp2c box of a JP2 file."""
    if part[4:8] != b"jP  ":
        return 0
    position = 0
    while True:
        length, kind = _JP2_BOX.unpack_from(part, position)
        if kind == b"jp2c":
            return position + (16 if length == 1 else 8)
        if length < 8:
            return len(part)
        position += length
