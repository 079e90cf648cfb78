"""The frame index against pydicom's frames on real data, and against made data whose frames are known."""

import struct
import warnings
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder

from app.dicom import frames, part10
from app.dicom.frames import FrameIndex
from app.errors import InvalidInstance, NotFound
from tests.corpus import readable
from tests.dicom.made import encapsulated, instance

JPEG, JPEG_LS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"
JPEG_2000, RLE, MPEG = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.100"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
LITTLE, BIG, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2"
PRIVATE = "1.2.3.4.5"
QUICK = settings(deadline=None, max_examples=60)


def cut(data: bytes) -> list[bytes] | None:
    """Every frame of an instance, by its index alone; None when it has no index."""
    read = part10.read(data)
    index = frames.index(read)
    if index is None:
        return None
    index = FrameIndex.decode(index.encode())
    found = []
    for n in range(1, index.count + 1):
        parts = [read.data[offset : offset + length] for offset, length in index.ranges(n)]
        found.append(index.assemble(n, parts))
        assert len(found[-1]) == index.size(n)
    return found


def expected(dataset: Dataset) -> list[bytes]:
    """The frames as pydicom gives them: as stored, or as little endian native bytes."""
    count = int(dataset.get("NumberOfFrames") or 1)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated:
        return list(generate_frames(dataset.PixelData, number_of_frames=count))
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        size = dataset.Rows * dataset.Columns * 2
        return [dataset.PixelData[n * size : (n + 1) * size] for n in range(count)]
    array, _ = get_decoder(syntax).as_array(dataset, raw=True, correct_unused_bits=False)
    array = array.reshape(count, *array.shape[-3 if dataset.SamplesPerPixel > 1 else -2 :])
    if dataset.BitsAllocated == 1:
        return [np.packbits(frame, axis=None, bitorder="little").tobytes() for frame in array]
    if dataset.SamplesPerPixel > 1 and dataset.PlanarConfiguration == 1:
        array = array.transpose(0, 3, 1, 2)
    return [frame.astype(frame.dtype.newbyteorder("<")).tobytes() for frame in array]


