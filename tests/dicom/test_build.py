"""Instances built from DICOM JSON and bulk data: real ones come back, errors name their tag."""

import base64
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset

from app.dicom import frames, part10, transfer_syntaxes
from app.dicom.build import BulkPart, instance
from app.errors import InvalidInstance
from tests.corpus import readable
from tests.dicom.made import SECONDARY_CAPTURE, attributes

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG, JPEG_LOSSLESS, MPEG = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.100"
PIXELS = {"vr": "OB", "BulkDataURI": "pixels"}


def json_of(dataset: Dataset, bulk: dict[str, list[BulkPart]]) -> dict[str, Any]:
    def keep(element: Any) -> str:
        bulk[f"bulk/{len(bulk)}"] = [BulkPart(bytes(element.value))]
        return f"bulk/{len(bulk) - 1}"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(dataset.to_json_dict(bulk_data_threshold=100, bulk_data_element_handler=keep))


def even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)


def comparable(value: Any, bulk: dict[str, list[BulkPart]]) -> Any:
    """JSON by what it means: bytes for binary values; no character set, group length or trailing padding."""
    if isinstance(value, dict) and "InlineBinary" in value:
        return {"vr": value["vr"], "bytes": even(base64.b64decode(value["InlineBinary"]))}
    if isinstance(value, dict) and "BulkDataURI" in value:
        return {"vr": value["vr"], "bytes": even(b"".join(bulk[value["BulkDataURI"]][0].chunks()))}
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in ("00080005", "7FE00010")}
        said = {key: comparable(item, bulk) for key, item in kept.items() if not key.endswith("0000")}
        return {key: item for key, item in said.items() if key != "Value" or item != []}
    if isinstance(value, list):
        return [comparable(item, bulk) for item in value]
    return value.rstrip(" \0") if isinstance(value, str) else value


def jsonable(path: Path) -> bool:
    """Whether pydicom itself can say the instance as JSON, and frames of it can be sent as parts."""
    try:
        read = part10.read(path.read_bytes())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dcmread(path).to_json_dict(bulk_data_element_handler=lambda _: "")
    except Exception:
        return False
    return read.get(frames.PIXEL_DATA) is None or frames.index(read) is not None


REAL = [path for path in readable()[::2] if path.stat().st_size < 1_000_000 and jsonable(path)]


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_instances_come_back(path: Path, tmp_path: Path) -> None:
    read = part10.read(path.read_bytes())
    index = frames.index(read)
    syntax = transfer_syntaxes.get(read.transfer_syntax_uid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bulk: dict[str, list[BulkPart]] = {}
        said = json_of(dcmread(path), bulk)
        if index is not None:
            said["7FE00010"] = PIXELS
            cut = [[read.data[o : o + n] for o, n in index.ranges(k)] for k in range(1, index.count + 1)]
            parts = [index.assemble(n, part) for n, part in enumerate(cut, 1)]
            uid = syntax.uid if syntax.encapsulated else None
            bulk["pixels"] = [BulkPart(part, syntax.media_type, uid) for part in parts]
        instance(said, bulk.__getitem__, tmp_path / "built")
        built = dcmread(tmp_path / "built")
        bulk_again: dict[str, list[BulkPart]] = {}
        again = json_of(built, bulk_again)
    assert comparable(again, bulk_again) == comparable(said, bulk)
    again_index = frames.index(part10.read((tmp_path / "built").read_bytes()))
    if index is None or again_index is None:
        assert again_index is index is None
        return
    assert built.file_meta.TransferSyntaxUID == (syntax.uid if syntax.encapsulated else EXPLICIT)
    data = (tmp_path / "built").read_bytes()
    for n, part in enumerate(parts, 1):
        found = again_index.assemble(n, [data[o : o + size] for o, size in again_index.ranges(n)])
        assert found in (part, part + b"\0")


def built(said: dict[str, Any], folder: Path, *parts: BulkPart, uid: str | None = None) -> Dataset:
    base = {
        "00080016": {"vr": "UI", "Value": [SECONDARY_CAPTURE]},
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
    }
    instance(base | said, {"pixels": list(parts)}.get, folder / "built", uid)  # type: ignore[arg-type]
    return dcmread(folder / "built")


def test_values_of_every_kind(tmp_path: Path) -> None:
    dataset = built(
        {
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]},
            "00080008": {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]},
            "00280030": {"vr": "DS", "Value": [0.1, 1 / 3, "1.50", 1e-300]},
            "00200013": {"vr": "IS", "Value": [7]},
            "00209165": {"vr": "AT", "Value": ["00180086"]},
            "00720082": {"vr": "SV", "Value": ["-9223372036854775808", 5]},
            "00720083": {"vr": "UV", "Value": ["18446744073709551615"]},
            "00720076": {"vr": "FL", "Value": [0.5, "NaN"]},
            "00204000": {"vr": "LT", "Value": ["a\\b"]},
            "00091001": {"vr": "UN", "InlineBinary": base64.b64encode(b"\1\2\3").decode()},
            "00090010": {"vr": "LO", "Value": ["MAKER"]},
            "00081115": {"vr": "SQ", "Value": [{}, {"0020000e": {"vr": "UI", "Value": ["1.2"]}}]},
            "00080060": {"vr": "CS"},
            "00020010": {"vr": "UI", "Value": ["not kept"]},
            "00090000": {"vr": "UL", "Value": [12]},
        },
        tmp_path,
    )
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert str(dataset.PatientName) == "Yamada^Tarou=山田^太郎"
    assert list(dataset.ImageType) == ["ORIGINAL", "", "AXIAL"]
    assert [str(value) for value in dataset.PixelSpacing] == ["0.1", "0.33333333333333", "1.50", "1e-300"]
    assert all(len(str(value)) <= 16 for value in dataset.PixelSpacing)
    assert (dataset.InstanceNumber, dataset.DimensionIndexPointer) == (7, 0x00180086)
    assert list(dataset.SelectorSVValue) == [-(2**63), 5]
    assert dataset.SelectorUVValue == 2**64 - 1
    assert str(list(dataset.SelectorFLValue)) == "[0.5, nan]"
    assert dataset.ImageComments == "a\\b"
    assert dataset[0x00091001].value == b"\1\2\3\0"
    assert [len(item) for item in dataset.ReferencedSeriesSequence] == [0, 1]
    assert (dataset.Modality, dataset.file_meta.TransferSyntaxUID) == ("", EXPLICIT)
    assert 0x00090000 not in dataset


