"""Any stored instance in a compressed transfer syntax (PS3.5 section A.4)."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from app.dicom import encoders, frames, lossy, pixel_description, rewrite, transcode, writer
from app.dicom.frames import PIXEL_DATA, FrameIndex
from app.dicom.part10 import Part10
from app.dicom.rewrite import Source
from app.dicom.transfer_syntaxes import DEFLATED_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN
from app.errors import CannotEncode

_CHUNK = 1 << 20
_UNDEFINED = 0xFFFFFFFF
FLOATING = "No compressed transfer syntax holds floating-point pixels: ask for Explicit VR Little Endian."


def transcode_instance(source: Path, target: Path, uid: str) -> None:
    """Write the instance in `source` to `target` in the transfer syntax `uid`.

    All but the pixel data and what describes it stays as it is, as in `rewrite`; one that a lossy encoder
    made is another instance (see `lossy`). A fragment holds a frame. Raises InvalidInstance, CannotDecode and
    CannotEncode; nothing stays at `target` then.
    """
    if uid in (EXPLICIT_LITTLE_ENDIAN, DEFLATED_LITTLE_ENDIAN):
        rewrite.to_explicit_little_endian(source, target, uid)
        return
    # The frames come first, into a file without a name: what stands before them holds their lengths.
    with rewrite.opened(source) as instance, tempfile.TemporaryFile(dir=target.parent) as streams:
        _compress(instance, target, uid, streams)


def _compress(instance: Source, target: Path, uid: str, streams: BinaryIO) -> None:
    part10 = instance.part10
    if part10.get(frames.FLOAT_PIXEL_DATA) or part10.get(frames.DOUBLE_FLOAT_PIXEL_DATA):
        raise CannotEncode(FLOATING)
    stored = pixel_description.from_part10(part10) if part10.get(PIXEL_DATA) else None
    index = frames.index(part10) if stored else None
    if stored is None or index is None:
        raise CannotEncode("The instance has no pixel data: ask for it in Explicit VR Little Endian.")
    before = transcode.native(stored, part10.transfer_syntax_uid)
    after = encoders.encoded(before, uid)
    sizes = [streams.write(each) for each in _encoded(instance, index, uid)]
    replaced: dict[int, Iterable[bytes]] = dict(rewrite.described(after))
    identity = None
    if not encoders.ENCODERS[uid].lossless:
        ratio = before.frame_bits / 8 * index.count / max(1, sum(sizes))
        identity = lossy.instance_uid(part10, uid)
        replaced |= {tag: [whole] for tag, whole in lossy.elements(part10, uid, ratio)}
    replaced[PIXEL_DATA] = _pixel_data(streams, sizes)
    rewrite.write(instance, target, uid, replaced, identity)


def _encoded(instance: Source, index: FrameIndex, uid: str) -> Iterator[bytes]:
    part10: Part10 = instance.part10
    description = pixel_description.from_part10(part10)
    for number in range(1, index.count + 1):
        parts = [instance.read(*each) for each in index.ranges(number)]
        frame = transcode.Frame(index.assemble(number, parts), part10.transfer_syntax_uid, description)
        stream = transcode.frame(frame, uid)
        if len(stream) > writer.LONGEST_VALUE:
            raise CannotEncode("A frame is longer than a fragment can be (4 GiB).")
        yield stream


def _pixel_data(streams: BinaryIO, sizes: list[int]) -> Iterator[bytes]:
    yield writer.header(PIXEL_DATA, "OB", _UNDEFINED)
    yield writer.offset_table(sizes)
    streams.seek(0)
    for size in sizes:
        yield writer.fragment(size + size % 2)
        for start in range(0, size, _CHUNK):
            yield streams.read(min(_CHUNK, size - start))
        yield b"\0" * (size % 2)
    yield writer.SEQUENCE_END