WHOLE = tuple(path for path in readable() if not path.stem.endswith(("_truncated", "_too_short")))


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_real_frames_are_those_of_pydicom(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(path)
        if "PixelData" not in dataset:
            assert cut(path.read_bytes()) is None
            assert frames.explain(part10.read(path.read_bytes())) == ""
            return
        if not str(dataset.get("NumberOfFrames") or 1).isdigit():
            assert cut(path.read_bytes()) is None
            return
        assert cut(path.read_bytes()) == expected(dataset)


def jpeg(body: bytes) -> bytes:
    return b"\xff\xd8\xff\xe0" + body.replace(b"\xff", b"\xfe") + b"\xff\xd9"


def jpeg_2000(body: bytes) -> bytes:
    return b"\xff\x4f\xff\x51" + body.replace(b"\xff", b"\xfe") + b"\xff\xd9"


def run_length(body: bytes) -> bytes:
    return struct.pack("<16I", 1, 64, *[0] * 14) + body


STREAMS = {
    JPEG: jpeg,
    JPEG_LS: jpeg,
    JPEG_2000: jpeg_2000,
    RLE: run_length,
    DEFLATED_FRAMES: bytes,
    PRIVATE: bytes,
}


@st.composite
def fragmented(draw: st.DrawFn, split: bool = True) -> tuple[str, list[list[bytes]]]:
    """A transfer syntax and frames, each in its fragments of even length."""
    uid = draw(st.sampled_from(sorted(STREAMS)))
    found = []
    for body in draw(st.lists(st.binary(min_size=10, max_size=60), min_size=1, max_size=6)):
        stream = STREAMS[uid](body)
        stream += b"\0" * (len(stream) % 2)
        places = st.integers(4, len(stream) // 2 - 1).map(lambda half: 2 * half)
        at = sorted(draw(st.sets(places, max_size=3))) if split else []
        found.append([stream[first:end] for first, end in pairwise([0, *at, len(stream)])])
    return uid, found


def offsets(found: list[list[bytes]]) -> list[int]:
    sizes = (sum(8 + len(part) for part in frame) for frame in found)
    return list(accumulate(sizes, initial=0))[:-1]


def made(
    uid: str, found: list[list[bytes]], table: bytes = b"", count: int | None = None, **values: object
) -> bytes:
    data = encapsulated([part for frame in found for part in frame], table)
    return instance(uid, PixelData=data, NumberOfFrames=len(found) if count is None else count, **values)


def whole(found: list[list[bytes]]) -> list[bytes]:
    return [b"".join(frame) for frame in found]


@QUICK
@given(fragmented())
def test_basic_offset_table(sample: tuple[str, list[list[bytes]]]) -> None:
    uid, found = sample
    table = struct.pack(f"<{len(found)}I", *offsets(found))
    assert cut(made(uid, found, table)) == whole(found)


@QUICK
@given(fragmented(split=False))
def test_one_fragment_a_frame_without_a_table(sample: tuple[str, list[list[bytes]]]) -> None:
    uid, found = sample
    assert cut(made(uid, found)) == whole(found)


@QUICK
@given(fragmented(), st.binary(max_size=40))
def test_code_streams_win_over_a_wrong_table(sample: tuple[str, list[list[bytes]]], table: bytes) -> None:
    uid, found = sample
    cut_frames = cut(made(uid, found, table + b"\0" * (len(table) % 2)))
    if uid not in (DEFLATED_FRAMES, PRIVATE):
        assert cut_frames == whole(found)


@QUICK
@given(fragmented(), st.data())
def test_a_table_that_is_off_by_a_fragment_is_not_believed(
    sample: tuple[str, list[list[bytes]]], data: st.DataObject
) -> None:
    uid, found = sample
    starts = list(accumulate((8 + len(part) for frame in found for part in frame), initial=0))[:-1]
    chosen = data.draw(st.sets(st.sampled_from(starts), min_size=len(found), max_size=len(found)))
    table = struct.pack(f"<{len(found)}I", *sorted(chosen))
    if uid not in (DEFLATED_FRAMES, PRIVATE):
        assert cut(made(uid, found, table)) == whole(found)


@QUICK
@given(fragmented(split=False), st.booleans())
def test_extended_offset_table_gives_exact_lengths(
    sample: tuple[str, list[list[bytes]]], padded: bool
) -> None:
    uid, found = sample
    lengths = [len(frame[0]) - padded for frame in found]
    data = made(
        uid,
        found,
        ExtendedOffsetTable=struct.pack(f"<{len(found)}Q", *offsets(found)),
        ExtendedOffsetTableLengths=struct.pack(f"<{len(found)}Q", *lengths),
    )
    assert cut(data) == [frame[0][:length] for frame, length in zip(found, lengths, strict=True)]


@QUICK
@given(fragmented(split=False), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=6))
def test_a_wrong_extended_offset_table_is_not_believed(
    sample: tuple[str, list[list[bytes]]], wrong: list[int]
) -> None:
    uid, found = sample
    table = struct.pack(f"<{len(wrong)}Q", *wrong)
    data = made(uid, found, ExtendedOffsetTable=table, ExtendedOffsetTableLengths=table)
    assert cut(data) == whole(found)


@QUICK
@given(fragmented(), st.integers(1, 9))
def test_a_wrong_number_of_frames_never_joins_two_code_streams(
    sample: tuple[str, list[list[bytes]]], count: int
) -> None:
    uid, found = sample
    if count != len(found) and uid not in (DEFLATED_FRAMES, PRIVATE):
        assert cut(made(uid, found, count=count)) is None


def test_ends_of_code_streams_where_none_begins_well() -> None:
    found = [[b"\0\0abcd", b"ef\xff\xd9"], [b"\0\0ghij", b"klm\xff\xd9\0"]]
    assert cut(made(JPEG, found)) == whole(found)


def test_a_single_frame_has_every_fragment() -> None:
    assert cut(made(PRIVATE, [[b"ab", b"cd", b"ef"]], count=1)) == [b"abcdef"]
    assert cut(made(PRIVATE, [[b"ab", b"", b"cd"]], count=1)) == [b"abcd"]


def test_video_is_one_stream() -> None:
    assert cut(made(MPEG, [[b"\0\0\1\xb3", b"abcd"]], count=250)) == [b"\0\0\1\xb3abcd"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (made(JPEG, [[]]), "no fragments"),
        (made(PRIVATE, [[b"ab", b"cd", b"ef"]], count=2), "divided"),
        (instance(LITTLE, Rows=5, PixelData=bytes(16)), "shorter"),
        (instance(LITTLE, Rows=None, PixelData=bytes(16)), "Rows"),
        (instance(LITTLE, Rows=0, PixelData=bytes(16)), "Rows"),
        (instance(LITTLE, NumberOfFrames=-1, PixelData=bytes(16)), "Number of Frames"),
        (instance(LITTLE, NumberOfFrames=2**31 - 1, PixelData=bytes(16)), "shorter"),
        (instance(LITTLE, Rows=65535, Columns=65535, BitsAllocated=65528, PixelData=bytes(16)), "shorter"),
        (instance(LITTLE, PixelData=bytes(16), FloatPixelData=bytes(64)), "several"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_answer_rather_than_a_wrong_one(data: bytes, said: str) -> None:
    read = part10.read(data)
    assert frames.index(read) is None
    assert said in frames.explain(read)


def test_native_pixels_in_a_compressed_transfer_syntax() -> None:
    native = instance(LITTLE, PixelData=bytes(16))
    data = native.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
    assert cut(data) is None
    assert "transfer syntax" in frames.explain(part10.read(data))


@st.composite
def native(draw: st.DrawFn) -> tuple[dict[str, object], np.ndarray]:
    rows, columns, count = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 5))
    samples = draw(st.sampled_from([1, 3]))
    bits = draw(st.sampled_from([8, 16, 32]))
    shape = (count, rows, columns, samples)
    values = np.frombuffer(
        draw(st.binary(min_size=int(np.prod(shape)) * 4, max_size=int(np.prod(shape)) * 4)), "<u4"
    )
    array = (values.astype(np.uint64) % 2**bits).astype(f"<u{bits // 8}").reshape(shape)
    said: dict[str, object] = {
        "Rows": rows,
        "Columns": columns,
        "NumberOfFrames": count,
        "SamplesPerPixel": samples,
    }
    said |= {"BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1}
    if samples == 3:
        planar = draw(st.sampled_from([0, 1]))
        said |= {"PhotometricInterpretation": "RGB", "PlanarConfiguration": planar}
        array = array.transpose(0, 3, 1, 2) if planar else array
    return said, array


def even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)


@QUICK
@given(native(), st.sampled_from([LITTLE, IMPLICIT]))
def test_native_little_endian(sample: tuple[dict[str, object], np.ndarray], uid: str) -> None:
    said, array = sample
    data = instance(uid, "OW", PixelData=even(array.tobytes()), **said)
    assert cut(data) == [frame.tobytes() for frame in array]


@QUICK
@given(native(), st.sampled_from(["OB", "OW"]))
def test_native_big_endian(sample: tuple[dict[str, object], np.ndarray], vr: str) -> None:
    said, array = sample
    stored = even(array.astype(array.dtype.newbyteorder(">")).tobytes())
    if array.itemsize == 1 and vr == "OW":
        stored = np.frombuffer(stored, "<u2").byteswap().tobytes()
    data = instance(BIG, vr, PixelData=stored, **said)
    assert cut(data) == [frame.tobytes() for frame in array]


@QUICK
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.data(), st.booleans())
def test_single_bit_frames_are_repacked(
    rows: int, columns: int, count: int, data: st.DataObject, big: bool
) -> None:
    size = rows * columns * count
    bits = np.array(data.draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)), np.uint8)
    stored = even(np.packbits(bits, bitorder="little").tobytes())
    if big:
        stored = np.frombuffer(stored, "<u2").byteswap().tobytes()
    said = {"Rows": rows, "Columns": columns, "NumberOfFrames": count, "BitsAllocated": 1, "BitsStored": 1}
    made = instance(BIG if big else LITTLE, "OW", PixelData=stored, HighBit=0, **said)
    assert cut(made) == [np.packbits(f, bitorder="little").tobytes() for f in bits.reshape(count, -1)]


