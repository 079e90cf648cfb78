"""Boxes blanked in every frame: real instances of every transfer syntax, and every kind of pixel."""

from collections.abc import Sequence
from itertools import repeat
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from app.deid import blank, fill, native_frames
from app.deid.boxes import Box
from app.deid.encoding import Chunk, Encoding, Originals
from app.dicom import frames, part10, rewrite, transfer_syntaxes, writer
from app.errors import CannotDecode, Fact
from tests import corpus

BOX = Box(3, 2, 9, 7)
#: Larger instances say no more, and take longer.
LARGEST = 4 << 20


def _source(path: Path) -> rewrite.Source:
    return native_frames.at_hand(part10.read(path.read_bytes()))


def _written(source: rewrite.Source, boxes: Sequence[Box], target: Path) -> blank.Blanked | None:
    """The source with what is blanked in its place, every other byte of its data set as it stands."""
    found = blank.blank(source, boxes)
    if found is not None:
        read, uid = source.part10, found.transfer_syntax_uid
        encoding = Encoding(read.little_endian, read.explicit)
        elements: dict[int, list[Chunk]] = {each.tag: _whole(read, encoding, each) for each in read.dataset}
        elements |= {tag: list(chunks) for tag, chunks in found.elements.items()}
        chunks = (chunk for tag in sorted(elements) for chunk in elements[tag])
        meta = writer.preamble(read.text(0x00080016), read.text(0x00080018), uid)
        is_deflated = uid == transfer_syntaxes.DEFLATED_LITTLE_ENDIAN
        target.write_bytes(meta + b"".join(writer.deflated(chunks) if is_deflated else chunks))
    return found


def _whole(read: part10.Part10, encoding: Encoding, element: part10.Element) -> list[Chunk]:
    if element.items is None:
        return Originals(read, encoding).whole(element)
    return encoding.sequence(
        element.tag, ([*map(_one, repeat(read), repeat(encoding), item)] for item in element.items)
    )


def _one(read: part10.Part10, encoding: Encoding, element: part10.Element) -> bytes:
    return b"".join(_whole(read, encoding, element))


def _is_framed(path: Path) -> bool:
    try:
        read = part10.read(path.read_bytes())
        return frames.index(read) is not None and transfer_syntaxes.get(read.transfer_syntax_uid).decodable
    except Fact:
        return False


REAL = [path for path in corpus.readable() if path.stat().st_size < LARGEST and _is_framed(path)]


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_a_real_instance_reads_back_blank_in_the_box_only(path: Path, tmp_path: Path) -> None:
    source, target = _source(path), tmp_path / "blank.dcm"
    box = BOX if (source.part10.number(0x00280010) or 0) > BOX.bottom else Box(1, 0, 2, 2)
    try:
        found = _written(source, [box], target)
    except CannotDecode:
        with pytest.raises(CannotDecode):
            list(native_frames.of(source).values())
        return
    assert found is not None
    blank.prove(source, _source(target), [box])
    assert not transfer_syntaxes.get(found.transfer_syntax_uid).lossy


def _is_lossy(path: Path) -> bool:
    return transfer_syntaxes.get(part10.read(path.read_bytes()).transfer_syntax_uid).lossy


