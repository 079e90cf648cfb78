"""The DICOM JSON Model as it is sent: rows 118 to 131 (PS3.18 Annex F)."""

from base64 import b64decode
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.instances import ct, part10
from tests.rows.asking import get, stored, url


async def metadata(client: httpx.AsyncClient, dataset: Dataset, sent: bytes | None = None) -> dict[str, Any]:
    """The metadata of an instance that was stored so."""
    await stored(client, sent or dataset)
    (found,) = orjson.loads((await get(client, url(dataset, "/metadata"))).content)
    return dict(found)


def private(*elements: tuple[str, Any], **attributes: Any) -> Dataset:
    """An instance with private elements 00991001, 00991002 and so on."""
    dataset = ct(**attributes)
    block = dataset.private_block(0x0099, "READING ROOM", create=True)
    for number, (vr, value) in enumerate(elements, 1):
        block.add_new(number, vr, value)
    return dataset


async def test_row_118_keys(client: httpx.AsyncClient) -> None:
    found = await metadata(client, private(("LO", "x")))
    assert list(found) == sorted(found)
    assert all(len(key) == 8 and key == key.upper() and int(key, 16) for key in found)
    assert all(len(element["vr"]) == 2 for element in found.values())


async def test_row_119_empty(client: httpx.AsyncClient) -> None:
    dataset = ct(StudyDescription="", ImageType=["A", "", "C"], IconImageSequence=[Dataset()])
    dataset.OtherPatientIDsSequence = []
    found = await metadata(client, dataset)
    assert found["00081030"] == {"vr": "LO"}
    assert found["00080008"] == {"vr": "CS", "Value": ["A", None, "C"]}
    assert found["00880200"] == {"vr": "SQ", "Value": [{}]}
    assert found["00101002"] == {"vr": "SQ"}


async def test_row_120_numbers(client: httpx.AsyncClient) -> None:
    found = await metadata(client, ct(PixelSpacing=["0.5", "1e-2"], SliceThickness="1.25"))
    assert found["00280010"] == {"vr": "US", "Value": [6]}
    assert found["00200013"] == {"vr": "IS", "Value": [1]}
    assert [float(each) for each in found["00280030"]["Value"]] == [0.5, 0.01]
    assert found["00180050"]["Value"] == [1.25]


async def test_row_121_large_integers(client: httpx.AsyncClient) -> None:
    found = await metadata(client, private(("SV", -(2**63)), ("UV", 2**64 - 1), ("SV", 5)))
    values = [found[f"0099100{number}"]["Value"][0] for number in (1, 2, 3)]
    assert values[:2] == [str(-(2**63)), str(2**64 - 1)]
    assert int(values[2]) == 5


async def test_row_122_no_bare_nan(client: httpx.AsyncClient) -> None:
    found = await metadata(client, private(("FD", [float("nan"), float("inf"), 1.0]), ("FL", float("-inf"))))
    assert found["00991001"]["Value"] == ["NaN", "Infinity", 1.0]
    assert found["00991002"]["Value"] == ["-Infinity"]


async def test_row_123_person_names(client: httpx.AsyncClient) -> None:
    dataset = ct(PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", SpecificCharacterSet="ISO_IR 192")
    dataset.ReferringPhysicianName = "=山田"
    found = await metadata(client, dataset)
    assert found["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]
    assert found["00080090"]["Value"] == [{"Ideographic": "山田"}]


async def test_row_124_tags_as_values(client: httpx.AsyncClient) -> None:
    found = await metadata(client, ct(FrameIncrementPointer=0x00181063))
    assert found["00280009"] == {"vr": "AT", "Value": ["00181063"]}


@pytest.mark.parametrize("vr", ["ST", "LT", "UT", "UR"])
async def test_row_125_text_is_not_split(client: httpx.AsyncClient, vr: str) -> None:
    found = await metadata(client, private((vr, "a\\b\\c")))
    assert found["00991001"] == {"vr": vr, "Value": ["a\\b\\c"]}


@pytest.mark.parametrize(
    ("vr", "kind"), [("OF", "f4"), ("OD", "f8"), ("OL", "u4"), ("OV", "u8"), ("OW", "u2")]
)
async def test_row_126_binary(client: httpx.AsyncClient, vr: str, kind: str) -> None:
    numbers = np.arange(4)
    dataset = private((vr, numbers.astype(f">{kind}").tobytes()))
    dataset["PixelData"].VR = "OW"
    found = await metadata(client, dataset, part10(dataset, ExplicitVRBigEndian))
    assert b64decode(found["00991001"]["InlineBinary"]) == numbers.astype(f"<{kind}").tobytes()


async def test_row_127_unknown(client: httpx.AsyncClient) -> None:
    dataset = private(("LO", "text"), ("UN", b"\1\2\3\4"))
    found = await metadata(client, dataset, part10(dataset, ImplicitVRLittleEndian))
    assert found["00991002"] == {"vr": "UN", "InlineBinary": "AQIDBA=="}
    assert found["00991001"]["vr"] == "UN"


@pytest.mark.parametrize(("signed", "vr", "value"), [(0, "US", 65534), (1, "SS", -2)])
async def test_row_128_us_or_ss(client: httpx.AsyncClient, signed: int, vr: str, value: int) -> None:
    dataset = ct(PixelRepresentation=signed, SmallestImagePixelValue=value)
    found = await metadata(client, dataset, part10(dataset, ImplicitVRLittleEndian))
    assert found["00280106"] == {"vr": vr, "Value": [value]}


async def test_row_129_no_group_lengths_or_meta_information(client: httpx.AsyncClient) -> None:
    dataset = ct()
    dataset.add_new(0x00080000, "UL", 0)
    found = await metadata(client, dataset)
    assert not [key for key in found if key.startswith("0002") or key.endswith("0000")]


async def test_row_130_utf_8(client: httpx.AsyncClient) -> None:
    dataset = ct(PatientName="Müller", SpecificCharacterSet="ISO_IR 100")
    found = await metadata(client, dataset)
    assert found["00080005"]["Value"] == ["ISO_IR 192"]
    assert found["00100010"]["Value"] == [{"Alphabetic": "Müller"}]


async def test_row_131_padding(client: httpx.AsyncClient) -> None:
    found = await metadata(client, ct(StudyDescription=" chest  ", PatientID="P1 ", PatientName="Doe "))
    assert found["00081030"]["Value"] == ["chest"]
    assert found["00100020"]["Value"] == ["P1"]
    assert found["00100010"]["Value"] == [{"Alphabetic": "Doe"}]
    assert found["0020000D"]["Value"] == ["1.2.3"]
