"""Rendered resources and WADO-URI: rows 82 to 87, 132 and 133 (PS3.18 sections 8.3.5, 9 and 10.4)."""

from io import BytesIO

import httpx
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian

from app.dicom.rendering import PROFILES
from tests.instances import ct
from tests.rows.asking import OCTETS, ROOT, STUDIES, get, real, stored, url


def picture(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    opened = Image.open(BytesIO(answer.content))
    opened.load()
    return opened


def wado(dataset: Dataset, **parameters: str) -> str:
    """A WADO-URI request for an instance."""
    asked = {
        "requestType": "WADO",
        "studyUID": dataset.StudyInstanceUID,
        "seriesUID": dataset.SeriesInstanceUID,
        "objectUID": dataset.SOPInstanceUID,
        **parameters,
    }
    return f"{ROOT}/wado?" + "&".join(f"{name}={text}" for name, text in asked.items())


@pytest.mark.parametrize("below", ["/rendered", "/frames/1/rendered"])
async def test_row_082_rendered_instance_and_frame(client: httpx.AsyncClient, below: str) -> None:
    dataset = ct(WindowCenter="24", WindowWidth="48")
    await stored(client, dataset)
    jpeg = picture(await get(client, url(dataset, below)))
    assert (jpeg.format, jpeg.size) == ("JPEG", (8, 6))
    png = picture(await get(client, url(dataset, below), "image/png")).convert("L")
    assert (png.size, png.getpixel((0, 0)), png.getpixel((7, 5))) == ((8, 6), 0, 255)


@pytest.mark.parametrize("name", ["examples_palette.dcm", "SC_rgb_jpeg_dcmtk.dcm", "examples_ybr_color.dcm"])
async def test_row_082_rendered_in_colour(client: httpx.AsyncClient, name: str) -> None:
    sent, dataset = real(name)
    await stored(client, sent)
    image = picture(await get(client, url(dataset, "/frames/1/rendered"), "image/png"))
    assert (image.mode, image.size) == ("RGB", (dataset.Columns, dataset.Rows))


@pytest.mark.parametrize("path", ["/1.2.3/rendered", "/1.2.3/series/1.2.3.4/rendered"])
async def test_row_083_rendered_study_and_series(client: httpx.AsyncClient, path: str) -> None:
    await stored(client, ct(), ct())
    assert (await get(client, STUDIES + path)).status_code == 200


async def test_row_084_rendered_document(client: httpx.AsyncClient) -> None:
    document = b"%PDF-1.4 " + bytes(91)
    dataset = ct(EncapsulatedDocument=document, MIMETypeOfEncapsulatedDocument="application/pdf")
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.104.1"
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(dataset, keyword)
    await stored(client, dataset)
    answer = await get(client, url(dataset, "/rendered"), "*/*")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.content.startswith(document.rstrip(b"\0"))


async def test_row_085_parameters_of_rendering(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, dataset)
    for query, size in (("viewport=4,4", (4, 3)), ("quality=50", (8, 6)), ("window=24,48,linear", (8, 6))):
        assert picture(await get(client, url(dataset, f"/rendered?{query}"))).size == size
    for query in (
        "viewport=0,0",
        "viewport=x",
        "quality=0",
        "quality=101",
        "window=1,2",
        "window=1,0,linear",
    ):
        assert (await get(client, url(dataset, f"/rendered?{query}"))).status_code == 400, query


async def test_row_086_annotation_and_colour_profile(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, dataset)
    for query in ("annotation=patient", *(f"iccprofile={each}" for each in PROFILES)):
        assert (await get(client, url(dataset, f"/rendered?{query}"))).status_code == 200, query


@pytest.mark.parametrize("depth", [4, 6, 8, 10])
@pytest.mark.parametrize("accept", ["image/jpeg", "*/*", OCTETS])
async def test_row_087_thumbnails(client: httpx.AsyncClient, depth: int, accept: str) -> None:
    dataset = ct()
    await stored(client, dataset)
    path = "/".join(url(dataset, "/frames/1").split("/")[:depth])
    answer = await get(client, f"{path}/thumbnail?accept=image/jpeg", accept)
    assert picture(answer).format == "JPEG"


@pytest.mark.parametrize("path", ["/dicom-web/wado", "/wado"])
async def test_row_132_wado_uri(client: httpx.AsyncClient, path: str) -> None:
    dataset = ct()
    await stored(client, dataset)
    asked = wado(dataset).replace(f"{ROOT}/wado", path)
    assert picture(await get(client, asked)).format == "JPEG"
    answer = await get(client, f"{asked}&contentType=application/dicom")
    assert dcmread(BytesIO(answer.content)).SOPInstanceUID == dataset.SOPInstanceUID


async def test_row_133_wado_uri_parameters(client: httpx.AsyncClient) -> None:
    sent, dataset = real("emri_small_RLE.dcm")
    await stored(client, sent)
    answer = await get(
        client, wado(dataset, contentType="application/dicom", transferSyntax=ExplicitVRLittleEndian)
    )
    assert dcmread(BytesIO(answer.content)).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    small = await get(client, wado(dataset, frameNumber="3", rows="32", columns="32"))
    assert max(picture(small).size) == 32
