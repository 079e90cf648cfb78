"""Rendered resources and WADO-URI (dicomweb.md rows 82 to 88), over the whole application."""

import dataclasses
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    JPEG2000Lossless,
)

from app.main import create_app
from app.settings import Settings
from tests.bodies import content_type, multipart, received
from tests.dicom.frames_of import stored_frame
from tests.dicom.made import encapsulated
from tests.instances import ct, part10

STUDIES = "/dicom-web/studies"
SERIES = f"{STUDIES}/1.2.3/series/1.2.3.4"
#: What OHIF sends for thumbnails (its frames' own header), and what an <img> of a browser does.
OHIF = 'multipart/related; type="application/octet-stream"'
OHIF_LIST = "multipart/related; type=application/octet-stream; transfer-syntax=*, application/dicom+json"
IMG = "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
WHOLE = {"WindowCenter": 24, "WindowWidth": 48, "VOILUTFunction": "LINEAR_EXACT"}


def url(dataset: Dataset, below: str = "") -> str:
    study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
    return f"{STUDIES}/{study}/series/{series}/instances/{dataset.SOPInstanceUID}{below}"


async def stored(client: httpx.AsyncClient, *instances: bytes) -> None:
    answer = await client.post(
        STUDIES, content=multipart(instances), headers={"content-type": content_type()}
    )
    assert answer.status_code in (200, 202), answer.text


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def ramp() -> np.ndarray[Any, Any]:
    """What the window of WHOLE makes of the pixels of `ct`, in the words of PS3.3 section C.11.2.1.3.2."""
    return np.floor(((np.arange(48) - 24) / 48 + 0.5) * 255 + 0.5)


def film(count: int = 3, **values: Any) -> Dataset:
    """Frames that are each of one shade."""
    shades = np.repeat(np.arange(count, dtype="<u2") * 10, 48)
    return ct(NumberOfFrames=count, PixelData=shades.tobytes(), **WHOLE, **values)


def shade(picture: Image.Image) -> int:
    """What LINEAR_EXACT makes of a frame of `film`."""
    return int(np.asarray(picture.convert("L")).max())


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", None, "image/jpeg"),
        ("", "*/*", "image/jpeg"),
        ("", "image/*", "image/jpeg"),
        ("", "image/png", "image/png"),
        ("", "image/gif", "image/gif"),
        ("", IMG, "image/jpeg"),
        ("", OHIF, "image/jpeg"),
        ("", OHIF_LIST, "image/jpeg"),
        ("?accept=image%2Fjpeg", OHIF, "image/jpeg"),
        ("?accept=image/png", "image/jpeg", "image/png"),
    ],
)
@pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
async def test_the_kind_that_is_asked_for(
    client: httpx.AsyncClient, resource: str, query: str, accept: str | None, kind: str
) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    head = {"accept": accept} if accept else {}
    for path in (f"{STUDIES}/1.2.3", SERIES, url(dataset), url(dataset, "/frames/1")):
        answer = await client.get(f"{path}/{resource}{query}", headers=head)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == kind
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert answer.headers["content-location"] == f"http://localhost:8080{path}/{resource}"
        assert opened(answer.content).format == kind.partition("/")[2].upper()
        assert opened(answer.content).size == ((8, 6) if resource == "rendered" else (256, 192))