def test_subsampled_colour_has_two_bytes_a_pixel() -> None:
    said = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "YBR_FULL_422"}
    stored = bytes(range(64))
    assert cut(instance(LITTLE, PixelData=stored, NumberOfFrames=2, **said)) == [stored[:32], stored[32:]]
    # One that says so and yet has every sample is cut by its length.
    stored = bytes(range(96))
    assert cut(instance(LITTLE, PixelData=stored, NumberOfFrames=2, **said)) == [stored[:48], stored[48:]]


@pytest.mark.parametrize(("keyword", "size"), [("FloatPixelData", 4), ("DoubleFloatPixelData", 8)])
@pytest.mark.parametrize("uid", [LITTLE, BIG])
def test_float_pixel_data(keyword: str, size: int, uid: str) -> None:
    values = np.arange(32).reshape(2, 16).astype(f"<f{size}")
    stored = values if uid == LITTLE else values.astype(f">f{size}")
    data = instance(uid, BitsAllocated=None, NumberOfFrames=2, **{keyword: stored.tobytes()})
    assert cut(data) == [frame.tobytes() for frame in values]


def test_a_part_that_is_the_frame_is_not_copied() -> None:
    part = bytes(16)
    assert FrameIndex.native(0, 128, 1).assemble(1, [part]) is part
    assert FrameIndex.encapsulated([[(0, 16)]]).assemble(1, [part]) is part


def test_the_stored_form_is_small() -> None:
    assert len(FrameIndex.native(2**40, 2**33, 2**31).encode()) <= 32
    plain = FrameIndex.encapsulated([[(8 * n, 8)] for n in range(1000)])
    assert len(plain.encode()) <= 12 * 1000 + 16
    split = FrameIndex.encapsulated([[(8 * n, 4), (8 * n + 4, 4)] for n in range(1000)])
    assert len(split.encode()) <= 14 * 2000 + 20
    assert split.ranges(1000) == [(7992, 4), (7996, 4)]


@pytest.mark.parametrize("n", [-1, 0, 3, 2**70])
@pytest.mark.parametrize("index", [FrameIndex.native(0, 8, 2), FrameIndex.encapsulated([[(0, 1)], [(1, 1)]])])
def test_frames_beyond_the_count(index: FrameIndex, n: int) -> None:
    for ask in (index.ranges, index.size, lambda n: index.assemble(n, [b""])):
        with pytest.raises(NotFound):
            ask(n)


@QUICK
@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda rest: b"\1\2" + rest)))
def test_a_damaged_stored_form_is_refused_or_harmless(form: bytes) -> None:
    try:
        index = FrameIndex.decode(form)
    except InvalidInstance:
        return
    assert index.encode() == form
    assert index.count >= 0
