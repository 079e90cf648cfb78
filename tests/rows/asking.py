"""Asking the whole application, as its clients do."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file

from app.main import create_app
from app.settings import Settings
from tests.bodies import Received, content_type, multipart, received
from tests.instances import part10

ROOT = "/dicom-web"
STUDIES = f"{ROOT}/studies"
HOST = "http://localhost:8080"
TOKEN = "correct-horse-battery-staple"
JSON = "application/dicom+json"
XML = 'multipart/related; type="application/dicom+xml"'
OCTETS = 'multipart/related; type="application/octet-stream"'
ANY_SYNTAX = f"{OCTETS}; transfer-syntax=*"
JOINED = "application/dicom+json, multipart/related; type=application/octet-stream; transfer-syntax=*"

Element = dict[str, Any]


@asynccontextmanager
async def opened(
    settings: Settings, base_url: str = HOST, address: str = "127.0.0.1", **headers: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with these settings, which sends these headers with each request."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, client=(address, 50000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers) as client,
    ):
        yield client


def row_of(name: str) -> int | None:
    """The row that a test's name begins with."""
    match = re.match(r"test_row_(\d{3})_", name)
    return int(match[1]) if match else None


def url(dataset: Dataset, below: str = "", root: str = ROOT) -> str:
    """The path of an instance, and what is below it."""
    study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
    return f"{root}/studies/{study}/series/{series}/instances/{dataset.SOPInstanceUID}{below}"


async def post(
    client: httpx.AsyncClient, *instances: Dataset | bytes, path: str = STUDIES, **headers: str
) -> httpx.Response:
    """Store instances in one multipart request."""
    parts = [part10(each) if isinstance(each, Dataset) else each for each in instances]
    head = {"content-type": content_type(), **headers}
    return await client.post(path, content=multipart(parts), headers=head)


async def stored(client: httpx.AsyncClient, *instances: Dataset | bytes) -> None:
    """The same, where it must succeed."""
    answer = await post(client, *instances)
    assert answer.status_code in (200, 202), answer.text


async def get(
    client: httpx.AsyncClient, path: str, accept: str | None = None, **headers: str
) -> httpx.Response:
    """One request; names of headers with underscores."""
    head = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.get(path, headers=head if accept is None else {"accept": accept, **head})


async def search(client: httpx.AsyncClient, query: str = "", path: str = "/studies") -> list[Element]:
    """The results of a search, none for 204."""
    answer = await get(client, f"{ROOT}{path}{'?' if query else ''}{query}", JSON)
    assert answer.status_code in (200, 204), answer.text
    found: list[Element] = answer.json() if answer.status_code == 200 else []
    return found


async def values(
    client: httpx.AsyncClient, query: str = "", path: str = "/studies", key: str = "00100020"
) -> list[Any]:
    """The first value of one attribute of each result; of studies their patients' IDs, sorted."""
    return sorted(value(each, key) for each in await search(client, query, path))


def value(result: Element, key: str) -> Any:
    """The first value of an attribute."""
    return result[key]["Value"][0]


def parts(answer: httpx.Response) -> list[Received]:
    """The parts of a multipart answer."""
    assert answer.status_code == 200, answer.text
    return received(answer.headers["content-type"], answer.content)


def real(name: str) -> tuple[bytes, Dataset]:
    """One of pydicom's own instances: its bytes, and how pydicom reads it."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str), name
    return Path(path).read_bytes(), dcmread(path)