async def test_nothing_acceptable_is_406(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    for query, accept in (("", "image/webp"), ("?accept=image/webp", OHIF), ("", "text/html")):
        answer = await client.get(url(dataset, f"/rendered{query}"), headers={"accept": accept})
        assert answer.status_code == 406
        assert "image/jpeg" in answer.json()["offered"]


async def test_the_stored_window_another_one_and_a_viewport(client: httpx.AsyncClient) -> None:
    dataset = ct(**WHOLE)
    await stored(client, part10(dataset))
    png = {"accept": "image/png"}
    plain = opened((await client.get(url(dataset, "/rendered"), headers=png)).content)
    assert np.array_equal(np.asarray(plain).ravel(), ramp())
    answer = await client.get(url(dataset, "/rendered?window=24,1,linear"), headers=png)
    assert np.array_equal(np.asarray(opened(answer.content)).ravel(), np.where(np.arange(48) >= 24, 255, 0))
    answer = await client.get(url(dataset, "/rendered?viewport=16,100,0,0,4,6"), headers=png)
    assert opened(answer.content).size == (16, 24)


@pytest.mark.parametrize(
    "query",
    [
        "window=1,2",
        "window=1,0,linear",
        "viewport=0,0",
        "viewport=10,10,100,100,5,5",
        "quality=101",
        "iccprofile=x",
        "annotation=",
        "iccprofile=srgb&accept=image/gif",
        "quality=5&quality=5",
        "window=%zz",
    ],
)
async def test_bad_parameters_are_400(client: httpx.AsyncClient, query: str) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    answer = await client.get(url(dataset, f"/rendered?{query}"))
    assert answer.status_code == 400
    assert answer.json()["detail"]


async def test_what_is_passed_over_is_a_warning(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    answer = await client.get(url(dataset, "/rendered?annotation=patient,sound&x=1"))
    assert answer.status_code == 200
    assert len(answer.headers.get_list("warning")) == 2
    assert all(each.startswith("299 http://localhost:8080") for each in answer.headers.get_list("warning"))


@pytest.mark.parametrize(
    "path",
    [
        "/dicom-web/studies/9.9/rendered",
        "/dicom-web/studies/9.9/thumbnail",
        f"{STUDIES}/1.2.3/series/9/thumbnail",
        f"{SERIES}/instances/9/rendered",
        f"{SERIES}/instances/1.2.3.4.5/frames/2/rendered",
        f"{SERIES}/instances/1.2.3.4.5/frames/0/thumbnail",
        f"{STUDIES}/1.2/series/1.2.3.4/instances/1.2.3.4.5/rendered",
    ],
)
async def test_what_is_not_there_is_404(client: httpx.AsyncClient, path: str) -> None:
    await stored(client, part10(ct(instance="1.2.3.4.5")))
    assert (await client.get(f"{SERIES}/instances/1.2.3.4.5/rendered")).status_code == 200
    assert (await client.get(path)).status_code == 404


async def test_the_middle_stands_for_the_whole(client: httpx.AsyncClient) -> None:
    slices = [
        ct(InstanceNumber=number, PixelData=np.full(48, number * 8, "<u2").tobytes(), **WHOLE)
        for number in (5, 1, 4, 2, 3)
    ]
    note = ct(series="1.2.3.1", SeriesNumber=1)
    del note.PixelData
    await stored(client, *map(part10, slices), part10(note))
    for path in (f"{STUDIES}/1.2.3", SERIES):
        for resource in ("rendered", "thumbnail"):
            answer = await client.get(f"{path}/{resource}?accept=image/png")
            assert shade(opened(answer.content)) == round(24 / 48 * 255 + 0.01)
    answer = await client.get(f"{SERIES}/rendered", headers={"accept": 'multipart/related; type="image/png"'})
    parts = received(answer.headers["content-type"], answer.content)
    assert [shade(opened(part.data)) for part in parts] == [43, 85, 128, 170, 212]
    assert parts[0].location == f"http://localhost:8080{url(slices[1], '/frames/1/rendered')}"
    assert (await client.get(f"{STUDIES}/1.2.3/series/1.2.3.1/thumbnail")).status_code == 404
    assert (await client.get(url(note, "/thumbnail"))).status_code == 404
    assert (await client.get(url(note, "/rendered"))).status_code == 404


async def test_many_frames_as_one_as_several_and_moving(client: httpx.AsyncClient) -> None:
    dataset = film(FrameTime="40")
    await stored(client, part10(dataset))

    async def get(below: str, accept: str) -> httpx.Response:
        answer = await client.get(url(dataset, below), headers={"accept": accept})
        assert answer.status_code == 200, answer.text
        return answer

    shades = [0, 53, 106]
    assert shade(opened((await get("/rendered", "image/png")).content)) == shades[1]
    assert shade(opened((await get("/thumbnail", "image/png")).content)) == shades[1]
    for number, expected in enumerate(shades, 1):
        assert shade(opened((await get(f"/frames/{number}/rendered", "image/png")).content)) == expected
    for below, expected in (("/rendered", shades), ("/frames/3,1/rendered", [shades[2], shades[0]])):
        several = await get(below, 'multipart/related; type="image/png"')
        parts = received(several.headers["content-type"], several.content)
        assert [shade(opened(part.data)) for part in parts] == expected
        moving: Any = opened((await get(below, "image/gif")).content)
        assert (moving.n_frames, moving.info["duration"]) == (len(expected), 40)
    refused = await client.get(url(dataset, "/frames/1,2/rendered"), headers={"accept": "image/jpeg"})
    assert refused.status_code == 406


async def test_the_representative_frame(client: httpx.AsyncClient) -> None:
    dataset = film(RepresentativeFrameNumber=3)
    await stored(client, part10(dataset))
    answer = await client.get(url(dataset, "/rendered?accept=image/png"))
    assert shade(opened(answer.content)) == 106


async def test_entity_tags_and_head(client: httpx.AsyncClient) -> None:
    dataset = ct()
    await stored(client, part10(dataset))
    path = url(dataset, "/rendered")
    answer = await client.get(path)
    tag = answer.headers["etag"]
    for again in (await client.get(path), await client.head(path)):
        assert again.headers["etag"] == tag
        assert again.headers["content-length"] == str(len(answer.content))
    same = await client.get(path, headers={"if-none-match": tag})
    assert (same.status_code, same.headers["etag"], same.content) == (304, tag, b"")
    for other in (
        "?window=1,2,linear",
        "?accept=image/png",
        "?quality=5",
        "?viewport=9,9",
        "?annotation=patient",
    ):
        assert (await client.get(path + other)).headers["etag"] != tag
    part = await client.get(path, headers={"range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, b"\xff\xd8")


async def test_the_cache_answers_again_for_the_same_parameters_only(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    def entries() -> list[Path]:
        return [path for path in (tmp_path / "data/cache").glob("*/entries/*/*") if path.is_file()]

    dataset = film()
    await stored(client, part10(dataset))
    path = url(dataset, "/frames/2/rendered")
    first = await client.get(path)
    (entry,) = entries()
    entry.chmod(0o640)
    entry.write_bytes(first.content[::-1])
    for again in (await client.get(path), await client.get(url(dataset, "/rendered"))):
        assert again.content == first.content[::-1]
    for other in (
        "?window=1,2,linear",
        "?accept=image/png",
        "?quality=5",
        "?viewport=9,9",
        "?accept=image/gif",
    ):
        assert (await client.get(path + other)).content not in (first.content, first.content[::-1])
    assert len(entries()) == 6
    assert (await client.get(url(dataset, "/frames/1/rendered"))).content != first.content[::-1]
    moving = [await client.get(url(dataset, "/rendered?accept=image/gif")) for _ in range(2)]
    assert moving[0].content == moving[1].content
    assert len(entries()) == 8
    assert list((tmp_path / "data/cache").glob("*/held/*")) == []
    elsewhere = path.replace("/series/1.2.3.4", "/series/9.9")
    assert (await client.get(elsewhere)).status_code == 404


async def test_pictures_of_many_are_bounded(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dataset = film()
    await stored(client, part10(dataset))
    state = client._transport.app.state  # type: ignore[attr-defined]
    tight = state.archive.settings.model_copy(update={"conversion_bytes": 100})
    monkeypatch.setattr(state, "archive", dataclasses.replace(state.archive, settings=tight))
    answer = await client.get(
        url(dataset, "/rendered"), headers={"accept": 'multipart/related; type="image/png"'}
    )
    assert answer.status_code == 413
    assert list((tmp_path / "data/cache").glob("*/held/*")) == []


async def test_a_presentation_state_is_406_in_words(client: httpx.AsyncClient) -> None:
    state = ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1")
    del state.PixelData
    await stored(client, part10(state))
    for below in ("/rendered", "/thumbnail"):
        answer = await client.get(url(state, below))
        assert (answer.status_code, "Presentation states" in answer.json()["detail"]) == (406, True)


async def test_deflated_and_compressed_instances(client: httpx.AsyncClient) -> None:
    deflated = ct(**WHOLE)
    await stored(client, part10(deflated, DeflatedExplicitVRLittleEndian))
    answer = await client.get(url(deflated, "/rendered?accept=image/png"))
    assert np.array_equal(np.asarray(opened(answer.content)).ravel(), ramp())
    damaged = ct(study="1.2.9", series="1.2.9.1", PixelData=encapsulated([b"\xff\x4f\xff\x51" + bytes(60)]))
    damaged["PixelData"].VR, damaged["PixelData"].is_undefined_length = "OB", True
    await stored(client, part10(damaged, JPEG2000Lossless))
    for below in ("/rendered", "/thumbnail"):
        assert (await client.get(url(damaged, below))).status_code == 406


async def test_a_large_palette_is_found_in_the_bulk_data(client: httpx.AsyncClient) -> None:
    table = (np.arange(4096, dtype="<u2") << 4).tobytes()
    palette = {
        f"{colour}PaletteColorLookupTable{part}": value
        for colour in ("Red", "Green", "Blue")
        for part, value in (("Descriptor", [4096, 0, 16]), ("Data", table))
    }
    dataset = ct(**{**palette, "PhotometricInterpretation": "PALETTE COLOR"})
    dataset.PixelData = (np.arange(48, dtype="<u2") * 80).tobytes()
    sent = part10(dataset)
    frame = stored_frame(sent)
    assert frame is not None
    assert "00281201" in frame.bulk
    await stored(client, sent)
    answer = await client.get(url(dataset, "/rendered?accept=image/png"))
    red = np.asarray(opened(answer.content))[..., 0].ravel()
    assert np.array_equal(red, np.arange(48) * 80 >> 4)


def pdf(mime: str = "application/pdf") -> tuple[Dataset, bytes]:
    document = b"%PDF-1.4\n%%EOF!" + b" " * 2000
    document += b"\n" * (1 - len(document) % 2)
    dataset = ct(SOPClassUID=EncapsulatedPDFStorage)
    del dataset.PixelData
    dataset.MIMETypeOfEncapsulatedDocument = mime
    dataset.EncapsulatedDocument, dataset.EncapsulatedDocumentLength = document + b"\0", len(document)
    return dataset, document


@pytest.mark.parametrize("accept", [None, "*/*", "application/pdf", OHIF])
async def test_a_pdf_is_itself_without_padding(client: httpx.AsyncClient, accept: str | None) -> None:
    dataset, document = pdf()
    await stored(client, part10(dataset))
    answer = await client.get(url(dataset, "/rendered"), headers={"accept": accept} if accept else {})
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content == document
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert (await client.get(url(dataset, "/rendered?accept=image/png"))).status_code == 406
    assert (await client.get(url(dataset, "/thumbnail"))).status_code == 404


async def test_a_document_that_calls_itself_a_page_runs_nothing(client: httpx.AsyncClient) -> None:
    dataset, _ = pdf("text/html")
    await stored(client, part10(dataset))
    answer = await client.get(url(dataset, "/rendered"))
    assert answer.headers["content-type"] == "text/html"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_film_is_sent_as_it_is(client: httpx.AsyncClient) -> None:
    stream = b"\0\0\0\x18ftypmp42" + bytes(100)
    dataset = ct(NumberOfFrames=9, PixelData=encapsulated([stream]))
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    await stored(client, part10(dataset, MPEG4HP41))
    answer = await client.get(url(dataset, "/rendered"), headers={"accept": "*/*"})
    assert (answer.headers["content-type"], answer.content) == ("video/mp4", stream)
    assert (await client.get(url(dataset, "/thumbnail"))).status_code == 404


def note() -> Dataset:
    root, text, code = ct(), Dataset(), Dataset()
    del root.PixelData
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "121071", "DCM", "Finding"
    text.ValueType, text.RelationshipType, text.TextValue = "TEXT", "CONTAINS", "<b>none</b>"
    text.ConceptNameCodeSequence = [code]
    root.ValueType, root.ContentSequence = "CONTAINER", [text]
    return root


@pytest.mark.parametrize(
    ("accept", "kind", "words"),
    [
        ("*/*", "text/html; charset=utf-8", "&lt;b&gt;none&lt;/b&gt;"),
        ("text/plain", "text/plain; charset=utf-8", "Finding (121071, DCM): <b>none</b>"),
    ],
)
async def test_a_report_is_read(client: httpx.AsyncClient, accept: str, kind: str, words: str) -> None:
    dataset = note()
    await stored(client, part10(dataset))
    answer = await client.get(url(dataset, "/rendered"), headers={"accept": accept})
    assert answer.headers["content-type"] == kind
    assert words in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_collections_and_those_without_a_name(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"owner_token": None}))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as client,
    ):
        dataset = ct()
        await stored(client, part10(dataset))
        within = url(dataset, "/rendered").replace("/dicom-web", "/collections/inbox/dicom-web")
        assert (await client.get(within)).status_code == 200
        assert (await client.get(within.replace("inbox", "other"))).status_code == 404
        for root in ("", "/dicom-web", "/collections/inbox/dicom-web"):
            assert (await wado(client, dataset, root)).status_code == 200


async def wado(client: httpx.AsyncClient, dataset: Dataset, root: str = "", **values: str) -> httpx.Response:
    parameters = {
        "requestType": "WADO",
        "studyUID": dataset.StudyInstanceUID,
        "seriesUID": dataset.SeriesInstanceUID,
        "objectUID": dataset.SOPInstanceUID,
        **values,
    }
    return await client.get(f"{root}/wado", params=parameters)


async def test_wado_uri_gives_the_instance(client: httpx.AsyncClient) -> None:
    dataset = ct()
    sent = part10(dataset)
    await stored(client, sent)
    answer = await wado(client, dataset, contentType="application/dicom")
    assert answer.headers["content-type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert answer.content == sent
    exact = await wado(client, dataset, contentType="application/dicom", transferSyntax="1.2.840.10008.1.2.1")
    assert exact.content == sent
    other = await wado(client, dataset, contentType="application/dicom", transferSyntax="1.2.3")
    assert other.status_code == 406


async def test_wado_uri_gives_a_picture(client: httpx.AsyncClient) -> None:
    dataset = film()
    await stored(client, part10(dataset))
    answer = await wado(client, dataset)
    assert answer.headers["content-type"] == "image/jpeg"
    answer = await wado(client, dataset, contentType="image/webp,image/png", frameNumber="3", rows="3")
    picture = opened(answer.content)
    assert (picture.format, picture.size, shade(picture)) == ("PNG", (4, 3), 106)
    region = await wado(client, dataset, contentType="image/png", region="0,0,0.5,0.5")
    assert opened(region.content).size == (4, 3)
    white = await wado(client, dataset, contentType="image/png", windowCenter="1", windowWidth="1")
    assert shade(opened(white.content)) == 255


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"requestType": "QIDO"}, 400),
        ({"objectUID": ""}, 400),
        ({"objectUID": "1.2.99"}, 404),
        ({"studyUID": "1.2.99"}, 404),
        ({"frameNumber": "4"}, 404),
        ({"frameNumber": "x"}, 400),
        ({"contentType": "image/webp"}, 406),
        ({"windowCenter": "4"}, 400),
        ({"anonymize": "yes"}, 400),
    ],
)
async def test_wado_uri_says_what_is_wrong(
    client: httpx.AsyncClient, values: dict[str, str], status: int
) -> None:
    dataset = film()
    await stored(client, part10(dataset))
    answer = await wado(client, dataset, **values)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