LOSSLESS = [path for path in REAL if not _is_lossy(path)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", LOSSLESS[::4], ids=lambda path: path.name)
def test_pydicom_reads_the_same(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "blank.dcm"
    if _written(_source(path), [Box(0, 0, 2, 2)], target) is None:
        return
    before, after = (pydicom.dcmread(each) for each in (path, target))
    arrays = [
        each.pixel_array.reshape(-1, each.Rows, each.Columns, each.get("SamplesPerPixel", 1))
        for each in (before, after)
    ]
    assert (arrays[0][:, 2:] == arrays[1][:, 2:]).all()
    assert (arrays[0][:, :2, 2:] == arrays[1][:, :2, 2:]).all()
    assert all((frame[:2, :2] == frame[0, 0]).all() for frame in arrays[1])


@pytest.mark.parametrize("path", REAL[::7], ids=lambda path: path.name)
def test_all_other_elements_keep_their_values(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "blank.dcm"
    found = _written(_source(path), [BOX], target)
    assert found is not None
    before, after = part10.read(path.read_bytes()), part10.read(target.read_bytes())
    changed = set(found.elements)
    for element in before.dataset:
        again = after.get(element.tag)
        if (
            element.tag not in changed
            and element.items is None
            and element.tag & 0xFFFF
            and before.little_endian
        ):
            assert again is not None
            assert after.value(again).rstrip(b" \0") == before.value(element).rstrip(b" \0")


def _dataset(**attributes: object) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "2.25.1"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 12, 16, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def _saved(dataset: Dataset, path: Path, uid: str = ExplicitVRLittleEndian) -> rewrite.Source:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid
    dataset.save_as(path, enforce_file_format=True)
    return _source(path)


def _blanked(
    dataset: Dataset, tmp_path: Path, box: Box = BOX
) -> tuple[np.ndarray, np.ndarray, pydicom.Dataset]:
    """The stored containers before and after, by pydicom, and the blanked instance."""
    source, target = _saved(dataset, tmp_path / "source.dcm"), tmp_path / "blank.dcm"
    assert _written(source, [box], target) is not None
    blank.prove(source, _source(target), [box])
    before, after = pydicom.dcmread(tmp_path / "source.dcm"), pydicom.dcmread(target)
    return (*(each.pixel_array for each in (before, after)), after)


RANDOM = np.random.default_rng(5)


def _inside(array: np.ndarray, box: Box = BOX) -> np.ndarray:
    return array[..., box.top : box.bottom, box.left : box.right]


def _outside_is_same(before: np.ndarray, after: np.ndarray, box: Box = BOX) -> bool:
    mask = np.ones(before.shape, bool)
    mask[..., box.top : box.bottom, box.left : box.right] = False
    return bool((before[mask] == after[mask]).all())


@pytest.mark.parametrize(
    ("attributes", "low", "black"),
    [
        ({}, 5, 0),
        ({"PhotometricInterpretation": "MONOCHROME1"}, 5, 4000),
        ({"PixelRepresentation": 1, "BitsStored": 16, "HighBit": 15}, -1024, -1024),
        (
            {"PixelRepresentation": 1, "BitsStored": 16, "HighBit": 15, "PixelPaddingValue": -2000},
            -1024,
            -2000,
        ),
        ({"PixelPaddingValue": 4095}, 5, 4095),
    ],
)
def test_black_of_greys(attributes: dict[str, object], low: int, black: int, tmp_path: Path) -> None:
    dataset = _dataset(**attributes)
    values = RANDOM.integers(low, 4001, (3, 12, 16)).astype("<i2")
    values[:, 0, 0], values[:, 0, 1] = low, 4000
    dataset.NumberOfFrames, dataset.PixelData = 3, values.tobytes()
    before, after, _ = _blanked(dataset, tmp_path)
    assert (_inside(after) == black).all()
    assert _outside_is_same(before, after)


def test_overlay_bits_go_in_the_box_and_stay_elsewhere(tmp_path: Path) -> None:
    values = RANDOM.integers(0, 4096, (12, 16)).astype("<u2") | 0x8000
    dataset = _dataset(PixelData=values.tobytes())
    source, target = _saved(dataset, tmp_path / "source.dcm"), tmp_path / "blank.dcm"
    _written(source, [BOX], target)
    after = np.frombuffer(pydicom.dcmread(target).PixelData, "<u2").reshape(12, 16)
    assert (_inside(after) == 0).all()
    assert _outside_is_same(values, after)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize(("photometric", "black"), [("RGB", (0, 0, 0)), ("YBR_FULL", (0, 128, 128))])
def test_black_of_colours(planar: int, photometric: str, black: tuple[int, ...], tmp_path: Path) -> None:
    shape = (3, 12, 16) if planar else (12, 16, 3)
    values = RANDOM.integers(1, 255, shape).astype(np.uint8)
    dataset = _dataset(
        SamplesPerPixel=3, PlanarConfiguration=planar, PhotometricInterpretation=photometric, BitsAllocated=8,
        BitsStored=8, HighBit=7, PixelData=values.tobytes(),
    )  # fmt: skip
    source, target = _saved(dataset, tmp_path / "source.dcm"), tmp_path / "blank.dcm"
    _written(source, [BOX], target)
    after = np.frombuffer(pydicom.dcmread(target).PixelData, np.uint8).reshape(shape)
    by_plane = (values, after) if planar else tuple(each.transpose(2, 0, 1) for each in (values, after))
    assert (_inside(by_plane[1]) == np.array(black)[:, None, None]).all()
    assert _outside_is_same(*by_plane)


def test_pixels_that_share_their_colour_go_in_pairs(tmp_path: Path) -> None:
    values = RANDOM.integers(1, 255, (12, 8, 4)).astype(np.uint8)
    dataset = _dataset(
        SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation="YBR_FULL_422", BitsAllocated=8,
        BitsStored=8, HighBit=7, PixelData=values.tobytes(),
    )  # fmt: skip
    source, target = _saved(dataset, tmp_path / "source.dcm"), tmp_path / "blank.dcm"
    _written(source, [BOX], target)
    blank.prove(source, _source(target), [BOX])
    after = np.frombuffer(pydicom.dcmread(target).PixelData, np.uint8).reshape(12, 8, 4)
    assert (after[2:7, 1:5] == (0, 0, 128, 128)).all()
    assert (after[2:7, 5:] == values[2:7, 5:]).all()
    assert (after[7:] == values[7:]).all()


def test_a_palette_has_its_darkest_entry(tmp_path: Path) -> None:
    table = np.array([500, 400, 7, 600], "<u2")
    dataset = _dataset(PhotometricInterpretation="PALETTE COLOR", BitsAllocated=8, BitsStored=8, HighBit=7)
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [4, 0, 16])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", table.tobytes())
    dataset.PixelData = RANDOM.integers(0, 4, (12, 16)).astype(np.uint8).tobytes()
    before, after, _ = _blanked(dataset, tmp_path)
    assert (_inside(after) == 2).all()
    assert _outside_is_same(before, after)


def test_single_bits_that_cross_bytes(tmp_path: Path) -> None:
    bits = RANDOM.integers(0, 2, (3, 11, 13)).astype(np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    dataset = _dataset(Rows=11, Columns=13, BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=3)
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    before, after, _ = _blanked(dataset, tmp_path)
    assert (_inside(after) == 0).all()
    assert _outside_is_same(before, after)


def test_floating_point_pixels(tmp_path: Path) -> None:
    values = RANDOM.normal(0, 3, (12, 16)).astype("<f4")
    dataset = _dataset(FloatPixelData=values.tobytes(), BitsAllocated=32)
    for keyword in ("BitsStored", "HighBit", "PixelRepresentation"):
        delattr(dataset, keyword)
    source, target = _saved(dataset, tmp_path / "source.dcm"), tmp_path / "blank.dcm"
    _written(source, [BOX], target)
    after = np.frombuffer(pydicom.dcmread(target).FloatPixelData, "<f4").reshape(12, 16)
    assert (_inside(after) == values.min()).all()
    assert _outside_is_same(values, after)


def test_values_high_in_their_container(tmp_path: Path) -> None:
    values = RANDOM.integers(1, 4096, (12, 16)).astype("<u2") << 4
    dataset = _dataset(HighBit=15, PhotometricInterpretation="MONOCHROME1", PixelData=values.tobytes())
    source, target = _saved(dataset, tmp_path / "source.dcm"), tmp_path / "blank.dcm"
    _written(source, [BOX], target)
    after = np.frombuffer(pydicom.dcmread(target).PixelData, "<u2").reshape(12, 16)
    assert (_inside(after) == values.max()).all()


def test_boxes_outside_of_the_frames_change_nothing(tmp_path: Path) -> None:
    dataset = _dataset(PixelData=bytes(12 * 16 * 2))
    source = _saved(dataset, tmp_path / "source.dcm")
    assert blank.blank(source, [Box(16, 0, 20, 12), Box(3, 3, 3, 9), Box(-9, -9, 0, 0)]) is None


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.52"])
def test_what_has_no_codec_needs_a_person(uid: str, tmp_path: Path) -> None:
    dataset = _dataset(PixelData=pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"]), BitsAllocated=8)
    dataset["PixelData"].VR = "OB"
    source = _saved(dataset, tmp_path / "source.dcm", uid)
    with pytest.raises(CannotDecode):
        _written(source, [BOX], tmp_path / "blank.dcm")
    assert not (tmp_path / "blank.dcm").exists()


@pytest.mark.parametrize("boxes", [[], [BOX.grown(1)], [BOX.moved(1, 0)]])
def test_a_blanked_instance_that_is_another_is_found_out(boxes: list[Box], tmp_path: Path) -> None:
    dataset = _dataset(PixelData=RANDOM.integers(1, 4096, (12, 16)).astype("<u2").tobytes())
    source, target = _saved(dataset, tmp_path / "source.dcm"), tmp_path / "blank.dcm"
    _written(source, [BOX], target)
    with pytest.raises(CannotDecode):
        blank.prove(source, _source(target), boxes)


def test_no_frames_no_blanking(tmp_path: Path) -> None:
    with pytest.raises(CannotDecode):
        blank.blank(_saved(_dataset(), tmp_path / "source.dcm"), [BOX])


def test_a_frame_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are read as chunks are asked for, never all before."""
    dataset = _dataset(
        NumberOfFrames=40, PixelData=RANDOM.integers(0, 99, (40, 12, 16)).astype("<u2").tobytes()
    )
    source, read = _saved(dataset, tmp_path / "source.dcm"), []
    counted = rewrite.Source(source.part10, lambda o, n: read.append(o) or source.read(o, n))
    found = blank.blank(counted, [BOX])
    assert found is not None
    chunks = iter(found.elements[0x7FE00010])
    next(chunks), next(chunks)
    assert len(read) <= 2


def test_the_proof_can_fail() -> None:
    frame = np.zeros((4, 4), "<u2")
    with pytest.raises(CannotDecode):
        fill._require_blank(frame, frame + 1, [Box(0, 0, 1, 1)], [0])
