"""Pixel data of instances, series and studies (PS3.18 section 10.4.1.1.6), on both databases."""

import httpx
import numpy as np
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array

from tests.bodies import Received, received
from tests.instances import ct, part10
from tests.routers.test_wado import STUDIES, get, real, stored

OCTETS = 'multipart/related; type="application/octet-stream"'
EXPLICIT, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"


def among(name: str, number: int) -> tuple[bytes, Dataset]:
    """A real instance as one of the study 1.2.3, and its data set."""
    _, dataset = real(name)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", f"1.2.3.{number}"
    dataset.SeriesNumber = number
    return part10(dataset, dataset.file_meta.TransferSyntaxUID), dataset


def address(dataset: Dataset, below: str) -> str:
    series = f"{STUDIES}/1.2.3/series/{dataset.SeriesInstanceUID}"
    return f"http://localhost:8080{series}/instances/{dataset.SOPInstanceUID}/{below}"


def parts_of(answer: httpx.Response) -> list[Received]:
    assert answer.status_code == 200, answer.text
    return received(answer.headers["content-type"], answer.content)


async def test_of_a_study_each_native_instance_and_each_compressed_frame(client: httpx.AsyncClient) -> None:
    native, first = among("CT_small.dcm", 1)
    compressed, second = among("emri_small_RLE.dcm", 2)
    note = ct(series="1.2.3.9")
    del note.PixelData
    await stored(client, native, compressed, part10(note))
    path, count = f"{STUDIES}/1.2.3/pixeldata", int(second.NumberOfFrames)

    plain = parts_of(await get(client, path, OCTETS))
    assert {part.content_type for part in plain} == {f"application/octet-stream; transfer-syntax={EXPLICIT}"}
    assert plain[0] == Received(plain[0].content_type, address(first, "bulkdata/7FE00010"), first.PixelData)
    assert [part.location for part in plain[1:]] == [
        address(second, f"frames/{number}") for number in range(1, count + 1)
    ]
    pixels = pixel_array(second)
    assert b"".join(part.data for part in plain[1:]) == pixels.astype("<u2").tobytes()

    as_stored = parts_of(await get(client, path, f"{OCTETS}; transfer-syntax=*"))
    assert [part.content_type for part in as_stored] == [
        f"application/octet-stream; transfer-syntax={uid}" for uid in [EXPLICIT, *[RLE] * count]
    ]
    assert as_stored[0].data == first.PixelData
    fragments = await get(
        client, address(second, "frames/2"), f"application/octet-stream; transfer-syntax={RLE}"
    )
    assert as_stored[2].data == fragments.content


async def test_of_a_series_in_one_compressed_form(client: httpx.AsyncClient) -> None:
    native, first = among("CT_small.dcm", 1)
    compressed, _ = among("MR_small_RLE.dcm", 1)
    await stored(client, native, compressed)
    answer = await get(
        client, f"{STUDIES}/1.2.3/series/1.2.3.1/pixeldata", 'multipart/related; type="image/dicom-rle"'
    )
    parts = parts_of(answer)
    assert [part.content_type for part in parts] == [f"image/dicom-rle; transfer-syntax={RLE}"] * 2
    stream = await get(client, address(first, "frames/1"), "image/dicom-rle")
    assert stream.content in [part.data for part in parts]
    again = await get(
        client, f"{STUDIES}/1.2.3/series/1.2.3.1/pixeldata", 'multipart/related; type="image/dicom-rle"',
        **{"if-none-match": answer.headers["etag"]},
    )  # fmt: skip
    assert again.status_code == 304


async def test_floating_pixels_are_sent_whole(client: httpx.AsyncClient) -> None:
    values = np.linspace(-1, 1, 48, dtype="<f4").tobytes()
    dataset = ct(BitsAllocated=32, FloatPixelData=values)
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(dataset, keyword)
    await stored(client, part10(dataset))
    (part,) = parts_of(await get(client, f"{STUDIES}/1.2.3/series/1.2.3.4/pixeldata", OCTETS))
    assert (part.data, part.location) == (values, address(dataset, "bulkdata/7FE00008"))


async def test_what_is_not_there_is_404_and_what_cannot_be_406(client: httpx.AsyncClient) -> None:
    note = ct()
    del note.PixelData
    await stored(client, part10(note), part10(ct(series="1.2.3.5")))
    assert (await get(client, f"{STUDIES}/1.2.3/series/1.2.3.4/pixeldata")).status_code == 404
    assert (await get(client, f"{STUDIES}/9.9/pixeldata")).status_code == 404
    refused = await get(client, f"{STUDIES}/1.2.3/pixeldata", "image/jpeg")
    assert (refused.status_code, any("image/jls" in each for each in refused.json()["offered"])) == (
        406,
        True,
    )


async def test_undecodable_streams_are_sent_as_stored(client: httpx.AsyncClient) -> None:
    part_2 = "1.2.840.10008.1.2.4.92"
    unknown = ct(series="1.2.3.5", PixelData=encapsulate([b"no such codec"]))
    unknown["PixelData"].VR = "OB"
    unknown["PixelData"].is_undefined_length = True
    await stored(client, part10(ct()), part10(unknown, part_2))
    path = f"{STUDIES}/1.2.3/pixeldata"
    kinds = [part.content_type for part in parts_of(await get(client, path, OCTETS))]
    assert kinds == [f"application/octet-stream; transfer-syntax={uid}" for uid in (EXPLICIT, part_2)]
    assert (await get(client, path, f"{OCTETS}; transfer-syntax={EXPLICIT}")).status_code == 406