DEEP: dict[str, Any] = {"00081115": {"vr": "SQ", "Value": []}}
for _ in range(100):
    DEEP = {"00081115": {"vr": "SQ", "Value": [DEEP]}}


@pytest.mark.parametrize(
    ("key", "attribute"),
    [
        ("00100010", {"Value": ["no vr"]}),
        ("00100010", {"vr": "XX", "Value": ["x"]}),
        ("00100010", {"vr": ["PN"]}),
        ("00100010", ["PN"]),
        ("00100010", {"vr": "PN", "Value": [{"Phonographic": "x"}]}),
        ("00100020", {"vr": "LO", "Value": "not an array"}),
        ("00100020", {"vr": "LO", "Value": [5]}),
        ("00100020", {"vr": "LO", "Value": ["a\\b"]}),
        ("00100020", {"vr": "LO", "Value": ["\ud800"]}),
        ("00080060", {"vr": "CS", "Value": ["Ä"]}),
        ("00280010", {"vr": "US", "Value": [65536]}),
        ("00280010", {"vr": "US", "Value": [1.5]}),
        ("00280010", {"vr": "US", "Value": [True]}),
        ("00280010", {"vr": "US", "Value": [None]}),
        ("00280010", {"vr": "US", "InlineBinary": "AAA="}),
        ("00280030", {"vr": "DS", "Value": [float("inf")]}),
        ("00280030", {"vr": "DS", "Value": [10**400]}),
        ("00200013", {"vr": "IS", "Value": [1.5]}),
        ("00209165", {"vr": "AT", "Value": ["xyz"]}),
        ("00209165", {"vr": "AT", "Value": ["0018"]}),
        ("00720076", {"vr": "FL", "Value": [1e300]}),
        ("00204000", {"vr": "LT", "Value": ["one", "two"]}),
        ("00091001", {"vr": "UN", "InlineBinary": "not base64!"}),
        ("00091001", {"vr": "UN", "InlineBinary": 5}),
        ("00091001", {"vr": "UN", "Value": ["x"]}),
        ("00091001", {"vr": "OB", "Value": ["x"], "InlineBinary": "AAAA"}),
        ("00091001", {"vr": "OB", "BulkDataURI": "elsewhere"}),
        ("00091001", {"vr": "OB", "BulkDataURI": 5}),
        ("7FE00010", {"vr": "OB", "BulkDataURI": "elsewhere"}),
        ("00081115", {"vr": "SQ", "Value": ["not an item"]}),
        ("00081115", {"vr": "SQ", "Value": {"0020000E": {}}}),
        ("00081115", {"vr": "SQ", "BulkDataURI": "pixels"}),
        ("00081115/1/0020000E", {"vr": "SQ", "Value": [{"0020000E": {"vr": "UI", "Value": [7]}}]}),
        ("00081115", DEEP["00081115"]),
        ("StudyDate", {"vr": "DA", "Value": ["20200101"]}),
        ("00280008", {"vr": "IS", "Value": ["many"]}),
    ],
)
def test_errors_name_their_attribute(key: str, attribute: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInstance, match=f"(?i){key}"):
        built({key[:8] if "/" in key else key: attribute}, tmp_path, BulkPart(b"x"))
    assert not (tmp_path / "built").exists()


def pixel_json(**values: Any) -> dict[str, Any]:
    dataset = Dataset()
    for keyword, value in attributes(**values).items():
        setattr(dataset, keyword, value)
    return {**dataset.to_json_dict(), "7FE00010": PIXELS}


JPEG_STREAM = (
    b"\xff\xd8\xff\xc0\0\x0b\x08\0\x04\0\x06\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\x3f\0abc\xff\xd9"
)


