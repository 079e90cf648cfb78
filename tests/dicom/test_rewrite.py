"""Rewriting to Explicit VR Little Endian: the same elements and the same pixels, in little memory."""

import subprocess
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.sequence import Sequence

from app.dicom import part10, pixels
from app.dicom.rewrite import to_explicit_little_endian
from app.errors import CannotDecode, Fact, InvalidInstance
from tests.corpus import files
from tests.dicom.made import encapsulated, instance, written
from tests.dicom.test_pixels import BROKEN

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
RLE, JPEG, DEFLATED_FRAMES = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.8.1"
PIXEL_DATA, PHOTOMETRIC = 0x7FE00010, 0x00280004


def readable_part10(path: Path) -> bool:
    try:
        part10.read(path.read_bytes())
    except InvalidInstance:
        return False
    return path.name != BROKEN


def flat(dataset: Dataset, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Every element by its path; of a sequence the number of its items."""
    for element in dataset:
        here = (*path, int(element.tag))
        if element.VR == "SQ":
            yield here, len(element.value)
            for number, item in enumerate(element.value):
                yield from flat(item, (*here, number))
        elif element.tag.element:
            yield here, element.value


def same(stored: Any, rewritten: Any, big_endian: bool) -> bool:
    """Equal; but for the NUL that makes an odd value even, and the words that pydicom leaves as they were."""
    if isinstance(stored, bytes) and isinstance(rewritten, bytes):
        stored += b"\0" * (len(stored) % 2)
        swapped = np.frombuffer(stored, "<u2").byteswap().tobytes()
        return rewritten == stored or (big_endian and rewritten == swapped)
    return bool(stored == rewritten)


@pytest.mark.parametrize("path", [p for p in files() if readable_part10(p)], ids=lambda path: path.name)
def test_real_instances_stay_what_they_are(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "rewritten"
    to_explicit_little_endian(path, target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, after = dcmread(path), dcmread(target)
        big = before.file_meta.get("TransferSyntaxUID") == BIG
        stored, rewritten = dict(flat(before)), dict(flat(after))
        assert after.file_meta.TransferSyntaxUID == EXPLICIT
        assert after.file_meta.get("MediaStorageSOPInstanceUID", "") == before.get("SOPInstanceUID", "") or (
            "SOPInstanceUID" not in before
        )
        assert set(rewritten) == set(stored)
        changed = {where for where in stored if not same(stored[where], rewritten[where], big)}
        compressed = PIXEL_DATA in before and before["PixelData"].is_undefined_length
        assert changed <= ({(PIXEL_DATA,), (PHOTOMETRIC,)} if compressed else {(PIXEL_DATA,)})
        if PIXEL_DATA in before and "Rows" in before:
            compare_pixels(before, after)


def compare_pixels(before: Dataset, after: Dataset) -> None:
    try:
        array = before.pixel_array
    except (RuntimeError, ValueError, AttributeError):
        return  # what pydicom cannot decode is compared in test_pixels
    np.testing.assert_array_equal(after.pixel_array, array)
    assert after.BitsAllocated <= 8 or after["PixelData"].VR == "OW"


def rewritten(data: bytes, folder: Path) -> Dataset:
    source, target = folder / "source", folder / "target"
    source.write_bytes(data)
    to_explicit_little_endian(source, target)
    return dcmread(target)


@pytest.mark.parametrize("uid", [IMPLICIT, BIG, EXPLICIT, "1.2.840.10008.1.2.1.99"])
def test_every_kind_of_element(uid: str, tmp_path: Path) -> None:
    item = Dataset()
    item.PatientName, item.SelectorFDValue, item.SelectorATValue = "Nested^Name", [1.5, -2.25], [0x00100010]
    deeper = Dataset()
    deeper.ReferencedSOPSequence = Sequence([item, Dataset()])
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    dataset.ReferencedSeriesSequence = Sequence([deeper])
    dataset.SelectorUSValue, dataset.SelectorSLValue = [1, 65535], [-(2**31), 7]
    dataset.SelectorFLValue, dataset.SelectorUVValue, dataset.SelectorSVValue = 0.5, 2**63, -(2**62)
    dataset.SelectorUTValue = "x" * 70_000
    dataset.RedPaletteColorLookupTableData = bytes(range(256)) * 2
    dataset.add_new(0x00090010, "LO", "MAKER")
    dataset.add_new(0x00091001, "UN", b"\1\2\3\4")
    after = rewritten(written(dataset, uid), tmp_path)
    for (where, value), (found, again) in zip(flat(dataset), flat(after), strict=True):
        assert where == found
        assert same(value, again, uid == BIG)


def test_a_value_too_long_for_its_header_becomes_unknown(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.SOPInstanceUID, dataset.SelectorDSValue = "1.2", ["1.5"] * 20_000
    after = rewritten(written(dataset, IMPLICIT), tmp_path)
    assert (after.get_item(0x00720072).VR, len(after.get_item(0x00720072).value)) == ("UN", 80_000)
    assert after[0x00720072].value.rstrip(b" ") == b"\\".join([b"1.5"] * 20_000)


def test_a_large_lookup_table_stays_one(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.SOPInstanceUID = "1.2"
    dataset.ModalityLUTSequence = [Dataset()]
    dataset.ModalityLUTSequence[0].LUTDescriptor = [0, 0, 16]
    dataset.ModalityLUTSequence[0].add_new(0x00283006, "OW", bytes(range(256)) * 512)
    item = rewritten(written(dataset, IMPLICIT), tmp_path).ModalityLUTSequence[0]
    assert (item["LUTData"].VR, len(item["LUTData"].value)) == ("OW", 131_072)


def test_offset_tables_go_with_the_fragments(tmp_path: Path) -> None:
    part = RLELosslessEncoder.encode(
        bytes(range(16)), encoding_plugin="pydicom", rows=4, columns=4, samples_per_pixel=1, bits_allocated=8,
        bits_stored=8, number_of_frames=1, pixel_representation=0, photometric_interpretation="MONOCHROME2",
    )  # fmt: skip
    table = (0).to_bytes(8, "little")
    data = instance(
        RLE,
        PixelData=encapsulated([part]),
        ExtendedOffsetTable=table,
        ExtendedOffsetTableLengths=len(part).to_bytes(8, "little"),
    )
    after = rewritten(data, tmp_path)
    assert after.PixelData == bytes(range(16))
    assert "ExtendedOffsetTable" not in after
    assert "ExtendedOffsetTableLengths" not in after


def test_a_compressed_icon_is_decoded_too(tmp_path: Path) -> None:
    part = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = part.compress(b"icon") + part.flush()
    outer = dcmread_bytes(
        instance(DEFLATED_FRAMES, PixelData=encapsulated([even(stream)]), Rows=2, Columns=2)
    )
    icon = dcmread_bytes(instance(DEFLATED_FRAMES, PixelData=encapsulated([even(stream)]), Rows=2, Columns=2))
    outer.IconImageSequence = [icon]
    after = rewritten(written(outer, DEFLATED_FRAMES), tmp_path)
    assert (after.PixelData, after.IconImageSequence[0].PixelData) == (b"icon", b"icon")


def even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)


def dcmread_bytes(data: bytes) -> Dataset:
    import io

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(io.BytesIO(data))
        dataset["PixelData"].is_undefined_length = True
    return dataset


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 9), st.data())
def test_frames_of_single_bits_are_joined_without_gaps(
    tmp_path_factory: pytest.TempPathFactory, rows: int, columns: int, count: int, data: st.DataObject
) -> None:
    size = rows * columns
    bits = np.array(
        data.draw(st.lists(st.integers(0, 1), min_size=size * count, max_size=size * count)), np.uint8
    )
    parts = []
    for frame in bits.reshape(count, size):
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = np.packbits(frame, bitorder="little").tobytes()
        parts.append(even(deflate.compress(packed) + deflate.flush()))
    said = {"Rows": rows, "Columns": columns, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    made = instance(DEFLATED_FRAMES, PixelData=encapsulated(parts), NumberOfFrames=count, **said)
    after = rewritten(made, tmp_path_factory.mktemp("bits"))
    assert after.PixelData == even(np.packbits(bits, bitorder="little").tobytes())


@pytest.mark.parametrize(
    ("data", "fact"),
    [
        (b"", InvalidInstance),
        (b"not DICOM at all" * 20, InvalidInstance),
        (instance(JPEG, PixelData=encapsulated([b"\xff\xd8 damaged"])), CannotDecode),
        (instance("1.2.840.10008.1.2.4.112", PixelData=encapsulated([b"\xff\x0a"])), CannotDecode),
        (instance("1.2.3.4", PixelData=encapsulated([b"private "])), CannotDecode),
        (instance(RLE, Rows=None, PixelData=encapsulated([bytes(64)])), CannotDecode),
        (instance(JPEG, NumberOfFrames=3, PixelData=encapsulated([b"ab", b"cd"])), CannotDecode),
    ],
    ids=["empty", "text", "damaged", "no codec", "private", "no rows", "no frames"],
)
def test_failures_are_facts_and_leave_nothing(data: bytes, fact: type[Fact], tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    with pytest.raises(fact):
        to_explicit_little_endian(source, target)
    assert not target.exists()


def test_pixel_data_longer_than_an_element_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "decode_frame", lambda *_: pytest.fail("nothing is decoded in vain"))
    said = {"Rows": 65535, "Columns": 65535, "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15}
    with pytest.raises(CannotDecode, match="4 GiB"):
        rewritten(instance(RLE, PixelData=encapsulated([bytes(64)]), **said), tmp_path)


MEASURE = """
import resource, sys
from pathlib import Path
from app.dicom.rewrite import to_explicit_little_endian
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
to_explicit_little_endian(Path(sys.argv[1]), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def grown(source: Path, target: Path) -> int:
    """KiB by which a process grows that rewrites `source`."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(source), str(target)], capture_output=True, check=True, text=True
    )
    return int(done.stdout)


def test_memory_is_bounded_for_a_large_native_instance(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    said = {"Rows": 1024, "Columns": 1024, "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15}
    size = 150 * 2 * 1024 * 1024
    small = instance(BIG, "OW", PixelData=b"\1\2", NumberOfFrames=150, **said)
    head = small[:-6] + size.to_bytes(4, "big")
    with source.open("wb") as out:
        out.write(head)
        for _ in range(150):
            out.write(b"\1\2" * 1024 * 1024)
    assert grown(source, target) < 40_000
    read = part10.read(target.read_bytes())
    element = read.get(PIXEL_DATA)
    assert element is not None
    assert element.length == size
    assert read.data[element.offset : element.offset + 4] == b"\2\1\2\1"


def test_memory_is_bounded_for_a_large_compressed_instance(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    frame = np.tile(np.arange(1024, dtype="<u2"), (1024, 1)).tobytes()
    said = {"Rows": 1024, "Columns": 1024, "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15}
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    part = even(deflate.compress(frame) + deflate.flush())
    source.write_bytes(
        instance(DEFLATED_FRAMES, PixelData=encapsulated([part] * 150), NumberOfFrames=150, **said)
    )
    assert grown(source, target) < 40_000
    assert target.stat().st_size > 150 * len(frame)
    with target.open("rb") as stored:
        stored.seek(-len(frame), 2)
        assert stored.read() == frame