def test_frames_become_fragments_behind_an_offset_table(tmp_path: Path) -> None:
    streams = [JPEG_STREAM, JPEG_STREAM + b"\0\0", JPEG_STREAM]
    said = pixel_json(NumberOfFrames=3)
    dataset = built(said, tmp_path, *(BulkPart(stream, "image/jpeg") for stream in streams))
    assert dataset.file_meta.TransferSyntaxUID == JPEG
    read = part10.read((tmp_path / "built").read_bytes())
    element, index = read.get(0x7FE00010), frames.index(read)
    assert element is not None
    assert element.fragments is not None
    assert index is not None
    assert element.fragments[0][1] == 12
    padded = [stream + b"\0" * (len(stream) % 2) for stream in streams]
    assert [
        index.assemble(n, [read.data[o : o + z] for o, z in index.ranges(n)]) for n in (1, 2, 3)
    ] == padded


def test_image_pixel_attributes_come_from_the_code_stream(tmp_path: Path) -> None:
    dataset = built(
        {"7FE00010": PIXELS, "00280010": {"vr": "US"}}, tmp_path, BulkPart(JPEG_STREAM, "image/jpeg")
    )
    assert (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.BitsAllocated) == (4, 6, 1, 8)
    assert (dataset.PhotometricInterpretation, dataset.HighBit, dataset.PixelRepresentation) == (
        "MONOCHROME2",
        7,
        0,
    )


@pytest.mark.parametrize(
    ("part", "fallback", "uid"),
    [
        (BulkPart(JPEG_STREAM, "image/jpeg"), None, JPEG),
        (BulkPart(JPEG_STREAM, "image/jpeg", JPEG_LOSSLESS), None, JPEG_LOSSLESS),
        (BulkPart(b"unreadable", "image/jpeg"), None, JPEG_LOSSLESS),
        (BulkPart(b"unreadable", "image/jpeg"), JPEG, JPEG),
        (BulkPart(b"unreadable", "image/jp2"), "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.91"),
        (BulkPart(b"unreadable", "IMAGE/JP2"), JPEG, "1.2.840.10008.1.2.4.90"),
        (BulkPart(b"x", "application/octet-stream", JPEG), None, JPEG),
        (BulkPart(b"x", "application/octet-stream"), JPEG, JPEG),
        (BulkPart(b"x", "application/octet-stream", "1.2.840.10008.1.2"), None, EXPLICIT),
        (BulkPart(b"\0\0\1\xb3", "video/mpeg"), MPEG, MPEG),
    ],
)
def test_transfer_syntax_of_the_parts(part: BulkPart, fallback: str | None, uid: str, tmp_path: Path) -> None:
    assert built(pixel_json(), tmp_path, part, uid=fallback).file_meta.TransferSyntaxUID == uid


@pytest.mark.parametrize(
    "parts",
    [
        [BulkPart(JPEG_STREAM, "image/jpeg")] * 3,
        [BulkPart(JPEG_STREAM, "image/jpeg")],
        [BulkPart(JPEG_STREAM, "image/jpeg"), BulkPart(b"x", "image/jp2")],
        [BulkPart(b"x", "image/jpeg", JPEG), BulkPart(b"x", "image/jpeg", JPEG_LOSSLESS)],
        [BulkPart(b"x", "image/jp2", JPEG)] * 2,
        [BulkPart(b"x", "text/plain")] * 2,
        [BulkPart(b"x", "image/jpeg", "1.2.3.4")] * 2,
    ],
)
def test_parts_that_do_not_fit(parts: list[BulkPart], tmp_path: Path) -> None:
    with pytest.raises(InvalidInstance, match="7FE00010"):
        built(pixel_json(NumberOfFrames=2), tmp_path, *parts)


def test_native_frames_are_joined(tmp_path: Path) -> None:
    dataset = built(pixel_json(NumberOfFrames=2), tmp_path, BulkPart(b"a" * 16), BulkPart(b"b" * 15 + b"c"))
    assert dataset.PixelData == b"a" * 16 + b"b" * 15 + b"c"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["SQ", "US", "OB"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["vr", "Value", "InlineBinary", "BulkDataURI", "00081115", "00280010"]), inner
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(st.sampled_from(["00081115", "00280010", "7fe00010", "00100010", "x"]), JSON))
def test_any_json_is_built_or_refused(tmp_path_factory: pytest.TempPathFactory, said: dict[str, Any]) -> None:
    target = tmp_path_factory.getbasetemp() / "any"
    try:
        instance(said, lambda _: [], target)
    except InvalidInstance:
        assert not target.exists()
        return
    part10.read(target.read_bytes())
    target.unlink()


MEASURE = """
import resource, sys
from pathlib import Path
from app.dicom.build import BulkPart, instance
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pixels = {"7FE00010": {"vr": "OW", "BulkDataURI": "x"}}
instance(pixels, lambda _: [BulkPart(Path(sys.argv[1]))], Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_is_bounded(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as out:
        out.truncate(200 * 1024 * 1024)
    command = [sys.executable, "-c", MEASURE, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert int(done.stdout) < 20_000
    assert target.stat().st_size > 200 * 1024 * 1024
